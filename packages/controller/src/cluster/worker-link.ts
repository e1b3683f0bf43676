/**
 * One link to one worker: the WebSocket, the calls over it, the watch over its heartbeats, and one close path. The listener
 * makes it when the certificate has been accepted; what the calls do is worker-service.ts.
 */
import { setImmediate } from 'node:timers/promises';
import { StileError } from '@stile/protocol';
import { RpcPeer, maxFrameBytes } from '@stile/protocol/rpc';
import type { ClusterHandlers, ConnectionClose, SessionRevocation } from '@stile/protocol/rpc';
import type { Clock, Logger, Timer } from '@stile/runtime';
import { WebSocket } from 'ws';
import type { RawData } from 'ws';

/** How long a call to a worker may take, milliseconds. A worker destroys sockets at once; ten seconds is a dead one. */
const callTimeoutMs = 10_000;
/** Bytes that may wait to be sent: a worker that does not read is dropped. */
const mostBufferedBytes = 8 * maxFrameBytes;
/** How long the peer may take to answer a close, milliseconds, before the socket is destroyed. */
const closeTimeoutMs = 1000;
/** Least time between two heartbeats of a worker, milliseconds: each is a write, and one that floods shall wait for itself alone. */
const heartbeatPaceMs = 200;
/** Revocations in one call: about 40 bytes each, far below a frame. */
const revocationsPerCall = 4000;

/** What a link is made of. It takes ownership of the socket. */
export interface WorkerLinkOptions {
  readonly socket: WebSocket;
  readonly clock: Clock;
  readonly log: Logger;
  /** The calls that the other side may make. */
  readonly handlers: (link: WorkerLink) => ClusterHandlers;
  /** How long the first call may take to come, milliseconds. */
  readonly firstCallMs: number;
}

/** Ends itself when the worker falls silent, sends what is no frame, or does not read. */
export class WorkerLink {
  /** Resolves when the link is over and nothing of it runs any more. */
  readonly closed: Promise<StileError>;
  readonly #socket: WebSocket;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #peer: RpcPeer;
  readonly #authorizing = new Set<Promise<unknown>>();
  /** Settles, never rejects, when the next heartbeat may run. */
  #turn: Promise<void> = Promise.resolve();
  #pace: { readonly timer: Timer; readonly end: () => void } | undefined;
  #resolveClosed: (reason: StileError) => void = () => undefined;
  #closeReason: StileError | undefined;
  #isRetired = false;
  #silence: Timer;
  #lastResort: Timer | undefined;

