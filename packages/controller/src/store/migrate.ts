/** Brings a database to the schema of this version: forward only, all steps in one transaction, once however many start. */
import { StileError } from '@stile/protocol';
import { Migrator, sql, type Kysely, type Migration } from 'kysely';
import type { Connection, Database } from './database.ts';
import { iamStep } from './migrations/0001-iam.ts';
import { authStep } from './migrations/0002-auth.ts';
import { targetsStep } from './migrations/0003-targets.ts';
import { sessionsStep } from './migrations/0004-sessions.ts';
import { keysAndEventsStep } from './migrations/0005-keys-and-events.ts';
import { scopeSettingsStep } from './migrations/0006-scope-settings.ts';
import { credentialsStep } from './migrations/0007-credentials.ts';
import { workersStep } from './migrations/0008-workers.ts';
import { workerEventsStep } from './migrations/0009-worker-events.ts';
import { authTokenKindsStep } from './migrations/0010-auth-token-kinds.ts';
import { secondFactorStep } from './migrations/0011-second-factor.ts';
import { eventsStep } from './migrations/0012-events.ts';
import { nodeFactsStep } from './migrations/0013-node-facts.ts';
import { eventSubjectsStep } from './migrations/0014-event-subjects.ts';
import { ddlOf, runAll, type Step } from './migrations/ddl.ts';

/** Every step, in order. */
const steps: readonly Step[] = [
  iamStep,
  authStep,
  targetsStep,
  sessionsStep,
  keysAndEventsStep,
  scopeSettingsStep,
  credentialsStep,
  workersStep,
  workerEventsStep,
  authTokenKindsStep,
  secondFactorStep,
  eventsStep,
  nodeFactsStep,
  eventSubjectsStep,
];

/** An index over millions of rows takes minutes. */
const migrationTimeoutMs = 3_600_000;
/** Any constant: advisory locks of PostgreSQL are numbers, and no other program uses our database. */
const migrationLock = 7_785_421;

function migratorOf(db: Connection, engine: Database['engine']): Migrator {
  const ddl = ddlOf(engine);
  const migrations: Record<string, Migration> = {};
  for (const step of steps) {
    migrations[step.name] = { up: (target: Kysely<unknown>) => runAll(target, step.statements(ddl)) };
  }
  // `write` is the transaction; kysely must not begin another.
  return new Migrator({
    db,
    provider: { getMigrations: () => Promise.resolve(migrations) },
    disableTransactions: true,
  });
}

/**
 * Runs the steps that are missing; a second caller waits and finds nothing to do. `applied` has their names.
 * @throws {StileError} failedPrecondition when the database is of a newer version; storageFull, unavailable
 */
export function migrate(database: Database): Promise<{ applied: string[] }> {
  return database.write((tx) => migrateIn(tx, database.engine), { timeoutMs: migrationTimeoutMs });
}

async function migrateIn(tx: Connection, engine: Database['engine']): Promise<{ applied: string[] }> {
  if (engine === 'postgres') {
    await sql`set local statement_timeout = 0`.execute(tx);
    await sql`set local lock_timeout = 0`.execute(tx);
    // Several controllers may start at once: the others wait here, and then find nothing to do.
    await sql`select pg_advisory_xact_lock(${migrationLock})`.execute(tx);
  }
  const { error, results } = await migratorOf(tx, engine).migrateToLatest();
  if (error instanceof StileError) throw error;
  if (error !== undefined) {
    throw new StileError(
      'failedPrecondition',
      'the database cannot be migrated: it was made by a newer version of Stile, or is no database of Stile',
      { cause: error },
    );
  }
  return { applied: (results ?? []).map((result) => result.migrationName) };
}

/** Whether steps are missing; true for an empty database. @throws {StileError} unavailable */
export async function needsMigration(database: Database): Promise<boolean> {
  const known = await migratorOf(database.reader, database.engine).getMigrations();
  return known.some((migration) => migration.executedAt === undefined);
}

/** Whether the database has the schema and its global scope, which is the first thing made in it. @throws {StileError} unavailable */
export async function isInitialized(database: Database): Promise<boolean> {
  const tables = await database.reader.introspection.getTables();
  if (!tables.some((table) => table.name === 'scope')) return false;
  const row = await database.reader
    .selectFrom('scope')
    .select('id')
    .where('id', '=', 'global')
    .executeTakeFirst();
  return row !== undefined;
}
