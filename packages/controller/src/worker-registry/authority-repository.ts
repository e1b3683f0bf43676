/** SQL of the cluster's certificate authorities. */
import { sql } from 'kysely';
import type { Connection } from '../store/database.ts';
import type { ClusterAuthorityTable } from '../store/schema.ts';

/** Authorities that are trusted at that time (epoch microseconds), the current one first. */
export function listAuthorities(db: Connection, nowUs: number): Promise<ClusterAuthorityTable[]> {
  return db
    .selectFrom('cluster_authority')
    .selectAll()
    .where((where) => where.or([where('retired_at', 'is', null), where('retired_at', '>', nowUs)]))
    .orderBy(sql`case when retired_at is null then 0 else 1 end`)
    .orderBy('created_at', 'desc')
    .orderBy('id', 'desc')
    .execute();
}

/** Adds an authority unless one of that id exists: of several controllers that start together one wins. */
export async function insertAuthority(tx: Connection, row: ClusterAuthorityTable): Promise<void> {
  await tx
    .insertInto('cluster_authority')
    .values(row)
    .onConflict((conflict) => conflict.column('id').doNothing())
    .execute();
}

/**
 * Puts a new authority in the place of the current one, which is trusted until `retiredAtUs`; those that were retired before are
 * gone with it, keys included. False when another one took the place first.
 */
export async function replaceAuthority(
  tx: Connection,
  currentId: string,
  next: ClusterAuthorityTable,
  retiredAtUs: number,
): Promise<boolean> {
  const retired = await tx
    .updateTable('cluster_authority')
    .set({ retired_at: retiredAtUs })
    .where('id', '=', currentId)
    .where('retired_at', 'is', null)
    .returning('id')
    .execute();
  if (retired.length === 0) return false;
  await tx
    .deleteFrom('cluster_authority')
    .where('retired_at', 'is not', null)
    .where('id', '<>', currentId)
    .execute();
  await tx.insertInto('cluster_authority').values(next).execute();
  return true;
}

/** Throws away authorities that are trusted no longer at that time, keys included. */
export async function deleteRetired(tx: Connection, nowUs: number): Promise<void> {
  await tx.deleteFrom('cluster_authority').where('retired_at', '<=', nowUs).execute();
}
