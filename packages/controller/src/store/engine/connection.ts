/**
 * How a kysely instance stands on one of our connections. Reader and transaction handles of both engines are made here:
 * the engine brings `executeQuery`, kysely brings typed queries; transactions belong to `Database.write` alone.
 */
import { StileError } from '@stile/protocol';
import {
  type CompiledQuery,
  type DatabaseConnection,
  type Dialect,
  type Driver,
  type QueryResult,
  DefaultQueryExecutor,
  Kysely,
} from 'kysely';
import type { Schema } from '../schema.ts';

/** What repositories take: either `Database.reader` or the `tx` of `Database.write`. */
export type Connection = Kysely<Schema>;

/** Runs one compiled statement; all an engine has to bring. Errors it throws are StileErrors. */
export interface StatementRunner {
  run<R>(query: NamedQuery): Promise<QueryResult<R>>;
}

/** A compiled query that an engine may keep parsed and planned under this name; the name belongs to the text. */
export interface NamedQuery<R = unknown> extends CompiledQuery<R> {
  readonly statementName?: string;
}

/** The parts of a kysely dialect that only translate. */
export type SqlTranslation = Omit<Dialect, 'createDriver'>;

function refuse(): Promise<never> {
  return Promise.reject(new StileError('internal', 'transactions are opened with Database.write only'));
}

/** A driver without connections: queries go through the executor below, and nobody may begin a transaction here. */
const noDriver: Driver = {
  init: () => Promise.resolve(),
  acquireConnection: refuse,
  beginTransaction: refuse,
  commitTransaction: refuse,
  rollbackTransaction: refuse,
  releaseConnection: () => Promise.resolve(),
  destroy: () => Promise.resolve(),
};

/** Makes kysely instances of one engine; the compiler and adapter are shared, so an instance costs a few microseconds. */
export class ConnectionFactory {
  readonly #dialect: Dialect;
  readonly #compiler: ReturnType<SqlTranslation['createQueryCompiler']>;
  readonly #adapter: ReturnType<SqlTranslation['createAdapter']>;

  constructor(translation: SqlTranslation) {
    this.#dialect = {
      createDriver: () => noDriver,
      createAdapter: () => translation.createAdapter(),
      createQueryCompiler: () => translation.createQueryCompiler(),
      createIntrospector: (db) => translation.createIntrospector(db),
    };
    this.#compiler = translation.createQueryCompiler();
    this.#adapter = translation.createAdapter();
  }

  /** A kysely instance whose statements all go to `runner`. */
  over(runner: StatementRunner): Connection {
    const connection: DatabaseConnection = {
      executeQuery: (query) => runner.run(query),
      streamQuery: () => {
        throw new StileError('internal', 'queries are not streamed: page them');
      },
    };
    const executor = new DefaultQueryExecutor(this.#compiler, this.#adapter, {
      provideConnection: (consumer) => consumer(connection),
    });
    return new Kysely<Schema>({
      config: { dialect: this.#dialect },
      dialect: this.#dialect,
      driver: noDriver,
      executor,
    });
  }
}
