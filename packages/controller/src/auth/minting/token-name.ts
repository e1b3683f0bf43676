/** The name of an API token: one of the living ones of its user (tokens.md §1.3). */
import { StileError } from '@stile/protocol';
import { isUniqueViolation, uniqueViolationMessage } from '../../store/store-error.ts';

const description = 'The user has an API token of this name: choose another one, or revoke that token.';

/**
 * What a write rejects with that gives a token its name: the message is Boundary's, the field says what to do (tokens.md §2.5). Rethrows anything
 * but that the name is in use.
 * @throws {StileError} invalidArgument
 */
export function refuseTakenName(error: unknown): never {
  if (!isUniqueViolation(error)) throw error;
  throw new StileError('invalidArgument', uniqueViolationMessage, {
    details: { requestFields: [{ name: 'name', description }] },
    cause: error,
  });
}
