/**
 * Rules of tcp targets (http-api.md §2.10): defaults, limits, and what excludes what. Pure; SQL is in target-repository.ts,
 * use cases in target-service.ts.
 */
import { invalidRequestMessage, StileError } from '@stile/protocol';
import type { FieldError } from '@stile/protocol';
import { parseFilter } from '@stile/protocol/filter';
import { addressProblem } from '../host/host.ts';
import type { TargetTable } from '../store/schema.ts';
import { parseSessionLease, sessionLeaseRule } from './session-lease.ts';

/** What a user may connect to. */
export type Target = TargetTable;

/** Longest session, seconds, when the target does not say (8 hours; session-protocol.md §5.8). */
export const defaultSessionMaxSeconds = 28_800;
/** No limit on the connections of a session. */
export const unlimitedConnections = -1;
/** Largest values of the wire types: uint32 and int32. */
const largestUint32 = 4_294_967_295;
const largestInt32 = 2_147_483_647;
const highestPort = 65_535;

/** Settable fields of a target by column; absent = unchanged or default, null = cleared or default. */
export interface TargetFields {
  readonly name?: string;
  readonly description?: string | null;
  readonly address?: string | null;
  readonly defaultPort?: number;
  readonly defaultClientPort?: number | null;
  readonly sessionMaxSeconds?: number | null;
  readonly sessionConnectionLimit?: number | null;
  readonly egressWorkerFilter?: string | null;
  readonly workerFilter?: string | null;
  readonly sessionLease?: string | null;
}

/** The columns that `fields` set, defaults in place of null where a column has one. */
export function columnsOf(
  fields: TargetFields,
): Partial<Omit<Target, 'id' | 'version' | 'created_at' | 'updated_at'>> {
  return {
    ...(fields.name === undefined ? {} : { name: fields.name }),
    ...(fields.description === undefined ? {} : { description: fields.description }),
    ...(fields.address === undefined ? {} : { address: fields.address }),
    ...(fields.defaultPort === undefined ? {} : { default_port: fields.defaultPort }),
    ...(fields.defaultClientPort === undefined ? {} : { default_client_port: fields.defaultClientPort }),
    ...(fields.sessionMaxSeconds === undefined
      ? {}
      : { session_max_seconds: fields.sessionMaxSeconds ?? defaultSessionMaxSeconds }),
    ...(fields.sessionConnectionLimit === undefined
      ? {}
      : { session_connection_limit: fields.sessionConnectionLimit ?? unlimitedConnections }),
    ...(fields.egressWorkerFilter === undefined ? {} : { egress_worker_filter: fields.egressWorkerFilter }),
    ...(fields.workerFilter === undefined ? {} : { worker_filter: fields.workerFilter }),
    ...(fields.sessionLease === undefined ? {} : { session_lease: fields.sessionLease }),
  };
}

function portProblem(port: number): string | undefined {
  if (port === 0) return 'This field cannot be set to zero.';
  if (port > highestPort) return 'Value is greater than maximum port number.';
  return Number.isSafeInteger(port) && port > 0 ? undefined : 'This must be a port number.';
}

function filterProblem(filter: string, description: string): string | undefined {
  try {
    parseFilter(filter);
    return undefined;
  } catch (error) {
    if (!(error instanceof StileError)) throw error;
    return description;
  }
}

/** Every field that is not legal, with the words of the facts. */
export function targetProblems(fields: TargetFields): FieldError[] {
  const problems: FieldError[] = [];
  const check = (name: string, description: string | undefined): void => {
    if (description !== undefined) problems.push({ name, description });
  };
  const { address, defaultPort, defaultClientPort, sessionMaxSeconds, sessionConnectionLimit } = fields;
  if (fields.name === '') check('name', 'This field cannot be set to empty.');
  if (typeof address === 'string') check('address', addressProblem(address, 'Address'));
  if (defaultPort !== undefined) check('attributes.default_port', portProblem(defaultPort));
  if (typeof defaultClientPort === 'number') {
    check('attributes.default_client_port', portProblem(defaultClientPort));
  }
  if (typeof sessionMaxSeconds === 'number' && !isCount(sessionMaxSeconds, largestUint32)) {
    check('session_max_seconds', 'This must be greater than zero.');
  }
  if (
    typeof sessionConnectionLimit === 'number' &&
    sessionConnectionLimit !== unlimitedConnections &&
    !isCount(sessionConnectionLimit, largestInt32)
  ) {
    check('session_connection_limit', 'This must be -1 (unlimited) or greater than zero.');
  }
  return [...problems, ...textProblems(fields)];
}

function textProblems(fields: TargetFields): FieldError[] {
  const problems: FieldError[] = [];
  const { egressWorkerFilter, workerFilter, sessionLease } = fields;
  const filters = [
    ['egress_worker_filter', egressWorkerFilter, 'Unable to successfully parse egress filter expression.'],
    ['worker_filter', workerFilter, 'Unable to successfully parse filter expression.'],
  ] as const;
  for (const [name, filter, words] of filters) {
    const description = typeof filter === 'string' ? filterProblem(filter, words) : undefined;
    if (description !== undefined) problems.push({ name, description });
  }
  if (typeof sessionLease === 'string' && parseSessionLease(sessionLease) === undefined) {
    problems.push({ name: 'session_lease', description: sessionLeaseRule });
  }
  return problems;
}

function isCount(value: number, maximum: number): boolean {
  return Number.isSafeInteger(value) && value > 0 && value <= maximum;
}

/** @throws {StileError} invalidArgument naming every wrong field */
export function requireLegalTarget(fields: TargetFields): void {
  const requestFields = targetProblems(fields);
  if (requestFields.length > 0) {
    throw new StileError('invalidArgument', invalidRequestMessage, { details: { requestFields } });
  }
}

/** The filter that chooses workers for the target's sessions: the deprecated one counts only without the other. */
export function workerFilterOf(target: Target): string | null {
  return target.egress_worker_filter ?? target.worker_filter;
}

/** The answer to a PATCH or a member action with another version, or on nothing (http-api.md §1.9). */
export function wrongTargetVersion(id: string): StileError {
  return new StileError('notFound', `Target "${id}" not found or incorrect version provided.`);
}
