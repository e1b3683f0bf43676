/** Tests of two transactions at once: when one of them waits for the other. */
import { sql } from 'kysely';
import type { Database } from '../../packages/controller/src/store/database.ts';
import { eventually } from './eventually.ts';

/** Resolves when a statement waits for another transaction; SQLite has one writer, where all of them do. */
export async function waitingStatement(database: Database): Promise<'waits'> {
  if (database.engine === 'sqlite') return 'waits';
  return eventually(async () => {
    const waiting = await sql`
      select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`.execute(
      database.reader,
    );
    return waiting.rows.length > 0 ? ('waits' as const) : undefined;
  });
}
