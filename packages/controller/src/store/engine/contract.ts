/** What both engines offer to the rest of the controller. */
import type { StoreEvents } from '../events.ts';
import type { Connection } from './connection.ts';

/** Exceptions of one write. */
export interface WriteOptions {
  /** Milliseconds the unit may take; default 10 s on SQLite, 30 s on PostgreSQL. For migrations. */
  readonly timeoutMs?: number;
}

/** An open database. Close it once, after everything that uses it. */
export interface Database {
  /** CockroachDB counts as postgres. */
  readonly engine: 'sqlite' | 'postgres';
  /** For reading, one statement at a time; each sees every write that resolved before it began. */
  readonly reader: Connection;
  /**
   * Runs `unit` in a transaction: atomic, and durable when it resolves. A unit holds nothing up but the database (it must
   * not await a network call, nor `write` itself) and **may run more than once**: it changes nothing but through `tx`.
   * @throws {StileError} whatever the unit threw; storageFull, unavailable, deadlineExceeded, conflict
   */
  write<T>(unit: (tx: Connection) => Promise<T>, options?: WriteOptions): Promise<T>;
  readonly events: StoreEvents;
  /** Waits for the units under way, then closes. Idempotent. */
  close(): Promise<void>;
}
