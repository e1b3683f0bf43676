/** A controller at the worker's seam: sessions in memory, calls counted, answers that a test can hold back or replace. */
import { randomBytes } from 'node:crypto';
import { StileError, type SessionStatus } from '@stile/protocol';
import type {
  AuthorizeConnectionRequest,
  AuthorizeConnectionResponse,
  ConnectConnectionRequest,
  ConnectionClose,
  LookupSessionResponse,
} from '@stile/protocol/rpc';
import type { ControllerClient } from '../../packages/worker/src/cluster/controller-client.ts';
import { makeCertificate, type TestCertificate } from './certificates.ts';
import type { ForeignAuthorization } from './foreign-messages.ts';

/** A session as the fake controller holds it. */
export interface FakeSession {
  readonly id: string;
  readonly certificate: TestCertificate;
  tofuToken: string;
  status: SessionStatus;
  endpoint: string;
  /** Epoch µs. */
  expiresAt: number;
  connectionLimit: number;
  leaseSeconds: number;
  used: number;
}

/** What can be made to fail: call name to error. */
export type Failing = Partial<
  Record<keyof Omit<ControllerClient, 'isLinked' | 'closeConnection'>, StileError>
>;

/** Controller in memory. */
export class FakeControllerClient implements ControllerClient {
  readonly sessions: Map<string, FakeSession> = new Map();
  readonly closes: ConnectionClose[] = [];
  readonly connects: ConnectConnectionRequest[] = [];
  readonly authorizations: AuthorizeConnectionRequest[] = [];
  readonly canceled: string[] = [];
  lookups = 0;
  failing: Failing = {};
  isLinked = true;
  /** Awaited by every cancel: a test holds it back. */
  cancelGate: Promise<void> = Promise.resolve();
  /** Awaited by every report that an endpoint was reached. */
  connectGate: Promise<void> = Promise.resolve();
  #wake: (() => void)[] = [];

  /** Adds a session with a certificate of its own. */
  addSession(
    wish: Partial<Omit<FakeSession, 'id' | 'certificate'>> & { readonly endpoint: string },
  ): FakeSession {
    const id = `s_${randomBytes(5).toString('hex')}`;
    const expiresAt = wish.expiresAt ?? (Date.now() + 3_600_000) * 1000;
    const certificate = makeCertificate({
      dnsNames: [id],
      notAfter: new Date(Math.ceil(expiresAt / 1e6) * 1000),
    });
    const session: FakeSession = {
      tofuToken: '',
      status: 'pending',
      connectionLimit: -1,
      leaseSeconds: 60,
      used: 0,
      ...wish,
      id,
      certificate,
      expiresAt,
    };
    this.sessions.set(id, session);
    return session;
  }

  /** What a client of the session gets. */
  authorizationOf(session: FakeSession, worker: string): ForeignAuthorization {
    return {
      sessionId: session.id,
      targetId: 'ttcp_1234567890',
      connectionLimit: session.connectionLimit,
      expiresAtMs: session.expiresAt / 1000,
      certificate: session.certificate.der,
      privateKey: session.certificate.rawKey,
      endpoint: session.endpoint,
      workers: [worker],
    };
  }

  async lookupSession(sessionId: string): Promise<LookupSessionResponse> {
    this.lookups += 1;
    const session = this.#read('lookupSession', sessionId);
    return {
      sessionId,
      certificate: session.certificate.der,
      privateKey: session.certificate.rawKey,
      tofuToken: session.tofuToken,
      status: session.status,
      endpoint: session.endpoint,
      expiresAt: session.expiresAt,
      connectionLimit: session.connectionLimit,
      leaseSeconds: session.leaseSeconds,
    };
  }

  async activateSession(sessionId: string, tofuToken: string): Promise<SessionStatus> {
    const session = this.#read('activateSession', sessionId);
    if (session.tofuToken !== '' && session.tofuToken !== tofuToken)
      throw new StileError('tofuTokenNotAllowed', 'in use');
    if (session.status !== 'pending' && session.status !== 'active')
      throw new StileError('sessionNotPending', 'not pending');
    session.tofuToken = tofuToken;
    session.status = 'active';
    return 'active';
  }

  async authorizeConnection(request: AuthorizeConnectionRequest): Promise<AuthorizeConnectionResponse> {
    const session = this.#read('authorizeConnection', request.sessionId);
    const isFull = session.connectionLimit !== -1 && session.used >= session.connectionLimit;
    if (session.status !== 'active' || isFull) throw new StileError('connectionNotAuthorized', 'refused');
    session.used += 1;
    this.authorizations.push(request);
    const connectionsLeft = session.connectionLimit === -1 ? -1 : session.connectionLimit - session.used;
    return { connectionId: `sc_${randomBytes(5).toString('hex')}`, connectionsLeft };
  }

  async connectConnection(request: ConnectConnectionRequest): Promise<void> {
    if (this.failing.connectConnection !== undefined) throw this.failing.connectConnection;
    this.connects.push(request);
    await this.connectGate;
  }

  async closeConnection(close: ConnectionClose): Promise<void> {
    this.closes.push(close);
    for (const wake of this.#wake.splice(0)) wake();
  }

  async cancelSession(sessionId: string): Promise<SessionStatus> {
    const session = this.#read('cancelSession', sessionId);
    await this.cancelGate;
    session.status = 'canceling';
    this.canceled.push(sessionId);
    return 'canceling';
  }

  /** The reported ends, once there are `count` of them. */
  async reported(count: number): Promise<readonly ConnectionClose[]> {
    while (this.closes.length < count) {
      await new Promise<void>((resolve) => this.#wake.push(resolve));
    }
    return this.closes;
  }

  #read(call: keyof Failing, sessionId: string): FakeSession {
    const error = this.failing[call];
    if (error !== undefined) throw error;
    const session = this.sessions.get(sessionId);
    if (session === undefined) throw new StileError('sessionNotAccepted', 'unknown session');
    return session;
  }
}
