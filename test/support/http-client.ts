/** Plain HTTP calls for tests: every byte of the request is the test's own, headers may repeat, no redirect, no retry. */
import { request } from 'node:http';
import { connect } from 'node:net';
import type { HostPort } from '@stile/runtime';

/** A call. */
export interface HttpCall {
  readonly method?: string;
  readonly path: string;
  /** A name may have several values: one header line each. */
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  /** An object is sent as JSON. */
  readonly body?: unknown;
  /** Local address that the connection comes from. */
  readonly from?: string;
}

/** An answer. */
export interface HttpAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
  /** The body as JSON; undefined when it is empty. */
  readonly json: unknown;
}

function bytesOf(body: unknown): Buffer | undefined {
  if (body === undefined) return undefined;
  if (Buffer.isBuffer(body)) return body;
  return Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
}

/** Sends one request on a connection of its own. */
export function call(address: HostPort, options: HttpCall): Promise<HttpAnswer> {
  const body = bytesOf(options.body);
  const headers: Record<string, string | string[]> = {};
  for (const [name, value] of Object.entries(options.headers ?? {})) {
    headers[name] = typeof value === 'string' ? value : [...value];
  }
  if (body !== undefined && headers['content-length'] === undefined)
    headers['content-length'] = String(body.length);
  return new Promise((resolve, reject) => {
    const sent = request(
      {
        host: address.host,
        port: address.port,
        method: options.method ?? 'GET',
        path: options.path,
        headers,
        agent: false,
        ...(options.from === undefined ? {} : { localAddress: options.from }),
      },
      (response) => {
        const head = { status: response.statusCode ?? 0, headers: response.headers };
        // A stream has no end: its head is the answer.
        if (response.headers['content-type'] === 'text/event-stream') {
          response.destroy();
          resolve({ ...head, text: '', json: undefined });
          return;
        }
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () => {
          const text = Buffer.concat(chunks).toString('utf8');
          let json: unknown;
          try {
            json = text === '' ? undefined : JSON.parse(text);
          } catch {
            // Not JSON: the test looks at the text.
            json = undefined;
          }
          resolve({ ...head, text, json });
        });
      },
    );
    sent.on('error', reject);
    sent.end(body);
  });
}

/** Sends raw bytes and gives everything that comes back until the peer closes, or until `deadlineMs`. */
export function exchange(address: HostPort, bytes: string | Buffer, deadlineMs = 20_000): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    const socket = connect(address.port, address.host, () => socket.write(bytes));
    const timer = setTimeout(
      () => socket.destroy(new Error(`the peer did not close within ${deadlineMs} ms`)),
      deadlineMs,
    );
    socket.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
    socket.on('error', reject);
    socket.on('close', () => {
      clearTimeout(timer);
      resolve(text);
    });
  });
}
