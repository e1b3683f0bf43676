/** SQL of running controllers. */
import type { Connection } from '../store/database.ts';
import type { ControllerTable } from '../store/schema.ts';

/** Adds this controller, or renews its row. */
export async function upsertController(tx: Connection, row: ControllerTable): Promise<void> {
  const { name, cluster_address, last_seen_at } = row;
  await tx
    .insertInto('controller')
    .values(row)
    .onConflict((conflict) => conflict.column('id').doUpdateSet({ name, cluster_address, last_seen_at }))
    .execute();
}

/** Controllers seen since that time, in order of id. */
export function listControllersSince(db: Connection, sinceUs: number): Promise<ControllerTable[]> {
  return db.selectFrom('controller').selectAll().where('last_seen_at', '>', sinceUs).orderBy('id').execute();
}

/** Takes this controller and every one not seen since that time out. */
export async function deleteControllers(tx: Connection, id: string, deadSinceUs: number): Promise<void> {
  await tx
    .deleteFrom('controller')
    .where((where) => where.or([where('id', '=', id), where('last_seen_at', '<', deadSinceUs)]))
    .execute();
}
