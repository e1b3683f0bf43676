/**
 * Counters of the sessions that viewers have on screen, and totals of scopes: at most once a second, read once for all viewers
 * (console.md §3.2). Stored counters are the base; what linked workers reported since is laid over it.
 */
import type { Clock } from '@stile/runtime';
import type { Database } from '../../store/database.ts';
import type { LiveTraffic } from './live-traffic.ts';
import { listTraffic, sumOpenTraffic, type StoredTraffic } from './traffic-repository.ts';

/** `[id, bytesUp, bytesDown, open connections, last byte at]`; the time is epoch milliseconds, 0 = none yet. */
export type CounterRow = readonly [
  id: string,
  up: number,
  down: number,
  connections: number,
  lastByteAtMs: number,
];

/** Counters of a session, and whose it is. */
export interface SessionCounters {
  readonly session: Pick<StoredTraffic, 'id' | 'scope_id' | 'user_id'>;
  readonly row: CounterRow;
  /** Whether it is another than at the call before. */
  readonly isChanged: boolean;
}

/** Stored counters are read again after this, milliseconds. */
const storedForMs = 2_000;
/** Totals are counted again after this, milliseconds. */
const totalsForMs = 5_000;

/** Remembers what was asked for last, and nothing else. */
export class Counters {
  readonly #database: Pick<Database, 'reader'>;
  readonly #clock: Clock;
  readonly #live: LiveTraffic;
  #stored = new Map<string, { readonly traffic: StoredTraffic; readonly untilMs: number }>();
  #rows = new Map<string, CounterRow>();
  #totals: { readonly rows: readonly CounterRow[]; readonly untilMs: number } | undefined;

  constructor(options: {
    readonly database: Pick<Database, 'reader'>;
    readonly clock: Clock;
    readonly live: LiveTraffic;
  }) {
    this.#database = options.database;
    this.#clock = options.clock;
    this.#live = options.live;
  }

  /** Counters of these sessions; unknown ones are absent. @throws {StileError} unavailable */
  async ofSessions(ids: ReadonlySet<string>): Promise<ReadonlyMap<string, SessionCounters>> {
    await this.#renew(ids);
    const rows = new Map<string, CounterRow>();
    const counters = new Map<string, SessionCounters>();
    for (const [id, { traffic }] of this.#stored) {
      const before = this.#rows.get(id);
      const row = this.#rowOf(traffic, before);
      rows.set(id, row);
      const isChanged = before === undefined || row.some((value, at) => value !== before[at]);
      counters.set(id, { session: traffic, row, isChanged });
    }
    this.#rows = rows;
    return counters;
  }

  /** Totals of the open connections by scope. @throws {StileError} unavailable */
  async ofScopes(): Promise<readonly CounterRow[]> {
    const nowMs = this.#clock.monotonicMs();
    if (this.#totals === undefined || nowMs >= this.#totals.untilMs) {
      const sums = await sumOpenTraffic(this.#database.reader);
      const rows = sums.map((sum): CounterRow => [
        sum.scopeId,
        sum.up,
        sum.down,
        sum.connections,
        Math.floor(sum.changedAt / 1000),
      ]);
      this.#totals = { rows, untilMs: nowMs + totalsForMs };
    }
    return this.#totals.rows;
  }

  async #renew(ids: ReadonlySet<string>): Promise<void> {
    const nowMs = this.#clock.monotonicMs();
    const due = [...ids].filter((id) => (this.#stored.get(id)?.untilMs ?? 0) <= nowMs);
    const read = await listTraffic(this.#database.reader, due);
    const stored = new Map(read.map((traffic) => [traffic.id, { traffic, untilMs: nowMs + storedForMs }]));
    for (const id of ids) {
      const known = this.#stored.get(id);
      if (known !== undefined && known.untilMs > nowMs) stored.set(id, known);
    }
    this.#stored = stored;
  }

  #rowOf(traffic: StoredTraffic, before: CounterRow | undefined): CounterRow {
    let up = traffic.closedUp;
    let down = traffic.closedDown;
    let changedAt = traffic.changedAt ?? 0;
    for (const connection of traffic.open) {
      const live = this.#live.lookup(connection.id);
      up += Math.max(connection.up, live?.up ?? 0);
      down += Math.max(connection.down, live?.down ?? 0);
      changedAt = Math.max(changedAt, live?.changedAt ?? 0);
    }
    // A connection that has just closed is in neither sum for a moment: what was told is not taken back.
    return [
      traffic.id,
      Math.max(up, before?.[1] ?? 0),
      Math.max(down, before?.[2] ?? 0),
      traffic.open.length,
      Math.max(Math.floor(changedAt / 1000), before?.[4] ?? 0),
    ];
  }
}
