/**
 * One open SQLite connection as promises, with its prepared statements kept. The only importer of `sqlite3`: what stands
 * above knows SQL and StileErrors, not the driver.
 */
import type { QueryResult, CompiledQuery } from 'kysely';
import sqlite3 from 'sqlite3';
import { sqliteErrorOf } from './sqlite-error.ts';

/** How a file is opened. */
export interface SqliteOpenOptions {
  readonly path: string;
  /** Milliseconds to wait for a lock of another connection. */
  readonly busyTimeoutMs: number;
}

/** Prepared statements kept per connection; beyond it the one unused longest is dropped. Ours are some 150. */
const keptStatements = 400;

/** Raw SQL that gives rows; kysely's own nodes say so themselves. */
const rowGivingText = /^\s*(?:select|with|values|pragma|explain)\b|\breturning\b/i;

function givesRows(query: CompiledQuery): boolean {
  const node = query.query;
  if (node.kind === 'SelectQueryNode') return true;
  if (node.kind === 'InsertQueryNode' || node.kind === 'UpdateQueryNode' || node.kind === 'DeleteQueryNode') {
    return 'returning' in node && node.returning !== undefined;
  }
  return rowGivingText.test(query.sql);
}

/**
 * A connection. Statements given to it must not overlap: its owner sends the next when the one before has settled.
 * Close it once; `close` waits for nothing else.
 */
export class SqliteHandle {
  readonly #db: sqlite3.Database;
  readonly #path: string;
  readonly #statements = new Map<string, sqlite3.Statement>();

  private constructor(db: sqlite3.Database, path: string) {
    this.#db = db;
    this.#path = path;
    // Errors reach the callback of the call they belong to; an emitter without a listener would end the process.
    db.on('error', () => undefined);
  }

  /**
   * Opens the file for reading and writing, making it when it is missing.
   * @throws {StileError} unavailable, storageFull
   */
  static async open(options: SqliteOpenOptions): Promise<SqliteHandle> {
    const db = await new Promise<sqlite3.Database>((resolve, reject) => {
      const opened: sqlite3.Database = new sqlite3.Database(
        options.path,
        sqlite3.OPEN_READWRITE | sqlite3.OPEN_CREATE,
        (error) => (error === null ? resolve(opened) : reject(sqliteErrorOf(error, options.path))),
      );
    });
    const handle = new SqliteHandle(db, options.path);
    await handle.exec(`pragma busy_timeout = ${options.busyTimeoutMs}`);
    return handle;
  }

  /** Runs statements without parameters or rows, in one visit to the thread pool. @throws {StileError} of the store */
  exec(sql: string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#db.exec(sql, (error) => (error === null ? resolve() : reject(sqliteErrorOf(error, this.#path))));
    });
  }

  /** Runs one statement. @throws {StileError} of the store */
  async run<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    const statement = this.#keptStatement(query.sql) ?? (await this.#prepare(query.sql));
    if (givesRows(query)) {
      const rows = await this.#all<R>(statement, query.parameters);
      return query.query.kind === 'SelectQueryNode'
        ? { rows }
        : { rows, numAffectedRows: BigInt(rows.length) };
    }
    return { rows: [], numAffectedRows: BigInt(await this.#changes(statement, query.parameters)) };
  }

  /** Finalizes the statements and closes the file. */
  async close(): Promise<void> {
    for (const statement of this.#statements.values()) statement.finalize();
    this.#statements.clear();
    await new Promise<void>((resolve, reject) => {
      this.#db.close((error) => (error === null ? resolve() : reject(sqliteErrorOf(error, this.#path))));
    });
  }

  #keptStatement(sql: string): sqlite3.Statement | undefined {
    const statement = this.#statements.get(sql);
    if (statement === undefined) return undefined;
    // Put again at the end: the map's order is the order of use.
    this.#statements.delete(sql);
    this.#statements.set(sql, statement);
    return statement;
  }

  async #prepare(sql: string): Promise<sqlite3.Statement> {
    const statement = await new Promise<sqlite3.Statement>((resolve, reject) => {
      const prepared: sqlite3.Statement = this.#db.prepare(sql, (error) =>
        error === null ? resolve(prepared) : reject(sqliteErrorOf(error, this.#path)),
      );
    });
    const oldest = this.#statements.keys().next();
    if (this.#statements.size >= keptStatements && oldest.done === false) {
      this.#statements.get(oldest.value)?.finalize();
      this.#statements.delete(oldest.value);
    }
    this.#statements.set(sql, statement);
    return statement;
  }

  /** All rows, so that the statement runs to its end and holds no read lock afterwards (`get` would stop at a row). */
  #all<R>(statement: sqlite3.Statement, parameters: readonly unknown[]): Promise<R[]> {
    return new Promise((resolve, reject) => {
      statement.all<R>(parameters, (error, rows) =>
        error === null ? resolve(rows) : reject(sqliteErrorOf(error, this.#path)),
      );
    });
  }

  #changes(statement: sqlite3.Statement, parameters: readonly unknown[]): Promise<number> {
    return new Promise((resolve, reject) => {
      const path = this.#path;
      statement.run(parameters, function done(this: sqlite3.RunResult, error: Error | null) {
        if (error === null) resolve(this.changes);
        else reject(sqliteErrorOf(error, path));
      });
    });
  }
}
