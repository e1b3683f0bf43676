/**
 * Composition root of a worker: identity, cluster link, sessions, listener, and what happens to a client once it has arrived. Runs in a process
 * or in a worker thread; it owns all it starts and leaves nothing behind.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { StileError, decodeActivationToken, toStileError } from '@stile/protocol';
import {
  Backoff,
  StreamBuffers,
  formatHostPort,
  silentLogger,
  systemClock,
  withDeadline,
  type Clock,
  type Logger,
} from '@stile/runtime';
import { ProxyListener, type Arrival } from './accept/listener.ts';
import { defaultLimits, type WorkerConfig, type WorkerLimits } from './config.ts';
import { ProxiedConnection } from './connection.ts';
import { ClusterClient, type LinkOwner } from './cluster/controller-client.ts';
import { enrol } from './cluster/enrolment.ts';
import { performHandshake } from './handshake.ts';
import { IdentityStore, type WorkerIdentity } from './cluster/identity-store.ts';
import { SessionCache } from './session/session-cache.ts';

/** Services a worker may be given; each has a default. */
export interface WorkerServices {
  readonly clock?: Clock;
  readonly log?: Logger;
  /** Aborts a start that is under way. */
  readonly signal?: AbortSignal;
}

/** A running worker. */
export interface Worker {
  /** `w_…` */
  readonly id: string;
  /** Bound `host:port` of the proxy listener. */
  readonly address: string;
  /** Whether a controller is linked now. */
  readonly isLinked: boolean;
  /** Open connections by session id, for health. */
  readonly connectionsBySession: Readonly<Record<string, number>>;
  /** Takes no more clients, ends connections with `worker stopped`, reports the final counters, ends the link. Idempotent. */
  close(): Promise<void>;
}

/** Pause between attempts to enrol while no controller answers, milliseconds. */
const enrolRetryMs = { minMs: 200, maxMs: 5_000 } as const;
/** Longest wait for the ends of connections at a stop, milliseconds; their sockets are destroyed at its begin. */
const stopTimeoutMs = 5_000;

/**
 * Starts a worker; resolves when it listens and is linked to a controller.
 * @throws {StileError} listenFailed, invalidConfig (identity unreadable, no activation token), permissionDenied (the cluster refuses this worker),
 *   aborted
 */
export async function startWorker(config: WorkerConfig, services: WorkerServices = {}): Promise<Worker> {
  const running = new RunningWorker(config, services);
  try {
    await running.start();
    return running;
  } catch (error) {
    await running.close();
    throw error;
  }
}

class RunningWorker implements Worker {
  readonly #config: WorkerConfig;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #limits: WorkerLimits;
  readonly #buffers = new StreamBuffers();
  readonly #stopping = new AbortController();
  /** Clients between their arrival and the report of their end. */
  readonly #serving = new Set<Promise<void>>();
  #identity: WorkerIdentity | undefined;
  #controller: ClusterClient | undefined;
  #sessions: SessionCache | undefined;
  #listener: ProxyListener | undefined;
  #owner: LinkOwner | undefined;
  #isDraining = false;
  #closing: Promise<void> | undefined;
  address = '';

