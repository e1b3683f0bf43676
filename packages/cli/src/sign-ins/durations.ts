/** Durations of tokens as they are written everywhere: `8h`, `30d`, `1y`, `1d12h30m`, a bare number of seconds (tokens.md §1.5). Pure. */
import { usage } from './sign-in-attempt.ts';

const unitSeconds: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400, y: 31_536_000 };

/**
 * Whole seconds of a duration.
 * @param what the flag, for errors
 * @throws {StileError} invalidFlag naming the legal form
 */
export function durationSeconds(text: string, what: string, options: { isZeroLegal?: boolean } = {}): number {
  const full = /^\d+$/.test(text) ? `${text}s` : text;
  const isLegal = /^(?:\d+[smhdy])+$/.test(full);
  let seconds = 0;
  for (const [, amount, unit] of full.matchAll(/(\d+)([smhdy])/g))
    seconds += Number(amount) * (unitSeconds[unit ?? ''] ?? 0);
  if (isLegal && Number.isSafeInteger(seconds) && (seconds > 0 || options.isZeroLegal === true))
    return seconds;
  throw usage(
    `${what}: ${JSON.stringify(text)} is no duration: write it as 8h, 30d, 1y or 1d12h30m, or as a number of seconds`,
  );
}
