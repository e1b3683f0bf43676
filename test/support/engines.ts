/** Runs the same tests on both engines of the store: SQLite in a file, and a real PostgreSQL. */
import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Clock, silentLogger, systemClock } from '@stile/runtime';
import { afterAll, afterEach, beforeAll, describe, inject } from 'vitest';
import { type Database, openDatabase } from '../../packages/controller/src/store/database.ts';
import { migrate } from '../../packages/controller/src/store/migrate.ts';
import { createDatabase, emptyDatabase, PostgresServer } from './postgres.ts';
import { makeTempDir, type TempDir } from './temp-dir.ts';

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
    const sqlite = new SqliteSource();
    beforeAll(() => sqlite.start());
    afterAll(() => sqlite.stop());
    body(engineTest('sqlite', (isEmpty) => sqlite.newDatabase(isEmpty)));
  });
  describe(`${name} on postgres`, () => {
    const postgres = new PostgresSource();
    beforeAll(() => postgres.start());
    afterAll(() => postgres.stop());
    body(engineTest('postgres', (isEmpty) => postgres.newDatabase(isEmpty)));
  });
}

interface FreshDatabase {
  readonly url: string;
  remove(): Promise<void>;
}

/** Files in temporary directories, copied from a migrated one. */
class SqliteSource {
  #dir: TempDir | undefined;
  #template = '';

  async start(): Promise<void> {
    this.#dir = await makeTempDir();
    this.#template = join(this.#dir.path, 'template.db');
    await makeSchema(this.#template);
  }

  async stop(): Promise<void> {
    await this.#dir?.remove();
  }

  async newDatabase(isEmpty: boolean): Promise<FreshDatabase> {
    const dir = await makeTempDir();
    const path = join(dir.path, 'stile.db');
    if (!isEmpty) await copyFile(this.#template, path);
    return { url: `sqlite://${path}`, remove: () => dir.remove() };
  }
}

async function makeSchema(url: string): Promise<void> {
  const database = await openDatabase({ url, clock: systemClock, log: silentLogger });
  await migrate(database);
  await database.close();
}

/** Databases of the run's server, or of one of its own. */
class PostgresSource {
  #server: PostgresServer | undefined;
  #serverUrl = '';
  #template = '';
  readonly #used: string[] = [];

  async start(): Promise<void> {
    const shared = inject('postgresUrl');
    if (shared === undefined) this.#server = await PostgresServer.start();
    this.#serverUrl = shared ?? this.#server?.url ?? '';
    this.#template = await createDatabase(this.#serverUrl);
    await makeSchema(this.#template);
  }

  async stop(): Promise<void> {
    await this.#server?.stop();
  }

  /** One without a schema, or a migrated one: used before and emptied, else a copy of the template. */
  async newDatabase(isEmpty: boolean): Promise<FreshDatabase> {
    if (isEmpty) {
      const url = await createDatabase(this.#serverUrl);
      return { url, remove: () => Promise.resolve() };
    }
    const url = this.#used.pop() ?? (await createDatabase(this.#serverUrl, this.#template));
    const remove = async (): Promise<void> => {
      await emptyDatabase(url);
      this.#used.push(url);
    };
    return { url, remove };
  }
}

function engineTest(
  engine: Database['engine'],
  make: (isEmpty: boolean) => Promise<FreshDatabase>,
): EngineTest {
  const cleanups: (() => Promise<void>)[] = [];
  afterEach(async () => {
    for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  });
  const fresh = async (isEmpty: boolean): Promise<FreshDatabase> => {
    const made = await make(isEmpty);
    cleanups.push(() => made.remove());
    return made;
  };
  return {
    engine,
    newUrl: async () => (await fresh(true)).url,
    open: async (options = {}) => {
      const { url } = await fresh(options.isEmpty === true);
      const database = await openDatabase({ url, clock: options.clock ?? systemClock, log: silentLogger });
      cleanups.push(() => database.close());
      return database;
    },
  };
}
