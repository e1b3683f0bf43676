/** curl as people use it: one call, its status, headers and body. */
import { run } from './process.ts';
import type { Json } from './dev-server.ts';

/** What curl got. */
export interface CurlAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  readonly body: Json;
}

/** Runs curl with these arguments beside those that make it tell everything. Follows no redirect. */
export async function curl(...words: readonly string[]): Promise<CurlAnswer> {
  const done = await run('curl', ['--silent', '--show-error', '--include', '--max-time', '60', ...words]);
  if (done.status !== 0) throw new Error(`curl ended with ${done.status}: ${done.stderr}`);
  // Interim answers (100 Continue) come before the real one.
  const text = done.stdout.replace(/^(HTTP\/1\.1 1\d\d[^\r]*\r\n(?:[^\r]+\r\n)*\r\n)+/, '');
  const end = text.indexOf('\r\n\r\n');
  const [first = '', ...lines] = text.slice(0, end).split('\r\n');
  const headers = new Headers(
    lines.map((line): [string, string] => {
      const cut = line.indexOf(':');
      return [line.slice(0, cut), line.slice(cut + 1).trim()];
    }),
  );
  const rest = text.slice(end + 4);
  const isJson = headers.get('content-type') === 'application/json';
  return {
    status: Number(first.split(' ')[1]),
    headers,
    text: rest,
    body: isJson ? (JSON.parse(rest) as Json) : undefined,
  };
}
