/**
 * The changes of sessions, read once for all viewers of this controller. Own changes are heard of after their commit; those of
 * other controllers by their events, or by looking ten times a second while somebody watches (console.md §3.4). Rows are read
 * again from the database, so an event only says where to look, and each version of a session is handed on once.
 */
import { toStileError } from '@stile/protocol';
import { othersTurn, type Clock, type Logger, type Timer } from '@stile/runtime';
import type { SessionRow } from '../../session/session.ts';
import type { Database } from '../../store/database.ts';
import { listSince } from '../../store/deleted-resource-repository.ts';
import type { StoreEvent } from '../../store/events.ts';
import { listChangedSince, listSessionsOf } from './changed-session-repository.ts';

/** What a viewer is told. `positionUs`: everything up to it was handed on, but for commits that come late. */
export interface SessionListener {
  changed(rows: readonly SessionRow[], positionUs: number): void;
  /** These ended a while ago and leave views that show what lives. */
  left(rows: readonly SessionRow[]): void;
  /** These rows are gone. */
  deleted(ids: readonly string[]): void;
}

/** What the feed stands on. */
export interface SessionFeedOptions {
  readonly database: Pick<Database, 'engine' | 'reader' | 'events'>;
  readonly clock: Clock;
  readonly log: Logger;
}

/** How long an ended session stays in views of what lives, microseconds (console.md §3.6). */
export const endedStayUs = 60_000_000;
/** Shortest time between two reads, milliseconds: a burst of changes makes one delta. The first after a pause is read at once. */
const gatherMs = 40;
/** How often other controllers' changes are looked for, milliseconds. */
const pollMs = 100;
/** How far such a look goes back, microseconds: commits are later than their stamps, and clocks differ a little. */
const pollBackUs = 2_000_000;
/** How often it is looked further back, milliseconds. */
const sweepMs = 5_000;
/** How far then, microseconds: the longest unit of work, and clocks that differ a lot. */
const sweepBackUs = 60_000_000;
/** How often deleted rows are looked for, milliseconds. */
const deletedMs = 30_000;
/** After a failed read, milliseconds. */
const retryMs = 1_000;
/** Handing on gives others their turn after this long, milliseconds. */
const turnMs = 10;

/** Reads while it has listeners. Owns its timers; `close` once. */
export class SessionFeed {
  readonly #options: SessionFeedOptions;
  readonly #listeners = new Set<SessionListener>();
  readonly #unsubscribe: () => void;
  /** Ids to read. */
  #dirty = new Set<string>();
  /** Version handed on last, and when, by session. */
  readonly #seen = new Map<string, { readonly version: number; readonly atMs: number }>();
  /** Ended lately; they leave `endedStayUs` after their end. */
  readonly #ended = new Map<string, SessionRow>();
  #timers: Timer[] = [];
  #readTimer: Timer | undefined;
  #reading: Promise<void> | undefined;
  #readAtMs = Number.NEGATIVE_INFINITY;
  #deletedSinceUs = 0;
  #isClosed = false;

  constructor(options: SessionFeedOptions) {
    this.#options = options;
    this.#unsubscribe = options.database.events.subscribe((event) => this.#hear(event));
  }

