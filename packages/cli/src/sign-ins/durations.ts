/** Durations of tokens before they are sent: what no server would take is exit 3 (tokens.md §1.5). */
import { durationForm, parseTokenDuration } from '@stile/protocol/token-duration';
import { usage } from './sign-in-attempt.ts';

/**
 * Whole seconds of a duration.
 * @param what the flag, for errors
 * @throws {StileError} invalidFlag naming the legal form
 */
export function durationSeconds(text: string, what: string, options: { isZeroLegal?: boolean } = {}): number {
  const seconds = parseTokenDuration(text);
  if (seconds !== undefined && (seconds > 0 || options.isZeroLegal === true)) return seconds;
  throw usage(`${what}: ${JSON.stringify(text)} is no duration: write ${durationForm}`);
}
