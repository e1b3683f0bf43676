/** Errors of the store that mean the same on both engines. The engines' own codes are told apart in their folders. */
import { StileError } from '@stile/protocol';

/** Text of a unique violation; two spaces, as recorded (http-api.md §1.4). */
export const uniqueViolationMessage =
  'Invalid request.  Request attempted to make second resource with the same field value that must be unique.';

/** A value that must be unique exists already (http-api.md §1.4: 400 without details). */
export function uniqueViolation(cause: unknown): StileError {
  return new UniqueViolation(cause);
}

/** A StileError that says a unique value exists already; callers that try another value ask `isUniqueViolation`. */
class UniqueViolation extends StileError {
  constructor(cause: unknown) {
    super('invalidArgument', uniqueViolationMessage, { cause });
  }
}

/** Whether `error` is a unique violation of either engine. */
export function isUniqueViolation(error: unknown): boolean {
  return error instanceof UniqueViolation;
}

/** A row names another that is gone (all foreign keys here cascade or empty, so this is never a refused delete). */
export function missingReference(cause: unknown): StileError {
  return new StileError('notFound', 'Resource not found.', { cause });
}

/** The answer for a resource that is not there (http-api.md §1.4). */
export function notFound(): StileError {
  return new StileError('notFound', 'Resource not found.');
}

/** The answer to a change with another version, or of nothing (http-api.md §1.9, §7): a reader cannot tell which. */
export function wrongVersion(thing: string, id: string): StileError {
  return new StileError('notFound', `${thing} "${id}" doesn't exist or incorrect version provided.`);
}
