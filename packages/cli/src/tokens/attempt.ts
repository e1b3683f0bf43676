/** The calls of one command, and what is said when one fails: the error, and how to log in where the token is at fault. */
import type { CommandContext } from '../command.ts';
import { reportFailure, withApi, type ApiSession, type ApiUse, type Attempt } from './api-session.ts';
import { loginAdvice } from './login-advice.ts';

/** Runs the calls of a command; a failure is reported and gives the exit code. */
export function attempt(
  context: CommandContext,
  what: Attempt,
  work: (session: ApiSession) => Promise<number>,
  options: ApiUse = {},
): Promise<number> {
  const reported = async (session: ApiSession): Promise<number> => {
    try {
      return await work(session);
    } catch (error) {
      const code = reportFailure(context, error, what);
      const advice = context.output.isJson ? undefined : await loginAdvice(session, error);
      if (advice !== undefined) context.output.warn(`\n${advice}`);
      return code;
    }
  };
  return withApi(context, reported, options);
}
