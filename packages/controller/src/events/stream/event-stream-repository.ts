/** SQL of the streams that are open: who may count them is any controller, who adds and takes them away is the one they hang on. */
import { chunksOf } from '../../store/chunks.ts';
import type { Connection } from '../../store/database.ts';
import type { EventStreamTable } from '../../store/schema.ts';

/** A controller not seen for this long has no streams any more, microseconds: two renewals of its row may be lost. */
const livenessUs = 15_000_000;
/** Rows of a controller not seen for this long are thrown away, microseconds. */
const keptUs = 60_000_000;

/** Adds a stream. */
export async function insertEventStream(tx: Connection, row: EventStreamTable): Promise<void> {
  await tx.insertInto('event_stream').values(row).execute();
}

/** Takes streams away. */
export async function deleteEventStreams(tx: Connection, ids: readonly string[]): Promise<void> {
  for (const chunk of chunksOf(ids)) {
    await tx.deleteFrom('event_stream').where('id', 'in', chunk).execute();
  }
}

/** Takes all streams of a controller away. */
export async function deleteStreamsOf(tx: Connection, controllerId: string): Promise<void> {
  await tx.deleteFrom('event_stream').where('controller_id', '=', controllerId).execute();
}

/** Throws the streams of dead controllers away, and of processes that had this id before. */
export async function deleteStreamsOfDead(tx: Connection, nowUs: number): Promise<void> {
  await tx
    .deleteFrom('event_stream')
    .where((where) =>
      where.not(
        where.exists(
          where
            .selectFrom('controller')
            .select('controller.id')
            .whereRef('controller.id', '=', 'event_stream.controller_id')
            .where('controller.last_seen_at', '>', nowUs - keptUs),
        ),
      ),
    )
    .execute();
}

/** Number of open streams of each of the tokens, on every live controller; tokens without any are absent. */
export async function countStreams(
  db: Connection,
  authTokenIds: readonly string[],
  nowUs: number,
): Promise<ReadonlyMap<string, number>> {
  const counts = new Map<string, number>();
  for (const chunk of chunksOf(authTokenIds)) {
    const rows = await db
      .selectFrom('event_stream')
      .innerJoin('controller', 'controller.id', 'event_stream.controller_id')
      .select(['event_stream.auth_token_id'])
      .where('event_stream.auth_token_id', 'in', chunk)
      .where('controller.last_seen_at', '>', nowUs - livenessUs)
      .execute();
    for (const { auth_token_id: id } of rows) {
      if (id !== null) counts.set(id, (counts.get(id) ?? 0) + 1);
    }
  }
  return counts;
}
