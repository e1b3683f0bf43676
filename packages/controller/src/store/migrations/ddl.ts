/** What the migrations share: the few words in which the SQL of the two engines differs, and triggers for both. */
import { type Kysely, sql } from 'kysely';

/** An engine's words for our column types, and what closes a table definition. */
export interface Ddl {
  readonly engine: 'sqlite' | 'postgres';
  /** Epoch microseconds, byte counts: 64 bits. */
  readonly big: string;
  /** Versions, ports, limits, flags: 32 bits. */
  readonly int: string;
  readonly bytes: string;
  /** SQLite checks types in strict tables only. */
  readonly end: string;
}

/** The words of an engine. */
export function ddlOf(engine: Ddl['engine']): Ddl {
  return engine === 'sqlite'
    ? { engine, big: 'integer', int: 'integer', bytes: 'blob', end: 'strict' }
    : { engine, big: 'bigint', int: 'integer', bytes: 'bytea', end: '' };
}

/** One step of the schema. Once released it is never changed: a later step corrects it. */
export interface Step {
  readonly name: string;
  /** The statements, in order. */
  statements(ddl: Ddl): readonly string[];
}

/** Runs statements that are constants of this code. */
export async function runAll(db: Kysely<unknown>, statements: readonly string[]): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db);
}

/** The columns of things with a name, a version and times. */
export function resourceColumns(ddl: Ddl): string {
  return `name text check (name <> ''),
    description text check (description <> ''),
    version ${ddl.int} not null default 1 check (version >= 1),
    created_at ${ddl.big} not null,
    updated_at ${ddl.big} not null`;
}

/** `'a', 'b'` for a check of an enumeration. The values are constants of ours. */
export function quoted(values: readonly string[]): string {
  return values.map((value) => `'${value}'`).join(', ');
}

/** A trigger that deletes rows which name the deleted row without being able to have a foreign key. */
export function deleteTrigger(ddl: Ddl, on: string, statement: string): readonly string[] {
  const name = `${on}_deleted_${statement.split(' ')[2]}`;
  if (ddl.engine === 'sqlite') {
    return [`create trigger ${name} after delete on ${on} for each row begin ${statement}; end`];
  }
  return [
    `create function ${name}() returns trigger language plpgsql as $$ begin ${statement}; return null; end $$`,
    `create trigger ${name} after delete on ${on} for each row execute function ${name}()`,
  ];
}

/** Indexes by which a table is listed, newest first, within its parent (http-api.md §1.10). */
export function listIndexes(table: string, parent: string): readonly string[] {
  return [
    `create index ${table}_created on ${table} (${parent}, created_at desc, id desc)`,
    `create index ${table}_updated on ${table} (${parent}, updated_at desc, id desc)`,
  ];
}

/** Triggers that refuse every step of `status` that the table of session-status.ts does not name. */
export function transitionTrigger(
  ddl: Ddl,
  table: string,
  transitions: Readonly<Record<string, readonly string[]>>,
): readonly string[] {
  const name = `${table}_transition`;
  const legal = Object.entries(transitions)
    .filter(([, to]) => to.length > 0)
    .map(([from, to]) => `(old.status = '${from}' and new.status in (${quoted(to)}))`)
    .join(' or ');
  const illegal = `old.status <> new.status and not (${legal})`;
  const message = `illegal ${table} status transition`;
  if (ddl.engine === 'sqlite') {
    return [
      `create trigger ${name} before update of status on ${table} for each row when ${illegal} begin select raise(abort, '${message}'); end`,
    ];
  }
  return [
    `create function ${name}() returns trigger language plpgsql as $$ begin if ${illegal} then raise exception '${message} from % to %', old.status, new.status using errcode = '23514'; end if; return new; end $$`,
    `create trigger ${name} before update of status on ${table} for each row execute function ${name}()`,
  ];
}
