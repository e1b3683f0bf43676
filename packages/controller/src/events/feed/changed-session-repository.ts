/** SQL of the session feed: which sessions changed, in any scope, by the index of their change times. */
import { chunksOf } from '../../store/chunks.ts';
import type { Connection } from '../../store/database.ts';
import { PreparedQuery } from '../../store/prepared-query.ts';
import type { SessionRow } from '../../session/session.ts';
import { sessionColumns } from '../../session/session-repository.ts';

/** A session that changed, and how far. */
export interface ChangedSession {
  readonly id: string;
  readonly version: number;
  /** Epoch microseconds. */
  readonly updated_at: number;
}

/** Rows of one look; a change of more is looked at in several. */
const lookRows = 5000;

/** Runs ten times a second while somebody watches. */
const changedSince = new PreparedQuery((db, input: { sinceUs: number; limit: number }) =>
  db
    .selectFrom('session')
    .select(['id', 'version', 'updated_at'])
    .where('updated_at', '>=', input.sinceUs)
    .orderBy('updated_at')
    .limit(input.limit),
);

/** Sessions changed at that time, epoch microseconds, or later, oldest change first. */
export async function listChangedSince(db: Connection, sinceUs: number): Promise<ChangedSession[]> {
  const changed = new Map<string, ChangedSession>();
  for (let from = sinceUs, limit = lookRows; ;) {
    const rows = await changedSince.execute(db, { sinceUs: from, limit });
    for (const row of rows) changed.set(row.id, row);
    if (rows.length < limit) return [...changed.values()];
    const last = rows.at(-1)?.updated_at ?? from;
    // One transaction may have stamped more rows than a look holds with the same time.
    if (last === from) limit *= 2;
    else limit = lookRows;
    from = last;
  }
}

/** The sessions of these ids that are there still. */
export async function listSessionsOf(db: Connection, ids: readonly string[]): Promise<SessionRow[]> {
  const found: SessionRow[] = [];
  for (const chunk of chunksOf(ids)) {
    const rows = await db.selectFrom('session').select(sessionColumns).where('id', 'in', chunk).execute();
    found.push(...rows);
  }
  return found;
}
