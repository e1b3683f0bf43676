/** Counts what is under way on the pool, so that closing can wait for it: the pool itself would leave waiters hanging. */
import { StileError } from '@stile/protocol';

/** Lets work in until it is closed. */
export class OpenWork {
  #count = 0;
  #isClosed = false;
  #onIdle: (() => void) | undefined;

  /** Runs `work` and counts it. @throws {StileError} unavailable after `close` */
  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#isClosed) throw new StileError('unavailable', 'the database is closed');
    this.#count += 1;
    try {
      return await work();
    } finally {
      this.#count -= 1;
      if (this.#count === 0) this.#onIdle?.();
    }
  }

  /** Refuses what comes later and waits for what is under way. */
  async close(): Promise<void> {
    this.#isClosed = true;
    if (this.#count === 0) return;
    await new Promise<void>((resolve) => {
      this.#onIdle = resolve;
    });
  }
}
