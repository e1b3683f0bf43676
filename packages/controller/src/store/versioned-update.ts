/**
 * One statement that changes a versioned row: compare-and-set on `version`, and an update that changes nothing leaves
 * `version` and `updated_at` alone (http-api.md §1.8, §1.9). Used by every repository with a PATCH.
 */
import { sql } from 'kysely';
import type { RawBuilder, Selectable, SqlBool } from 'kysely';
import type { Connection, Database } from './database.ts';
import type { Schema } from './schema.ts';

/** Tables with `version` and `updated_at`. */
export type VersionedTable = {
  [Table in keyof Schema]: Schema[Table] extends { id: string; version: number; updated_at: number }
    ? Table
    : never;
}[keyof Schema];

/** Which row, the version it must have, and its new values; a column that is absent stays. */
export interface VersionedUpdate<Table extends VersionedTable> {
  readonly id: string;
  readonly version: number;
  readonly changes: Partial<Omit<Schema[Table], 'id' | 'version' | 'created_at' | 'updated_at'>>;
  /** Epoch microseconds. */
  readonly nowUs: number;
}

/**
 * A condition on the column `version`. Requests name versions up to 2^32 − 1, the column holds 31 bits: PostgreSQL takes a bare
 * parameter for the column's type and fails on a larger one, where the answer is that no row has that version.
 */
export function hasVersion(version: number): RawBuilder<SqlBool> {
  return sql<SqlBool>`version = cast(${version} as bigint)`;
}

/** The row after the update, or undefined when no such row has that version. */
export async function updateVersioned<Table extends VersionedTable>(
  tx: Connection,
  table: Table,
  update: VersionedUpdate<Table>,
): Promise<Selectable<Schema[Table]> | undefined> {
  const changes = Object.entries(update.changes).filter(([, value]) => value !== undefined);
  const row = sql`id = ${update.id} and ${hasVersion(update.version)}`;
  if (changes.length > 0) {
    const assignments = changes.map(([column, value]) => sql`${sql.ref(column)} = ${value}`);
    const differences = changes.map(([column, value]) => sql`${sql.ref(column)} is distinct from ${value}`);
    const updated = await sql<Selectable<Schema[Table]>>`
      update ${sql.table(table)}
      set ${sql.join(assignments)}, version = version + 1, updated_at = ${update.nowUs}
      where ${row} and (${sql.join(differences, sql` or `)})
      returning *`.execute(tx);
    if (updated.rows[0] !== undefined) return updated.rows[0];
  }
  const same = await sql<Selectable<Schema[Table]>>`select * from ${sql.table(table)} where ${row}`.execute(
    tx,
  );
  return same.rows[0];
}

/** Takes the next version of a row because its children change; false when no such row has that version. */
export async function bumpVersion(
  tx: Connection,
  table: VersionedTable,
  row: { readonly id: string; readonly version: number; readonly nowUs: number },
): Promise<boolean> {
  const updated = await sql`
    update ${sql.table(table)} set version = version + 1, updated_at = ${row.nowUs}
    where id = ${row.id} and ${hasVersion(row.version)} returning id`.execute(tx);
  return updated.rows.length > 0;
}

/**
 * The row, if it has that version, held until the end of the unit: of two changes of one version only one goes on. SQLite has one
 * writer and needs no lock.
 */
export async function holdVersion<Table extends VersionedTable>(
  tx: Connection,
  engine: Database['engine'],
  table: Table,
  row: { readonly id: string; readonly version: number },
): Promise<Selectable<Schema[Table]> | undefined> {
  const lock = engine === 'postgres' ? sql`for update` : sql``;
  const held = await sql<Selectable<Schema[Table]>>`
    select * from ${sql.table(table)} where id = ${row.id} and ${hasVersion(row.version)} ${lock}`.execute(
    tx,
  );
  return held.rows[0];
}

/**
 * Whether the row is there; held until the end of the unit, so that who changes what belongs to it comes before, and is seen by what this
 * unit reads next, or after. SQLite has one writer and needs no lock.
 */
export async function holdRow(
  tx: Connection,
  engine: Database['engine'],
  table: VersionedTable,
  id: string,
): Promise<boolean> {
  const lock = engine === 'postgres' ? sql`for update` : sql``;
  const held = await sql`select id from ${sql.table(table)} where id = ${id} ${lock}`.execute(tx);
  return held.rows.length > 0;
}
