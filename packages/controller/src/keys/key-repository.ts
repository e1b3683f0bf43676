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
