/** Token scopes and allow lists before they are sent. */
import type { CommandContext } from '../command.ts';

/** Placeholder until the protocol package knows the scopes. */
export function checkScopes(
  _context: CommandContext,
  _scopes: readonly string[] | undefined,
  _allowList: readonly string[] | undefined,
): void {
  // The server checks.
}
