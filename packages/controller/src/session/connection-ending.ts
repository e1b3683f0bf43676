/**
 * The one place where connections close and, with the last of them, their session terminates: worker reports, answers to a
 * push, the reaper and the reconciliation all come through here, each in one unit of work.
 */
import type { ConnectionEndReason } from '@stile/protocol';
import type { ConnectionClose } from '@stile/protocol/rpc';
import type { Clock } from '@stile/runtime';
import { chunksOf } from '../store/chunks.ts';
import type { Connection, Database } from '../store/database.ts';
import * as connections from './connection-repository.ts';
import type { OpenConnection } from './connection-repository.ts';
import { lockSessions, terminateDue } from './session-repository.ts';
import type { SessionTraffic } from './traffic/session-traffic.ts';

/** What closes in one unit of work. */
export interface ConnectionsEnd {
  /** What one worker reported; connections of other workers among them are left alone. */
  readonly reported?: { readonly workerId: string; readonly closes: readonly ConnectionClose[] };
  /** Connections that close without a report, and why. */
  readonly given?: { readonly connections: readonly OpenConnection[]; readonly reason: ConnectionEndReason };
  /** Further sessions to look at: they terminate when they are due and nothing of them is open. */
  readonly sessionIds?: readonly string[];
}

/** Closes connections and terminates the sessions that this completes. */
export class ConnectionEnding {
  readonly #database: Database;
  readonly #clock: Clock;
  readonly #traffic: SessionTraffic | undefined;

  /** `traffic` is told of the final counters that workers report. */
  constructor(options: {
    readonly database: Database;
    readonly clock: Clock;
    readonly traffic?: SessionTraffic;
  }) {
    this.#database = options.database;
    this.#clock = options.clock;
    this.#traffic = options.traffic;
  }

  /** Idempotent; gives the ids of the sessions that terminated by it. @throws {StileError} unavailable, storageFull */
  async end(what: ConnectionsEnd): Promise<string[]> {
    const reported = what.reported && {
      workerId: what.reported.workerId,
      closes: mergedCloses(what.reported.closes),
    };
    if (reported !== undefined) this.#countTraffic(reported);
    const givenIds = what.given?.connections.map((connection) => connection.id) ?? [];
    return this.#database.write(async (tx) => {
      const nowUs = this.#clock.nowUs();
      const sessionIds = new Set(what.sessionIds);
      for (const connection of what.given?.connections ?? []) sessionIds.add(connection.sessionId);
      if (reported !== undefined) {
        const ids = reported.closes.map((close) => close.connectionId);
        for (const id of await connections.sessionIdsOfConnections(tx, reported.workerId, ids)) {
          sessionIds.add(id);
        }
      }
      if (sessionIds.size === 0) return [];
      await lockSessions(tx, this.#database.engine, [...sessionIds]);
      if (reported !== undefined) {
        await connections.closeConnections(tx, reported.workerId, reported.closes, nowUs);
      }
      if (what.given !== undefined) {
        await connections.closeWithoutReport(tx, givenIds, what.given.reason, nowUs);
      }
      return terminateAndTell(tx, this.#database, [...sessionIds], nowUs);
    });
  }

  #countTraffic({ workerId, closes }: NonNullable<ConnectionsEnd['reported']>): void {
    const traffic = this.#traffic?.of(workerId);
    const nowMs = this.#clock.monotonicMs();
    for (const { connectionId, bytesUp, bytesDown } of closes) {
      traffic?.closed(connectionId, { up: bytesUp, down: bytesDown }, nowMs);
    }
  }
}

/** Terminates those of the sessions that are due and tells everybody; gives their ids. The caller holds their rows. */
export async function terminateAndTell(
  tx: Connection,
  database: Database,
  sessionIds: readonly string[],
  nowUs: number,
): Promise<string[]> {
  const ended = await terminateDue(tx, sessionIds, nowUs);
  await tellOfSessions(tx, database, 'session-ended', ended);
  return ended;
}

/** Publishes an event of each session, many at a time. */
export async function tellOfSessions(
  tx: Connection,
  database: Database,
  type: 'session-ending' | 'session-ended',
  sessionIds: readonly string[],
): Promise<void> {
  for (const chunk of chunksOf(sessionIds)) {
    await database.events.publish(tx, ...chunk.map((sessionId) => ({ type, sessionId })));
  }
}

/** Each connection once, with its highest counters; numbers that a column cannot hold are cut. */
function mergedCloses(closes: readonly ConnectionClose[]): ConnectionClose[] {
  const merged = new Map<string, ConnectionClose>();
  for (const close of closes) {
    const before = merged.get(close.connectionId);
    merged.set(close.connectionId, {
      ...(before ?? close),
      bytesUp: Math.max(before?.bytesUp ?? 0, storable(close.bytesUp)),
      bytesDown: Math.max(before?.bytesDown ?? 0, storable(close.bytesDown)),
      closedAt: storable((before ?? close).closedAt),
    });
  }
  return [...merged.values()];
}

/** A count as a column holds it: whole, not negative, at most 2^53 − 1. */
export function storable(value: number): number {
  if (!(value > 0)) return 0;
  return Math.min(Math.floor(value), Number.MAX_SAFE_INTEGER);
}
