/** Writes when tokens were last used, after the answer and many at a time: a crash loses a second of it, nothing else. */
import type { Clock, Logger, Timer } from '@stile/runtime';
import type { Database } from '../../store/database.ts';
import { updateLastUsed, type TokenUse } from './auth-token-change-repository.ts';

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
  #waiting = new Map<string, TokenUse>();
  #timer: Timer | undefined;
  #flushing: Promise<void> = Promise.resolve();
  #isClosed = false;

  constructor(options: LastUseWriterOptions) {
    this.#options = options;
  }

  /** Notes a use; written within a second. */
  add(use: TokenUse): void {
    if (this.#isClosed || (this.#waiting.size >= maxWaiting && !this.#waiting.has(use.id))) return;
    this.#waiting.set(use.id, use);
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
    const uses = [...this.#waiting.values()];
    this.#waiting = new Map();
    for (let start = 0; start < uses.length; start += chunk) {
      try {
        await this.#options.database.write(async (tx) => {
          for (const use of uses.slice(start, start + chunk)) await updateLastUsed(tx, use);
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
