/** The connection limit under many clients at once, on both engines and while processes die; expiry; leases (issue 3, §3, §5.5). */
import { createConnection, type Socket } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { Cluster } from '../support/cluster.ts';
import { queryDatabase } from '../support/database-access.ts';
import type { ApiAnswer, Json } from '../support/dev-server.ts';
import {
  authorizeSession,
  cancelSession,
  createTarget,
  readSession,
  terminated,
  type ApiCall,
} from '../support/dev-target.ts';
import { startEchoServer, type TestServer } from '../support/echo-server.ts';
import { eventually } from '../support/eventually.ts';
import {
  ForeignConnection,
  ForeignRefusal,
  isResult,
  newTofuToken,
  readAuthorization,
} from '../support/foreign-client.ts';
import type { ForeignAuthorization } from '../support/foreign-messages.ts';
import { createDatabase, PostgresServer } from '../support/postgres.ts';
import { cleanEnvironment, startStile, type RunningProcess } from '../support/process.ts';
import { makeTempDir, type TempDir } from '../support/temp-dir.ts';
import { whenClosed } from '../support/when-closed.ts';

const limit = 10;
const clients = 100;

let echo: TestServer;
let home: TempDir;
const children: RunningProcess[] = [];
const sockets: { destroy(): unknown }[] = [];

beforeAll(async () => {
  echo = await startEchoServer();
  home = await makeTempDir();
});
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  for (const child of children.splice(0)) await child.stop('SIGTERM');
});
afterAll(async () => {
  await echo?.close();
  await home?.remove();
});

/** What became of one client: a connection that carries bytes, a refusal, or a loss without an answer. */
type Outcome =
  | { readonly kind: 'through'; readonly worker: string; readonly connection: ForeignConnection }
  | { readonly kind: 'refused' }
  | { readonly kind: 'lost' };

/** One attempt at one worker. */
async function attempt(auth: ForeignAuthorization, worker: string, tofuToken: string): Promise<Outcome> {
  try {
    const connection = await ForeignConnection.open(auth, { worker, tofuToken });
    sockets.push(connection);
    const answer = await connection.handshake();
    if (isResult(answer)) {
      await connection.roundTrip('mine');
      return { kind: 'through', worker, connection };
    }
    const isRefused = answer.kind === 'close' && answer.reason === 'unable to authorize connection';
    return isRefused ? { kind: 'refused' } : { kind: 'lost' };
  } catch (error) {
    // Any end but the stated refusal is a loss: the caller asks the next worker, as a client would.
    if (error instanceof ForeignRefusal || error instanceof Error) return { kind: 'lost' };
    throw error;
  }
}