  constructor(config: WorkerConfig, services: WorkerServices) {
    this.#config = config;
    this.#clock = services.clock ?? systemClock;
    this.#log = services.log ?? silentLogger;
    this.#limits = { ...defaultLimits, ...config.limits };
    const { signal } = services;
    signal?.addEventListener('abort', () => this.#stopping.abort(signal.reason), { once: true });
  }

  get id(): string {
    return this.#identity?.workerId ?? '';
  }

  get isLinked(): boolean {
    return this.#controller?.isLinked ?? false;
  }

  get connectionsBySession(): Readonly<Record<string, number>> {
    return this.#sessions?.connectionsBySession ?? {};
  }

  async start(): Promise<void> {
    const store = new IdentityStore(this.#config.authStoragePath);
    this.#identity = await this.#identify(store);
    // The listener is bound before the link is made, so that the address in the hello is the real one. Until the link stands, clients are
    // told by alert 80 that their session is not known here.
    let sessions: SessionCache | undefined;
    const lookup = { lookup: async (id: string) => sessions?.lookup(id) ?? Promise.reject(notReady()) };
    this.#listener = new ProxyListener({
      sessions: lookup,
      buffers: this.#buffers,
      clock: this.#clock,
      log: this.#log,
      limits: { most: this.#limits.mostHalfOpen, deadlineMs: this.#limits.handshakeDeadlineMs },
      onArrival: (arrival) => this.#track(this.#serve(arrival)),
    });
    const bound = await this.#listener.start(this.#config.listen);
    this.address = formatHostPort(bound.host, bound.port);
    this.#controller = new ClusterClient({
      identity: this.#identity,
      upstreams: this.#config.upstreams,
      address: this.#config.publicAddress ?? this.address,
      tags: this.#config.tags ?? {},
      description: this.#config.description ?? '',
      releaseVersion: this.#config.releaseVersion,
      clock: this.#clock,
      log: this.#log,
    });
    sessions = new SessionCache({ client: this.#controller, clock: this.#clock });
    this.#sessions = sessions;
    this.#owner = this.#ownerOf(sessions, store);
    await this.#controller.start(this.#owner);
    this.#stopping.signal.throwIfAborted();
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#isDraining = true;
    this.#stopping.abort(new StileError('aborted', 'the worker is stopping'));
    this.#listener?.close();
    if (this.#owner !== undefined) await this.#controller?.announce(this.#owner);
    await this.#sessions?.closeAll();
    try {
      await withDeadline(
        Promise.allSettled(this.#serving),
        stopTimeoutMs,
        () => new StileError('deadlineExceeded', 'some connections did not end in time'),
      );
    } catch (error) {
      this.#log.warn({ err: error, open: this.#serving.size }, 'the worker stops with connections open');
    }
    await this.#controller?.close();
  }

  /** The stored identity, or a new one for the activation token, tried until a controller answers. */
  async #identify(store: IdentityStore): Promise<WorkerIdentity> {
    const { activationToken, upstreams } = this.#config;
    const stored = store.read();
    const named =
      activationToken === undefined ? undefined : decodeActivationToken(activationToken.reveal()).workerId;
    // A token for another worker means that the operator has replaced this one.
    if (stored !== undefined && (named === undefined || named === stored.workerId)) return stored;
    if (activationToken === undefined) {
      throw new StileError(
        'invalidConfig',
        'the worker has no identity yet: controller_generated_activation_token is needed once',
      );
    }
    const backoff = new Backoff(enrolRetryMs);
    for (;;) {
      try {
        const { signal } = this.#stopping;
        const identity = await enrol({
          activationToken,
          upstreams,
          clock: this.#clock,
          log: this.#log,
          signal,
        });
        store.write(identity);
        return identity;
      } catch (error) {
        if (toStileError(error).code !== 'controllerUnreachable') throw error;
      }
      await pause(backoff.next(), this.#stopping.signal);
    }
  }

  #ownerOf(sessions: SessionCache, store: IdentityStore): LinkOwner {
    const isDraining = (): boolean => this.#isDraining;
    return {
      get reports() {
        return sessions.reports;
      },
      get connectionCount() {
        return sessions.connectionCount;
      },
      get isDraining() {
        return isDraining();
      },
      renewLeases: (fromMs) => sessions.renewLeases(fromMs),
      revoke: async (revocations) => {
        // A permission that was answered just before this call may not have reached its connection yet: both can come in one read.
        await nextTurn();
        return sessions.revoke(revocations);
      },
      drain: () => {
        this.#isDraining = true;
      },
      keepIdentity: (identity) => store.write(identity),
    };
  }

  #track(work: Promise<void>): void {
    this.#serving.add(work);
    void work.finally(() => this.#serving.delete(work));
  }

  /** Never rejects. */
  async #serve({ stream, session, peer, halfOpen }: Arrival): Promise<void> {
    const controller = this.#controller;
    if (controller === undefined) {
      stream.reset(notReady());
      return;
    }
    const log = this.#log.child({ sessionId: session.id });
    const outcome = await performHandshake({
      stream,
      session,
      peer,
      controller,
      onMessage: () => halfOpen.release(),
    });
    if (outcome.kind === 'closed') {
      log.info(
        { peer, close: outcome.close, ...(outcome.error === undefined ? {} : { err: outcome.error }) },
        'handshake closed',
      );
      stream.closeWith(outcome.close);
      await stream.closed;
      return;
    }
    const connection = new ProxiedConnection({
      id: outcome.connectionId,
      connectionsLeft: outcome.connectionsLeft,
      capabilities: outcome.capabilities,
      stream,
      session,
      controller,
      buffers: this.#buffers,
      clock: this.#clock,
      log,
      dialTimeoutMs: this.#limits.endpointDialMs,
    });
    await connection.run();
  }
}

function notReady(): StileError {
  return new StileError('controllerUnreachable', 'the worker is not linked to a controller yet');
}

/** @throws the signal's reason */
function pause(delayMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', onAbort);
      resolve();
    }, delayMs);
    const onAbort = (): void => {
      clearTimeout(timer);
      reject(toStileError(signal.reason));
    };
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
  });
}
