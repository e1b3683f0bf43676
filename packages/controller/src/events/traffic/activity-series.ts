/**
 * The last day in points of a minute, by scope: sessions by status, bytes a second, and how long connections took to be set up
 * (console.md §3.2). A ring in this controller's memory: sessions are those of the whole installation, bytes and set-up times those
 * of the workers linked here.
 */
import { toStileError } from '@stile/protocol';
import type { Clock, Logger, Timer } from '@stile/runtime';
import type { Database } from '../../store/database.ts';
import type { LiveTraffic } from './live-traffic.ts';
import { countLiving } from './traffic-repository.ts';

/** Time between points, milliseconds. */
const pointMs = 60_000;
/** Points that are kept: a day. */
const keptPoints = 1_440;
/** Scopes of one point; the busiest count when there are more. 1,440 points of 200 scopes are some 50 MB at the very most. */
const mostScopes = 200;
/** Upper bounds of the classes in which set-up times are counted, milliseconds: each 1.5 times the one before, from 0.5 to 50,000. */
const bounds: readonly number[] = Array.from({ length: 30 }, (_, at) => 0.5 * 1.5 ** at);

/** What a scope did in a minute. */
interface ScopePoint {
  pending: number;
  active: number;
  canceling: number;
  up: number;
  down: number;
  /** Number of set-ups by class; absent = none. */
  setUps?: number[];
}

interface Point {
  readonly atUs: number;
  readonly scopes: ReadonlyMap<string, ScopePoint>;
}

/** Makes points from `start` to `close`. */
export class ActivitySeries {
  readonly #database: Pick<Database, 'reader'>;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #live: LiveTraffic;
  readonly #points: Point[] = [];
  readonly #setUps = new Map<string, number[]>();
  #onPoint: () => void = () => undefined;
  #timer: Timer | undefined;
  #working: Promise<void> | undefined;
  #isClosed = false;

  constructor(options: {
    readonly database: Pick<Database, 'reader'>;
    readonly clock: Clock;
    readonly log: Logger;
    readonly live: LiveTraffic;
  }) {
    this.#database = options.database;
    this.#clock = options.clock;
    this.#log = options.log;
    this.#live = options.live;
  }

  /** `onPoint` is called after each new point. */
  start(onPoint: () => void): void {
    this.#onPoint = onPoint;
    this.#arm();
  }

  /** Stops and waits for the point that is being made. Idempotent. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#timer?.cancel();
    await this.#working;
  }

  /** A connection of the scope was set up in this time. */
  addSetUp(scopeId: string, tookMs: number): void {
    const counts = this.#setUps.get(scopeId) ?? bounds.map(() => 0);
    const at = bounds.findIndex((bound) => tookMs <= bound);
    const index = at < 0 ? bounds.length - 1 : at;
    counts[index] = (counts[index] ?? 0) + 1;
    this.#setUps.set(scopeId, counts);
  }

  /** All points of these scopes together, oldest first: a JSON array. */
  of(scopes: ReadonlySet<string>): string {
    return `[${this.#points.map((point) => pointOf(point, scopes)).join(',')}]`;
  }

  /** The newest point of these scopes: JSON; undefined before the first. */
  latest(scopes: ReadonlySet<string>): string | undefined {
    const point = this.#points.at(-1);
    return point && pointOf(point, scopes);
  }

  /** Makes a point now. @throws {StileError} unavailable */
  async addPoint(): Promise<void> {
    const scopes = new Map<string, ScopePoint>();
    const of = (scopeId: string): ScopePoint => {
      const known = scopes.get(scopeId) ?? { pending: 0, active: 0, canceling: 0, up: 0, down: 0 };
      scopes.set(scopeId, known);
      return known;
    };
    for (const { scopeId, status, count } of await countLiving(this.#database.reader)) {
      if (status === 'pending' || status === 'active' || status === 'canceling') of(scopeId)[status] = count;
    }
    for (const [scopeId, { up, down }] of this.#live.takeMoved()) Object.assign(of(scopeId), { up, down });
    for (const [scopeId, setUps] of this.#setUps) of(scopeId).setUps = setUps;
    this.#setUps.clear();
    const busiest = [...scopes].sort(([, a], [, b]) => b.active - a.active).slice(0, mostScopes);
    this.#points.push({ atUs: this.#clock.nowUs(), scopes: new Map(busiest) });
    if (this.#points.length > keptPoints) this.#points.shift();
    this.#onPoint();
  }

  #arm(): void {
    this.#timer = this.#clock.setTimer(pointMs, () => {
      this.#working = this.addPoint()
        .catch((error: unknown) => {
          this.#log.warn(
            { err: toStileError(error) },
            'a point of the overview is missing: sessions cannot be counted',
          );
        })
        .then(() => {
          if (!this.#isClosed) this.#arm();
        });
    });
  }
}

function pointOf({ atUs, scopes }: Point, wanted: ReadonlySet<string>): string {
  const sum: Required<ScopePoint> = {
    pending: 0,
    active: 0,
    canceling: 0,
    up: 0,
    down: 0,
    setUps: bounds.map(() => 0),
  };
  for (const [scopeId, part] of scopes) {
    if (!wanted.has(scopeId)) continue;
    for (const name of ['pending', 'active', 'canceling', 'up', 'down'] as const) sum[name] += part[name];
    part.setUps?.forEach((count, at) => (sum.setUps[at] = (sum.setUps[at] ?? 0) + count));
  }
  return JSON.stringify({
    time: new Date(atUs / 1000).toISOString(),
    sessions: { pending: sum.pending, active: sum.active, canceling: sum.canceling },
    bytes_up_per_second: Math.round(sum.up / (pointMs / 1000)),
    bytes_down_per_second: Math.round(sum.down / (pointMs / 1000)),
    set_up_p50_ms: quantile(sum.setUps, 0.5),
    set_up_p99_ms: quantile(sum.setUps, 0.99),
  });
}

/** Upper bound of the class in which the quantile lies, rounded; null without any. */
function quantile(counts: readonly number[], part: number): number | null {
  const all = counts.reduce((sum, count) => sum + count, 0);
  if (all === 0) return null;
  let left = Math.ceil(all * part);
  for (const [at, count] of counts.entries()) {
    left -= count;
    if (left <= 0) return Math.round((bounds[at] ?? 0) * 10) / 10;
  }
  return null;
}
