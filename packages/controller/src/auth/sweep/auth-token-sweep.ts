/**
 * Marks tokens whose time is up as ended, and deletes those that ended long ago (tokens.md §1.5, §1.8). Of several controllers one does it.
 * It ends no session: expiry and staleness of a token never do.
 */
import { newId } from '@stile/protocol';
import type { Clock, Logger, Timer } from '@stile/runtime';
import type { Database } from '../../store/database.ts';
import { record } from '../../store/deleted-resource-repository.ts';
import { takeLease } from '../../store/maintenance-lease-repository.ts';
import { revokeAuthTokens } from '../token/auth-token-change-repository.ts';
import type { AuthTokenSettings } from '../token/auth-token-settings.ts';
import { auditToken } from '../token/token-audit.ts';
import { deleteEndedTokens, listDueTokens } from './auth-token-sweep-repository.ts';

/** What the sweep stands on. */
export interface AuthTokenSweepOptions {
  readonly database: Database;
  readonly clock: Clock;
  readonly log: Logger;
  readonly settings: AuthTokenSettings;
}

/** Rows marked in one transaction. */
const markedAtOnce = 500;
/** A full batch of deletions is followed by the next after this. */
const nextBatchMs = 1000;
const leaseName = 'auth token sweep';

/** Runs each period from `start` to `close`. */
export class AuthTokenSweep {
  readonly #options: AuthTokenSweepOptions;
  /** Tells this controller from the others. */
  readonly #holder = newId('controller');
  #timer: Timer | undefined;
  #running: Promise<void> = Promise.resolve();
  #isClosed = false;

  constructor(options: AuthTokenSweepOptions) {
    this.#options = options;
  }

  /** Begins; the first run is one period away. */
  start(): void {
    this.#arm(this.#options.settings.gcPeriodSeconds * 1000);
  }

  /** Waits for a run under way and stops. Idempotent. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#timer?.cancel();
    await this.#running;
  }

  /**
   * One run, if no other controller does it: marks all that are due, and deletes one batch. Says whether more is to be deleted.
   * @throws {StileError} unavailable, storageFull
   */
  async runOnce(): Promise<{ readonly marked: number; readonly deleted: number; readonly isMore: boolean }> {
    const { database, clock, settings } = this.#options;
    const nowUs = clock.nowUs();
    // A controller that dies in between keeps the others waiting for a few batches at the most.
    const untilUs = nowUs + Math.min(settings.gcPeriodSeconds, 60) * 1_000_000;
    const isMine = await database.write((tx) =>
      takeLease(tx, { name: leaseName, holder: this.#holder, nowUs, untilUs }),
    );
    if (!isMine) return { marked: 0, deleted: 0, isMore: false };
    const marked = await this.#mark(nowUs);
    const deleted = await this.#delete(nowUs);
    return { marked, deleted, isMore: deleted >= settings.gcMaxDeletions };
  }

  async #mark(nowUs: number): Promise<number> {
    const { database, settings } = this.#options;
    let marked = 0;
    while (!this.#isClosed) {
      const due = await listDueTokens(database.reader, settings, nowUs, markedAtOnce);
      if (due.length === 0) break;
      for (const { reason, ids } of due) {
        const ended = await database.write((tx) => revokeAuthTokens(tx, ids, { reason, nowUs }));
        marked += ended.length;
      }
    }
    return marked;
  }

  async #delete(nowUs: number): Promise<number> {
    const { database, settings, log } = this.#options;
    const beforeUs = nowUs - settings.gcRetentionSeconds * 1_000_000;
    const ids = await database.write(async (tx) => {
      const deleted = await deleteEndedTokens(tx, beforeUs, settings.gcMaxDeletions);
      await record(tx, 'auth-token', deleted, nowUs);
      return deleted;
    });
    if (ids.length > 0) auditToken(log, 'collected', { count: ids.length });
    return ids.length;
  }

  #arm(delayMs: number): void {
    if (this.#isClosed) return;
    this.#timer = this.#options.clock.setTimer(delayMs, () => {
      this.#running = this.#runAndArm();
    });
  }

  async #runAndArm(): Promise<void> {
    let isMore = false;
    try {
      isMore = (await this.runOnce()).isMore;
    } catch (error) {
      this.#options.log.warn(
        { err: error },
        'ended auth tokens could not be swept; the next run tries again',
      );
    }
    this.#arm(isMore ? nextBatchMs : this.#options.settings.gcPeriodSeconds * 1000);
  }
}
