/** SQL of running controllers. */
import type { Connection } from '../store/database.ts';
import type { ControllerTable } from '../store/schema.ts';

/** Adds this controller, or renews its row. */
export async function upsertController(tx: Connection, row: ControllerTable): Promise<void> {
  const { id: _id, ...renewed } = row;
  await tx
    .insertInto('controller')
    .values(row)
    .onConflict((conflict) => conflict.column('id').doUpdateSet(renewed))
    .execute();
}

/** Controllers seen since that time, in order of id. */
export function listControllersSince(db: Connection, sinceUs: number): Promise<ControllerTable[]> {
  return db.selectFrom('controller').selectAll().where('last_seen_at', '>', sinceUs).orderBy('id').execute();
}

/** Every controller that has a row, also those not heard of for long. */
export function listControllers(db: Connection): Promise<ControllerTable[]> {
  return db.selectFrom('controller').selectAll().orderBy('id').execute();
}

/** Takes this controller and every one not seen since that time out. */
export async function deleteControllers(tx: Connection, id: string, deadSinceUs: number): Promise<void> {
  await tx
    .deleteFrom('controller')
    .where((where) => where.or([where('id', '=', id), where('last_seen_at', '<', deadSinceUs)]))
    .execute();
}

/**
 * Takes out what an earlier process of this controller left when it died: rows of its name with its address, or not seen since
 * `silentSinceUs`; and every row not seen since `deadSinceUs`.
 */
export async function deletePredecessors(
  tx: Connection,
  self: Pick<ControllerTable, 'id' | 'name' | 'cluster_address'>,
  times: { readonly silentSinceUs: number; readonly deadSinceUs: number },
): Promise<void> {
  await tx
    .deleteFrom('controller')
    .where('id', '<>', self.id)
    .where((where) =>
      where.or([
        where('last_seen_at', '<', times.deadSinceUs),
        where.and([
          where('name', '=', self.name),
          where.or([
            where('last_seen_at', '<', times.silentSinceUs),
            where('cluster_address', '=', self.cluster_address),
          ]),
        ]),
      ]),
    )
    .execute();
}