  constructor(options: WorkerLinkOptions) {
    this.#socket = options.socket;
    this.#clock = options.clock;
    this.#log = options.log;
    this.closed = new Promise((resolve) => {
      this.#resolveClosed = resolve;
    });
    this.#peer = new RpcPeer({
      send: (bytes) => this.#send(bytes),
      handlers: options.handlers(this),
      callTimeoutMs,
      timers: options.clock,
      onInternalError: (error, method) =>
        this.#log.error({ err: error, method }, 'a call of a worker failed'),
    });
    this.#silence = this.#watch(options.firstCallMs);
    this.#socket.on('message', (data, isBinary) => this.#receive(data, isBinary));
    // The close event follows and carries on.
    this.#socket.on('error', (error) => this.#log.debug({ err: error }, 'cluster link failed'));
    this.#socket.on('close', () => this.#finish());
  }

  /** Whether the worker was deleted: it gets no more rights, but can still confirm ends. */
  get isRetired(): boolean {
    return this.#isRetired;
  }

  /** From now on the worker gets no more rights over this link; close it when the ends of its sessions are confirmed. */
  retire(): void {
    this.#isRetired = true;
  }

  /** The worker was heard of; it must be again within `nextMs` milliseconds. */
  heard(nextMs: number): void {
    this.#silence.cancel();
    if (this.#closeReason === undefined) this.#silence = this.#watch(nextMs);
  }

  /**
   * Runs a call that gives a right to the worker: a revocation waits until its answer is on the way, or the worker could
   * confirm the end of a connection it has not heard of yet.
   */
  async authorizing<T>(work: Promise<T>): Promise<T> {
    this.#authorizing.add(work);
    try {
      return await work;
    } finally {
      this.#authorizing.delete(work);
    }
  }

  /** Runs heartbeats one after another, no faster than their pace. @throws {StileError} (rejects) why the link is over, or what `beat` threw */
  inTurn<T>(beat: () => Promise<T>): Promise<T> {
    const run = this.#turn.then(() => {
      if (this.#closeReason !== undefined) throw this.#closeReason;
      return beat();
    });
    const pause = (): Promise<void> => this.#pause();
    this.#turn = run.then(pause, pause);
    return run;
  }

  #pause(): Promise<void> {
    if (this.#closeReason !== undefined) return Promise.resolve();
    return new Promise((end) => {
      this.#pace = { timer: this.#clock.setTimer(heartbeatPaceMs, end), end };
    });
  }

  /**
   * Tells the worker that sessions must end; resolves with its final counters when all of them are closed.
   * @throws {StileError} (rejects) deadlineExceeded, connectionReset, or what the worker answered
   */
  async revoke(revocations: readonly SessionRevocation[]): Promise<ConnectionClose[]> {
    await Promise.allSettled(this.#authorizing);
    // The answers of those calls are sent in the microtasks after them.
    await setImmediate();
    const closes: ConnectionClose[] = [];
    for (let start = 0; start < revocations.length; start += revocationsPerCall) {
      const part = revocations.slice(start, start + revocationsPerCall);
      const answer = await this.#peer.call('revokeSessions', { revocations: part });
      closes.push(...answer.connections);
    }
    return closes;
  }

  /** Asks the worker to take no new sessions. @throws {StileError} (rejects) deadlineExceeded, connectionReset */
  async drain(): Promise<void> {
    await this.#peer.call('drain', {});
  }

  /** Ends the link; `reason` is what open calls fail with. Idempotent. */
  close(reason: StileError): Promise<StileError> {
    if (this.#closeReason === undefined) {
      this.#closeReason = reason;
      this.#silence.cancel();
      this.#peer.close(reason);
      this.#lastResort = this.#clock.setTimer(closeTimeoutMs, () => this.#socket.terminate());
      this.#socket.close(reason.code === 'aborted' ? 1001 : 1008, reason.code);
    }
    return this.closed;
  }

  #watch(withinMs: number): Timer {
    return this.#clock.setTimer(withinMs, () => {
      void this.close(new StileError('deadlineExceeded', 'the worker was not heard of in time'));
    });
  }

  #receive(data: RawData, isBinary: boolean): void {
    if (this.#closeReason !== undefined) return;
    try {
      if (!isBinary || !(data instanceof Buffer)) {
        throw new StileError('invalidFrame', 'the cluster link carries binary messages only');
      }
      this.#peer.receive(data);
    } catch (error) {
      const reason =
        error instanceof StileError ? error : new StileError('internal', 'internal error', { cause: error });
      this.#log.warn(
        { err: error, code: reason.code },
        'cluster link is closed: its peer broke the protocol',
      );
      void this.close(reason);
    }
  }

  #send(bytes: Uint8Array): void {
    if (this.#socket.readyState !== WebSocket.OPEN) {
      throw new StileError('connectionReset', 'the cluster link is closed');
    }
    if (this.#socket.bufferedAmount > mostBufferedBytes) {
      const reason = new StileError('unavailable', 'the worker does not read its cluster link');
      void this.close(reason);
      throw reason;
    }
    this.#socket.send(bytes, (error) => {
      if (error) this.#log.debug({ err: error }, 'cluster link cannot send');
    });
  }

  #finish(): void {
    this.#closeReason ??= new StileError('connectionReset', 'the worker closed the cluster link');
    this.#silence.cancel();
    this.#pace?.timer.cancel();
    this.#pace?.end();
    this.#lastResort?.cancel();
    this.#peer.close(this.#closeReason);
    this.#resolveClosed(this.#closeReason);
  }
}
