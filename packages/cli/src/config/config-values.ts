/** Values of the configuration file that are more than text: durations, addresses, and secrets kept elsewhere. */
import { readFileSync } from 'node:fs';
import { StileError } from '@stile/protocol/errors';

const unitSeconds: Readonly<Record<string, number>> = {
  ms: 0.001,
  s: 1,
  m: 60,
  h: 3600,
  d: 86_400,
  y: 31_536_000,
};

/** Longest duration that is accepted, seconds (100 years): sums with epoch microseconds stay safe integers. */
const maxDurationSeconds = 100 * 31_536_000;

/**
 * Seconds of a duration: Go units and `d`, `y` (`8h`, `1d12h30m`); a bare number is seconds (tokens.md §1.5).
 * @throws {StileError} invalidArgument
 */
export function parseDurationSeconds(text: string): number {
  const wrong = (): StileError =>
    new StileError('invalidArgument', `"${text}" is not a duration; write it as 90s, 15m, 8h or 7d`);
  if (/^\d{1,12}$/.test(text)) return checkRange(Number(text), wrong);
  if (!/^(\d{1,9}(\.\d{1,6})?(ms|s|m|h|d|y))+$/.test(text)) throw wrong();
  let seconds = 0;
  for (const [, amount = '', , unit = ''] of text.matchAll(/(\d+(\.\d+)?)(ms|s|m|h|d|y)/g)) {
    seconds += Number(amount) * (unitSeconds[unit] ?? Number.NaN);
  }
  return checkRange(seconds, wrong);
}

function checkRange(seconds: number, wrong: () => StileError): number {
  if (!Number.isFinite(seconds) || seconds > maxDurationSeconds) throw wrong();
  return seconds;
}

/** Whether a text is `host:port` with a bracketed IPv6 host and a port of 0 to 65535. */
export function isAddress(text: string): boolean {
  const match = /^(\[[0-9A-Fa-f:.]+\]|[^\s:/[\]]+):(\d{1,5})$/.exec(text);
  return match !== null && Number(match[2]) <= 65_535;
}

const fileProblems: Readonly<Record<string, string>> = {
  ENOENT: 'there is none',
  EACCES: 'permission denied',
  EISDIR: 'it is a folder',
};

/** Why a file could not be read, behind a colon; nothing when it is not known. */
export function whyUnread(cause: unknown): string {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
  return code === '' ? '' : `: ${fileProblems[code] ?? code}`;
}

/**
 * The text behind `env://NAME` or `file://PATH` (white space around a file's content is cut), or the text itself.
 * The error names the variable or file, never the value.
 * @throws {StileError} invalidConfig
 */
export function resolveSecretText(text: string, env: Readonly<Record<string, string | undefined>>): string {
  if (text.startsWith('env://')) {
    const name = text.slice('env://'.length);
    const value = env[name];
    if (value === undefined) throw new StileError('invalidConfig', `environment variable ${name} is not set`);
    if (value.trim() === '') throw new StileError('invalidConfig', `environment variable ${name} is empty`);
    return value.trim();
  }
  if (text.startsWith('file://')) {
    const path = text.slice('file://'.length);
    try {
      const value = readFileSync(path, 'utf8').trim();
      if (value !== '') return value;
    } catch (cause) {
      throw new StileError('invalidConfig', `file ${path} cannot be read${whyUnread(cause)}`, { cause });
    }
    throw new StileError('invalidConfig', `file ${path} is empty`);
  }
  return text;
}
