/** SQL of connections. Counters are absolute and only go up; a connection closes once, its first true reason stays. */
import { sql } from 'kysely';
import type { RawBuilder } from 'kysely';
import type { ConnectionEndReason } from '@stile/protocol';
import type { ConnectionClose, ConnectionReport } from '@stile/protocol/rpc';
import type { Connection, Database } from '../store/database.ts';
import { isOpenConnection } from '../store/page.ts';
import { PreparedQuery } from '../store/prepared-query.ts';
import type { SessionConnection, SessionRow } from './session.ts';
import { chunkSize, chunksOf } from '../store/chunks.ts';

const columns: Readonly<Record<keyof SessionConnection, true>> = {
  id: true,
  session_id: true,
  worker_id: true,
  status: true,
  client_address: true,
  client_port: true,
  endpoint_address: true,
  endpoint_port: true,
  bytes_up: true,
  bytes_down: true,
  created_at: true,
  connected_at: true,
  closed_at: true,
  end_reason: true,
  updated_at: true,
};
const columnNames = Object.keys(columns) as (keyof SessionConnection)[];

/** Runs at every new connection. `lock` makes it wait for a deletion of the worker that is under way. */
function insertion(lock: RawBuilder<unknown>): PreparedQuery<SessionConnection, { id: string }> {
  return new PreparedQuery((db, row) => {
    const statement = sql<{ id: string }>`
      with present_worker as (select worker.id from worker where worker.id = ${row.worker_id} ${lock})
      insert into session_connection (${sql.join(columnNames.map((name) => sql.ref(name)))})
      select ${sql.join(columnNames.map((name) => row[name]))}
      where exists (select 1 from present_worker)
      returning id`;
    return { compile: () => statement.compile(db) };
  });
}

/** SQLite has one writer: nothing is under way. */
const insertions: Readonly<Record<Database['engine'], PreparedQuery<SessionConnection, { id: string }>>> = {
  sqlite: insertion(sql``),
  postgres: insertion(sql`for key share`),
};

/**
 * Adds an authorized connection, in the same unit that took it of the limit. False when its worker is gone: whoever deletes one ends
 * what it carries in the same transaction, and a connection added a moment later would escape that end.
 */
export async function insertConnection(
  tx: Connection,
  engine: Database['engine'],
  row: SessionConnection,
): Promise<boolean> {
  return (await insertions[engine].first(tx, row)) !== undefined;
}

/** A session's connections, newest first. */
export function listConnections(db: Connection, sessionId: string): Promise<SessionConnection[]> {
  return db
    .selectFrom('session_connection')
    .selectAll()
    .where('session_id', '=', sessionId)
    .orderBy('created_at', 'desc')
    .orderBy('id', 'desc')
    .execute();
}

/** A connection that has reached its endpoint. */
export interface ConnectedChange {
  readonly id: string;
  readonly workerId: string;
  readonly endpointAddress: string;
  readonly endpointPort: number;
  readonly nowUs: number;
}

/** Runs at every new connection. */
const connectedChange = new PreparedQuery((db, change: ConnectedChange) =>
  db
    .updateTable('session_connection')
    .set({
      status: 'connected',
      connected_at: change.nowUs,
      endpoint_address: change.endpointAddress,
      endpoint_port: change.endpointPort,
      updated_at: change.nowUs,
    })
    .where('id', '=', change.id)
    .where('worker_id', '=', change.workerId)
    .where('status', '=', 'authorized')
    .where((where) =>
      where.exists(
        where
          .selectFrom('session')
          .select('session.id')
          .whereRef('session.id', '=', 'session_connection.session_id')
          .where('session.status', '=', 'active')
          .where('session.expires_at', '>', change.nowUs),
      ),
    )
    .returning('id'),
);

/** authorized → connected, by the worker whose it is and while the session is active. False otherwise. */
export async function connectConnection(tx: Connection, change: ConnectedChange): Promise<boolean> {
  return (await connectedChange.first(tx, change)) !== undefined;
}

/** Where a connection stands, when it is the worker's. */
export async function lookupConnectionStatus(
  db: Connection,
  id: string,
  workerId: string,
): Promise<SessionConnection['status'] | undefined> {
  const row = await db
    .selectFrom('session_connection')
    .select('status')
    .where('id', '=', id)
    .where('worker_id', '=', workerId)
    .executeTakeFirst();
  return row?.status;
}

