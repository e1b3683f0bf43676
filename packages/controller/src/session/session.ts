/**
 * Rules of sessions: their states, which host a session leads to, and what an endpoint may be (session-protocol.md §5, §6).
 * Pure; SQL is in session-repository.ts.
 */
import { randomInt } from 'node:crypto';
import { StileError } from '@stile/protocol';
import type { MaskRefusal, SessionEndReason, SessionStatus } from '@stile/protocol';
import { formatHostPort } from '@stile/runtime';
import { addressProblem, bareAddress } from '../host/host.ts';
import type { EndpointCandidate } from '../host/host-repository.ts';
import type { SessionConnectionTable, SessionTable } from '../store/schema.ts';
import type { Target } from '../target/target.ts';

/** A session as it is read: everything but its sealed secrets. */
export type SessionRow = Omit<SessionTable, 'private_key_sealed' | 'tofu_token_sealed'>;
/** One proxied byte stream inside a session. */
export type SessionConnection = SessionConnectionTable;

/** Who ended a session when nobody did: its time or its limit was up. */
export const endedBySystem = 'system';

/** A session with its states and connections, newest first. */
export interface SessionDetail {
  readonly session: SessionRow;
  readonly states: readonly SessionState[];
  readonly connections: readonly SessionConnection[];
}

/** A stretch of a session's life. */
export interface SessionState {
  readonly status: SessionStatus;
  /** Epoch microseconds. */
  readonly startedAt: number;
  /** Epoch microseconds; absent for the present state. */
  readonly endedAt?: number;
}

/** The states a session went through, newest first; the first one is its status. */
export function sessionStates(
  session: Pick<SessionRow, 'created_at' | 'active_at' | 'canceling_at' | 'terminated_at'>,
): SessionState[] {
  const starts: readonly (readonly [SessionStatus, number | null])[] = [
    ['terminated', session.terminated_at],
    ['canceling', session.canceling_at],
    ['active', session.active_at],
    ['pending', session.created_at],
  ];
  const states: SessionState[] = [];
  let nextStart: number | undefined;
  for (const [status, startedAt] of starts) {
    if (startedAt === null) continue;
    states.push({ status, startedAt, ...(nextStart === undefined ? {} : { endedAt: nextStart }) });
    nextStart = startedAt;
  }
  return states;
}

/** Where a session leads. */
export interface SessionEndpoint {
  /** `tcp://host:port`, IPv6 in brackets. */
  readonly endpoint: string;
  readonly port: number;
  readonly hostId: string | null;
  readonly hostSetId: string | null;
}

/**
 * The endpoint of a new session: the target's address, where `hostId` is ignored; else the wanted host; else a host drawn
 * uniformly over the (set, host) entries, so that a host in two sets counts twice (session-protocol.md §6.3).
 * @throws {StileError} notFound (no address, no hosts), invalidArgument (host not available), failedPrecondition (address)
 */
export function chooseEndpoint(
  target: Pick<Target, 'type' | 'address' | 'default_port'>,
  candidates: readonly EndpointCandidate[],
  hostId?: string,
): SessionEndpoint {
  if (target.address !== null) {
    return { ...endpointOf(target, target.address), hostId: null, hostSetId: null };
  }
  const chosen =
    hostId === undefined ? anyOf(candidates) : candidates.findLast((one) => one.hostId === hostId);
  if (chosen !== undefined) {
    return { ...endpointOf(target, chosen.address), hostId: chosen.hostId, hostSetId: chosen.hostSetId };
  }
  if (candidates.length === 0) {
    throw new StileError('notFound', 'No host sources or address found for given target.');
  }
  throw new StileError('invalidArgument', 'Errors in provided fields.', {
    details: {
      requestFields: [{ name: 'host_id', description: 'The requested host id is not available.' }],
    },
  });
}

function anyOf(candidates: readonly EndpointCandidate[]): EndpointCandidate | undefined {
  return candidates.length === 0 ? undefined : candidates[randomInt(candidates.length)];
}

function endpointOf(
  target: Pick<Target, 'type' | 'default_port'>,
  address: string,
): Pick<SessionEndpoint, 'endpoint' | 'port'> {
  const problem = addressProblem(address, 'Address');
  if (problem !== undefined) {
    throw new StileError(
      'failedPrecondition',
      `the address "${address}" of the host cannot be dialed: ${problem}`,
    );
  }
  const port = target.default_port;
  return { endpoint: `${target.type}://${formatHostPort(bareAddress(address), port)}`, port };
}

/** Why a worker must end a session now; undefined when it may go on. */
export function revocationReason(
  session: Pick<SessionRow, 'status' | 'end_reason' | 'expires_at'> | undefined,
  nowUs: number,
): SessionEndReason | undefined {
  // Sessions are purged an hour after their end, so one that is not there has ended.
  if (session === undefined) return 'canceled';
  if (session.status === 'canceling' || session.status === 'terminated') {
    // The column's check allows only our reasons.
    return (session.end_reason ?? 'canceled') as SessionEndReason;
  }
  return session.expires_at <= nowUs ? 'expired' : undefined;
}

/** The refusal of a connection, whatever the cause: the client must not learn more (session-protocol.md §5.4). */
export function connectionRefused(sessionId: string, lacks?: MaskRefusal): StileError {
  const why =
    lacks === undefined
      ? 'not active, expired or connection limit reached'
      : `the ${lacks} of its auth token no longer allows the target`;
  return new StileError('connectionNotAuthorized', `session ${sessionId} is not authorized (${why})`);
}

/** The answer for a session that the worker may not know. */
export function sessionUnknown(sessionId: string): StileError {
  return new StileError('sessionNotAccepted', `unknown session ${sessionId}`);
}

/** Where each sealed secret belongs: part of the seal, so that a value moved to another row does not open. */
export const sealContexts = {
  privateKey: (sessionId: string): string => `session/private_key/${sessionId}`,
  tofuToken: (sessionId: string): string => `session/tofu_token/${sessionId}`,
} as const;

/** The month of a time in epoch microseconds, `YYYY-MM` in UTC. */
export function monthOf(timeUs: number): string {
  return new Date(timeUs / 1000).toISOString().slice(0, 7);
}
