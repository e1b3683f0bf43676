/**
 * Use cases of sessions for the API: authorize, read, list, cancel. What workers do with a session stands in
 * session-serving.ts.
 */
import { StileError, encodeAuthorizationToken, newId } from '@stile/protocol';
import type { SessionAuthorizationScope, SessionEndReason } from '@stile/protocol';
import { Secret, parseHostPort } from '@stile/runtime';
import type { Clock } from '@stile/runtime';
import type { Caller } from '../auth/token/auth-token-service.ts';
import { listEndpointCandidates } from '../host/host-repository.ts';
import type { KeyService } from '../keys/key-service.ts';
import { issueSessionCertificate } from '../pki/session-certificate.ts';
import type { Database } from '../store/database.ts';
import type { SessionTable } from '../store/schema.ts';
import { wrongVersion } from '../store/store-error.ts';
import { workerFilterOf } from '../target/target.ts';
import type { Target } from '../target/target.ts';
import { defaultLeaseSeconds, parseSessionLease } from '../target/session-lease.ts';
import type { SelectedWorker, WorkerSelection } from '../worker-registry/worker-selection.ts';
import * as connections from './connection-repository.ts';
import type { OpenConnection } from './connection-repository.ts';
import { chooseEndpoint, monthOf, sealContexts, sessionStates } from './session.ts';
import type { SessionDetail, SessionRow, SessionEndpoint } from './session.ts';
import { countActiveUsers, insertSession, noteActiveUser } from './session-creation-repository.ts';
import { beginEndingAndTell } from './session-ending.ts';
import { listSessions } from './session-list-repository.ts';
import type { SessionListRequest } from './session-list-repository.ts';
import * as sessions from './session-repository.ts';
import type { SessionRevocations } from './session-revocation.ts';

/** Users of a month that are remembered as noted; then the memory begins anew. */
const mostNoted = 20_000;

/** Who asks for which target. The caller's right to it has been checked. */
export interface AuthorizeSessionRequest {
  readonly caller: Caller;
  readonly target: Target;
  /** The target's scope, as the authorization shows it. */
  readonly scope: SessionAuthorizationScope;
  /** A host of the target's sets; ignored where the target has an address. */
  readonly hostId?: string;
}

/** What authorize-session returns. */
export interface SessionAuthorizationResult {
  readonly sessionId: string;
  readonly targetId: string;
  readonly userId: string;
  readonly scope: SessionAuthorizationScope;
  /** Epoch microseconds. */
  readonly createdAt: number;
  /** Epoch microseconds. */
  readonly expiresAt: number;
  readonly type: 'tcp';
  readonly hostSetId: string | null;
  readonly hostId: string | null;
  readonly endpoint: string;
  readonly endpointPort: number;
  /** -1 = unlimited. */
  readonly connectionLimit: number;
  /** Whoever has it can use and cancel the session. */
  readonly authorizationToken: Secret;
}

/** Whose session ends, and how long to wait for the workers. */
export interface CancelSessionOptions {
  readonly sessionId: string;
  /** The version the session must have; absent = any. */
  readonly version?: number;
  /** User id of who cancels. */
  readonly by: string;
  /** Default `canceled`. */
  readonly reason?: SessionEndReason;
  /** Longest wait for the workers' confirmation, milliseconds; 0 = none. */
  readonly waitMs: number;
}

/** Where the session stands after a cancel, and what the workers said. */
export interface CancelSessionResult {
  readonly detail: SessionDetail;
  readonly revocation: {
    /** Workers that carried connections of the session when it was canceled. */
    readonly workers: number;
    /** Of those, the ones that confirmed that all is closed. */
    readonly confirmed: number;
  };
}

/** What the use cases need. */
export interface SessionServiceOptions {
  readonly database: Database;
  readonly clock: Clock;
  readonly keys: KeyService;
  readonly selection: Pick<WorkerSelection, 'select'>;
  readonly revocations: SessionRevocations;
}

/** Sessions, as the API sees them. */
export class SessionService {
  readonly #database: Database;
  readonly #clock: Clock;
  readonly #keys: KeyService;
  readonly #selection: Pick<WorkerSelection, 'select'>;
  readonly #revocations: SessionRevocations;
  /** Months and users that stand in the database already, so that it is not asked at every session. */
  readonly #noted = new Set<string>();

