/**
 * A query that is compiled once per engine and run with other values each time. For the few reads of every request only:
 * building and compiling a join costs some 20 µs of the main thread, more than SQLite takes to answer it, and PostgreSQL
 * plans it once per connection instead of each time.
 */
import { hash } from 'node:crypto';
import type { Compilable } from 'kysely';
import type { Connection, NamedQuery } from './engine/connection.ts';

/** Stands for a value of the input while the query is built. */
class Placeholder {
  readonly key: string;

  constructor(key: string) {
    this.key = key;
  }
}

/**
 * Made once, as a constant of a repository. `build` gets the input's properties as placeholders: each may stand where a bound
 * value may, and must not be looked into. Columns are named one by one: PostgreSQL refuses a kept statement whose `*` has come
 * to mean other columns, by a migration under a running controller.
 *
 * ```ts
 * const byId = new PreparedQuery((db, input: { id: string }) => db.selectFrom('target').select(['id', 'name']).where('id', '=', input.id));
 * const target = await byId.first(db, { id });
 * ```
 */
export class PreparedQuery<Input extends object, Row> {
  readonly #build: (db: Connection, input: Input) => Compilable<Row>;
  /** By the adapter, of which each open database has one. */
  readonly #compiled = new WeakMap<object, NamedQuery<Row>>();

  constructor(build: (db: Connection, input: Input) => Compilable<Row>) {
    this.#build = build;
  }

  /** All rows. @throws {StileError} of the store */
  async execute(db: Connection, input: Input): Promise<Row[]> {
    const executor = db.getExecutor();
    const known = this.#compiled.get(executor.adapter);
    const compiled = known ?? this.#compile(db);
    if (known === undefined) this.#compiled.set(executor.adapter, compiled);
    const parameters = compiled.parameters.map((value): unknown =>
      value instanceof Placeholder ? Reflect.get(input, value.key) : value,
    );
    const bound: NamedQuery<Row> = { ...compiled, parameters };
    return (await executor.executeQuery<Row>(bound)).rows;
  }

  /** The first row, or undefined. @throws {StileError} of the store */
  async first(db: Connection, input: Input): Promise<Row | undefined> {
    return (await this.execute(db, input))[0];
  }

  #compile(db: Connection): NamedQuery<Row> {
    const placeholders = new Proxy(
      {},
      { get: (_target, key) => (typeof key === 'string' ? new Placeholder(key) : undefined) },
    );
    // Only bound, never read: the query builder takes any object for a value.
    const compiled = this.#build(db, placeholders as Input).compile();
    return { ...compiled, statementName: `stile_${hash('sha256', compiled.sql).slice(0, 20)}` };
  }
}
