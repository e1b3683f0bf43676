/** Token scopes and allow lists before they are sent: what no server would take is exit 3, what is dangerous is said (tokens.md §2.1). */
import { isPowerfulScope, readAllowList, readTokenScopes } from '@stile/protocol/token-scope';
import type { CommandContext } from '../command.ts';
import { usage } from './sign-in-attempt.ts';

function read(
  entries: readonly string[] | undefined,
  reader: typeof readTokenScopes,
  what: string,
): readonly string[] {
  if (entries === undefined) return [];
  const result = reader(entries);
  if ('problem' in result) throw usage(`${what}: ${result.problem}`);
  return result.value;
}

/**
 * Checks what a token is to be cut down to, and warns of scopes by which more can be gained than the token shows.
 * @throws {StileError} invalidFlag naming the entry
 */
export function checkScopes(
  { output }: CommandContext,
  scopes: readonly string[] | undefined,
  allowList: readonly string[] | undefined,
): void {
  const dangerous = read(scopes, readTokenScopes, 'token scopes').filter(isPowerfulScope);
  read(allowList, readAllowList, 'allow list');
  if (dangerous.length > 0)
    output.warn(`Who holds this token can gain more than its scopes show, by ${dangerous.join(', ')}.`);
}
