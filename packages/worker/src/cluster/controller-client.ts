/**
 * The worker's side of the cluster link (design.md §6): one link at a time to one of the controllers, heartbeats always, calls both ways,
 * failover with backoff, and an identity that is renewed in time.
 */
import { StileError, toStileError, type SessionStatus } from '@stile/protocol';
import { clusterPath } from '@stile/protocol/rpc';
import type {
  AuthorizeConnectionRequest,
  AuthorizeConnectionResponse,
  ClusterMethod,
  ClusterRequest,
  ClusterResponse,
  ConnectConnectionRequest,
  ConnectionClose,
  HeartbeatResponse,
  LookupSessionResponse,
  SessionReport,
  SessionRevocation,
} from '@stile/protocol/rpc';
import {
  Backoff,
  formatHostPort,
  parseHostPort,
  type Clock,
  type HostPort,
  type Logger,
  type MachineFacts,
} from '@stile/runtime';
import { CloseOutbox } from './close-outbox.ts';
import { ClusterLink } from './cluster-link.ts';
import { openClusterSocket } from './cluster-socket.ts';
import { isRenewalDue, renew } from './enrolment.ts';
import type { WorkerIdentity } from './identity-store.ts';

/** Pause between two rounds over all controllers, milliseconds; it doubles while none answers. */
const retryMs = { minMs: 100, maxMs: 5000 } as const;
/** Addresses taken from controllers; more are ignored. */
const mostLearned = 64;

/** What the worker asks of its controller. The seam that tests fill with a fake. */
export interface ControllerClient {
  /** Whether a controller is linked now. */
  readonly isLinked: boolean;
  /** @throws {StileError} sessionNotAccepted, controllerUnreachable, deadlineExceeded */
  lookupSession(sessionId: string): Promise<LookupSessionResponse>;
  /** @throws {StileError} tofuTokenNotAllowed, sessionNotPending, sessionExpired, controllerUnreachable */
  activateSession(sessionId: string, tofuToken: string): Promise<SessionStatus>;
  /** @throws {StileError} connectionNotAuthorized, controllerUnreachable */
  authorizeConnection(request: AuthorizeConnectionRequest): Promise<AuthorizeConnectionResponse>;
  /** @throws {StileError} connectionNotAuthorized, controllerUnreachable */
  connectConnection(request: ConnectConnectionRequest): Promise<void>;
  /** Never rejects: kept and sent again until a controller has it. */
  closeConnection(close: ConnectionClose): Promise<void>;
  /** @throws {StileError} sessionNotAccepted, controllerUnreachable */
  cancelSession(sessionId: string): Promise<SessionStatus>;
}

/** What the link tells the worker, and asks of it. */
export interface LinkOwner {
  /** host:port that clients dial. */
  readonly address: string;
  readonly reports: readonly SessionReport[];
  readonly connectionCount: number;
  readonly isDraining: boolean;
  /** A hello or heartbeat sent at this instant of the monotonic clock was answered. */
  renewLeases(fromMs: number): void;
  /** Resolves with the final counters when all sockets of the sessions are gone. */
  revoke(revocations: readonly SessionRevocation[]): Promise<readonly ConnectionClose[]>;
  drain(): void;
  /** The cluster does not know this worker any more: it was deleted, or its certificate has ended. What it serves must end. */
  expel(): void;
  /** A new certificate was issued: make it durable. */
  keepIdentity(identity: WorkerIdentity): void;
}

/** What the client is made of. */
export interface ClusterClientOptions {
  readonly identity: WorkerIdentity;
  /** At least one. */
  readonly upstreams: readonly HostPort[];
  readonly tags: Readonly<Record<string, readonly string[]>>;
  readonly description: string;
  readonly releaseVersion: string;
  readonly machine: MachineFacts;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Keeps one link up from `start` until `close`. */
export class ClusterClient implements ControllerClient {
  readonly #options: ClusterClientOptions;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #stopping = new AbortController();
  readonly #outbox: CloseOutbox;
  readonly #startedAt: number;
  #identity: WorkerIdentity;
  /** Addresses that controllers told us of; tried after the configured ones. */
  #learned: readonly HostPort[] = [];
  #link: ClusterLink | undefined;
  #running: Promise<void> | undefined;
  /** The link was closed by ourselves, to be opened again at once with a new certificate. */
  #isMovingOver = false;

