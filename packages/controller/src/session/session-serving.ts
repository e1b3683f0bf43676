/**
 * What workers ask about sessions: lookup, activation, permission and end of each connection, and the reconciliation of a
 * worker's report with our records (session-protocol.md §4, §5). A worker is a peer, possibly hostile: it acts on its own
 * connections and on sessions that it may serve, nothing else.
 */
import { timingSafeEqual } from 'node:crypto';
import { StileError, TokenMask, newId, tofuTokenLength } from '@stile/protocol';
import type { SessionStatus } from '@stile/protocol';
import type {
  AuthorizeConnectionRequest,
  AuthorizeConnectionResponse,
  ConnectConnectionRequest,
  ConnectionClose,
  LookupSessionResponse,
} from '@stile/protocol/rpc';
import type { Clock } from '@stile/runtime';
import { storedList } from '../auth/token/auth-token.ts';
import type { Acl } from '../iam/acl.ts';
import type { IamService } from '../iam/iam-service.ts';
import type { KeyService } from '../keys/key-service.ts';
import type { Database } from '../store/database.ts';
import type { SessionTable } from '../store/schema.ts';
import type { Worker } from '../worker-registry/worker.ts';
import type { WorkerFilters } from '../worker-registry/worker-filter.ts';
import type { ConnectionEnding } from './connection-ending.ts';
import * as connections from './connection-repository.ts';
import { connectionRefused, sealContexts, sessionUnknown } from './session.ts';
import * as sessions from './session-repository.ts';
import { beginEndingAndTell } from './session-ending.ts';
import type { SessionTraffic } from './traffic/session-traffic.ts';

/** Longest address text of a peer: an IPv6 literal with a zone, or a name. */
const longestAddress = 255;

/** Told of the two ends of a connection's set-up. */
export interface ConnectionWatch {
  /** The worker may make the connection now. */
  authorized(connectionId: string, scopeId: string): void;
  /** The endpoint was reached. */
  connected(connectionId: string): void;
}

/** What serving sessions needs. */
export interface SessionServingOptions {
  readonly database: Database;
  readonly clock: Clock;
  readonly keys: KeyService;
  readonly iam: Pick<IamService, 'aclFor'>;
  readonly filters: WorkerFilters;
  readonly ending: ConnectionEnding;
  readonly traffic: SessionTraffic;
  /** Hears of connections, to tell how long they take to be set up. */
  readonly watch?: ConnectionWatch;
}

/** Use cases of workers. */
export class SessionServing {
  readonly #database: Database;
  readonly #clock: Clock;
  readonly #keys: KeyService;
  readonly #iam: Pick<IamService, 'aclFor'>;
  readonly #filters: WorkerFilters;
  readonly #ending: ConnectionEnding;
  readonly #traffic: SessionTraffic;
  readonly #watch: ConnectionWatch | undefined;

  constructor(options: SessionServingOptions) {
    this.#database = options.database;
    this.#clock = options.clock;
    this.#keys = options.keys;
    this.#iam = options.iam;
    this.#filters = options.filters;
    this.#ending = options.ending;
    this.#traffic = options.traffic;
    this.#watch = options.watch;
  }

  /**
   * All a worker needs to serve a session, in any state: a client that leaves must still reach the cancel command.
   * @throws {StileError} sessionNotAccepted (unknown, or the target's filter keeps this worker out)
   */
  async lookup(worker: Worker, sessionId: string): Promise<LookupSessionResponse> {
    const session = await this.#readServable(worker, sessionId);
    return {
      sessionId: session.id,
      certificate: session.certificate,
      privateKey: this.#keys.open(session.private_key_sealed, sealContexts.privateKey(session.id)),
      tofuToken: this.#tofuTokenOf(session) ?? '',
      status: session.status,
      endpoint: session.endpoint,
      expiresAt: session.expires_at,
      connectionLimit: session.connection_limit,
      leaseSeconds: session.lease_seconds,
    };
  }

