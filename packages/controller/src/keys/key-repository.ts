/** SQL of the wrapped data keys. */
import type { Connection } from '../store/database.ts';
import type { DataKeyTable } from '../store/schema.ts';

/** All data keys, oldest first. */
export function listDataKeys(db: Connection): Promise<DataKeyTable[]> {
  return db.selectFrom('data_key').selectAll().orderBy('version').execute();
}

/** Adds a data key; false when another controller has just added that version. */
export async function addDataKey(tx: Connection, row: DataKeyTable): Promise<boolean> {
  const result = await tx
    .insertInto('data_key')
    .values(row)
    .onConflict((conflict) => conflict.doNothing())
    .executeTakeFirst();
  return (result.numInsertedOrUpdatedRows ?? 0n) > 0n;
}

/** Replaces the wrapping of a data key, if it is still the one that was read. */
export async function rewrapDataKey(
  tx: Connection,
  row: Pick<DataKeyTable, 'version' | 'wrapped'>,
  wrapped: Uint8Array,
): Promise<void> {
  await tx
    .updateTable('data_key')
    .set({ wrapped })
    .where('version', '=', row.version)
    .where('wrapped', '=', row.wrapped)
    .execute();
}

/** Deletes a data key: nothing that it sealed can be opened again. False when there is none. */
export async function deleteDataKey(tx: Connection, version: number): Promise<boolean> {
  const gone = await tx.deleteFrom('data_key').where('version', '=', version).returning('version').execute();
  return gone.length > 0;
}
