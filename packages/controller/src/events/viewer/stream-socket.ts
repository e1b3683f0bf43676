/**
 * The answer that a stream is written to: server-sent events as text, and whether the peer keeps up. Nothing is queued here
 * beyond what one write holds: who writes looks at `isReady` first, and is called when the socket has drained.
 */
import type { Clock, Timer } from '@stile/runtime';

/** How long what was written last may take to be taken when the stream ends, milliseconds. */
const lingerMs = 500;

/** What is used of node's ServerResponse. */
export interface ResponseLike {
  write(text: string): boolean;
  end(): unknown;
  destroy(): unknown;
  on(event: 'drain' | 'close' | 'error', listener: () => void): unknown;
  readonly destroyed: boolean;
}

/** Owns the answer until it is closed. */
export class StreamSocket {
  readonly #response: ResponseLike;
  readonly #clock: Clock;
  #blockedAtMs: number | undefined;
  #isClosed: boolean;
  #lingering: Timer | undefined;
  #onReady: () => void = () => undefined;
  #onClosed: () => void = () => undefined;

  constructor(response: ResponseLike, clock: Clock) {
    this.#response = response;
    this.#clock = clock;
    this.#isClosed = response.destroyed;
    response.on('drain', () => {
      this.#blockedAtMs = undefined;
      this.#onReady();
    });
    response.on('close', () => {
      this.#lingering?.cancel();
      this.#closed();
    });
    // A reset of the peer is followed by `close`.
    response.on('error', () => this.#closed());
  }

  /** Who is called when the socket has drained, and once when it is closed. */
  listen(listeners: { readonly ready: () => void; readonly closed: () => void }): void {
    this.#onReady = listeners.ready;
    this.#onClosed = listeners.closed;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Whether the peer has taken what was written before. */
  get isReady(): boolean {
    return !this.#isClosed && this.#blockedAtMs === undefined;
  }

  /** How long the peer has taken nothing, milliseconds. */
  get blockedMs(): number {
    return this.#blockedAtMs === undefined ? 0 : this.#clock.monotonicMs() - this.#blockedAtMs;
  }

  /** Writes an event; `data` is JSON. */
  send(event: string, data: string, id?: string): void {
    this.write(`event: ${event}\n${id === undefined ? '' : `id: ${id}\n`}data: ${data}\n\n`);
  }

  /** Writes text as it is. */
  write(text: string): void {
    if (this.#isClosed) return;
    if (!this.#response.write(text)) this.#blockedAtMs ??= this.#clock.monotonicMs();
  }

  /** Ends the answer after what was written; a peer that does not take it soon is cut. Idempotent. */
  end(): void {
    if (this.#isClosed) return;
    this.#lingering = this.#clock.setTimer(lingerMs, () => this.#response.destroy());
    this.#response.end();
    this.#closed();
  }

  /** Cuts the peer. Idempotent. */
  destroy(): void {
    if (this.#isClosed) return;
    this.#response.destroy();
    this.#closed();
  }

  #closed(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#onClosed();
  }
}
