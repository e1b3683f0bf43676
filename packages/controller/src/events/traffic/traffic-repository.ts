/** SQL of counters: what connections have moved, as stored; workers report every few seconds, and it is stored every ten. */
import { sql } from 'kysely';
import { chunksOf } from '../../store/chunks.ts';
import type { Connection } from '../../store/database.ts';
import { isLivingSession, isOpenConnection } from '../../store/page.ts';

/** What a session has moved, and whose it is. */
export interface StoredTraffic {
  readonly id: string;
  readonly scope_id: string;
  readonly user_id: string;
  /** Of its closed connections. */
  readonly closedUp: number;
  readonly closedDown: number;
  /** When a counter or a connection last changed, epoch microseconds; null without connections. */
  readonly changedAt: number | null;
  readonly open: readonly { readonly id: string; readonly up: number; readonly down: number }[];
}

/** Traffic of the sessions that are there. */
export async function listTraffic(db: Connection, ids: readonly string[]): Promise<StoredTraffic[]> {
  const found: StoredTraffic[] = [];
  for (const chunk of chunksOf(ids)) {
    const [sums, open] = await Promise.all([sumsOf(db, chunk), openOf(db, chunk)]);
    for (const row of sums) {
      found.push({
        id: row.id,
        scope_id: row.scope_id,
        user_id: row.user_id,
        // PostgreSQL gives sums of bigint as numeric, that is as text.
        closedUp: Number(row.up),
        closedDown: Number(row.down),
        changedAt: row.changed_at,
        open: open
          .filter((each) => each.session_id === row.id)
          .map((each) => ({ id: each.id, up: each.bytes_up, down: each.bytes_down })),
      });
    }
  }
  return found;
}

function sumsOf(
  db: Connection,
  ids: readonly string[],
): Promise<
  {
    id: string;
    scope_id: string;
    user_id: string;
    up: number | string;
    down: number | string;
    changed_at: number | null;
  }[]
> {
  const ofClosed = (column: string) =>
    sql<
      number | string
    >`coalesce(sum(case when c.status = 'closed' then ${sql.ref(`c.${column}`)} else 0 end), 0)`;
  return db
    .selectFrom('session')
    .leftJoin('session_connection as c', 'c.session_id', 'session.id')
    .select((select) => [
      'session.id',
      'session.scope_id',
      'session.user_id',
      ofClosed('bytes_up').as('up'),
      ofClosed('bytes_down').as('down'),
      select.fn.max('c.updated_at').as('changed_at'),
    ])
    .where('session.id', 'in', ids)
    .groupBy(['session.id', 'session.scope_id', 'session.user_id'])
    .execute();
}

function openOf(
  db: Connection,
  ids: readonly string[],
): Promise<{ id: string; session_id: string; bytes_up: number; bytes_down: number }[]> {
  return db
    .selectFrom('session_connection')
    .select(['id', 'session_id', 'bytes_up', 'bytes_down'])
    .where('session_id', 'in', ids)
    .where(isOpenConnection)
    .execute();
}

/** What the open connections of a scope have moved. */
export interface ScopeTraffic {
  readonly scopeId: string;
  readonly up: number;
  readonly down: number;
  readonly connections: number;
  /** Epoch microseconds. */
  readonly changedAt: number;
}

/** Traffic of the open connections, by scope; scopes without any are absent. */
export async function sumOpenTraffic(db: Connection): Promise<ScopeTraffic[]> {
  const rows = await db
    .selectFrom('session_connection')
    .innerJoin('session', 'session.id', 'session_connection.session_id')
    .select((select) => [
      'session.scope_id',
      select.fn.sum<number | string>('bytes_up').as('up'),
      select.fn.sum<number | string>('bytes_down').as('down'),
      select.fn.countAll<number | string>().as('connections'),
      select.fn.max('session_connection.updated_at').as('changed_at'),
    ])
    .where(isOpenConnection)
    .groupBy('session.scope_id')
    .execute();
  return rows.map((row) => ({
    scopeId: row.scope_id,
    up: Number(row.up),
    down: Number(row.down),
    connections: Number(row.connections),
    changedAt: row.changed_at,
  }));
}

/** Number of living sessions by scope and status. */
export async function countLiving(
  db: Connection,
): Promise<{ readonly scopeId: string; readonly status: string; readonly count: number }[]> {
  const rows = await db
    .selectFrom('session')
    .select((select) => ['scope_id', 'status', select.fn.countAll<number | string>().as('count')])
    .where(isLivingSession)
    .groupBy(['scope_id', 'status'])
    .execute();
  return rows.map((row) => ({ scopeId: row.scope_id, status: row.status, count: Number(row.count) }));
}
