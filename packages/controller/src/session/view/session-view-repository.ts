/** SQL of what operators see of sessions and connections across the whole installation (tokens.md §4.2). */
import { sql } from 'kysely';
import { chunksOf } from '../../store/chunks.ts';
import type { Connection } from '../../store/database.ts';
import { isOpenConnection, pageOf, type PageRequest } from '../../store/page.ts';
import type { SessionConnection, SessionRow } from '../session.ts';
import { sessionColumns } from '../session-repository.ts';
import { shownSum, sumOf } from '../traffic/traffic-repository.ts';

/** What the connections of a session add up to. */
export interface ConnectionSummary {
  /** Workers that carry or carried one, in order of id. */
  readonly workerIds: readonly string[];
  /** Of those, the ones that carry one now. */
  readonly busyWorkerIds: readonly string[];
  readonly openConnections: number;
  readonly bytesUp: number;
  readonly bytesDown: number;
  /** Of the newest connection. */
  readonly clientAddress: string;
  readonly clientPort: number;
}

/** The sums of the sessions' connections; a session without any is absent. */
export async function summarizeConnections(
  db: Connection,
  sessionIds: readonly string[],
): Promise<ReadonlyMap<string, ConnectionSummary>> {
  const found = new Map<string, ConnectionSummary>();
  for (const chunk of chunksOf(sessionIds)) {
    const [sums, newest] = await Promise.all([connectionSums(db, chunk), newestOf(db, chunk)]);
    const clients = new Map(newest.map((row) => [row.session_id, row]));
    for (const row of sums) {
      const client = clients.get(row.session_id);
      const before = found.get(row.session_id);
      const open = Number(row.open_connections);
      found.set(row.session_id, {
        workerIds: [...(before?.workerIds ?? []), row.worker_id],
        busyWorkerIds: [...(before?.busyWorkerIds ?? []), ...(open > 0 ? [row.worker_id] : [])],
        openConnections: (before?.openConnections ?? 0) + open,
        bytesUp: shownSum((before?.bytesUp ?? 0) + Number(row.up)),
        bytesDown: shownSum((before?.bytesDown ?? 0) + Number(row.down)),
        clientAddress: client?.client_address ?? '',
        clientPort: client?.client_port ?? 0,
      });
    }
  }
  return found;
}

function connectionSums(db: Connection, sessionIds: readonly string[]) {
  return db
    .selectFrom('session_connection')
    .select(['session_id', 'worker_id'])
    .select([
      sql<number | string>`sum(case when ${isOpenConnection} then 1 else 0 end)`.as('open_connections'),
      sumOf('bytes_up').as('up'),
      sumOf('bytes_down').as('down'),
    ])
    .where('session_id', 'in', sessionIds)
    .groupBy(['session_id', 'worker_id'])
    .orderBy('worker_id')
    .execute();
}

function newestOf(db: Connection, sessionIds: readonly string[]) {
  return db
    .selectFrom((inner) =>
      inner
        .selectFrom('session_connection')
        .select(['session_id', 'client_address', 'client_port'])
        .select(
          sql<number>`row_number() over (partition by session_id order by created_at desc, id desc)`.as(
            'position',
          ),
        )
        .where('session_id', 'in', sessionIds)
        .as('ranked'),
    )
    .select(['session_id', 'client_address', 'client_port'])
    .where('position', '=', 1)
    .execute();
}

/** Sessions by id, those that are there. */
export async function readSessions(
  db: Connection,
  ids: readonly string[],
): Promise<ReadonlyMap<string, SessionRow>> {
  const found = new Map<string, SessionRow>();
  for (const chunk of chunksOf(ids)) {
    const rows = await db.selectFrom('session').select(sessionColumns).where('id', 'in', chunk).execute();
    for (const row of rows) found.set(row.id, row);
  }
  return found;
}

/** A connection with what its session says of it. */
export interface ConnectionView extends SessionConnection {
  readonly user_id: string;
  readonly target_id: string;
}

/** Which open connections of a worker. */
export interface WorkerConnectionRequest {
  readonly workerId: string;
  /** These only; absent = all. */
  readonly ids?: readonly string[] | undefined;
  readonly limit: number;
  readonly after?: PageRequest['after'] | undefined;
  /** So many are skipped first. */
  readonly offset?: number | undefined;
}

/** A page of the open connections of a worker, newest first. */
export function listWorkerConnections(
  db: Connection,
  request: WorkerConnectionRequest,
): Promise<ConnectionView[]> {
  const { workerId, ids, limit, after, offset } = request;
  let query = db
    .selectFrom('session_connection')
    .innerJoin('session', 'session.id', 'session_connection.session_id')
    .selectAll('session_connection')
    .select(['session.user_id', 'session.target_id'])
    .where('session_connection.worker_id', '=', workerId)
    .where(isOpenConnection);
  if (ids !== undefined) query = query.where('session_connection.id', 'in', ids);
  if (offset !== undefined) query = query.offset(offset);
  const page: PageRequest = { limit, phase: 'created', ...(after === undefined ? {} : { after }) };
  return pageOf(query, 'session_connection', page).execute();
}
