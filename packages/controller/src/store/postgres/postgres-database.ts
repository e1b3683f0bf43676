/** PostgreSQL, or CockroachDB, for several controllers: a bounded pool, transactions that are run again after a conflict. */
import { Backoff, type Clock, type Logger, withDeadline } from '@stile/runtime';
import { PostgresAdapter, PostgresIntrospector, PostgresQueryCompiler } from 'kysely';
import type { QueryResult } from 'kysely';
import pg from 'pg';
import {
  ConnectionFactory,
  type Connection,
  type NamedQuery,
  type StatementRunner,
} from '../engine/connection.ts';
import type { Database, WriteOptions } from '../engine/contract.ts';
import { EventHub } from '../engine/event-hub.ts';
import type { StoreEvents } from '../events.ts';
import { UnitContext, unitIsOver, unitTookTooLong } from '../engine/unit-context.ts';
import { OpenWork } from './open-work.ts';
import { isLostConnection, isRetryable, postgresErrorOf } from './postgres-error.ts';
import { PostgresEvents } from './postgres-events.ts';

/** Where the server is and how it is used. */
export interface PostgresOptions {
  /** `postgresql://…`; holds the password, so it is never logged. */
  readonly url: string;
  readonly clock: Clock;
  readonly log: Logger;
  /** Most connections at a time, beside the one that listens. Default 16. */
  readonly maxConnections?: number;
  /** Milliseconds a statement, or a unit of work, may take. Default 30 s, a third of a request's 90 s (http-api.md §1.1). */
  readonly statementTimeoutMs?: number;
  /** How controllers hear of each other: `auto` listens where the server can, else polls. */
  readonly notifications?: 'auto' | 'poll';
}

const defaultMaxConnections = 16;
const defaultStatementTimeoutMs = 30_000;
/** A new connection takes some 5 ms; a pool that gives none for this long is overloaded, or the server is away. */
const connectTimeoutMs = 10_000;
/** Attempts of one unit before the conflict is the caller's. */
const maxAttempts = 8;

/** int8 and numeric as numbers: ours are microseconds, counts and sums below 2^53. The rest as pg has it. */
const numberTypes: ReadonlySet<number> = new Set([pg.types.builtins.INT8, pg.types.builtins.NUMERIC]);
const typeParsers: pg.CustomTypesConfig = {
  getTypeParser: (oid, format) =>
    numberTypes.has(oid) && format !== 'binary' ? Number : pg.types.getTypeParser(oid, format),
};

const translation = {
  createAdapter: () => new PostgresAdapter(),
  createQueryCompiler: () => new PostgresQueryCompiler(),
  createIntrospector: (db: ConstructorParameters<typeof PostgresIntrospector>[0]) =>
    new PostgresIntrospector(db),
};

function resultOf<R>(result: pg.QueryResult): QueryResult<R> {
  const isChange = result.command === 'INSERT' || result.command === 'UPDATE' || result.command === 'DELETE';
  // Codec: pg gives rows without a type, kysely's query says what they are.
  const rows = result.rows as R[];
  return isChange ? { rows, numAffectedRows: BigInt(result.rowCount ?? 0) } : { rows };
}

function configOf(query: NamedQuery): pg.QueryConfig {
  const config = { text: query.sql, values: [...query.parameters] };
  return query.statementName === undefined ? config : { ...config, name: query.statementName };
}

/** Reads on any connection of the pool; a read whose connection breaks is sent once more on another. */
class PoolRunner implements StatementRunner {
  readonly #pool: pg.Pool;
  readonly #work: OpenWork;

  constructor(pool: pg.Pool, work: OpenWork) {
    this.#pool = pool;
    this.#work = work;
  }

  run<R>(query: NamedQuery): Promise<QueryResult<R>> {
    return this.#work.run(() => this.#read<R>(query));
  }

  async #read<R>(query: NamedQuery): Promise<QueryResult<R>> {
    // A restart of the server shows itself to the first statement on each old connection only.
    const mayRepeat = query.query.kind === 'SelectQueryNode';
    for (let oldConnections = this.#pool.totalCount; ; oldConnections -= 1) {
      try {
        return await this.#send<R>(query);
      } catch (error) {
        const stileError = postgresErrorOf(error);
        if (!mayRepeat || oldConnections <= 0 || !isLostConnection(stileError)) throw stileError;
      }
    }
  }

  async #send<R>(query: NamedQuery): Promise<QueryResult<R>> {
    return resultOf<R>(await this.#pool.query(configOf(query)));
  }
}

/**
 * The statements of one unit on its connection, one after the other also where the unit begins several at a time; none after its
 * end.
 */
class ClientRunner implements StatementRunner {
  readonly #client: pg.PoolClient;
  /** Settles, never rejecting, with the last statement that was begun. */
  #last: Promise<unknown> = Promise.resolve();
  #isOver = false;

  constructor(client: pg.PoolClient) {
    this.#client = client;
  }

  close(): void {
    this.#isOver = true;
  }