/** Sessions of those of the connections that are the worker's. */
export async function sessionIdsOfConnections(
  db: Connection,
  workerId: string,
  connectionIds: readonly string[],
): Promise<string[]> {
  const found = new Set<string>();
  for (const chunk of chunksOf(connectionIds)) {
    const rows = await db
      .selectFrom('session_connection')
      .select('session_id')
      .distinct()
      .where('id', 'in', chunk)
      .where('worker_id', '=', workerId)
      .execute();
    for (const row of rows) found.add(row.session_id);
  }
  return [...found];
}

/** The reports as a table of SQL, with types that both engines understand. */
function reportTable(rows: readonly RawBuilder<unknown>[]): RawBuilder<unknown> {
  return sql`(values ${sql.join(rows)})`;
}

const text = (value: string): RawBuilder<unknown> => sql`cast(${value} as text)`;
const whole = (value: number): RawBuilder<unknown> => sql`cast(${value} as bigint)`;

/** The higher of a stored counter and a reported one. */
const higher = (column: 'bytes_up' | 'bytes_down'): RawBuilder<number> => sql`case
  when report.${sql.ref(column)} > session_connection.${sql.ref(column)} then report.${sql.ref(column)}
  else session_connection.${sql.ref(column)} end`;

/**
 * Closes connections of the worker with final counters; each id once. A connection that is closed already takes the higher
 * counters, and the worker's own reason where it had been given up as lost. The worker's time counts when it is possible.
 */
export async function closeConnections(
  tx: Connection,
  workerId: string,
  closes: readonly ConnectionClose[],
  nowUs: number,
): Promise<void> {
  for (const chunk of chunksOf(closes)) {
    const rows = chunk.map(
      (close) =>
        sql`(${text(close.connectionId)}, ${whole(close.bytesUp)}, ${whole(close.bytesDown)}, ${text(close.reason)}, ${whole(close.closedAt)})`,
    );
    await sql`
      with report (id, bytes_up, bytes_down, reason, closed_at) as ${reportTable(rows)}
      update session_connection set
        status = 'closed',
        bytes_up = ${higher('bytes_up')},
        bytes_down = ${higher('bytes_down')},
        closed_at = coalesce(session_connection.closed_at, case
          when report.closed_at between session_connection.created_at and ${nowUs} then report.closed_at
          else ${nowUs} end),
        end_reason = case
          when session_connection.end_reason is null or session_connection.end_reason = 'worker lost' then report.reason
          else session_connection.end_reason end,
        updated_at = ${nowUs}
      from report
      where session_connection.id = report.id and session_connection.worker_id = ${workerId}`.execute(tx);
  }
}

/** Raises the counters of the worker's open connections; closed ones have their final counters. */
export async function raiseCounters(
  tx: Connection,
  workerId: string,
  reports: readonly ConnectionReport[],
  nowUs: number,
): Promise<void> {
  for (const chunk of chunksOf(reports)) {
    const rows = chunk.map(
      (report) => sql`(${text(report.connectionId)}, ${whole(report.bytesUp)}, ${whole(report.bytesDown)})`,
    );
    await sql`
      with report (id, bytes_up, bytes_down) as ${reportTable(rows)}
      update session_connection set
        bytes_up = ${higher('bytes_up')}, bytes_down = ${higher('bytes_down')}, updated_at = ${nowUs}
      from report
      where session_connection.id = report.id and session_connection.worker_id = ${workerId} and ${isOpenConnection}
        and (report.bytes_up > session_connection.bytes_up or report.bytes_down > session_connection.bytes_down)`.execute(
      tx,
    );
  }
}

/** An open connection and where it is. */
export interface OpenConnection {
  readonly id: string;
  readonly sessionId: string;
  readonly workerId: string;
}

/** An open connection, and where its session stands. */
export type StandingConnection = OpenConnection & Pick<SessionRow, 'status' | 'end_reason' | 'expires_at'>;

