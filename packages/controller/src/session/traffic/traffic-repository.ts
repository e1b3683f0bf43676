/** SQL of the traffic of sessions, as the controllers that hold the workers' links have measured it. */
import { sql, type RawBuilder } from 'kysely';
import { chunksOf } from '../../store/chunks.ts';
import type { Connection } from '../../store/database.ts';
import type { SessionRate } from './session-traffic.ts';

/**
 * The sum of a column of counts, as a floating-point number: a hostile worker may report the largest counts there are, and SQLite fails
 * when a sum of integers grows too large.
 */
export function sumOf(column: string): RawBuilder<number> {
  return sql<number>`sum(cast(${sql.ref(column)} as double precision))`;
}

/** A sum as an answer shows it: whole, at most 2^53 − 1. */
export function shownSum(value: number): number {
  return Math.min(Math.round(Number(value)), Number.MAX_SAFE_INTEGER);
}

/** A measurement counts for this long, microseconds: workers report every two seconds, and large ones every ten. */
export const trafficFreshUs = 15_000_000;

/**
 * Replaces what is known of a worker's traffic. Sessions of which the worker never carried a connection are left out: a worker
 * tells of its own only. Of two reports at once neither sees the other's rows to delete: the later one's rates stand.
 */
export async function replaceTraffic(
  tx: Connection,
  workerId: string,
  rates: readonly SessionRate[],
  nowUs: number,
): Promise<void> {
  await tx.deleteFrom('session_traffic').where('worker_id', '=', workerId).execute();
  for (const chunk of chunksOf(rates)) {
    const rows = chunk.map(
      (rate) =>
        sql`(cast(${rate.sessionId} as text), cast(${rate.up} as bigint), cast(${rate.down} as bigint))`,
    );
    await sql`
      with measured (session_id, up_rate, down_rate) as (values ${sql.join(rows)})
      insert into session_traffic (worker_id, session_id, measured_at, up_per_second, down_per_second)
      select ${workerId}, measured.session_id, ${nowUs}, measured.up_rate, measured.down_rate from measured
      where exists (select 1 from session_connection
        where session_connection.session_id = measured.session_id and session_connection.worker_id = ${workerId})
      on conflict (worker_id, session_id) do update set measured_at = excluded.measured_at,
        up_per_second = excluded.up_per_second, down_per_second = excluded.down_per_second`.execute(tx);
  }
}

/** Deletes what workers that fell silent have left. */
export async function deleteStaleTraffic(tx: Connection, beforeUs: number): Promise<void> {
  await tx.deleteFrom('session_traffic').where('measured_at', '<', beforeUs).execute();
}

/** The traffic of a session over all its workers. */
export interface MeasuredSession {
  readonly session_id: string;
  readonly scope_id: string;
  readonly user_id: string;
  /** Bytes per second. */
  readonly up: number;
  /** Bytes per second. */
  readonly down: number;
}

/** Every session with traffic measured since that time, busiest first; of one worker when it is named. */
export async function listTraffic(
  db: Connection,
  sinceUs: number,
  workerId?: string,
): Promise<MeasuredSession[]> {
  let query = db
    .selectFrom('session_traffic')
    .innerJoin('session', 'session.id', 'session_traffic.session_id')
    .select(['session_traffic.session_id', 'session.scope_id', 'session.user_id'])
    .select([
      sumOf('session_traffic.up_per_second').as('up'),
      sumOf('session_traffic.down_per_second').as('down'),
    ])
    .where('session_traffic.measured_at', '>', sinceUs)
    .groupBy(['session_traffic.session_id', 'session.scope_id', 'session.user_id']);
  if (workerId !== undefined) query = query.where('session_traffic.worker_id', '=', workerId);
  const rows = await query.execute();
  return rows
    .map((row) => ({ ...row, up: shownSum(row.up), down: shownSum(row.down) }))
    .sort((a, b) => b.up + b.down - (a.up + a.down) || (a.session_id < b.session_id ? -1 : 1));
}

/** Bytes per second of each worker that has traffic, and its sessions and connections. */
export interface WorkerLoad {
  readonly workerId: string;
  readonly sessions: number;
  readonly connections: number;
  readonly up: number;
  readonly down: number;
}

/** What every worker carries now. A worker without connections and traffic is absent. */
export async function listWorkerLoads(
  db: Connection,
  sinceUs: number,
): Promise<ReadonlyMap<string, WorkerLoad>> {
  const [open, moved] = await Promise.all([
    db
      .selectFrom('session_connection')
      .select('worker_id')
      .select((select) => [
        select.fn.countAll<number | string>().as('connections'),
        sql<number | string>`count(distinct session_connection.session_id)`.as('sessions'),
      ])
      .where(sql<boolean>`session_connection.status <> 'closed'`)
      .groupBy('worker_id')
      .execute(),
    db
      .selectFrom('session_traffic')
      .select('worker_id')
      .select([sumOf('up_per_second').as('up'), sumOf('down_per_second').as('down')])
      .where('measured_at', '>', sinceUs)
      .groupBy('worker_id')
      .execute(),
  ]);
  const loads = new Map<string, WorkerLoad>();
  const idle = { sessions: 0, connections: 0, up: 0, down: 0 };
  for (const { worker_id: workerId, connections, sessions } of open) {
    loads.set(workerId, {
      ...idle,
      workerId,
      connections: Number(connections),
      sessions: Number(sessions),
    });
  }
  for (const { worker_id: workerId, up, down } of moved) {
    loads.set(workerId, {
      ...(loads.get(workerId) ?? { ...idle, workerId }),
      up: shownSum(up),
      down: shownSum(down),
    });
  }
  return loads;
}
