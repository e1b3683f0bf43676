/**
 * Sockets that have connected but not yet shown who they are. They are few and short-lived: each has a deadline, and when
 * too many stand open the oldest goes, so that those who hold theirs open cannot keep a worker out.
 */
import type { Socket } from 'node:net';
import type { Clock, Timer } from '@stile/runtime';

/** Limits of sockets before authentication. */
export interface HalfOpenLimits {
  /** From the TCP accept to the accepted upgrade, milliseconds. */
  readonly deadlineMs: number;
  readonly mostSockets: number;
}

/** Owns sockets until they are released. */
export class HalfOpenSockets {
  readonly #clock: Clock;
  readonly #limits: HalfOpenLimits;
  readonly #sockets = new Map<string, { readonly socket: Socket; readonly timer: Timer }>();

  constructor(clock: Clock, limits: HalfOpenLimits) {
    this.#clock = clock;
    this.#limits = limits;
  }

  /** Sockets that stand open. */
  get size(): number {
    return this.#sockets.size;
  }

  /** Takes a socket that has just connected. */
  add(socket: Socket): void {
    const key = keyOf(socket);
    const [oldest] = this.#sockets;
    if (this.#sockets.size >= this.#limits.mostSockets && oldest !== undefined) {
      // Its close event comes later, and more sockets may come before it: each of them must find another oldest one.
      this.#remove(...oldest);
      oldest[1].socket.destroy();
    }
    const timer = this.#clock.setTimer(this.#limits.deadlineMs, () => socket.destroy());
    const entry = { socket, timer };
    this.#sockets.set(key, entry);
    // Its TLS layer reports the error; here the close that follows is enough.
    socket.on('error', () => undefined);
    socket.once('close', () => this.#remove(key, entry));
  }

  /** The socket has shown who it is, and belongs to somebody else from now on. `socket` may be its TLS layer. */
  release(socket: Pick<Socket, 'remoteAddress' | 'remotePort'>): void {
    const key = keyOf(socket);
    this.#remove(key, this.#sockets.get(key));
  }

  /** Destroys all. */
  close(): void {
    for (const { socket } of this.#sockets.values()) socket.destroy();
  }

  #remove(key: string, entry: { readonly timer: Timer } | undefined): void {
    entry?.timer.cancel();
    if (this.#sockets.get(key) === entry) this.#sockets.delete(key);
  }
}

/** One remote end has one connection to one listener. */
function keyOf(socket: Pick<Socket, 'remoteAddress' | 'remotePort'>): string {
  return `${socket.remoteAddress}|${socket.remotePort}`;
}