  /** Tells the listener of every change from now on; gives the position at which that begins. */
  attach(listener: SessionListener): number {
    const nowUs = this.#options.clock.nowUs();
    this.#listeners.add(listener);
    if (this.#listeners.size === 1) this.#begin(nowUs);
    return nowUs;
  }

  /** Idempotent. */
  detach(listener: SessionListener): void {
    if (!this.#listeners.delete(listener) || this.#listeners.size > 0) return;
    this.#stop();
  }

  /** A viewer shows this session, which has ended: it will hear when the session leaves. */
  noteEnded(row: SessionRow): void {
    if (row.status === 'terminated') this.#ended.set(row.id, row);
  }

  /** Stops and waits for the read under way. Idempotent. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#unsubscribe();
    this.#stop();
    this.#listeners.clear();
    await this.#reading;
  }

  #begin(nowUs: number): void {
    this.#deletedSinceUs = nowUs;
    this.#every(1_000, () => this.#tellLeft());
    this.#every(deletedMs, () => this.#tellDeleted());
    // SQLite has one controller: every change is an own one.
    if (this.#options.database.engine === 'sqlite') return;
    this.#every(pollMs, () => this.#look(pollBackUs));
    this.#every(sweepMs, () => this.#look(sweepBackUs));
  }

  #stop(): void {
    for (const timer of this.#timers) timer.cancel();
    this.#timers = [];
    this.#readTimer?.cancel();
    this.#readTimer = undefined;
    this.#dirty.clear();
    this.#seen.clear();
    this.#ended.clear();
  }

  /** Runs `work` again and again, `ms` after it ended, until the feed stops. Its failures are logged. */
  #every(ms: number, work: () => Promise<void> | void): void {
    const slot = this.#timers.length;
    const arm = (): void => {
      this.#timers[slot] = this.#options.clock.setTimer(ms, () => void run());
    };
    const timers = this.#timers;
    const run = async (): Promise<void> => {
      try {
        await work();
      } catch (error) {
        this.#options.log.warn(
          { err: toStileError(error) },
          'changes of sessions cannot be read; trying again',
        );
      }
      if (this.#timers === timers) arm();
    };
    arm();
  }

  #hear(event: StoreEvent): void {
    if (this.#listeners.size === 0) return;
    if (
      event.type !== 'session-changed' &&
      event.type !== 'session-ending' &&
      event.type !== 'session-ended'
    ) {
      return;
    }
    this.#dirty.add(event.sessionId);
    this.#schedule(0);
  }

  async #look(backUs: number): Promise<void> {
    const { database, clock } = this.#options;
    const changed = await listChangedSince(database.reader, clock.nowUs() - backUs);
    for (const { id, version } of changed) {
      if ((this.#seen.get(id)?.version ?? 0) < version) this.#dirty.add(id);
    }
    if (this.#dirty.size > 0) this.#schedule(0);
    if (backUs === sweepBackUs) this.#forget();
  }

  /** Forgets what no look can meet again. */
  #forget(): void {
    const beforeMs = this.#options.clock.monotonicMs() - (2 * sweepBackUs) / 1000;
    for (const [id, { atMs }] of this.#seen) {
      if (atMs > beforeMs) break;
      this.#seen.delete(id);
    }
  }

  #schedule(leastMs: number): void {
    if (this.#readTimer !== undefined || this.#reading !== undefined || this.#isClosed) return;
    const { clock } = this.#options;
    const delayMs = Math.max(leastMs, this.#readAtMs + gatherMs - clock.monotonicMs());
    this.#readTimer = clock.setTimer(delayMs, () => {
      this.#readTimer = undefined;
      this.#readAtMs = clock.monotonicMs();
      this.#reading = this.#read().then((isDone) => {
        this.#reading = undefined;
        if (this.#dirty.size > 0) this.#schedule(isDone ? 0 : retryMs);
      });
    });
  }

  /** Never rejects; false when the rows could not be read and are to be read again. */
  async #read(): Promise<boolean> {
    const { database, clock, log } = this.#options;
    const ids = this.#dirty;
    this.#dirty = new Set();
    const positionUs = clock.nowUs();
    try {
      const rows = await listSessionsOf(database.reader, [...ids]);
      await this.#handOn(
        rows.filter((row) => this.#isNew(row)),
        positionUs,
      );
      return true;
    } catch (error) {
      log.warn({ err: toStileError(error) }, 'changed sessions cannot be read; trying again');
      for (const id of ids) this.#dirty.add(id);
      return this.#listeners.size === 0;
    }
  }

  #isNew(row: SessionRow): boolean {
    const known = this.#seen.get(row.id);
    if (known !== undefined && known.version >= row.version) return false;
    // Put again at the end: the map's order is that of time.
    this.#seen.delete(row.id);
    this.#seen.set(row.id, { version: row.version, atMs: this.#options.clock.monotonicMs() });
    this.noteEnded(row);
    return true;
  }

  async #handOn(rows: readonly SessionRow[], positionUs: number): Promise<void> {
    if (rows.length === 0) return;
    await this.#tellAll((listener) => listener.changed(rows, positionUs));
  }

  async #tellAll(tell: (listener: SessionListener) => void): Promise<void> {
    const { clock } = this.#options;
    let beganMs = clock.monotonicMs();
    for (const listener of this.#listeners) {
      tell(listener);
      if (clock.monotonicMs() - beganMs < turnMs) continue;
      await othersTurn();
      beganMs = clock.monotonicMs();
    }
  }

  async #tellLeft(): Promise<void> {
    const beforeUs = this.#options.clock.nowUs() - endedStayUs;
    const rows = [...this.#ended.values()].filter((row) => (row.terminated_at ?? 0) <= beforeUs);
    if (rows.length === 0) return;
    for (const row of rows) this.#ended.delete(row.id);
    await this.#tellAll((listener) => listener.left(rows));
  }

  async #tellDeleted(): Promise<void> {
    const { database, clock } = this.#options;
    const sinceUs = this.#deletedSinceUs - sweepBackUs;
    const nowUs = clock.nowUs();
    const { ids } = await listSince(database.reader, 'session', sinceUs);
    this.#deletedSinceUs = nowUs;
    if (ids.length > 0) await this.#tellAll((listener) => listener.deleted(ids));
  }
}
