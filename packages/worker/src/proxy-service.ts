/**
 * What happens to a client of the worker: it arrives at the listener, shakes hands, and has a connection until one of both ends. Knows of every
 * client that is served, so that a stop leaves none behind.
 */
import { StileError } from '@stile/protocol';
import { withDeadline, type Clock, type HostPort, type Logger, type StreamBuffers } from '@stile/runtime';
import { ProxyListener, type Arrival } from './accept/listener.ts';
import type { ControllerClient } from './cluster/controller-client.ts';
import type { WorkerLimits } from './config.ts';
import { ProxiedConnection } from './connection.ts';
import { performHandshake } from './handshake.ts';
import type { SessionCache } from './session/session-cache.ts';

/** What the service is made of; it owns the listener and the clients, nothing else. */
export interface ProxyServiceOptions {
  readonly controller: ControllerClient;
  readonly sessions: SessionCache;
  readonly buffers: StreamBuffers;
  readonly limits: WorkerLimits;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Longest wait for the ends of connections at a stop, milliseconds; their sockets are destroyed at its begin. */
const stopTimeoutMs = 5_000;

/** Serves clients from `start` until `close`. */
export class ProxyService {
  readonly #options: ProxyServiceOptions;
  readonly #listener: ProxyListener;
  /** Clients between their arrival and the report of their end. */
  readonly #serving = new Set<Promise<void>>();
  /** Those that still shake hands. */
  readonly #shaking = new Set<Arrival>();
  #closing: Promise<void> | undefined;

  constructor(options: ProxyServiceOptions) {
    this.#options = options;
    const { sessions, buffers, clock, log, limits } = options;
    this.#listener = new ProxyListener({
      sessions,
      buffers,
      clock,
      log,
      limits: { most: limits.mostHalfOpen, deadlineMs: limits.handshakeDeadlineMs },
      onArrival: (arrival) => {
        const work = this.#serve(arrival);
        this.#serving.add(work);
        void work.finally(() => this.#serving.delete(work));
      },
    });
  }

  /** Sockets that have not finished the handshake. */
  get halfOpenCount(): number {
    return this.#listener.halfOpenCount;
  }

  /** @throws {StileError} listenFailed */
  start(address: HostPort): Promise<HostPort> {
    return this.#listener.start(address);
  }

  /** Takes no more clients and ends those there are; resolves when they are gone and reported, or a few seconds are over. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#listener.close();
    for (const { stream } of this.#shaking) stream.reset(new StileError('aborted', 'the worker is stopping'));
    const { sessions, log } = this.#options;
    try {
      await withDeadline(
        Promise.all([sessions.closeAll(), Promise.allSettled(this.#serving)]),
        stopTimeoutMs,
        () => new StileError('deadlineExceeded', 'some connections did not end in time'),
      );
    } catch (error) {
      log.warn({ err: error, open: this.#serving.size }, 'the worker stops with connections open');
    }
  }

  /** Never rejects. */
  async #serve(arrival: Arrival): Promise<void> {
    const { stream, session, peer, halfOpen } = arrival;
    const { controller, buffers, clock, limits } = this.#options;
    const log = this.#options.log.child({ sessionId: session.id });
    this.#shaking.add(arrival);
    const outcome = await performHandshake({
      stream,
      session,
      peer,
      controller,
      onMessage: () => halfOpen.release(),
    });
    this.#shaking.delete(arrival);
    if (outcome.kind === 'closed') {
      const { close, error } = outcome;
      log.info(
        { peer, close, ...(error === undefined ? {} : { err: error }) },
        'the handshake led to no connection',
      );
      stream.closeWith(close);
      await stream.closed;
      return;
    }
    const { connectionId, connectionsLeft, capabilities } = outcome;
    await new ProxiedConnection({
      id: connectionId,
      connectionsLeft,
      capabilities,
      stream,
      session,
      controller,
      buffers,
      clock,
      log,
      dialTimeoutMs: limits.endpointDialMs,
    }).run();
  }
}
