/** What ended with a revocation, as a sentence (tokens.md §1.7, §3.3). */
import type { CommandContext } from '../command.ts';
import { asJson } from '../resources/table-view.ts';

function count(value: unknown): number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value > 0 ? value : 0;
}

function counted(amount: number, noun: string): string {
  return `${amount} ${noun}${amount === 1 ? '' : 's'}`;
}

/** `2 auth tokens, 1 session and 1 stream ended`. */
export function endedText(revocation: unknown): string {
  const { auth_tokens: tokens, sessions, streams } = asJson(revocation);
  return `${counted(count(tokens), 'auth token')}, ${counted(count(sessions), 'session')} and ${counted(count(streams), 'stream')} ended`;
}

/** `1 session ended.` behind the sentence about the token. */
export function sessionsEndedText(revocation: unknown): string {
  return `${counted(count(asJson(revocation)['sessions']), 'session')} ended.`;
}

/** Says on stderr when a worker has not confirmed the end of a session: it ends with the worker's lease. */
export function warnUnconfirmed({ output }: CommandContext, revocation: unknown): void {
  const { sessions, sessions_confirmed: confirmed } = asJson(revocation);
  const open = count(sessions) - count(confirmed);
  if (open > 0)
    output.warn(
      `${counted(open, 'session')} not confirmed by the worker yet: the worker closes it when its lease ends.`,
    );
}
