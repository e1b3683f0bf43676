/**
 * What keeps sessions from staying for ever: expiry at its time, connections of workers that were lost, ends that nobody
 * completed, and the purge of ended sessions. Every controller runs one; all it does is conditional.
 */
import { toStileError } from '@stile/protocol';
import type { Clock, Logger, Timer } from '@stile/runtime';
import type { Database } from '../store/database.ts';
import { purgeDeletedBefore, record } from '../store/deleted-resource-repository.ts';
import type { ConnectionEnding } from './connection-ending.ts';
import { listLostConnections } from './connection-repository.ts';
import { endedBySystem } from './session.ts';
import { beginEndingAndTell } from './session-ending.ts';
import { chunkSize } from '../store/chunks.ts';
import { deleteStaleTraffic, trafficFreshUs } from './traffic/traffic-repository.ts';
import {
  deleteEnded,
  listDueSessions,
  listEndedBefore,
  listSessionsOfRevokedTokens,
  nextExpiry,
} from './session-repository.ts';

/** Between two rounds, milliseconds; shorter when a session expires before. */
const roundMs = 1000;
/** The shortest time between two rounds, milliseconds: sessions that expire one after the other end in one of them. */
const shortestRoundMs = 50;
/** Between two purges, milliseconds. */
const purgeMs = 30_000;
/** An ended session is kept this long, microseconds: an hour (session-protocol.md §5.6). */
const keepEndedUs = 3_600_000_000;
/** Deleted ids are kept this long, microseconds: 30 days, as long as a list token lives (http-api.md §1.10). */
const keepDeletedUs = 30 * 86_400_000_000;
/** The shortest lease that a target can have, microseconds. */
const shortestLeaseUs = 5_000_000;
/**
 * After the end of a worker's lease by our clock, microseconds: the worker counts from when it sent its last heartbeat, we
 * from when it came, so it has let go before; this covers clocks of several controllers.
 */
const lostMarginUs = 2_000_000;

/** Runs rounds from `start` until `close`. Owns its timer. */
export class SessionReaper {
  readonly #database: Database;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #ending: ConnectionEnding;
  #timer: Timer | undefined;
  #round: Promise<void> = Promise.resolve();
  #purgeAfterMs = 0;
  #isClosed = false;

  constructor(options: {
    readonly database: Database;
    readonly clock: Clock;
    readonly log: Logger;
    readonly ending: ConnectionEnding;
  }) {
    this.#database = options.database;
    this.#clock = options.clock;
    this.#log = options.log;
    this.#ending = options.ending;
  }

  /** Begins with a round at once. */
  start(): void {
    this.#round = this.#loop();
  }

  /** Stops and waits for the round under way. Idempotent. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#timer?.cancel();
    await this.#round;
  }

  /** One round: everything that is due now. @throws {StileError} unavailable, storageFull */
  async runOnce(): Promise<void> {
    await this.#endLost();
    await this.#endDue();
    const nowMs = this.#clock.monotonicMs();
    if (nowMs < this.#purgeAfterMs) return;
    this.#purgeAfterMs = nowMs + purgeMs;
    await this.#endOfRevokedTokens();
    await this.purge();
  }

  /** A token that was presented after its time is revoked then; its sessions end with it (session-protocol.md §5.7). */
  async #endOfRevokedTokens(): Promise<void> {
    const nowUs = this.#clock.nowUs();
    const ids = await listSessionsOfRevokedTokens(this.#database.reader, nowUs - 10 * purgeMs * 1000);
    if (ids.length === 0) return;
    const cause = { reason: 'token revoked', by: endedBySystem, nowUs } as const;
    await this.#database.write((tx) => beginEndingAndTell(tx, this.#database, { ids }, cause));
  }

  /** Deletes sessions that ended more than an hour ago, in batches. @throws {StileError} unavailable, storageFull */
  async purge(): Promise<void> {
    const nowUs = this.#clock.nowUs();
    for (;;) {
      const ids = await listEndedBefore(this.#database.reader, nowUs - keepEndedUs);
      if (ids.length > 0) {
        await this.#database.write(async (tx) => record(tx, 'session', await deleteEnded(tx, ids), nowUs));
      }
      if (ids.length < chunkSize) break;
    }
    await this.#database.write(async (tx) => {
      await purgeDeletedBefore(tx, nowUs - keepDeletedUs);
      await deleteStaleTraffic(tx, nowUs - trafficFreshUs);
    });
  }

  async #endLost(): Promise<void> {
    const bounds = { shortestLeaseUs, marginUs: lostMarginUs };
    const lost = await listLostConnections(this.#database.reader, this.#clock.nowUs(), bounds);
    if (lost.length === 0) return;
    this.#log.warn(
      { connections: lost.length },
      'connections of lost workers are closed: their lease has ended',
    );
    await this.#ending.end({ given: { connections: lost, reason: 'worker lost' } });
  }

  async #endDue(): Promise<void> {
    // Reading first costs no write, and nearly always nothing is due.
    const due = await listDueSessions(this.#database.reader, this.#clock.nowUs());
    if (due.length > 0) await this.#ending.end({ sessionIds: due });
  }

  /** Never rejects. */
  async #loop(): Promise<void> {
    let delayMs = roundMs;
    try {
      await this.runOnce();
      const nowUs = this.#clock.nowUs();
      const expiresAt = await nextExpiry(this.#database.reader, nowUs);
      if (expiresAt !== undefined) delayMs = delayUntil(expiresAt, nowUs);
    } catch (error) {
      const { code } = toStileError(error);
      this.#log.error({ err: error, code }, 'a round of the session reaper failed; the next one tries again');
    }
    if (this.#isClosed) return;
    this.#timer = this.#clock.setTimer(delayMs, () => {
      this.#round = this.#loop();
    });
  }
}

/** Milliseconds until the round for a session that expires then; both in epoch microseconds. */
function delayUntil(expiresAt: number, nowUs: number): number {
  return Math.min(roundMs, Math.max(shortestRoundMs, Math.ceil((expiresAt - nowUs) / 1000)));
}