  constructor(options: ClusterClientOptions) {
    this.#options = options;
    this.#clock = options.clock;
    this.#log = options.log;
    this.#startedAt = options.clock.nowUs();
    this.#identity = options.identity;
    const isLinked = (): boolean => this.isLinked;
    this.#outbox = new CloseOutbox({
      get isLinked() {
        return isLinked();
      },
      send: (connections) => this.#call('closeConnections', { connections }),
    });
  }

  get isLinked(): boolean {
    return this.#link !== undefined;
  }

  /** Begins to keep a link up; resolves when the first one is, or rejects when the cluster refuses this worker for good. */
  start(owner: LinkOwner): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#running = this.#run(owner, { linked: resolve, refused: reject });
    });
  }

  /** Sends what must be sent, then ends the link. Idempotent. */
  async close(): Promise<void> {
    await this.#outbox.flush();
    this.#stopping.abort(new StileError('aborted', 'the worker is stopping'));
    await this.#running;
  }

  /** Tells the controller at once what changed (draining), without waiting for the next heartbeat. Never rejects. */
  async announce(owner: LinkOwner): Promise<void> {
    const link = this.#link;
    if (link === undefined) return;
    try {
      await this.#beat(link, owner);
    } catch (error) {
      link.close(toStileError(error));
    }
  }

  lookupSession(sessionId: string): Promise<LookupSessionResponse> {
    return this.#call('lookupSession', { sessionId });
  }

  async activateSession(sessionId: string, tofuToken: string): Promise<SessionStatus> {
    return (await this.#call('activateSession', { sessionId, tofuToken })).status;
  }

  authorizeConnection(request: AuthorizeConnectionRequest): Promise<AuthorizeConnectionResponse> {
    return this.#call('authorizeConnection', request);
  }

  async connectConnection(request: ConnectConnectionRequest): Promise<void> {
    await this.#call('connectConnection', request);
  }

  closeConnection(close: ConnectionClose): Promise<void> {
    return this.#outbox.add(close);
  }

  async cancelSession(sessionId: string): Promise<SessionStatus> {
    return (await this.#call('cancelSession', { sessionId })).status;
  }

  #call<M extends ClusterMethod>(method: M, request: ClusterRequest<M>): Promise<ClusterResponse<M>> {
    if (this.#link === undefined) {
      return Promise.reject(new StileError('controllerUnreachable', 'no controller can be reached now'));
    }
    return this.#link.peer.call(method, request);
  }

  /** Link after link, until stopped. Never rejects. */
  async #run(
    owner: LinkOwner,
    first: { readonly linked: () => void; readonly refused: (error: StileError) => void },
  ): Promise<void> {
    const { signal } = this.#stopping;
    const backoff = new Backoff(retryMs);
    while (!signal.aborted) {
      for (const address of this.#candidates()) {
        if (signal.aborted) break;
        const where = formatHostPort(address.host, address.port);
        try {
          const link = await this.#open(address, owner);
          backoff.reset();
          first.linked();
          this.#log.info({ controller: where }, 'linked to a controller');
          const reason = await link.closed;
          this.#link = undefined;
          this.#log.warn(
            { controller: where, code: reason.code, why: reason.message },
            'the link to the controller is gone',
          );
          if (reason.code === 'permissionDenied') owner.expel();
        } catch (error) {
          this.#link = undefined;
          if (signal.aborted) break;
          const refusal = toStileError(error);
          this.#log.warn({ controller: where, err: error }, 'no link to a controller');
          if (refusal.code !== 'permissionDenied') continue;
          owner.expel();
          first.refused(refusal);
        }
      }
      if (this.#isMovingOver) this.#isMovingOver = false;
      else await this.#pause(backoff.next());
    }
    first.refused(new StileError('aborted', 'the worker is stopping'));
  }

  /** Configured addresses first, then those learned, each once. */
  #candidates(): HostPort[] {
    const all = [...this.#options.upstreams, ...this.#learned];
    return [...new Map(all.map((address) => [formatHostPort(address.host, address.port), address])).values()];
  }

  async #open(address: HostPort, owner: LinkOwner): Promise<ClusterLink> {
    const socket = await openClusterSocket({
      address,
      path: clusterPath,
      trust: { identity: this.#identity },
      signal: this.#stopping.signal,
    });
    const link = new ClusterLink({
      socket,
      clock: this.#clock,
      handlers: {
        revokeSessions: async ({ revocations }) => {
          const connections = await owner.revoke(revocations);
          // The answer carries these ends: they need not be sent again.
          this.#outbox.confirm(connections);
          return { connections };
        },
        drain: () => {
          owner.drain();
          return Promise.resolve({});
        },
      },
      onInternalError: (error) => this.#log.error({ err: error }, 'a call of the controller failed'),
    });
    this.#endWhenStopping(link);
    try {
      await this.#hello(link, owner);
      return link;
    } catch (error) {
      link.close(toStileError(error));
      throw error;
    }
  }

  /** From its first moment on: a stop may come before the hello is answered. */
  #endWhenStopping(link: ClusterLink): void {
    const { signal } = this.#stopping;
    const stop = (): void => link.close(toStileError(signal.reason));
    signal.addEventListener('abort', stop, { once: true });
    void link.closed.then(() => signal.removeEventListener('abort', stop));
    if (signal.aborted) stop();
  }

  async #hello(link: ClusterLink, owner: LinkOwner): Promise<void> {
    const { tags, description, releaseVersion, machine } = this.#options;
    const sentAtMs = this.#clock.monotonicMs();
    const hello = await link.peer.call('hello', {
      address: owner.address,
      tags,
      description,
      releaseVersion,
      sessions: owner.reports,
      capabilities: [],
      startedAt: this.#startedAt,
      ...machine,
    });
    this.#link = link;
    owner.renewLeases(sentAtMs);
    this.#learn(hello.controllerAddresses);
    // What the controller ended while it was away.
    void owner.revoke(hello.revocations);
    link.startHeartbeat(hello, async () => {
      const { renewNow } = await this.#beat(link, owner);
      if (renewNow || isRenewalDue(this.#identity, hello.renewBeforeSeconds, this.#clock)) {
        await this.#renewIdentity(link, owner);
      }
    });
    void this.#outbox.flush();
  }

  async #beat(link: ClusterLink, owner: LinkOwner): Promise<HeartbeatResponse> {
    const sentAtMs = this.#clock.monotonicMs();
    const answer = await link.peer.call('heartbeat', {
      sessions: owner.reports,
      activeConnections: owner.connectionCount,
      draining: owner.isDraining,
    });
    owner.renewLeases(sentAtMs);
    this.#learn(answer.controllerAddresses);
    void owner.revoke(answer.revocations);
    void this.#outbox.flush();
    return answer;
  }

  /** A new certificate in time; the link is opened again with it, which is what makes the old one worthless. */
  async #renewIdentity(link: ClusterLink, owner: LinkOwner): Promise<void> {
    const identity = await renew(link.peer, this.#identity);
    owner.keepIdentity(identity);
    this.#identity = identity;
    this.#log.info({ workerId: identity.workerId }, 'the worker has a new certificate');
    this.#isMovingOver = true;
    link.close(new StileError('aborted', 'linking again with the new certificate'));
  }

  #learn(addresses: readonly string[]): void {
    this.#learned = addresses.slice(0, mostLearned).flatMap((text) => {
      try {
        return [parseHostPort(text)];
      } catch {
        // An address of another form, from a newer controller: the others still serve.
        return [];
      }
    });
  }

  #pause(ms: number): Promise<void> {
    const { signal } = this.#stopping;
    if (signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const done = (): void => {
        timer.cancel();
        signal.removeEventListener('abort', done);
        resolve();
      };
      const timer = this.#clock.setTimer(ms, done);
      signal.addEventListener('abort', done, { once: true });
    });
  }
}
