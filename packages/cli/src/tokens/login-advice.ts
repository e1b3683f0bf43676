/**
 * What to do when a call failed because the token has ended. A dead token makes a call anonymous, which is refused with 401, a recursive
 * list with 403 (http-api.md §1.5, 1.6): "Forbidden." alone would send its reader to look for a missing grant.
 */
import { answerStatus, type ApiSession } from './api-session.ts';
import { tokenId } from './token-source.ts';

/** What to do about a dead token. One that a flag or a variable gives is sent whoever logs in. */
function adviceFor(givenBy: string | undefined): string {
  return givenBy === undefined
    ? 'The token that was sent is not valid (any more): run "stile authenticate" to log in again.'
    : `The token of ${givenBy} is not valid (any more): give another one, or leave ${givenBy} out and run "stile authenticate" to log in.`;
}

/** Whether the controller does not know the token: 401 and 404 mean that, anything else leaves it open. */
async function isDead({ client }: ApiSession, id: string): Promise<boolean> {
  try {
    await client.collection('auth-tokens').read(id);
    return false;
  } catch (error) {
    return [401, 404].includes(answerStatus(error) ?? 0);
  }
}

/** The sentence for a failed call whose token is at fault; undefined when it is not, or was not sent. */
export async function loginAdvice(session: ApiSession, error: unknown): Promise<string | undefined> {
  if (session.token === undefined) return undefined;
  const status = answerStatus(error);
  const isAtFault = status === 401 || (status === 403 && (await isDead(session, tokenId(session.token))));
  return isAtFault ? adviceFor(session.givenBy) : undefined;
}