  /**
   * Binds a session to its first client. Doing it again with the same TOFU token is fine: first connections race.
   * @throws {StileError} sessionNotAccepted, invalidTofuToken, tofuTokenNotAllowed (another client was first),
   * sessionNotPending, sessionExpired
   */
  async activate(worker: Worker, sessionId: string, tofuToken: string): Promise<SessionStatus> {
    if (Buffer.byteLength(tofuToken) !== tofuTokenLength) {
      throw new StileError('invalidTofuToken', 'a TOFU token has 20 characters');
    }
    await this.#readServable(worker, sessionId);
    const nowUs = this.#clock.nowUs();
    const tofuTokenSealed = this.#keys.seal(Buffer.from(tofuToken), sealContexts.tofuToken(sessionId));
    const isActivated = await this.#database.write(async (tx) => {
      const isMoved = await sessions.activateSession(tx, { id: sessionId, tofuTokenSealed, nowUs });
      if (isMoved) this.#database.events.publishHere(tx, { type: 'session-changed', sessionId });
      return isMoved;
    });
    if (isActivated) return 'active';
    const session = await this.#readServable(worker, sessionId);
    const stored = this.#tofuTokenOf(session);
    if (stored !== undefined && !isSameToken(stored, tofuToken)) {
      throw new StileError('tofuTokenNotAllowed', `session ${sessionId} is in use by another client`);
    }
    if (session.status === 'active') return 'active';
    if (session.status === 'pending') {
      throw new StileError('sessionExpired', `session ${sessionId} has expired`);
    }
    throw new StileError('sessionNotPending', `session ${sessionId} is not in a pending state`);
  }

  /**
   * Takes one connection of the limit. Whoever authorized the session must still be allowed to: user, auth token and grants
   * are looked at again (design.md §7).
   * @throws {StileError} connectionNotAuthorized, sessionNotAccepted
   */
  async authorizeConnection(
    worker: Worker,
    request: AuthorizeConnectionRequest,
  ): Promise<AuthorizeConnectionResponse> {
    const { sessionId } = request;
    const subject = await sessions.lookupConnectionSubject(this.#database.reader, sessionId);
    if (subject === undefined || !this.#filters.matches(subject.workerFilter, worker)) {
      throw sessionUnknown(sessionId);
    }
    if (subject.status !== 'active') throw connectionRefused(sessionId);
    await this.#requireStillAllowed(sessionId, subject);
    const connectionId = newId('sessionConnection');
    const taken = await this.#database.write(async (tx) => {
      const nowUs = this.#clock.nowUs();
      const used = await sessions.takeConnection(tx, sessionId, nowUs);
      if (used === undefined) return undefined;
      const isAdded = await connections.insertConnection(tx, this.#database.engine, {
        id: connectionId,
        session_id: sessionId,
        worker_id: worker.id,
        status: 'authorized',
        client_address: legalAddress(request.clientAddress),
        client_port: legalPort(request.clientPort),
        endpoint_address: null,
        endpoint_port: null,
        bytes_up: 0,
        bytes_down: 0,
        created_at: nowUs,
        connected_at: null,
        closed_at: null,
        end_reason: null,
        updated_at: nowUs,
      });
      // Thrown within the unit: what was taken of the limit is given back.
      if (!isAdded) throw connectionRefused(sessionId);
      return used;
    });
    if (taken === undefined) throw connectionRefused(sessionId);
    this.#traffic.of(worker.id).opened(connectionId, sessionId, this.#clock.monotonicMs());
    if (subject.targetScopeId !== null) this.#watch?.authorized(connectionId, subject.targetScopeId);
    const { connection_limit: limit, connections_used: used } = taken;
    return { connectionId, connectionsLeft: limit === -1 ? -1 : limit - used };
  }

  /**
   * The endpoint was reached. Idempotent for the connection's own worker.
   * @throws {StileError} connectionNotAuthorized (not this worker's, closed, or the session is over)
   */
  async connectConnection(worker: Worker, request: ConnectConnectionRequest): Promise<void> {
    const change = {
      id: request.connectionId,
      workerId: worker.id,
      endpointAddress: legalAddress(request.endpointAddress),
      endpointPort: legalPort(request.endpointPort),
      nowUs: this.#clock.nowUs(),
    };
    if (await this.#database.write((tx) => connections.connectConnection(tx, change))) {
      this.#watch?.connected(change.id);
      return;
    }
    const status = await connections.lookupConnectionStatus(this.#database.reader, change.id, worker.id);
    if (status !== 'connected') {
      throw new StileError('connectionNotAuthorized', `connection ${change.id} may not be used`);
    }
  }

  /** Takes final counters of the worker's own connections; others among them are left alone. Idempotent. */
  async closeConnections(worker: Pick<Worker, 'id'>, closes: readonly ConnectionClose[]): Promise<void> {
    if (closes.length > 0) await this.#ending.end({ reported: { workerId: worker.id, closes } });
  }

  /**
   * A client ends its own session: the worker has compared its TOFU token. Idempotent.
   * @throws {StileError} sessionNotAccepted
   */
  async cancelByClient(worker: Worker, sessionId: string): Promise<SessionStatus> {
    await this.#readServable(worker, sessionId);
    const cause = { reason: 'client finished', by: { owner: true }, nowUs: this.#clock.nowUs() } as const;
    await this.#database.write((tx) => beginEndingAndTell(tx, this.#database, { id: sessionId }, cause));
    const after = await sessions.lookupSession(this.#database.reader, sessionId);
    return after?.status ?? 'terminated';
  }

  async #readServable(worker: Worker, sessionId: string): Promise<SessionTable> {
    const session = await sessions.lookupSealedSession(this.#database.reader, sessionId);
    // A worker that the filter keeps out learns no more than one that guesses.
    if (session === undefined || !this.#filters.matches(session.worker_filter, worker)) {
      throw sessionUnknown(sessionId);
    }
    return session;
  }

  #tofuTokenOf(session: SessionTable): string | undefined {
    if (session.tofu_token_sealed === null) return undefined;
    const opened = this.#keys.open(session.tofu_token_sealed, sealContexts.tofuToken(session.id));
    return Buffer.from(opened).toString();
  }

  /** @throws {StileError} connectionNotAuthorized; it says so when the auth token was narrowed meanwhile */
  async #requireStillAllowed(sessionId: string, subject: sessions.ConnectionSubject): Promise<void> {
    if (!subject.isCallerGood || subject.targetScopeId === null) throw connectionRefused(sessionId);
    const acl = await this.#aclOf(subject);
    const target = {
      scopeId: subject.targetScopeId,
      parentScopeId: subject.parentScopeId,
      type: 'target',
      id: subject.targetId,
    } as const;
    const decision = acl?.decide(target, 'authorize-session');
    if (decision?.authorized === true) return;
    throw connectionRefused(sessionId, decision?.lacks);
  }

  /** Undefined for a caller whose grants cannot be read: such a caller has no rights (grants.md §1.2). */
  async #aclOf(subject: sessions.ConnectionSubject): Promise<Acl | undefined> {
    const accountId = subject.accountId ?? undefined;
    try {
      const mask = new TokenMask(storedList(subject.tokenScopes), storedList(subject.allowList));
      return await this.#iam.aclFor({ userId: subject.userId, accountId, token: { mask } });
    } catch (error) {
      if (error instanceof StileError && error.code === 'permissionDenied') return undefined;
      throw error;
    }
  }
}

function isSameToken(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return left.length === right.length && timingSafeEqual(left, right);
}

/** Without control characters and halves of surrogate pairs: PostgreSQL refuses some, and terminals obey others. */
function legalAddress(address: string): string {
  return address.slice(0, longestAddress).replaceAll(/[\p{Cc}\p{Surrogate}]/gu, '');
}

function legalPort(port: number): number {
  return Number.isInteger(port) && port >= 0 && port <= 65_535 ? port : 0;
}
