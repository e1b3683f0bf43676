/**
 * Sockets that have connected but have not finished the handshake. They are few and short-lived: each has one deadline for the whole phase, and
 * when too many stand open the oldest goes, those that have not named a session first, so that a flood cannot keep a client out.
 */
import type { Socket } from 'node:net';

/** Limits of the phase. */
export interface HalfOpenLimits {
  /** Sockets at a time. */
  readonly most: number;
  /** From accept to the end of the first message, milliseconds. */
  readonly deadlineMs: number;
}

/** One socket in the phase. */
export interface HalfOpenEntry {
  /** Aborts when the socket was given up: its time is over, or a newer one took its place. */
  readonly signal: AbortSignal;
  /** The socket named a session that this worker serves: it is less likely to be one of a flood. */
  named(): void;
  /** The phase is over; the socket belongs to somebody else. Idempotent. */
  release(): void;
}

/** Watches over the sockets of a listener; owns each until it is released. */
export class HalfOpenSockets {
  readonly #limits: HalfOpenLimits;
  /** In order of arrival. */
  readonly #nameless = new Set<Watched>();
  readonly #named = new Set<Watched>();

  constructor(limits: HalfOpenLimits) {
    this.#limits = limits;
  }

  /** Sockets in the phase. */
  get size(): number {
    return this.#nameless.size + this.#named.size;
  }

  /** Takes a socket that has just connected; another may have to go for it. */
  add(socket: Socket): HalfOpenEntry {
    if (this.size >= this.#limits.most) this.#evictOldest();
    const watched = new Watched(socket, this.#limits.deadlineMs, () => {
      this.#nameless.delete(watched);
      this.#named.delete(watched);
    });
    this.#nameless.add(watched);
    socket.once('close', () => watched.release());
    return {
      signal: watched.signal,
      named: () => {
        if (this.#nameless.delete(watched)) this.#named.add(watched);
      },
      release: () => watched.release(),
    };
  }

  /** Destroys all. */
  close(): void {
    for (const watched of [...this.#nameless, ...this.#named]) watched.giveUp();
  }

  #evictOldest(): void {
    const [oldest] = this.#nameless.size > 0 ? this.#nameless : this.#named;
    oldest?.giveUp();
  }
}

/** A socket with its deadline. */
class Watched {
  readonly #socket: Socket;
  readonly #controller = new AbortController();
  readonly #timer: NodeJS.Timeout;
  readonly #onReleased: () => void;

  constructor(socket: Socket, deadlineMs: number, onReleased: () => void) {
    this.#socket = socket;
    this.#onReleased = onReleased;
    this.#timer = setTimeout(() => this.giveUp(), deadlineMs);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  release(): void {
    clearTimeout(this.#timer);
    this.#onReleased();
  }

  giveUp(): void {
    this.release();
    this.#controller.abort();
    this.#socket.destroy();
  }
}
