/** Work that one controller alone should do: a row says who does it, and until when nobody else takes it (compare-and-set). */
import { sql } from 'kysely';
import type { Connection } from './database.ts';
import type { MaintenanceLeaseTable, Microseconds } from './schema.ts';

/** Who wants which work, and for how long. */
export interface LeaseRequest {
  /** Name of the work. */
  readonly name: string;
  /** Any text that no other controller has. */
  readonly holder: string;
  readonly nowUs: Microseconds;
  readonly untilUs: Microseconds;
}

/** Takes or renews a lease; false while another controller holds it. */
export async function takeLease(tx: Connection, request: LeaseRequest): Promise<boolean> {
  const { name, holder, nowUs, untilUs } = request;
  const taken = await sql<{ name: string }>`
    insert into maintenance_lease (name, holder, expires_at) values (${name}, ${holder}, ${untilUs})
    on conflict (name) do update set holder = ${holder}, expires_at = ${untilUs}
      where maintenance_lease.holder = ${holder} or maintenance_lease.expires_at <= ${nowUs}
    returning name`.execute(tx);
  return taken.rows.length > 0;
}

/** The row of some work, or undefined when nobody ever took it. */
export function lookupLease(db: Connection, name: string): Promise<MaintenanceLeaseTable | undefined> {
  return db
    .selectFrom('maintenance_lease')
    .select(['name', 'holder', 'expires_at'])
    .where('name', '=', name)
    .executeTakeFirst();
}
