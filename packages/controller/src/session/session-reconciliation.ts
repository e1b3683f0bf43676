/**
 * Compares what a worker says it holds with our records, at its hello and at its heartbeats: which sessions must end, live
 * counters, and connections that the worker does not know any more (session-protocol.md §5.6). What a push missed is found
 * here.
 */
import { StileError } from '@stile/protocol';
import type { ConnectionReport, SessionReport, SessionRevocation } from '@stile/protocol/rpc';
import type { Clock } from '@stile/runtime';
import type { Database } from '../store/database.ts';
import type { ConnectionEnding } from './connection-ending.ts';
import { storable } from './connection-ending.ts';
import { listOpenOfWorker, raiseCounters } from './connection-repository.ts';
import { revocationReason } from './session.ts';
import { listStandings } from './session-repository.ts';
import type { SessionTraffic } from './traffic/session-traffic.ts';
import { replaceTraffic } from './traffic/traffic-repository.ts';

/** Lost connections are looked for at most this often for each worker, milliseconds. */
const lostEveryMs = 10_000;
/** Counters of a large worker wait no longer than this, milliseconds. */
const mostStoreMs = 10_000;
/**
 * Pause after each stored counter, milliseconds: 200 that change are stored with every heartbeat, and no worker causes more than
 * 100 changed rows a second.
 */
const storeMsPerConnection = 10;
/** A connection younger than this may be on its way to the worker still, microseconds (session-protocol.md §5.6). */
const youngUs = 10_000_000;
/** Most sessions and connections in one report: a frame of 1 MiB holds about 30,000. */
const mostReported = 65_536;

/** Reconciles the reports of one controller's workers. */
export class SessionReconciliation {
  readonly #database: Database;
  readonly #clock: Clock;
  readonly #ending: ConnectionEnding;
  readonly #traffic: SessionTraffic;
  readonly #watch: TrafficWatch | undefined;

  constructor(options: {
    readonly database: Database;
    readonly clock: Clock;
    readonly ending: ConnectionEnding;
    readonly traffic: SessionTraffic;
    /** Hears of every report that was taken, with its live counters. */
    readonly watch?: TrafficWatch;
  }) {
    this.#database = options.database;
    this.#clock = options.clock;
    this.#ending = options.ending;
    this.#traffic = options.traffic;
    this.#watch = options.watch;
  }

  /** The state kept for one link. */
  newLink(): ReportedLink {
    // Of an earlier link there may be traffic.
    return { lostAfterMs: 0, storeAfterMs: 0, hadTraffic: true };
  }

  /** The worker's link to this controller is gone. */
  unlinked(workerId: string): void {
    this.#traffic.forget(workerId);
  }

  /**
   * Sessions of the report that must end now. Stores counters and finds lost connections when it is time to.
   * @throws {StileError} invalidArgument (the report is larger than any worker's can be)
   */
  async reconcile(
    workerId: string,
    reports: readonly SessionReport[],
    link: ReportedLink,
  ): Promise<SessionRevocation[]> {
    const connectionCount = reports.reduce((sum, report) => sum + report.connections.length, 0);
    if (reports.length + connectionCount > mostReported) {
      throw new StileError('invalidArgument', 'the report names too many sessions and connections');
    }
    const nowMs = this.#clock.monotonicMs();
    const counters = this.#count(workerId, reports, nowMs);
    if (nowMs >= link.storeAfterMs) await this.#store(workerId, counters, link);
    if (nowMs >= link.lostAfterMs) {
      link.lostAfterMs = nowMs + lostEveryMs;
      await this.#endLost(workerId, counters);
    }
    const sessionIds = [...new Set(reports.map((report) => report.sessionId))];
    const standings = await listStandings(this.#database.reader, sessionIds);
    const nowUs = this.#clock.nowUs();
    const scopeOf = (id: string): string | undefined => standings.get(id)?.scope_id;
    this.#watch?.report({ workerId, sessions: reports, scopeOf, nowUs });
    return sessionIds.flatMap((sessionId) => {
      const reason = revocationReason(standings.get(sessionId), nowUs);
      return reason === undefined ? [] : [{ sessionId, reason }];
    });
  }

  /** Takes the reported counters into the traffic; gives each connection once, with its highest counters. */
  #count(workerId: string, reports: readonly SessionReport[], nowMs: number): Map<string, ConnectionReport> {
    const traffic = this.#traffic.of(workerId);
    const counters = new Map<string, ConnectionReport>();
    for (const { sessionId, connections } of reports) {
      for (const { connectionId, bytesUp, bytesDown } of connections) {
        const before = counters.get(connectionId);
        const up = Math.max(before?.bytesUp ?? 0, storable(bytesUp));
        const down = Math.max(before?.bytesDown ?? 0, storable(bytesDown));
        counters.set(connectionId, { connectionId, bytesUp: up, bytesDown: down });
        traffic.counted(connectionId, sessionId, { up, down }, nowMs);
      }
    }
    traffic.keepOnly(new Set(counters.keys()), nowMs - youngUs / 1000);
    return counters;
  }

  /** Stores the counters that changed, and the traffic of the last seconds. */
  async #store(
    workerId: string,
    counters: ReadonlyMap<string, ConnectionReport>,
    link: ReportedLink,
  ): Promise<void> {
    const traffic = this.#traffic.of(workerId);
    const changed = [...counters.values()].filter((each) => traffic.isUnstored(each.connectionId));
    const rates = traffic.rates(this.#clock.monotonicMs());
    if (changed.length === 0 && rates.length === 0 && !link.hadTraffic) return;
    const nowUs = this.#clock.nowUs();
    await this.#database.write(async (tx) => {
      await raiseCounters(tx, workerId, changed, nowUs);
      await replaceTraffic(tx, workerId, rates, nowUs);
    });
    traffic.stored(changed.map((each) => each.connectionId));
    link.hadTraffic = rates.length > 0;
    const pauseMs = Math.min(mostStoreMs, changed.length * storeMsPerConnection);
    link.storeAfterMs = this.#clock.monotonicMs() + pauseMs;
  }

  async #endLost(workerId: string, counters: ReadonlyMap<string, ConnectionReport>): Promise<void> {
    const nowUs = this.#clock.nowUs();
    const open = await listOpenOfWorker(this.#database.reader, workerId, nowUs - youngUs);
    const unknown = open.filter((connection) => !counters.has(connection.id));
    if (unknown.length > 0) {
      await this.#ending.end({ given: { connections: unknown, reason: 'worker lost' } });
    }
  }
}

/** A worker's report with the scopes of its sessions; one that is gone has none. */
export interface WorkerReport {
  readonly workerId: string;
  readonly sessions: readonly SessionReport[];
  readonly scopeOf: (sessionId: string) => string | undefined;
  /** Epoch microseconds. */
  readonly nowUs: number;
}

/** Told of reports. */
export interface TrafficWatch {
  report(report: WorkerReport): void;
}

/** What is remembered of one link. Times by the clock's monotonic milliseconds. */
export interface ReportedLink {
  /** When lost connections are looked for next. */
  lostAfterMs: number;
  /** When counters are stored next. */
  storeAfterMs: number;
  /** The store may still hold traffic of the worker. */
  hadTraffic: boolean;
}
