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

/** Counters are stored, and lost connections looked for, at most this often for each worker, milliseconds. */
const recordsEveryMs = 10_000;
/** A connection younger than this may be on its way to the worker still, microseconds (session-protocol.md §5.6). */
const youngUs = 10_000_000;
/** Most sessions and connections in one report: a frame of 1 MiB holds about 30,000. */
const mostReported = 65_536;

/** Reconciles the reports of one controller's workers. */
export class SessionReconciliation {
  readonly #database: Database;
  readonly #clock: Clock;
  readonly #ending: ConnectionEnding;
  readonly #traffic: TrafficWatch | undefined;

  constructor(options: {
    readonly database: Database;
    readonly clock: Clock;
    readonly ending: ConnectionEnding;
    /** Hears of every report that was taken, with its live counters. */
    readonly traffic?: TrafficWatch;
  }) {
    this.#database = options.database;
    this.#clock = options.clock;
    this.#ending = options.ending;
    this.#traffic = options.traffic;
  }

  /** The state kept for one link. */
  newLink(): ReportedLink {
    return { recordsAfterMs: 0 };
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
    const reported = reports.flatMap((report) => report.connections);
    if (reports.length + reported.length > mostReported) {
      throw new StileError('invalidArgument', 'the report names too many sessions and connections');
    }
    const nowMs = this.#clock.monotonicMs();
    if (nowMs >= link.recordsAfterMs) {
      link.recordsAfterMs = nowMs + recordsEveryMs;
      await this.#record(workerId, reported);
    }
    const sessionIds = [...new Set(reports.map((report) => report.sessionId))];
    const standings = await listStandings(this.#database.reader, sessionIds);
    const nowUs = this.#clock.nowUs();
    const scopeOf = (id: string): string | undefined => standings.get(id)?.scope_id;
    this.#traffic?.report({ workerId, sessions: reports, scopeOf, nowUs });
    return sessionIds.flatMap((sessionId) => {
      const reason = revocationReason(standings.get(sessionId), nowUs);
      return reason === undefined ? [] : [{ sessionId, reason }];
    });
  }

  async #record(workerId: string, reported: readonly ConnectionReport[]): Promise<void> {
    const nowUs = this.#clock.nowUs();
    const counters = new Map<string, ConnectionReport>();
    for (const report of reported) {
      const before = counters.get(report.connectionId);
      counters.set(report.connectionId, {
        connectionId: report.connectionId,
        bytesUp: Math.max(before?.bytesUp ?? 0, storable(report.bytesUp)),
        bytesDown: Math.max(before?.bytesDown ?? 0, storable(report.bytesDown)),
      });
    }
    if (counters.size > 0) {
      await this.#database.write((tx) => raiseCounters(tx, workerId, [...counters.values()], nowUs));
    }
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

/** When a link's counters are stored next. */
export interface ReportedLink {
  /** By the clock's monotonic milliseconds. */
  recordsAfterMs: number;
}
