/** What an error of SQLite means, as a StileError; the codes are those of sqlite.org/rescode.html. */
import { StileError } from '@stile/protocol';
import { missingReference, uniqueViolation } from '../store-error.ts';

/** Result codes of SQLite that we tell apart (the driver gives primary codes only). */
const resultCodes = {
  perm: 3,
  busy: 5,
  locked: 6,
  noMemory: 7,
  readOnly: 8,
  interrupt: 9,
  ioError: 10,
  corrupt: 11,
  full: 13,
  cannotOpen: 14,
  constraint: 19,
  notADatabase: 26,
} as const;

/**
 * How the texts of constraint violations begin. The driver gives no extended result code, so these texts of SQLite's own
 * source are the one thing that tells the constraints apart; a test fails if they ever change.
 */
const uniqueText = 'SQLITE_CONSTRAINT: UNIQUE constraint failed';
const foreignKeyText = 'SQLITE_CONSTRAINT: FOREIGN KEY constraint failed';

function errnoOf(error: Error): number {
  return 'errno' in error && typeof error.errno === 'number' ? error.errno : -1;
}

/** Codes after which SQLite may have rolled the whole transaction back by itself (sqlite.org/lang_transaction.html). */
const endsTransaction: ReadonlySet<number> = new Set([
  resultCodes.full,
  resultCodes.ioError,
  resultCodes.noMemory,
  resultCodes.busy,
  resultCodes.interrupt,
  resultCodes.corrupt,
  resultCodes.readOnly,
]);

/** Whether nothing more may be run in the transaction in which the error arose. */
export function mayHaveEndedTransaction(error: StileError): boolean {
  return error.cause instanceof Error && endsTransaction.has(errnoOf(error.cause));
}

function constraintError(error: Error): StileError {
  if (error.message.startsWith(uniqueText)) return uniqueViolation(error);
  if (error.message.startsWith(foreignKeyText)) return missingReference(error);
  return new StileError('internal', 'a change breaks a rule of the database', { cause: error });
}

/** The StileError for an error of the driver, the file named and the cause chained. */
export function sqliteErrorOf(error: Error, path: string): StileError {
  const fail = (code: 'storageFull' | 'unavailable', text: string): StileError =>
    new StileError(code, `database file ${path}: ${text}`, { cause: error });
  switch (errnoOf(error)) {
    case resultCodes.constraint:
      return constraintError(error);
    case resultCodes.full:
      return fail('storageFull', 'the disk is full; make room and repeat');
    case resultCodes.readOnly:
      return fail('storageFull', 'it cannot be written (read-only file or file system)');
    case resultCodes.ioError:
      return fail('unavailable', 'reading or writing failed (I/O error)');
    case resultCodes.cannotOpen:
    case resultCodes.perm:
      return fail('unavailable', 'it cannot be opened; check that the directory exists and may be written');
    case resultCodes.busy:
    case resultCodes.locked:
      return fail('unavailable', 'another process keeps it locked');
    case resultCodes.corrupt:
    case resultCodes.notADatabase:
      return fail('unavailable', 'it is damaged or no SQLite database; restore it from a backup');
    default:
      return new StileError('internal', 'a statement failed', { cause: error });
  }
}
