/** What an error of PostgreSQL, or of the way to it, means as a StileError. SQLSTATE codes: PostgreSQL manual, appendix A. */
import { StileError, type ErrorCode } from '@stile/protocol';
import { missingReference, uniqueViolation } from '../store-error.ts';

/** SQLSTATE of errors after which the same transaction may be run again: serialization failure, deadlock. */
const retryStates: ReadonlySet<string> = new Set(['40001', '40P01']);

/** SQLSTATE to code and text; what is not here is by class below. */
const stateTable: Readonly<Record<string, readonly [ErrorCode, string]>> = {
  '40001': ['conflict', 'another change came first; repeat'],
  '40P01': ['conflict', 'another change came first; repeat'],
  '22021': ['invalidArgument', 'a text has a character that cannot be stored'],
  '25006': ['storageFull', 'the database is read-only'],
  '53100': ['storageFull', 'the disk of the database server is full'],
  '55P03': ['unavailable', 'a lock was not free in time'],
  '57014': ['deadlineExceeded', 'a statement took too long'],
  '25P03': ['deadlineExceeded', 'a unit of work took too long and was rolled back'],
  '25P04': ['deadlineExceeded', 'a unit of work took too long and was rolled back'],
  '3D000': ['unavailable', 'the database does not exist; create it, then run stile database init'],
};

/** Classes (first two characters): connection, insufficient resources, operator intervention, system error, authorization. */
const unavailableClasses: ReadonlySet<string> = new Set(['08', '53', '57', '58', '28']);

/** System errors of a socket, and pg's own for a pool that gives no connection in time. */
const lostCodes: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOENT',
]);

/** SQLSTATE classes and codes that end the connection on which they arrive. */
function endsConnection(code: string): boolean {
  return code.startsWith('08') || code.startsWith('57P') || lostCodes.has(code);
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

function sqlStateOf(error: unknown): string | undefined {
  const code = codeOf(error);
  return code !== undefined && /^[0-9A-Z]{5}$/.test(code) && !lostCodes.has(code) ? code : undefined;
}

/** Whether the connection, not the statement, was at fault: the statement may be sent again on another one if it only read. */
export function isLostConnection(error: StileError): boolean {
  if (error.code !== 'unavailable') return false;
  const code = codeOf(error.cause);
  return code === undefined || endsConnection(code);
}

/** Whether the transaction may be run again. */
export function isRetryable(error: unknown): boolean {
  return error instanceof StileError && retryStates.has(sqlStateOf(error.cause) ?? '');
}

/** The StileError of an error that pg gave; its own text, which may name values, stays in the cause. */
export function postgresErrorOf(error: unknown): StileError {
  if (error instanceof StileError) return error;
  const state = sqlStateOf(error);
  if (state === '23505') return uniqueViolation(error);
  if (state === '23503') return missingReference(error);
  const known = state === undefined ? undefined : stateTable[state];
  if (known !== undefined) return new StileError(known[0], `database: ${known[1]}`, { cause: error });
  // Without SQLSTATE it comes from the socket or from pg itself (connection ended, no free connection in time).
  if (state === undefined || unavailableClasses.has(state.slice(0, 2))) {
    return new StileError('unavailable', 'the database server cannot be reached or refuses the connection', {
      cause: error,
    });
  }
  if (state.startsWith('23')) {
    return new StileError('internal', 'a change breaks a rule of the database', { cause: error });
  }
  return new StileError('internal', 'a statement failed', { cause: error });
}
