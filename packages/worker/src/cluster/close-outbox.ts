/** Ends of connections on their way to the controller: sent in batches, kept while it is away, sent again until it has answered. */
import type { ConnectionClose } from '@stile/protocol/rpc';

/** Closes in one call. */
const batchSize = 500;
/**
 * Closes kept while no controller answers. Beyond, the oldest are dropped: the controller closes what a worker does not report any more, with
 * the counters of its last heartbeat.
 */
const mostKept = 100_000;

/** What the outbox sends with. */
export interface CloseSender {
  /** Whether a call has a chance now. */
  readonly isLinked: boolean;
  /** Rejects when the controller did not take them. */
  send(closes: readonly ConnectionClose[]): Promise<unknown>;
}

/** Keeps the closes that no controller has confirmed. */
export class CloseOutbox {
  readonly #sender: CloseSender;
  readonly #kept = new Map<string, ConnectionClose>();
  #sending: Promise<void> | undefined;

  constructor(sender: CloseSender) {
    this.#sender = sender;
  }

  /** Closes that wait. */
  get size(): number {
    return this.#kept.size;
  }

  /** Takes a close and sends it as soon as possible; resolves when an attempt is over, whether it was taken or kept. Never rejects. */
  add(close: ConnectionClose): Promise<void> {
    this.#kept.set(close.connectionId, close);
    if (this.#kept.size > mostKept) {
      for (const oldest of this.#kept.keys()) {
        this.#kept.delete(oldest);
        break;
      }
    }
    return this.flush();
  }

  /** The controller has these from another call. */
  confirm(closes: readonly ConnectionClose[]): void {
    for (const close of closes) this.#kept.delete(close.connectionId);
  }

  /** Sends what waits. Never rejects; one attempt runs at a time and takes in what came meanwhile. */
  flush(): Promise<void> {
    this.#sending ??= this.#sendAll().finally(() => {
      this.#sending = undefined;
    });
    return this.#sending;
  }

  async #sendAll(): Promise<void> {
    // What is added in this turn goes along.
    await Promise.resolve();
    while (this.#kept.size > 0 && this.#sender.isLinked) {
      const batch = [...this.#kept.values()].slice(0, batchSize);
      try {
        await this.#sender.send(batch);
      } catch {
        // Kept: the next link, or the next close, sends them again.
        return;
      }
      for (const close of batch) {
        if (this.#kept.get(close.connectionId) === close) this.#kept.delete(close.connectionId);
      }
    }
  }
}
