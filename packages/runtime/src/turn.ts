/** Sharing the event loop: who has much to do gives others their turn now and then. */

/** Resolves when everybody who waits for the event loop has had a turn. */
export function othersTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