  run<R>(query: NamedQuery): Promise<QueryResult<R>> {
    const result = this.#last.then(() => this.#send<R>(query));
    this.#last = result.catch(() => undefined); // whoever began it hears of it
    return result;
  }

  async #send<R>(query: NamedQuery): Promise<QueryResult<R>> {
    if (this.#isOver) throw unitIsOver();
    try {
      return resultOf<R>(await this.#client.query(configOf(query)));
    } catch (error) {
      throw postgresErrorOf(error);
    }
  }
}

/**
 * Makes the pool and the listening connection. Connections are made when first needed, so a server that is away is seen
 * by the first query: this asks one.
 * @throws {StileError} unavailable
 */
export async function openPostgres(options: PostgresOptions): Promise<Database> {
  const timeoutMs = options.statementTimeoutMs ?? defaultStatementTimeoutMs;
  const pool = new pg.Pool({
    connectionString: options.url,
    max: options.maxConnections ?? defaultMaxConnections,
    connectionTimeoutMillis: connectTimeoutMs,
    idleTimeoutMillis: 60_000,
    statement_timeout: timeoutMs,
    lock_timeout: Math.ceil(timeoutMs / 3),
    idle_in_transaction_session_timeout: timeoutMs,
    keepAlive: true,
    application_name: 'stile',
    types: typeParsers,
  });
  // A connection broke under a unit: its next statement says so; without a listener the error would end the process.
  pool.on('connect', (client) => client.on('error', () => undefined));
  // An idle connection broke: the pool drops it and makes another when it is needed.
  pool.on('error', (error) => options.log.warn({ err: error }, 'an idle database connection broke'));
  try {
    const answer = await pool.query<{ version: string }>('select version() as version');
    const isCockroach = answer.rows[0]?.version.startsWith('CockroachDB') ?? false;
    const canListen = options.notifications !== 'poll' && !isCockroach;
    return new PostgresDatabase(options, pool, canListen);
  } catch (error) {
    await pool.end();
    throw postgresErrorOf(error);
  }
}

class PostgresDatabase implements Database {
  readonly engine = 'postgres';
  readonly reader: Connection;
  readonly #pool: pg.Pool;
  readonly #factory = new ConnectionFactory(translation);
  readonly #hub: EventHub;
  readonly #events: PostgresEvents;
  readonly #clock: Clock;
  readonly #unitTimeoutMs: number;
  readonly #work = new OpenWork();
  #closing: Promise<void> | undefined;

  constructor(options: PostgresOptions, pool: pg.Pool, canListen: boolean) {
    this.#pool = pool;
    this.#clock = options.clock;
    this.#unitTimeoutMs = options.statementTimeoutMs ?? defaultStatementTimeoutMs;
    this.#hub = new EventHub(options.log);
    this.reader = this.#factory.over(new PoolRunner(pool, this.#work));
    this.#events = new PostgresEvents({ ...options, database: this, hub: this.#hub, canListen });
  }

  get events(): StoreEvents {
    return this.#events;
  }

  write<T>(unit: (tx: Connection) => Promise<T>, options: WriteOptions = {}): Promise<T> {
    const timeoutMs = options.timeoutMs ?? this.#unitTimeoutMs;
    const bounded = (tx: Connection): Promise<T> => withDeadline(unit(tx), timeoutMs, unitTookTooLong);
    return this.#work.run(() => this.#attempts(bounded));
  }

  async #attempts<T>(unit: (tx: Connection) => Promise<T>): Promise<T> {
    const backoff = new Backoff({ minMs: 2, maxMs: 250 });
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#attempt(unit);
      } catch (error) {
        if (attempt >= maxAttempts || !isRetryable(error)) throw error;
        await new Promise<void>((resolve) => {
          this.#clock.setTimer(backoff.next(), resolve);
        });
      }
    }
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    await this.#events.close();
    await this.#work.close();
    await this.#pool.end();
  }

  async #attempt<T>(unit: (tx: Connection) => Promise<T>): Promise<T> {
    const client = await this.#connect();
    const runner = new ClientRunner(client);
    const tx = this.#factory.over(runner);
    const context = UnitContext.attach(tx);
    let isBroken = true;
    try {
      await control(client, 'begin');
      const value = await unit(tx);
      runner.close();
      await control(client, 'commit');
      isBroken = false;
      this.#hub.deliver(context.events);
      return value;
    } catch (error) {
      runner.close();
      isBroken = !(await rollback(client));
      throw error;
    } finally {
      // A connection whose transaction could not be ended must not go back to the pool.
      client.release(isBroken);
    }
  }

  async #connect(): Promise<pg.PoolClient> {
    try {
      return await this.#pool.connect();
    } catch (error) {
      throw postgresErrorOf(error);
    }
  }
}

async function control(client: pg.PoolClient, statement: 'begin' | 'commit'): Promise<void> {
  try {
    await client.query(statement);
  } catch (error) {
    throw postgresErrorOf(error);
  }
}

async function rollback(client: pg.PoolClient): Promise<boolean> {
  try {
    await client.query('rollback');
    return true;
  } catch {
    // The connection is gone, and the transaction with it.
    return false;
  }
}
