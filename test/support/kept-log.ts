/** A real log whose lines stay in memory: what is recorded, and that nothing secret is. */
import { Writable } from 'node:stream';
import { createLogger, type Logger } from '@stile/runtime';

/** The log and what was written to it. */
export interface KeptLog {
  readonly log: Logger;
  /** Everything so far, as written. */
  readonly text: () => string;
  /** Lines with this value of `audit`, in order. */
  readonly audited: (event: string) => readonly Readonly<Record<string, unknown>>[];
}

/** Starts one. */
export function keptLog(level = 'debug'): KeptLog {
  let written = '';
  const destination = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      written += chunk.toString('utf8');
      done();
    },
  });
  return {
    log: createLogger({ level, destination }),
    text: () => written,
    audited: (event) =>
      written
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line) as Readonly<Record<string, unknown>>)
        .filter((line) => line['audit'] === event),
  };
}
