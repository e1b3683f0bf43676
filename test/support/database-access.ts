/** Looks into, and changes, the database of a running server past its API: SQLite file or PostgreSQL, by the url it was started with. */
import pg from 'pg';
import sqlite3 from 'sqlite3';

/** One row; what a column holds is known to the test. */
export type Row = Readonly<Record<string, unknown>>;

/** Runs one statement on a connection of its own and gives its rows. Values stand as `?`. */
export function queryDatabase(url: string, sql: string, values: readonly unknown[] = []): Promise<Row[]> {
  return url.startsWith('sqlite:')
    ? querySqlite(url.replace(/^sqlite:\/\//, ''), sql, values)
    : queryPostgres(url, sql, values);
}

async function queryPostgres(url: string, sql: string, values: readonly unknown[]): Promise<Row[]> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => undefined);
  await client.connect();
  try {
    let position = 0;
    const text = sql.replaceAll('?', () => {
      position += 1;
      return `$${position}`;
    });
    const { rows } = await client.query<Row>(text, [...values]);
    return rows;
  } finally {
    await client.end();
  }
}

async function querySqlite(path: string, sql: string, values: readonly unknown[]): Promise<Row[]> {
  const db = await new Promise<sqlite3.Database>((resolve, reject) => {
    const opened: sqlite3.Database = new sqlite3.Database(path, sqlite3.OPEN_READWRITE, (error) =>
      error === null ? resolve(opened) : reject(error),
    );
  });
  db.configure('busyTimeout', 5000);
  try {
    return await new Promise((resolve, reject) => {
      db.all<Row>(sql, values, (error, rows) => (error === null ? resolve(rows) : reject(error)));
    });
  } finally {
    await new Promise<void>((resolve) => db.close(() => resolve()));
  }
}