  constructor(options: SessionServiceOptions) {
    this.#database = options.database;
    this.#clock = options.clock;
    this.#keys = options.keys;
    this.#selection = options.selection;
    this.#revocations = options.revocations;
  }

  /**
   * A new pending session: host and workers chosen, certificate made, one durable insert.
   * @throws {StileError} permissionDenied (no auth token), notFound, invalidArgument, failedPrecondition (host, filter),
   * unavailable (no live worker), storageFull, conflict (what it stands on was changed or deleted at the same time)
   */
  async authorize(request: AuthorizeSessionRequest): Promise<SessionAuthorizationResult> {
    const { caller, target, hostId } = request;
    if (caller.authTokenId === undefined) throw new StileError('permissionDenied', 'Forbidden.');
    const candidates =
      target.address === null ? await listEndpointCandidates(this.#database.reader, target.id) : [];
    const endpoint = chooseEndpoint(target, candidates, hostId);
    const workers = await this.#selection.select(workerFilterOf(target));
    const { row, privateKey } = this.#newSession(
      { ...request, authTokenId: caller.authTokenId },
      endpoint,
      workers,
    );
    const { engine } = this.#database;
    const month = monthOf(row.created_at);
    const activity = `${month} ${row.user_id}`;
    const isNoted = this.#noted.has(activity);
    const isMade = await this.#database.write(async (tx) => {
      if (!(await insertSession(tx, engine, row))) return false;
      if (!isNoted) await noteActiveUser(tx, month, row.user_id);
      this.#database.events.publishHere(tx, { type: 'session-changed', sessionId: row.id });
      return true;
    });
    if (!isMade) {
      throw new StileError(
        'conflict',
        'the target, its host or the auth token has just been changed: repeat',
      );
    }
    if (!isNoted) {
      if (this.#noted.size >= mostNoted) this.#noted.clear();
      this.#noted.add(activity);
    }
    return resultOf(request, { row, endpoint, privateKey, workers });
  }

  /**
   * How many users were given a session in each month from `first` to before `end` (`YYYY-MM`, UTC); months without any are
   * absent.
   */
  activeUsers(first: string, end: string): Promise<ReadonlyMap<string, number>> {
    return countActiveUsers(this.#database.reader, first, end);
  }

  #newSession(
    request: AuthorizeSessionRequest & { readonly authTokenId: string },
    endpoint: SessionEndpoint,
    workers: readonly SelectedWorker[],
  ): { readonly row: SessionTable; readonly privateKey: Uint8Array } {
    const { target } = request;
    const id = newId('session');
    const createdAt = this.#clock.nowUs();
    const expiresAt = createdAt + target.session_max_seconds * 1_000_000;
    const workerHosts = workers.map((worker) => parseHostPort(worker.address).host);
    const { certificate, privateKey } = issueSessionCertificate({
      sessionId: id,
      workerHosts: [...new Set(workerHosts)],
      createdAt,
      expiresAt,
    });
    const row: SessionTable = {
      id,
      scope_id: target.scope_id,
      target_id: target.id,
      user_id: request.caller.userId,
      auth_token_id: request.authTokenId,
      host_set_id: endpoint.hostSetId,
      host_id: endpoint.hostId,
      type: target.type,
      endpoint: endpoint.endpoint,
      status: 'pending',
      connection_limit: target.session_connection_limit,
      connections_used: 0,
      lease_seconds: parseSessionLease(target.session_lease) ?? defaultLeaseSeconds,
      worker_filter: workerFilterOf(target),
      certificate,
      private_key_sealed: this.#keys.seal(privateKey, sealContexts.privateKey(id)),
      tofu_token_sealed: null,
      expires_at: expiresAt,
      active_at: null,
      canceling_at: null,
      terminated_at: null,
      end_reason: null,
      ended_by: null,
      version: 1,
      created_at: createdAt,
      updated_at: createdAt,
    };
    return { row, privateKey };
  }

  /** The bare session, or undefined. */
  lookup(id: string): Promise<SessionRow | undefined> {
    return sessions.lookupSession(this.#database.reader, id);
  }

  /** The session with its states and connections, or undefined. */
  async read(id: string): Promise<SessionDetail | undefined> {
    const db = this.#database.reader;
    const [session, rows] = await Promise.all([
      sessions.lookupSession(db, id),
      connections.listConnections(db, id),
    ]);
    return session === undefined ? undefined : { session, states: sessionStates(session), connections: rows };
  }

  /** One page of the sessions that the caller may see, newest first. */
  list(request: SessionListRequest): Promise<SessionRow[]> {
    return listSessions(this.#database.reader, request);
  }

  /**
   * Ends a session and waits, at most `waitMs`, until its workers have confirmed it. A session that is ending or has ended
   * is shown as it is, whatever the version.
   * @throws {StileError} notFound (no such session, or another version of it)
   */
  async cancel(options: CancelSessionOptions): Promise<CancelSessionResult> {
    const { sessionId, version, by, waitMs } = options;
    const ended = this.#revocations.whenEnded(sessionId, waitMs);
    try {
      const open = await this.#beginCancel(
        { id: sessionId, ...(version === undefined ? {} : { version }) },
        { reason: options.reason ?? 'canceled', by },
      );
      if (open.length > 0 && waitMs > 0) await ended.done;
      const detail = await this.read(sessionId);
      if (detail === undefined) throw new StileError('notFound', 'Resource not found.');
      return { detail, revocation: await this.#confirmationOf(open) };
    } finally {
      ended.cancel();
    }
  }

  /** Gives the connections that were open when the session began to end. */
  #beginCancel(
    selector: { readonly id: string; readonly version?: number },
    cause: { readonly reason: SessionEndReason; readonly by: string },
  ): Promise<OpenConnection[]> {
    return this.#database.write(async (tx) => {
      const nowUs = this.#clock.nowUs();
      const moved = await beginEndingAndTell(tx, this.#database, selector, { ...cause, nowUs });
      const session = await sessions.lookupSession(tx, selector.id);
      if (session === undefined) throw new StileError('notFound', 'Resource not found.');
      const isLiving = session.status === 'pending' || session.status === 'active';
      if (moved.length === 0 && isLiving) throw wrongVersion('Session', selector.id);
      return session.status === 'terminated' ? [] : connections.listOpenOfSessions(tx, [selector.id]);
    });
  }

  async #confirmationOf(open: readonly OpenConnection[]): Promise<CancelSessionResult['revocation']> {
    const ids = open.map((connection) => connection.id);
    const unconfirmed = await connections.listUnconfirmed(this.#database.reader, ids);
    const workers = new Set(open.map((connection) => connection.workerId));
    const silent = new Set(
      open.filter((connection) => unconfirmed.has(connection.id)).map((connection) => connection.workerId),
    );
    return { workers: workers.size, confirmed: workers.size - silent.size };
  }
}

