/**
 * Marks tokens whose time is up as ended, and deletes those that ended long ago (tokens.md §1.5, §1.8). Of several controllers one does it,
 * slowly enough that requests do not feel it. It ends no session: expiry and staleness of a token never do.
 */
import { newId } from '@stile/protocol';
import type { Clock, Logger, Timer } from '@stile/runtime';
import type { Connection, Database } from '../../store/database.ts';
import { record } from '../../store/deleted-resource-repository.ts';
import { takeLease } from '../../store/maintenance-lease-repository.ts';
import { revokeAuthTokens } from '../token/auth-token-change-repository.ts';
import type { AuthTokenSettings } from '../token/auth-token-settings.ts';
import { auditToken } from '../token/token-audit.ts';
import { deleteEndedTokens, nextDueTokens } from './auth-token-sweep-repository.ts';

/** What the sweep stands on. */
export interface AuthTokenSweepOptions {
  readonly database: Database;
  readonly clock: Clock;
  readonly log: Logger;
  readonly settings: AuthTokenSettings;
}

/** Rows changed in one transaction, some 5 ms of the one writer of SQLite: requests that write wait for no longer than that. */
const rowsAtOnce = 50;
/** Pause after such a transaction, so that requests keep the greater part of the writer and of the cores. */
const pauseMs = 30;
/** A full batch of deletions is followed by the next after this. */
const nextBatchMs = 1000;
/** Longest wait for the first run: an installation whose controllers never live for a period is swept too. */
const firstRunMs = 60_000;
/** Longest lease, seconds: more than clocks of controllers differ, and when its holder dies the others wait no longer. */
const longestLeaseSeconds = 300;
const leaseName = 'auth token sweep';

/** Runs each period from `start` to `close`. */
export class AuthTokenSweep {
  readonly #options: AuthTokenSweepOptions;
  /** Tells this controller from the others. */
  readonly #holder = newId('controller');
  #timer: Timer | undefined;
  #running: Promise<void> = Promise.resolve();
  /** Ends the pause of a run under way. */
  #wake: (() => void) | undefined;
  #isClosed = false;

  constructor(options: AuthTokenSweepOptions) {
    this.#options = options;
  }

  /** Begins; the first run is one period away, a minute at most. */
  start(): void {
    this.#arm(Math.min(firstRunMs, this.#options.settings.gcPeriodSeconds * 1000));
  }

  /** Waits for a run under way and stops. Idempotent. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#timer?.cancel();
    this.#wake?.();
    await this.#running;
  }

  /**
   * One run, as long as no other controller does it: marks those that are due and deletes those that ended long ago, at most
   * `gcMaxDeletions` of each, so that neither waits for the other. Says whether more may be left. It works in small transactions with pauses.
   * @throws {StileError} unavailable, storageFull
   */
  async runOnce(): Promise<{ readonly marked: number; readonly deleted: number; readonly isMore: boolean }> {
    const { clock, settings, log } = this.#options;
    const nowUs = clock.nowUs();
    const most = settings.gcMaxDeletions;
    const marked = await this.#repeat(most, (limit) => this.#mark(nowUs, limit));
    const beforeUs = nowUs - settings.gcRetentionSeconds * 1_000_000;
    const deleted = await this.#repeat(most, (limit) => this.#delete(beforeUs, limit));
    if (deleted > 0) auditToken(log, 'collected', { count: deleted });
    return { marked, deleted, isMore: Math.max(marked, deleted) >= most };
  }

  /** Repeats a step until it finds nothing, or `most` rows are done. */
  async #repeat(most: number, step: (limit: number) => Promise<number>): Promise<number> {
    let done = 0;
    while (!this.#isClosed) {
      const found = await step(Math.min(rowsAtOnce, most - done));
      done += found;
      if (found === 0 || done >= most) break;
      await this.#pause();
    }
    return done;
  }

  /** Marks the next of those that are due; 0 when there are none, or another controller has the work. */
  async #mark(nowUs: number, limit: number): Promise<number> {
    const { database, settings } = this.#options;
    const due = await nextDueTokens(database.reader, settings, nowUs, limit);
    if (due === undefined) return 0;
    const { ids, reason } = due;
    const ended = await this.#asHolder((tx) => revokeAuthTokens(tx, ids, { reason, nowUs }));
    return ended?.length ?? 0;
  }

  async #delete(beforeUs: number, limit: number): Promise<number> {
    const ids = await this.#asHolder(async (tx) => {
      const deleted = await deleteEndedTokens(tx, beforeUs, limit);
      await record(tx, 'auth-token', deleted, this.#options.clock.nowUs());
      return deleted;
    });
    return ids?.length ?? 0;
  }

  /** One transaction that first takes or renews the lease; undefined, and nothing is done, while another controller has it. */
  #asHolder<T>(work: (tx: Connection) => Promise<T>): Promise<T | undefined> {
    const { database, clock, settings } = this.#options;
    return database.write(async (tx) => {
      const nowUs = clock.nowUs();
      const untilUs = nowUs + Math.min(settings.gcPeriodSeconds, longestLeaseSeconds) * 1_000_000;
      const lease = { name: leaseName, holder: this.#holder, nowUs, untilUs };
      return (await takeLease(tx, lease)) ? work(tx) : undefined;
    });
  }

  /** Ends early when this is closed. */
  #pause(): Promise<void> {
    if (this.#isClosed) return Promise.resolve();
    return new Promise((resolve) => {
      const end = (): void => {
        timer.cancel();
        this.#wake = undefined;
        resolve();
      };
      const timer = this.#options.clock.setTimer(pauseMs, end);
      this.#wake = end;
    });
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
