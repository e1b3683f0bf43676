/**
 * Keeps a second controller off a SQLite file: the writer's group commit and the events in memory allow one process only.
 * The lock is an open exclusive transaction on a small SQLite file beside it, so the kernel gives it back when the
 * process ends in whatever way, and there is no process id to go stale.
 */
import { StileError } from '@stile/protocol';
import { SqliteHandle } from './sqlite-handle.ts';

/** Name of the lock file of a database file. */
export function lockPathOf(databasePath: string): string {
  return `${databasePath}.lock`;
}

/** A held lock. Close it after the database, once. */
export class SqliteLock {
  readonly #handle: SqliteHandle;

  private constructor(handle: SqliteHandle) {
    this.#handle = handle;
  }

  /** @throws {StileError} failedPrecondition when another process, or this one, holds it already */
  static async take(databasePath: string): Promise<SqliteLock> {
    const handle = await SqliteHandle.open({ path: lockPathOf(databasePath), busyTimeoutMs: 0 });
    try {
      // Nothing of this file is ever needed again: no fsync, no journal on disk.
      await handle.exec('pragma journal_mode = memory; pragma synchronous = off; begin exclusive');
      return new SqliteLock(handle);
    } catch (error) {
      await handle.close();
      throw new StileError(
        'failedPrecondition',
        `database file ${databasePath} is in use by another Stile process: stop that one first, or use PostgreSQL, which several controllers can share`,
        { cause: error },
      );
    }
  }

  /** Gives the lock back. */
  async close(): Promise<void> {
    await this.#handle.close();
  }
}
