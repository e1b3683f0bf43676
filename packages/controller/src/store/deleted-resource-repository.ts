/** Ids of deleted resources, which a refreshed list reports in `removed_ids` (http-api.md §1.10). */
import { systemClock } from '@stile/runtime';
import type { Connection } from './engine/connection.ts';
import type { Microseconds } from './schema.ts';

/** Rows in one statement; far below the 32,766 parameters of SQLite. */
const chunkRows = 500;

/** What was deleted of one type. */
export interface DeletedIds {
  readonly ids: readonly string[];
}

/**
 * Remembers that resources were deleted, in the transaction that deletes them. `type` is the resource type as in grants
 * (`target`, `auth-token`).
 */
export async function record(
  tx: Connection,
  type: string,
  ids: readonly string[],
  deletedAtUs: Microseconds = systemClock.nowUs(),
): Promise<void> {
  for (let start = 0; start < ids.length; start += chunkRows) {
    const rows = ids.slice(start, start + chunkRows).map((id) => ({ id, type, deleted_at: deletedAtUs }));
    await tx
      .insertInto('deleted_resource')
      .values(rows)
      .onConflict((conflict) => conflict.column('id').doUpdateSet({ deleted_at: deletedAtUs }))
      .execute();
  }
}

/** Ids of the type deleted at `sinceUs` or later, oldest first; the whole installation's, whoever may see them. */
export async function listSince(db: Connection, type: string, sinceUs: Microseconds): Promise<DeletedIds> {
  const rows = await db
    .selectFrom('deleted_resource')
    .select('id')
    .where('type', '=', type)
    .where('deleted_at', '>=', sinceUs)
    .orderBy('deleted_at')
    .execute();
  return { ids: rows.map((row) => row.id) };
}

/** Forgets what was deleted before `beforeUs`; list tokens older than 30 days are refused anyway. Gives the number of rows. */
export async function purgeDeletedBefore(tx: Connection, beforeUs: Microseconds): Promise<number> {
  const result = await tx
    .deleteFrom('deleted_resource')
    .where('deleted_at', '<', beforeUs)
    .executeTakeFirst();
  return Number(result.numDeletedRows);
}
