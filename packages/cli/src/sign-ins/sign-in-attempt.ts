/** The calls of a command about tokens and sign-ins: as any command's, and what the person got wrong is exit 3 (tokens.md §3). */
import { StileError } from '@stile/protocol/errors';
import type { CommandContext } from '../command.ts';
import type { ApiSession, Attempt } from '../tokens/api-session.ts';
import { attempt } from '../tokens/attempt.ts';

/** What a person got wrong: exit 3. */
export function usage(message: string, cause?: unknown): StileError {
  return new StileError('invalidFlag', message, { cause });
}

/** Runs `work`; a usage error in it is printed and exit 3, any other failure as `attempt` has it. */
export function signInAttempt(
  context: CommandContext,
  what: Attempt,
  work: (session: ApiSession) => Promise<number>,
): Promise<number> {
  return attempt(context, what, async (session) => {
    try {
      return await work(session);
    } catch (error) {
      const isUsage = error instanceof StileError && error.code === 'invalidFlag' && !error.details?.answer;
      if (!isUsage) throw error;
      context.output.error(error.message);
      return 3;
    }
  });
}
