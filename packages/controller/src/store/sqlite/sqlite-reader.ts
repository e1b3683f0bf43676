/** Reads of a SQLite file, spread over a few connections; each statement sees the newest commit as a whole. */
import { StileError } from '@stile/protocol';
import type { CompiledQuery, QueryResult } from 'kysely';
import type { StatementRunner } from '../engine/connection.ts';
import type { SqliteHandle } from './sqlite-handle.ts';

/** Hands each statement to a free connection, in order of arrival. It owns none of the connections. */
export class SqliteReader implements StatementRunner {
  readonly #free: SqliteHandle[];
  readonly #waiting: ((handle: SqliteHandle) => void)[] = [];
  readonly #size: number;
  #isClosed = false;
  #onIdle: (() => void) | undefined;

  constructor(handles: readonly SqliteHandle[]) {
    this.#free = [...handles];
    this.#size = handles.length;
  }

  /** @throws {StileError} of the store */
  async run<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    if (this.#isClosed) throw new StileError('unavailable', 'the database is closed');
    const handle = this.#free.pop() ?? (await this.#nextFree());
    try {
      return await handle.run<R>(query);
    } finally {
      this.#release(handle);
    }
  }

  /** Refuses what comes later and waits for the statements under way. */
  async close(): Promise<void> {
    this.#isClosed = true;
    if (this.#free.length === this.#size) return;
    await new Promise<void>((resolve) => {
      this.#onIdle = resolve;
    });
  }

  #nextFree(): Promise<SqliteHandle> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  #release(handle: SqliteHandle): void {
    const next = this.#waiting.shift();
    if (next !== undefined) {
      next(handle);
      return;
    }
    this.#free.push(handle);
    if (this.#free.length === this.#size) this.#onIdle?.();
  }
}