/** Open connections of the sessions, with where these stand. */
export async function listOpenOfSessions(
  db: Connection,
  sessionIds: readonly string[],
): Promise<StandingConnection[]> {
  const found: StandingConnection[] = [];
  for (const chunk of chunksOf(sessionIds)) {
    const rows = await db
      .selectFrom('session_connection')
      .innerJoin('session', 'session.id', 'session_connection.session_id')
      .select([
        'session_connection.id',
        'session_connection.session_id as sessionId',
        'session_connection.worker_id as workerId',
        'session.status',
        'session.end_reason',
        'session.expires_at',
      ])
      .where('session_connection.session_id', 'in', chunk)
      .where(isOpenConnection)
      .execute();
    found.push(...rows);
  }
  return found;
}

/** Every open connection of a worker. */
export async function listAllOpenOfWorker(db: Connection, workerId: string): Promise<OpenConnection[]> {
  const rows = await db
    .selectFrom('session_connection')
    .select(['id', 'session_id'])
    .where('worker_id', '=', workerId)
    .where(isOpenConnection)
    .execute();
  return rows.map((row) => ({ id: row.id, sessionId: row.session_id, workerId }));
}

/** Open connections of a worker that were authorized before that time. */
export async function listOpenOfWorker(
  db: Connection,
  workerId: string,
  createdBeforeUs: number,
): Promise<OpenConnection[]> {
  const rows = await db
    .selectFrom('session_connection')
    .select(['id', 'session_id', 'worker_id'])
    .where('worker_id', '=', workerId)
    .where(isOpenConnection)
    .where('created_at', '<', createdBeforeUs)
    .execute();
  return rows.map((row) => ({ id: row.id, sessionId: row.session_id, workerId: row.worker_id }));
}

/**
 * Open connections whose worker's lease has ended: it was not heard of for the session's lease and the margin, or there is
 * no such worker any more. At most `chunkSize`.
 */
export async function listLostConnections(
  db: Connection,
  nowUs: number,
  bounds: { readonly shortestLeaseUs: number; readonly marginUs: number },
): Promise<OpenConnection[]> {
  // First the silent workers: an index scan over open connections, and nearly always nobody.
  const silent = await sql<{ worker_id: string }>`
    select distinct worker_id from session_connection where ${isOpenConnection} and not exists (
      select 1 from worker where worker.id = session_connection.worker_id
        and worker.last_seen_at >= ${nowUs - bounds.shortestLeaseUs - bounds.marginUs})`.execute(db);
  const lost: OpenConnection[] = [];
  for (const { worker_id } of silent.rows) {
    const rows = await sql<{ id: string; session_id: string }>`
      select session_connection.id, session_connection.session_id
      from session_connection
      join session on session.id = session_connection.session_id
      left join worker on worker.id = session_connection.worker_id
      where session_connection.worker_id = ${worker_id} and ${isOpenConnection}
        and coalesce(worker.last_seen_at, 0) + cast(session.lease_seconds as bigint) * 1000000 < ${nowUs - bounds.marginUs}
      limit ${sql.lit(chunkSize)}`.execute(db);
    for (const row of rows.rows) lost.push({ id: row.id, sessionId: row.session_id, workerId: worker_id });
  }
  return lost;
}

/** Closes connections without counters of the worker. Gives the sessions of those that were open. */
export async function closeWithoutReport(
  tx: Connection,
  connectionIds: readonly string[],
  reason: ConnectionEndReason,
  nowUs: number,
): Promise<string[]> {
  const sessionIds = new Set<string>();
  for (const chunk of chunksOf(connectionIds)) {
    const rows = await tx
      .updateTable('session_connection')
      .set({ status: 'closed', closed_at: nowUs, end_reason: reason, updated_at: nowUs })
      .where('id', 'in', chunk)
      .where(isOpenConnection)
      .returning('session_id')
      .execute();
    for (const row of rows) sessionIds.add(row.session_id);
  }
  return [...sessionIds];
}

/** Of the connections, those whose end no worker has confirmed: still open, or given up as lost. */
export async function listUnconfirmed(
  db: Connection,
  connectionIds: readonly string[],
): Promise<Set<string>> {
  const found = new Set<string>();
  for (const chunk of chunksOf(connectionIds)) {
    const rows = await db
      .selectFrom('session_connection')
      .select('id')
      .where('id', 'in', chunk)
      .where((where) => where.or([where('status', '<>', 'closed'), where('end_reason', '=', 'worker lost')]))
      .execute();
    for (const row of rows) found.add(row.id);
  }
  return found;
}
