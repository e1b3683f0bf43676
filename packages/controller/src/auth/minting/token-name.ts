/** The name of an API token: one of the living ones of its user (tokens.md §1.3). */
import { invalidField } from '@stile/protocol';
import { isUniqueViolation } from '../../store/store-error.ts';

/** What a write rejects with that gives a token its name; rethrows anything but that the name is in use. @throws {StileError} invalidArgument */
export function refuseTakenName(error: unknown): never {
  if (!isUniqueViolation(error)) throw error;
  throw invalidField(
    'name',
    'The user has an API token of this name: choose another one, or revoke that token.',
  );
}
