// Direct access to a bench's SQLite file while no controller has it open: rows in bulk, without the API in between.
import sqlite3 from 'sqlite3';

/** Runs statements in order, then closes the file with its write-ahead log merged in. Returns the rows of the last one. */
export async function runSql(file, statements) {
  const database = await new Promise((resolve, reject) => {
    const opened = new sqlite3.Database(file, sqlite3.OPEN_READWRITE, (error) => {
      if (error === null) resolve(opened);
      else reject(error);
    });
  });
  try {
    let rows = [];
    for (const { sql, values = [] } of statements) {
      rows = await new Promise((resolve, reject) => {
        database.all(sql, values, (error, found) => (error === null ? resolve(found) : reject(error)));
      });
    }
    await new Promise((resolve, reject) => {
      database.run('pragma wal_checkpoint(truncate)', (error) =>
        error === null ? resolve() : reject(error),
      );
    });
    return rows;
  } finally {
    await new Promise((resolve) => database.close(resolve));
  }
}
