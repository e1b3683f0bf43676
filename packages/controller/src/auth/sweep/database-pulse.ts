/**
 * When this database was last in use by a running controller. One that has been idle for long may be a backup that was restored: then auth
 * tokens that were revoked since the backup are good again, and the log says how to end them (tokens.md §6, case 67). Nothing in a database
 * can tell a restored backup from one that was merely switched off; so this asks rather than claims.
 */
import type { Clock, Logger, Timer } from '@stile/runtime';
import type { Database } from '../../store/database.ts';
import { lookupLease, takeLease } from '../../store/maintenance-lease-repository.ts';

/** What the pulse stands on. */
export interface DatabasePulseOptions {
  readonly database: Database;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Name of the row; its holder says nothing, its time is that of the last beat. */
const rowName = 'last in use';
/** A beat is written this often, milliseconds. */
const beatMs = 60_000;
/** A start after a longer pause asks whether a backup was restored, microseconds: ten minutes. */
const pauseUs = 600_000_000;

/** Beats from `start` to `close`. */
export class DatabasePulse {
  readonly #options: DatabasePulseOptions;
  #timer: Timer | undefined;
  #beating: Promise<void> = Promise.resolve();
  #isClosed = false;

  constructor(options: DatabasePulseOptions) {
    this.#options = options;
  }

  /** Says when the database was idle for long, and begins to beat. */
  async start(): Promise<void> {
    const { database, clock, log } = this.#options;
    const last = await lookupLease(database.reader, rowName);
    const nowUs = clock.nowUs();
    if (last !== undefined && nowUs - last.expires_at > pauseUs) {
      log.warn(
        { lastInUse: new Date(Math.floor(last.expires_at / 1000)).toISOString() },
        'the database was last in use some time ago; if it was restored from a backup, auth tokens that were revoked since are good again: ' +
          'end all of them by "stile auth terminate-other-sessions --all-users --include-api -y"',
      );
    }
    await this.#beat();
  }

  /** Waits for a beat under way and stops. Idempotent. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#timer?.cancel();
    await this.#beating;
  }

  /** Never rejects. */
  async #beat(): Promise<void> {
    const { database, clock, log } = this.#options;
    const nowUs = clock.nowUs();
    try {
      await database.write((tx) => takeLease(tx, { name: rowName, holder: 'any', nowUs, untilUs: nowUs }));
    } catch (error) {
      log.warn({ err: error }, 'it could not be written that the database is in use');
    }
    if (this.#isClosed) return;
    this.#timer = clock.setTimer(beatMs, () => {
      this.#beating = this.#beat();
    });
  }
}
