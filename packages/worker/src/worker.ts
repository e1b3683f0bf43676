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
  machineFacts,
  silentLogger,
  systemClock,
  type Clock,
  type Logger,
} from '@stile/runtime';
import { ClusterClient, type LinkOwner } from './cluster/controller-client.ts';
import { enrol } from './cluster/enrolment.ts';
import { IdentityStore, type WorkerIdentity } from './cluster/identity-store.ts';
import { defaultLimits, type WorkerConfig } from './config.ts';
import { ProxyService } from './proxy-service.ts';
import { askForApproval } from './registration/registration.ts';
import { RegistrationStore } from './registration/registration-store.ts';
import { SessionCache } from './session/session-cache.ts';

/** Services a worker may be given; each has a default. */
export interface WorkerServices {
  readonly clock?: Clock;
  readonly log?: Logger;
  /** Aborts a start that is under way. */
  readonly signal?: AbortSignal;
  /**
   * Shows a registration request to whoever can carry it to an administrator; called once when a worker without identity and
   * activation token begins to wait for its approval. Absent = such a worker does not start.
   */
  readonly showRegistration?: (registration: RegistrationNotice) => void;
}

/** What an administrator needs in order to approve a worker. */
export interface RegistrationNotice {
  /** The text for `workers create worker-led`. */
  readonly request: string;
  /** For comparison with what the administrator sees. */
  readonly fingerprint: string;
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
/** Pause between two questions whether a registration request was approved, milliseconds. */
const approvalRetryMs = { minMs: 500, maxMs: 5_000 } as const;
/** Longest wait for a controller to take note that the worker stops, milliseconds. */
const announceMs = 1_000;
/** Longest wait for it to take the last ends of connections, milliseconds. */
const reportMs = 3_000;

/**
 * Starts a worker; resolves when it listens and is linked to a controller.
 * @throws {StileError} listenFailed, invalidConfig (identity unreadable, no way to enrol), permissionDenied (the cluster refuses this worker),
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
  readonly #stopping = new AbortController();
  readonly #showRegistration: WorkerServices['showRegistration'];
  #identity: WorkerIdentity | undefined;
  #controller: ClusterClient | undefined;
  #sessions: SessionCache | undefined;
  #service: ProxyService | undefined;
  #owner: LinkOwner | undefined;
  #isDraining = false;
  #closing: Promise<void> | undefined;
  address = '';

  constructor(config: WorkerConfig, services: WorkerServices) {
    this.#config = config;
    this.#clock = services.clock ?? systemClock;
    this.#log = services.log ?? silentLogger;
    this.#showRegistration = services.showRegistration;
    const { signal } = services;
    const stop = (): void => this.#stopping.abort(new StileError('aborted', 'the start was stopped'));
    if (signal?.aborted === true) stop();
    signal?.addEventListener('abort', stop, { once: true });
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
    const { signal } = this.#stopping;
    const store = new IdentityStore(this.#config.authStoragePath);
    const identity = await this.#identify(store);
    this.#identity = identity;
    const { upstreams, tags = {}, description = '', releaseVersion, listen, publicAddress } = this.#config;
    const [clock, log] = [this.#clock, this.#log];
    const controller = new ClusterClient({
      identity,
      upstreams,
      tags,
      description,
      releaseVersion,
      machine: machineFacts(),
      clock,
      log,
    });
    const sessions = new SessionCache({ client: controller, clock });
    const limits = { ...defaultLimits, ...this.#config.limits };
    const service = new ProxyService({
      controller,
      sessions,
      buffers: new StreamBuffers(),
      limits,
      clock,
      log,
    });
    this.#service = service;
    // Bound before the link is made: the hello names the real address. Until the link stands a client gets alert 80.
    const bound = await service.start(listen);
    this.address = formatHostPort(bound.host, bound.port);
    this.#sessions = sessions;
    this.#owner = this.#ownerOf(sessions, store, publicAddress ?? this.address);
    this.#controller = controller;
    signal.throwIfAborted();
    const stop = (): void => void controller.close();
    signal.addEventListener('abort', stop, { once: true });
    try {
      await controller.start(this.#owner);
    } finally {
      signal.removeEventListener('abort', stop);
    }
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#isDraining = true;
    this.#stopping.abort(new StileError('aborted', 'the worker is stopping'));
    // A controller that does not answer does not hold up the stop.
    if (this.#owner !== undefined) await withinMs(this.#controller?.announce(this.#owner), announceMs);
    await this.#service?.close();
    await withinMs(this.#controller?.close(), reportMs);
  }

  /**
   * The stored identity, or a new one: for the activation token, tried until a controller answers, or for a registration request,
   * asked about until an administrator has approved it.
   */
  async #identify(store: IdentityStore): Promise<WorkerIdentity> {
    const { activationToken, upstreams } = this.#config;
    const stored = store.read();
    const named =
      activationToken === undefined ? undefined : decodeActivationToken(activationToken.reveal()).workerId;
    // A token for another worker means that the operator has replaced this one.
    if (stored !== undefined && (named === undefined || named === stored.workerId)) return stored;
    if (activationToken === undefined) return this.#register(store);
    const ground = { upstreams, clock: this.#clock, log: this.#log, signal: this.#stopping.signal };
    const backoff = new Backoff(enrolRetryMs);
    for (;;) {
      try {
        const identity = await enrol({ activationToken, ...ground });
        store.write(identity);
        new RegistrationStore(this.#config.authStoragePath).forget();
        return identity;
      } catch (error) {
        if (toStileError(error).code !== 'controllerUnreachable') throw error;
      }
      await pause(backoff.next(), this.#stopping.signal);
    }
  }

  /** Shows the registration request and waits for its approval. */
  async #register(store: IdentityStore): Promise<WorkerIdentity> {
    if (this.#showRegistration === undefined) {
      throw new StileError(
        'invalidConfig',
        'the worker has no identity yet: controller_generated_activation_token is needed once',
      );
    }
    const registrations = new RegistrationStore(this.#config.authStoragePath);
    const pending = registrations.open();
    this.#showRegistration({ request: pending.request, fingerprint: pending.fingerprint });
    this.#log.info({ fingerprint: pending.fingerprint }, 'waiting for approval of the registration request');
    const { signal } = this.#stopping;
    const ground = { upstreams: this.#config.upstreams, clock: this.#clock, log: this.#log, signal };
    const backoff = new Backoff(approvalRetryMs);
    for (;;) {
      try {
        const identity = await askForApproval(pending, ground);
        if (identity !== undefined) {
          store.write(identity);
          registrations.forget();
          this.#log.info({ workerId: identity.workerId }, 'the registration request was approved');
          return identity;
        }
      } catch (error) {
        if (toStileError(error).code !== 'controllerUnreachable') throw error;
      }
      await pause(backoff.next(), signal);
    }
  }

  #ownerOf(sessions: SessionCache, store: IdentityStore, address: string): LinkOwner {
    const isDraining = (): boolean => this.#isDraining;
    return {
      address,
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
      expel: () => void sessions.endAll('worker deleted'),
      keepIdentity: (identity) => store.write(identity),
    };
  }
}

/** Waits for `work`, but not longer than `ms` milliseconds. */
async function withinMs(work: Promise<void> | undefined, ms: number): Promise<void> {
  const over = new AbortController();
  try {
    await Promise.race([work, pause(ms, over.signal)]);
  } finally {
    over.abort();
  }
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