function resultOf(
  request: AuthorizeSessionRequest,
  made: {
    readonly row: SessionTable;
    readonly endpoint: SessionEndpoint;
    readonly privateKey: Uint8Array;
    readonly workers: readonly SelectedWorker[];
  },
): SessionAuthorizationResult {
  const { row, endpoint } = made;
  const { target, scope } = request;
  const token = encodeAuthorizationToken({
    sessionId: row.id,
    targetId: target.id,
    scope,
    createdAt: row.created_at,
    type: row.type,
    connectionLimit: row.connection_limit,
    endpointPort: endpoint.port,
    expiresAt: row.expires_at,
    certificate: row.certificate,
    privateKey: made.privateKey,
    hostId: row.host_id ?? '',
    endpoint: row.endpoint,
    workerAddresses: made.workers.map((worker) => worker.address),
    defaultClientPort: target.default_client_port ?? 0,
  });
  return {
    sessionId: row.id,
    targetId: target.id,
    userId: row.user_id,
    scope,
    createdAt: row.created_at,
    expiresAt: row.expires_at,
    type: row.type,
    hostSetId: row.host_set_id,
    hostId: row.host_id,
    endpoint: row.endpoint,
    endpointPort: endpoint.port,
    connectionLimit: row.connection_limit,
    authorizationToken: new Secret(token),
  };
}
