/** SQL over the columns that hold sealed values, wherever they are: which key sealed them, and sealing them anew. */
import { sql } from 'kysely';
import type { Connection } from '../store/database.ts';

/** A column of sealed values. Everything that is stored sealed is one of these, or it is lost when a key is destroyed. */
export interface SealedPlace {
  readonly table: string;
  readonly column: string;
  /** Context of the seal, by the id of the row. */
  readonly context: (id: string) => string;
}

/** A sealed value. */
export interface SealedRow {
  readonly id: string;
  readonly sealed: Uint8Array;
}

/** Columns of the database that hold sealed values, by their name, as `table.column`. */
export async function listSealedColumns(db: Connection): Promise<string[]> {
  const tables = await db.introspection.getTables();
  return tables.flatMap(({ name, columns }) =>
    columns.filter((column) => column.name.endsWith('_sealed')).map((column) => `${name}.${column.name}`),
  );
}

/** Rows after `afterId` whose value begins with these bytes, in order of id. */
export async function listSealed(
  db: Connection,
  place: SealedPlace,
  page: { readonly header: Uint8Array; readonly afterId: string; readonly limit: number },
): Promise<SealedRow[]> {
  const column = sql.ref(place.column);
  const found = await sql<SealedRow>`
    select id, ${column} as sealed from ${sql.table(place.table)}
    where id > ${page.afterId} and substr(${column}, 1, ${sql.lit(page.header.length)}) = ${page.header}
    order by id limit ${page.limit}`.execute(db);
  return found.rows;
}

/** Puts a value that was sealed anew in the place of the old one, unless that has changed. */
export async function replaceSealed(
  tx: Connection,
  place: SealedPlace,
  row: SealedRow,
  sealed: Uint8Array,
): Promise<void> {
  const column = sql.ref(place.column);
  await sql`
    update ${sql.table(place.table)} set ${column} = ${sealed}
    where id = ${row.id} and ${column} = ${row.sealed}`.execute(tx);
}
