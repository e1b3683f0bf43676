/** SQL of aliases. */
import { sql } from 'kysely';
import type { Connection } from '../store/database.ts';
import { pageOf, type PageRequest } from '../store/page.ts';
import { permittedRows, type ListPermissions } from '../store/list/permitted-rows.ts';
import { aliasKey, type Alias } from './alias.ts';

/** The alias of that id, or undefined. */
export function lookupAliasRow(db: Connection, id: string): Promise<Alias | undefined> {
  return db.selectFrom('alias').selectAll().where('id', '=', id).executeTakeFirst();
}

/** The alias of that value, whatever its case; undefined when there is none. */
export function lookupAlias(db: Connection, value: string): Promise<Alias | undefined> {
  return db.selectFrom('alias').selectAll().where('value_key', '=', aliasKey(value)).executeTakeFirst();
}

/** Aliases of a target, sorted by value. */
export function listAliasesOf(db: Connection, targetId: string): Promise<Alias[]> {
  return db
    .selectFrom('alias')
    .selectAll()
    .where('destination_id', '=', targetId)
    .orderBy('value_key')
    .execute();
}

/** One page of the aliases that `permissions` allow. */
export function listAliases(
  db: Connection,
  permissions: ListPermissions,
  page: PageRequest,
): Promise<Alias[]> {
  return pageOf(
    db.selectFrom('alias').selectAll().where(permittedRows(permissions)),
    'alias',
    page,
  ).execute();
}

/** One page of the aliases whose destination is a target that `permissions` allow (http-api.md §2.6). */
export function listResolvableAliases(
  db: Connection,
  permissions: ListPermissions,
  page: PageRequest,
): Promise<Alias[]> {
  const targets = db.selectFrom('target').select('target.id').where(permittedRows(permissions));
  const query = db.selectFrom('alias').selectAll().where('alias.destination_id', 'in', targets);
  return pageOf(query, 'alias', page).execute();
}

/** Adds an alias. @throws {StileError} invalidArgument (value or name taken), notFound (destination, host or scope is gone) */
export async function insertAlias(tx: Connection, row: Alias): Promise<void> {
  await tx.insertInto('alias').values(row).execute();
}

/** Deletes an alias; false when there is none. */
export async function deleteAliasRow(tx: Connection, id: string): Promise<boolean> {
  const gone = await tx.deleteFrom('alias').where('id', '=', id).returning('id').execute();
  return gone.length > 0;
}

/** Whether a target is there. */
export async function hasTarget(db: Connection, id: string): Promise<boolean> {
  const row = await db.selectFrom('target').select('id').where('id', '=', id).executeTakeFirst();
  return row !== undefined;
}

/** Whether a host is there. */
export async function hasHost(db: Connection, id: string): Promise<boolean> {
  const row = await db.selectFrom('host').select('id').where('id', '=', id).executeTakeFirst();
  return row !== undefined;
}

/** Aliases of a deleted target stay, without a destination (http-api.md §2.12); their version goes up. */
export async function clearAliasDestination(tx: Connection, targetId: string, nowUs: number): Promise<void> {
  await tx
    .updateTable('alias')
    .set({ destination_id: null, host_id: null, version: sql`version + 1`, updated_at: nowUs })
    .where('destination_id', '=', targetId)
    .execute();
}