/** Tries the workers in turn until one gives a definite answer. */
async function persist(auth: ForeignAuthorization, first: number, tofuToken: string): Promise<Outcome> {
  const end = Date.now() + 60_000;
  for (let turn = first; Date.now() < end; turn += 1) {
    const worker = auth.workers[turn % auth.workers.length] ?? '';
    const outcome = await attempt(auth, worker, tofuToken);
    if (outcome.kind !== 'lost') return outcome;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return { kind: 'lost' };
}

type Through = Extract<Outcome, { kind: 'through' }>;
const isThrough = (outcome: Outcome): outcome is Through => outcome.kind === 'through';

async function usedConnections(databaseUrl: string, sessionId: string): Promise<number> {
  const [row] = await queryDatabase(
    databaseUrl,
    'select connections_used as used from session where id = ?',
    [sessionId],
  );
  return Number(row?.['used']);
}

/** A deployment with a target that allows ten connections. */
interface Limited {
  readonly cluster: Cluster;
  readonly databaseUrl: string;
  readonly api: ApiCall;
  readonly scopeId: string;
}

async function startLimited(
  databaseUrl: string,
  controllers: readonly string[],
  workers: readonly string[],
): Promise<Limited> {
  const cluster = new Cluster({ databaseUrl });
  try {
    await cluster.initialize();
    for (const name of controllers) await cluster.startController(name);
    for (const name of workers) await cluster.startWorker(name, controllers);
    const [first = ''] = controllers;
    await cluster.liveWorkers(first, workers.length);
    const api = (method: string, path: string, body?: unknown): Promise<ApiAnswer> =>
      cluster.api(first, method, path, body);
    return { cluster, databaseUrl, api, scopeId: String(cluster.initial.project_scope.scope_id) };
  } catch (error) {
    await cluster.stop();
    throw error;
  }
}

async function limitedSession(limited: Limited): Promise<{ item: Json; auth: ForeignAuthorization }> {
  const { api, scopeId } = limited;
  const target = await createTarget(api, { port: echo.port, connectionLimit: limit, scopeId });
  const item = await authorizeSession(api, target);
  return { item, auth: readAuthorization(String(item.authorization_token)) };
}

/** Hundred raw clients of one TOFU token at once. */
function hundredClients(auth: ForeignAuthorization): Promise<Outcome>[] {
  const tofuToken = newTofuToken();
  return Array.from({ length: clients }, (_, index) => persist(auth, index, tofuToken));
}

/** Hundred local connections to one `stile connect`; how many carried bytes. */
async function throughOneProxy(item: Json): Promise<number> {
  const child = startStile(['connect', '-authz-token', String(item.authorization_token), '-format', 'json'], {
    env: cleanEnvironment({ HOME: home.path }),
  });
  children.push(child);
  const [line] = await child.match(/^\{"address".*\}$/m);
  const { port } = JSON.parse(line) as { port: number };
  const one = async (): Promise<boolean> => {
    const socket: Socket = createConnection(port, '127.0.0.1');
    sockets.push(socket);
    socket.on('error', () => undefined);
    socket.write('mine');
    return new Promise((resolve) => {
      socket.once('data', () => resolve(true));
      socket.once('close', () => resolve(false));
    });
  };
  const outcomes = await Promise.all(Array.from({ length: clients }, one));
  return outcomes.filter(Boolean).length;
}

describe.each(['sqlite', 'postgres'] as const)('limit 10, 100 clients at once, on %s', (engine) => {
  let postgres: PostgresServer | undefined;
  let folder: TempDir;
  let limited: Limited;
  const isPostgres = engine === 'postgres';

  beforeAll(async () => {
    folder = await makeTempDir();
    postgres = isPostgres ? await PostgresServer.start() : undefined;
    const url =
      postgres === undefined ? `sqlite://${folder.path}/stile.db` : await createDatabase(postgres.url);
    limited = await startLimited(url, isPostgres ? ['c1', 'c2'] : ['c1'], ['w1', 'w2']);
  });
  afterAll(async () => {
    await limited?.cluster.stop();
    await postgres?.stop();
    await folder?.remove();
  });

  test('exactly ten raw clients over both workers get through, and the record agrees', async () => {
    const { auth } = await limitedSession(limited);
    expect(auth.workers).toHaveLength(2);
    const outcomes = await Promise.all(hundredClients(auth));
    expect(outcomes.filter(isThrough)).toHaveLength(limit);
    expect(outcomes.filter((outcome) => outcome.kind === 'refused')).toHaveLength(clients - limit);
    expect(await usedConnections(limited.databaseUrl, auth.sessionId)).toBe(limit);
    expect((await readSession(limited.api, auth.sessionId)).connections).toHaveLength(limit);
    for (const outcome of outcomes) if (isThrough(outcome)) outcome.connection.destroy();
    const ended = await terminated(limited.api, auth.sessionId);
    expect(ended.termination_reason).toBe('connection limit');
  });

  test('exactly ten local connections of one client proxy get through', async () => {
    const { item, auth } = await limitedSession(limited);
    expect(await throughOneProxy(item)).toBe(limit);
    expect(await usedConnections(limited.databaseUrl, auth.sessionId)).toBe(limit);
  });

  // The last test of the group: afterwards a worker, and on PostgreSQL a controller, is gone.
  test('never an eleventh when processes are killed on the way, and none is lost from the record', async () => {
    const { auth } = await limitedSession(limited);
    const running = hundredClients(auth);
    await Promise.any(
      running.map(async (outcome) => {
        if (!isThrough(await outcome)) throw new Error('not through');
      }),
    );
    const gone = limited.cluster.address('w2', 'proxy');
    await Promise.all([limited.cluster.kill('w2'), ...(isPostgres ? [limited.cluster.kill('c2')] : [])]);
    const outcomes = await Promise.all(running);
    expect(outcomes.filter((outcome) => outcome.kind === 'lost')).toHaveLength(0);
    const through = outcomes.filter(isThrough);
    expect(through.length).toBeLessThanOrEqual(limit);
    expect(await usedConnections(limited.databaseUrl, auth.sessionId)).toBe(limit);
    // Whoever has its answer from the living worker has its row; permissions lost with a process were its own.
    const rows = await queryDatabase(
      limited.databaseUrl,
      'select c.worker_id as worker, w.address as address from session_connection c join worker w on w.id = c.worker_id where c.session_id = ?',
      [auth.sessionId],
    );
    expect(rows).toHaveLength(limit);
    const at = (address: string): number => rows.filter((row) => row['address'] === address).length;
    const alive = limited.cluster.address('w1', 'proxy');
    expect(through.filter((outcome) => outcome.worker === alive).length).toBeLessThanOrEqual(at(alive));
    expect(through.filter((outcome) => outcome.worker === gone).length).toBeLessThanOrEqual(at(gone));
    for (const outcome of through) {
      if (outcome.worker === alive && !isPostgres) await outcome.connection.roundTrip('goes on');
    }
  });
});

describe('time', () => {
  let cluster: Cluster;
  let api: ApiCall;
  let scopeId: string;

  beforeAll(async () => {
    cluster = new Cluster();
    await cluster.initialize();
    await cluster.startController('c1');
    await cluster.startWorker('w1', ['c1']);
    await cluster.liveWorkers('c1', 1);
    scopeId = String(cluster.initial.project_scope.scope_id);
    api = (method, path, body) => cluster.api('c1', method, path, body);
  });
  afterAll(() => cluster?.stop());

  /** A connection of a session of its own. */
  async function connected(
    wish: Omit<Parameters<typeof createTarget>[1], 'port' | 'scopeId'>,
  ): Promise<{ auth: ForeignAuthorization; connection: ForeignConnection }> {
    const item = await authorizeSession(api, await createTarget(api, { ...wish, port: echo.port, scopeId }));
    const auth = readAuthorization(String(item.authorization_token));
    const connection = await ForeignConnection.open(auth);
    sockets.push(connection);
    expect(isResult(await connection.handshake())).toBe(true);
    await connection.roundTrip('up');
    return { auth, connection };
  }

  /** When the socket closed, epoch milliseconds. */
  async function closedAt(connection: ForeignConnection): Promise<number> {
    await whenClosed(connection.socket);
    return Date.now();
  }

  test('expiry cuts a busy and an idle connection within a second of its time, and no sooner', async () => {
    const [busy, idle] = await Promise.all([connected({ maxSeconds: 4 }), connected({ maxSeconds: 4 })]);
    const pump = setInterval(() => busy.connection.sendFrame(Buffer.alloc(16_384)), 2);
    try {
      const times = await Promise.all(
        [busy, idle].map(async ({ auth, connection }) => (await closedAt(connection)) - auth.expiresAtMs),
      );
      for (const late of times) {
        expect(late).toBeGreaterThan(-100);
        expect(late).toBeLessThan(1000);
      }
    } finally {
      clearInterval(pump);
    }
    for (const { auth } of [busy, idle]) {
      const ended = await terminated(api, auth.sessionId);
      expect(ended).toMatchObject({
        termination_reason: 'timed out',
        connections: [{ closed_reason: 'timed out' }],
      });
    }
  });

  test('a lease outlives its controller by its time only; a controller that is back finds the truth', async () => {
    const [short, strict, long, ending, canceled] = await Promise.all([
      connected({ lease: 'grace=5s' }),
      connected({ lease: 'strict' }),
      connected({}),
      connected({ maxSeconds: 8 }),
      connected({}),
    ]);
    await cluster.kill('c1');
    const killedAt = Date.now();
    const ends = Promise.all(
      [short, strict, ending].map(async ({ connection }) => (await closedAt(connection)) - killedAt),
    );

    // All go on, and nothing new comes in.
    for (const { connection } of [short, strict, long, ending, canceled])
      await connection.roundTrip('goes on');
    const refused = await attemptNew(long.auth, long.connection.tofuToken);
    expect(refused).toMatch(/alert 80|controller/);
    const [shortMs = 0, strictMs = 0, endingMs = 0] = await ends;
    // From the last renewal, which is at most one heartbeat before the kill.
    expect(shortMs).toBeGreaterThan(500);
    expect(shortMs).toBeLessThan(6000);
    expect(strictMs).toBeGreaterThan(9000);
    expect(strictMs).toBeLessThan(16_000);
    expect(Math.abs(killedAt + endingMs - ending.auth.expiresAtMs)).toBeLessThan(1000);
    await long.connection.roundTrip('still on');

    await cluster.startController('c1');
    await long.connection.roundTrip('and on');
    for (const { auth } of [short, strict]) {
      const found = await eventually(async () => {
        // A controller that is back may take them for lost before the worker has told what it knows.
        const session = await readSession(api, auth.sessionId);
        return session.connections[0].bytes_up === undefined ? undefined : session;
      });
      expect(found.connections[0]).toMatchObject({
        closed_reason: 'system error',
        bytes_up: String('upgoes on'.length),
      });
    }
    expect(await terminated(api, ending.auth.sessionId)).toMatchObject({ termination_reason: 'timed out' });
    // The one that lived through it can be cancelled, confirmed by the worker, which has a link again.
    await eventually(async () => {
      const again = await attemptNew(long.auth, long.connection.tofuToken);
      return again === 'through' ? true : undefined;
    });
    for (const { auth } of [canceled, long, short, strict]) {
      expect((await cancelSession(api, auth.sessionId)).status).toBe(200);
    }
    for (const { auth } of [short, strict, long, ending, canceled]) {
      const ended = await terminated(api, auth.sessionId);
      expect(ended.connections.every((each: Json) => each.closed_reason !== undefined)).toBe(true);
    }
    await closedAt(canceled.connection);
    const open = await queryDatabase(
      `sqlite://${cluster.folder}/stile.db`,
      "select id from session where status in ('active', 'canceling') union all select id from session_connection where status <> 'closed'",
    );
    expect(open).toEqual([]);
  });

  test('without a controller "stile connect" says so and does not hang', async () => {
    const target = await createTarget(api, { port: echo.port, scopeId });
    const item = await eventually(async () => {
      const answer = await api('POST', `/v1/targets/${target}:authorize-session`, {});
      return answer.status === 200 ? answer.body : undefined;
    });
    await cluster.kill('c1');
    try {
      const child = startStile(
        ['connect', '-authz-token', String(item.authorization_token), '-format', 'json'],
        { env: cleanEnvironment({ HOME: home.path }) },
      );
      children.push(child);
      const [line] = await child.match(/^\{"address".*\}$/m);
      const socket = createConnection((JSON.parse(line) as { port: number }).port, '127.0.0.1');
      sockets.push(socket);
      socket.on('error', () => undefined);
      await whenClosed(socket.resume());
      await child.match(/session credentials were not accepted|controller/);
    } finally {
      await cluster.startController('c1');
    }
  });
});

/** Tries one more connection of a session: `through`, or in words why not. */
async function attemptNew(auth: ForeignAuthorization, tofuToken: string): Promise<string> {
  try {
    const connection = await ForeignConnection.open(auth, { tofuToken });
    sockets.push(connection);
    const answer = await connection.handshake();
    if (isResult(answer)) return 'through';
    return answer.kind === 'close' ? `${answer.code} ${answer.reason}` : answer.kind;
  } catch (error) {
    if (error instanceof ForeignRefusal)
      return error.alert === undefined ? error.message : `alert ${error.alert}`;
    throw error;
  }
}
