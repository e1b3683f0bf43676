/** Structured logs: pino behind an interface of ours, with a last scrubber that takes auth tokens out of every line. */
import type { Writable } from 'node:stream';
import { pino } from 'pino';

/** Writes one line: an object with ids and facts, and a sentence. */
export type LogLine = (facts: object, message?: string) => void;

/** Where a component writes what happened. `error` facts go under the key `err`. Never pass a secret. */
export interface Logger {
  readonly trace: LogLine;
  readonly debug: LogLine;
  readonly info: LogLine;
  readonly warn: LogLine;
  readonly error: LogLine;
  readonly fatal: LogLine;
  /** A logger that adds `bindings` to each line. */
  child(bindings: object): Logger;
}

/** How to make a logger. */
export interface LogOptions {
  /** trace, debug, info, warn, error, fatal or silent. Default info. */
  readonly level?: string;
  /** Name of the component, in each line. */
  readonly name?: string;
  /** Where lines go; default standard error, since standard output belongs to the command's result. */
  readonly destination?: Writable;
}

/**
 * Text of an auth token: public id, `_`, secret (http-api.md §1.5); also a part of one, where it begins like a word. A whole token is known
 * behind a letter too: JSON writes a line break as `\n`. The id may be shown.
 */
const authTokenPattern =
  /((?<![0-9A-Za-z])at_[0-9A-Za-z]{10}|at_[0-9A-Za-z]{10}(?=_s1[0-9A-Za-z]{49}))_[0-9A-Za-z]+/g;

/** `text` with the secret part of every auth token replaced by `<redacted>`; the last line of defence, not the first. */
export function scrubAuthTokens(text: string): string {
  return text.replace(authTokenPattern, '$1_<redacted>');
}

/**
 * A logger that writes one JSON object a line.
 * @throws {RangeError} when `level` is unknown.
 */
export function createLogger(options: LogOptions = {}): Logger {
  const level = options.level ?? 'info';
  if (!(level in pino.levels.values) && level !== 'silent')
    throw new RangeError(`unknown log level "${level}"`);
  return pino(
    {
      level,
      ...(options.name === undefined ? {} : { name: options.name }),
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      hooks: { streamWrite: scrubAuthTokens },
    },
    options.destination ?? process.stderr,
  );
}

const ignore = (): void => undefined;

/** Writes nothing; for tests and for callers that did not ask for logs. */
export const silentLogger: Logger = {
  trace: ignore,
  debug: ignore,
  info: ignore,
  warn: ignore,
  error: ignore,
  fatal: ignore,
  child: () => silentLogger,
};
