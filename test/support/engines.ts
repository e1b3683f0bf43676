/** Runs the same tests on both engines of the store: SQLite in a file, and a real PostgreSQL. */
import { join } from 'node:path';
import { type Clock, silentLogger, systemClock } from '@stile/runtime';
import { afterAll, afterEach, beforeAll, describe, inject } from 'vitest';
import { type Database, openDatabase } from '../../packages/controller/src/store/database.ts';
import { migrate } from '../../packages/controller/src/store/migrate.ts';
import { createDatabase, PostgresServer } from './postgres.ts';
import { makeTempDir } from './temp-dir.ts';

/** How a test wants its database. */
export interface OpenOptions {
  readonly clock?: Clock;
  /** Leave it empty instead of migrating it. */
  readonly isEmpty?: boolean;
}

/** What a test body gets. */
export interface EngineTest {
  readonly engine: Database['engine'];
  /** A fresh, migrated database; closed and removed after the test. */
  readonly open: (options?: OpenOptions) => Promise<Database>;
  /** Url of a fresh database without a schema, for tests that open it themselves, several times on PostgreSQL. */
  readonly newUrl: () => Promise<string>;
}

/** `describe(name)` once per engine. */
export function describeBothEngines(name: string, body: (test: EngineTest) => void): void {
  describe(`${name} on sqlite`, () => {
    body(engineTest('sqlite', newSqliteUrl));
  });
  describe(`${name} on postgres`, () => {
    let server: PostgresServer | undefined;
    let serverUrl: string | undefined;
    beforeAll(async () => {
      serverUrl = inject('postgresUrl');
      if (serverUrl !== undefined) return;
      server = await PostgresServer.start();
      serverUrl = server.url;
    });
    afterAll(() => server?.stop());
    body(
      engineTest('postgres', async () => {
        if (serverUrl === undefined) throw new Error('PostgreSQL is not up');
        return { url: await createDatabase(serverUrl), remove: () => Promise.resolve() };
      }),
    );
  });
}

interface FreshDatabase {
  readonly url: string;
  remove(): Promise<void>;
}

async function newSqliteUrl(): Promise<FreshDatabase> {
  const dir = await makeTempDir();
  return { url: `sqlite://${join(dir.path, 'stile.db')}`, remove: () => dir.remove() };
}

function engineTest(engine: Database['engine'], make: () => Promise<FreshDatabase>): EngineTest {
  const cleanups: (() => Promise<void>)[] = [];
  afterEach(async () => {
    for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  });
  const newUrl = async (): Promise<string> => {
    const fresh = await make();
    cleanups.push(() => fresh.remove());
    return fresh.url;
  };
  return {
    engine,
    newUrl,
    open: async (options = {}) => {
      const url = await newUrl();
      const database = await openDatabase({ url, clock: options.clock ?? systemClock, log: silentLogger });
      cleanups.push(() => database.close());
      if (options.isEmpty !== true) await migrate(database);
      return database;
    },
  };
}
