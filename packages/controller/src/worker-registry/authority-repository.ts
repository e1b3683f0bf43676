/** SQL of the cluster's certificate authorities. */
import type { Connection } from '../store/database.ts';
import type { ClusterAuthorityTable } from '../store/schema.ts';

/** All authorities, the newest first. */
export function listAuthorities(db: Connection): Promise<ClusterAuthorityTable[]> {
  return db
    .selectFrom('cluster_authority')
    .selectAll()
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
