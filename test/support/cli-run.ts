/** One command line of `stile` run inside the test's process: words and variables in, exit code and texts out. */
import { Readable, Writable } from 'node:stream';
import { run } from '../../packages/cli/src/run.ts';

/** What a run left. */
export interface CliResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

class Collector extends Writable {
  text = '';
  isTTY = false;

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.text += chunk.toString('utf8');
    done();
  }
}

/** Runs a command line. HOME does not exist unless `variables` names one, so no stored token is found. */
export async function runCli(
  words: readonly string[],
  variables: Readonly<Record<string, string>> = {},
  input = '',
): Promise<CliResult> {
  const stdout = new Collector();
  const stderr = new Collector();
  const exitCode = await run({
    words,
    variables: { HOME: '/nonexistent', PATH: process.env['PATH'], ...variables },
    streams: { stdin: Readable.from([Buffer.from(input)]), stdout, stderr },
  });
  return { exitCode, stdout: stdout.text, stderr: stderr.text };
}
