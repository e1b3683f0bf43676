/** Writes when tokens were last used, after the answer and many at a time: a crash loses a second of it, nothing else. */
import type { Clock, Logger, Timer } from '@stile/runtime';
import type { Database } from '../store/database.ts';
import type { Microseconds } from '../store/schema.ts';
import { updateLastUsed } from './auth-token-repository.ts';

/** What the writer stands on. */
export interface LastUseWriterOptions {
  readonly database: Pick<Database, 'write'>;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Longest that a use waits to be written (tokens.md §1.6). */
const flushAfterMs = 1000;
/** Tokens in one transaction. */
const chunk = 200;
/** Uses waiting; beyond it, while the database cannot be written, the newest are forgotten. */
const maxWaiting = 50_000;

/** Collects uses. `close` once. */
export class LastUseWriter {
  readonly #options: LastUseWriterOptions;
  /** Token id to its last use. */
  #waiting = new Map<string, Microseconds>();
  #timer: Timer | undefined;
  #flushing: Promise<void> = Promise.resolve();
  #isClosed = false;

  constructor(options: LastUseWriterOptions) {
    this.#options = options;
  }

  /** Notes a use; written within a second. */
  add(authTokenId: string, usedAtUs: Microseconds): void {
    if (this.#isClosed || (this.#waiting.size >= maxWaiting && !this.#waiting.has(authTokenId))) return;
    this.#waiting.set(authTokenId, usedAtUs);
    this.#timer ??= this.#options.clock.setTimer(flushAfterMs, () => {
      this.#timer = undefined;
      void this.flush();
    });
  }

  /** Writes what is waiting; never throws. */
  flush(): Promise<void> {
    this.#flushing = this.#flushing.then(() => this.#write());
    return this.#flushing;
  }

  /** Writes what is waiting and takes nothing more. Idempotent. */
  close(): Promise<void> {
    this.#isClosed = true;
    this.#timer?.cancel();
    return this.flush();
  }

  async #write(): Promise<void> {
    const uses = [...this.#waiting];
    this.#waiting = new Map();
    for (let start = 0; start < uses.length; start += chunk) {
      try {
        await this.#options.database.write(async (tx) => {
          for (const [id, usedAtUs] of uses.slice(start, start + chunk))
            await updateLastUsed(tx, id, usedAtUs);
        });
      } catch (error) {
        // The next use of each token is due again, so this loses nothing for long.
        this.#options.log.warn(
          { err: error, tokens: uses.length },
          'last uses of auth tokens could not be written',
        );
        return;
      }
    }
  }
}
