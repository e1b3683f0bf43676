/** Awaiting the end of a socket, however it ends: `events.once` would fail on the error of a peer that resets. */
import type { EventEmitter } from 'node:events';

/** Resolves when the socket has closed, or at once when it has already. */
export function whenClosed(socket: EventEmitter & { readonly closed: boolean }): Promise<void> {
  if (socket.closed) return Promise.resolve();
  return new Promise((resolve) => {
    socket.once('close', () => resolve());
  });
}
