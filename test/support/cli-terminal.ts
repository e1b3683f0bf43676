/** One command line of `stile` inside the test's process at a terminal: questions are answered as they appear on stderr. */
import { PassThrough, Writable } from 'node:stream';
import { run } from '../../packages/cli/src/run.ts';
import type { CliResult } from './cli-run.ts';

/** A question, as it ends on the screen, and what is typed then. */
export type Typed = readonly [question: string, answer: string];

class Keyboard extends PassThrough {
  readonly isTTY = true;

  setRawMode(): this {
    return this;
  }
}

class Screen extends Writable {
  text = '';
  readonly isTTY = false;
  readonly #shown: (text: string) => void;

  constructor(shown: (text: string) => void) {
    super();
    this.#shown = shown;
  }

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.text += chunk.toString('utf8');
    this.#shown(this.text);
    done();
  }
}

/**
 * Runs a command line whose standard input is a terminal. A question that is not in `answers` is answered by Ctrl-C, so that a test
 * fails and does not hang.
 */
export async function runCliAtTerminal(
  words: readonly string[],
  variables: Readonly<Record<string, string>>,
  answers: readonly Typed[],
): Promise<CliResult & { readonly unasked: readonly string[] }> {
  const left = [...answers];
  const stdin = new Keyboard();
  let seen = 0;
  const stderr = new Screen((text) => {
    if (!/[:?] $/.test(text) || text.length === seen) return;
    seen = text.length;
    const [next] = left;
    if (next !== undefined && text.endsWith(next[0])) {
      left.shift();
      stdin.write(`${next[1]}\r`);
    } else stdin.write('\u0003');
  });
  const stdout = new Screen(() => undefined);
  const exitCode = await run({
    words,
    variables: { HOME: '/nonexistent', PATH: process.env['PATH'], ...variables },
    streams: { stdin, stdout, stderr },
  });
  return { exitCode, stdout: stdout.text, stderr: stderr.text, unasked: left.map(([question]) => question) };
}
