/** The embedded engine: one write connection with group commit, a few for reading, one process (ADR on sqlite locking). */
import { open as openFile } from 'node:fs/promises';
import { StileError } from '@stile/protocol';
import type { Logger } from '@stile/runtime';
import { SqliteAdapter, SqliteIntrospector, SqliteQueryCompiler } from 'kysely';
import { ConnectionFactory, type Connection } from '../engine/connection.ts';
import type { Database, WriteOptions } from '../engine/contract.ts';
import { EventHub, LocalEvents } from '../engine/event-hub.ts';
import type { StoreEvents } from '../events.ts';
import { SqliteHandle } from './sqlite-handle.ts';
import { SqliteLock, lockPathOf } from './sqlite-lock.ts';
import { SqliteReader } from './sqlite-reader.ts';
import { SqliteWriter } from './sqlite-writer.ts';

/** Where the file is and how it is used. */
export interface SqliteOptions {
  /** Path of the database file; made with mode 0600 when it is missing. */
  readonly path: string;
  readonly log: Logger;
  /** Connections for reading; each keeps one thread of the pool busy at most. */
  readonly readers?: number;
  /** Milliseconds a unit of work may take. */
  readonly unitTimeoutMs?: number;
  /** Most pages of 4096 bytes the file may have, after which writing answers storageFull. Default: no limit but the disk. */
  readonly maxPages?: number;
}

/** Reading connections by default: two use both cores of the machine it was measured on, more brought nothing. */
const defaultReaders = 2;
/** A unit is a handful of statements of some 100 µs; one that takes seconds waits for something it must not wait for. */
const defaultUnitTimeoutMs = 10_000;
/** Our own connections wait for each other only around checkpoints. */
const busyTimeoutMs = 5000;

/** Every acknowledged write survives a crash of process or machine: WAL with an fsync at each commit (design.md §4). */
const writerSettings = `
  pragma journal_mode = wal;
  pragma synchronous = full;
  pragma foreign_keys = on;
  pragma wal_autocheckpoint = 4000;
  pragma journal_size_limit = 67108864;
  pragma temp_store = memory;
  pragma cache_size = -32768;
`;
const readerSettings = `
  pragma query_only = on;
  pragma temp_store = memory;
  pragma cache_size = -16384;
`;

const translation = {
  createAdapter: () => new SqliteAdapter(),
  createQueryCompiler: () => new SqliteQueryCompiler(),
  createIntrospector: (db: ConstructorParameters<typeof SqliteIntrospector>[0]) => new SqliteIntrospector(db),
};

/** Makes a file that only its owner may read; -wal and -shm take the mode of the database file. */
async function makePrivateFile(path: string, log: Logger): Promise<void> {
  try {
    const file = await openFile(path, 'a', 0o600);
    try {
      const { mode } = await file.stat();
      if ((mode & 0o077) !== 0) log.warn({ path }, 'the database file can be read by others: chmod 600 it');
    } finally {
      await file.close();
    }
  } catch (error) {
    throw new StileError(
      'unavailable',
      `database file ${path} cannot be opened; check that its directory exists and may be written`,
      { cause: error },
    );
  }
}

/**
 * Opens the file and takes its lock.
 * @throws {StileError} unavailable, storageFull; failedPrecondition when another process has it
 */
export async function openSqlite(options: SqliteOptions): Promise<Database> {
  await makePrivateFile(options.path, options.log);
  await makePrivateFile(lockPathOf(options.path), options.log);
  const lock = await SqliteLock.take(options.path);
  const handles: SqliteHandle[] = [];
  try {
    const openHandle = async (settings: string): Promise<SqliteHandle> => {
      const handle = await SqliteHandle.open({ path: options.path, busyTimeoutMs });
      handles.push(handle);
      await handle.exec(settings);
      return handle;
    };
    const limit = options.maxPages === undefined ? '' : `pragma max_page_count = ${options.maxPages};`;
    const writerHandle = await openHandle(writerSettings + limit);
    const readerHandles: SqliteHandle[] = [];
    for (let count = options.readers ?? defaultReaders; count > 0; count--) {
      readerHandles.push(await openHandle(readerSettings));
    }
    return new SqliteDatabase(options, { lock, writerHandle, readerHandles });
  } catch (error) {
    for (const handle of handles) await handle.close();
    await lock.close();
    throw error;
  }
}

interface SqliteParts {
  readonly lock: SqliteLock;
  readonly writerHandle: SqliteHandle;
  readonly readerHandles: readonly SqliteHandle[];
}

class SqliteDatabase implements Database {
  readonly engine = 'sqlite';
  readonly reader: Connection;
  readonly events: StoreEvents;
  readonly #parts: SqliteParts;
  readonly #reader: SqliteReader;
  readonly #writer: SqliteWriter;
  #closing: Promise<void> | undefined;

  constructor(options: SqliteOptions, parts: SqliteParts) {
    const factory = new ConnectionFactory(translation);
    const hub = new EventHub(options.log);
    this.#parts = parts;
    this.#reader = new SqliteReader(parts.readerHandles);
    this.#writer = new SqliteWriter({
      handle: parts.writerHandle,
      factory,
      hub,
      log: options.log,
      unitTimeoutMs: options.unitTimeoutMs ?? defaultUnitTimeoutMs,
    });
    this.reader = factory.over(this.#reader);
    this.events = new LocalEvents(hub);
  }

  write<T>(unit: (tx: Connection) => Promise<T>, options: WriteOptions = {}): Promise<T> {
    return this.#writer.write(unit, options.timeoutMs);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    await this.#writer.close();
    await this.#reader.close();
    // The last connection to close folds the WAL back into the file.
    for (const handle of this.#parts.readerHandles) await handle.close();
    await this.#parts.writerHandle.close();
    await this.#parts.lock.close();
  }
}
