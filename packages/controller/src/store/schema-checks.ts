/** What a controller demands of its database before it starts. */
import { StileError } from '@stile/protocol';
import type { Database } from './database.ts';
import { isInitialized, migrate, needsMigration } from './migrate.ts';

/** The schema is there and of this version, or is made so when `mayMigrate`. @throws {StileError} failedPrecondition: which command helps */
export async function requireSchema(database: Database, mayMigrate: boolean): Promise<void> {
  if (!(await needsMigration(database))) return;
  if (mayMigrate) {
    await migrate(database);
    return;
  }
  const command = (await isInitialized(database)) ? 'migrate' : 'init';
  const what = command === 'migrate' ? 'has the schema of an older version' : 'is not initialized';
  throw new StileError(
    'failedPrecondition',
    `the database ${what}: run "stile database ${command} -config FILE"`,
  );
}

/** The first resources are there. @throws {StileError} failedPrecondition: which command helps */
export async function requireInitialized(database: Database): Promise<void> {
  if (await isInitialized(database)) return;
  throw new StileError(
    'failedPrecondition',
    'the database has no global scope: run "stile database init -config FILE"',
  );
}
