/**
 * `kill -9` of a controller and of a worker at random instants of a mixed load: nothing acknowledged is lost, no session or connection
 * goes an illegal way, every session ends (issue 3, §5.6). `STILE_TEST_SEED` repeats a run's choices.
 */
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Cluster } from '../support/cluster.ts';
import { queryDatabase, type Row } from '../support/database-access.ts';
import { cancelSession, createTarget, terminated, type ApiCall } from '../support/dev-target.ts';
import { startEchoServer, type TestServer } from '../support/echo-server.ts';
import { eventually } from '../support/eventually.ts';
import { MixedLoad } from '../support/mixed-load.ts';
import { startStile } from '../support/process.ts';
import { seededRandom, type SeededRandom } from '../support/seeded-random.ts';

/** Kills of the controller, as issue 3 asks. */
const controllerKills = 50;
/** Kills of the worker: each needs a link and an enrolment check before the load flows again. */
const workerKills = 10;
/** Sessions of this target end by themselves, seconds. */
const shortSeconds = 20;

let echo: TestServer;
let cluster: Cluster;
let api: ApiCall;
let databaseUrl: string;
let random: SeededRandom;

beforeEach(async () => {
  random = seededRandom();
  console.info(`seed ${random.seed}: STILE_TEST_SEED=${random.seed} repeats it`);
  echo = await startEchoServer();
  cluster = new Cluster();
  databaseUrl = `sqlite://${join(cluster.folder, 'stile.db')}`;
  await cluster.initialize();
  await cluster.startController('c1');
  await cluster.startWorker('w1', ['c1']);
  await cluster.liveWorkers('c1', 1);
  api = (method, path, body) => cluster.api('c1', method, path, body);
});
afterEach(async () => {
  await cluster?.stop();
  await echo?.close();
});

async function startLoad(): Promise<MixedLoad> {
  const scopeId = String(cluster.initial.project_scope.scope_id);
  const load = new MixedLoad({
    address: () => `http://${cluster.address('c1', 'api')}`,
    token: await cluster.adminToken('c1'),
    scopeId,
    targets: [
      await createTarget(api, { port: echo.port, scopeId }),
      await createTarget(api, { port: echo.port, scopeId, maxSeconds: shortSeconds }),
      await createTarget(api, { port: echo.port, scopeId, connectionLimit: 1 }),
    ],
    random,
  });
  load.start(4);
  return load;
}

/** Waits until the load has done one thing more. */
async function progress(load: MixedLoad, kind: 'authorized' | 'transferred'): Promise<void> {
  const count = (): number =>
    kind === 'authorized' ? load.acknowledged.authorized.size : load.acknowledged.transfers;
  const before = count();
  await eventually(() => (count() > before ? true : undefined), 20_000);
}

function pauseMs(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/** Everything that was acknowledged stands in the tables, and nothing in them is impossible. */
async function checkRecords(load: MixedLoad): Promise<void> {
  expect(load.wrong).toEqual([]);
  const { authorized, canceled, connections } = load.acknowledged;
  const sessions = new Map(
    (await queryDatabase(databaseUrl, 'select * from session')).map((row) => [String(row['id']), row]),
  );
  const rows = await queryDatabase(databaseUrl, 'select * from session_connection');
  const counted = new Map<string, number>();
  for (const row of rows) {
    const id = String(row['session_id']);
    counted.set(id, (counted.get(id) ?? 0) + 1);
  }
  const lost = {
    sessions: [...authorized].filter((id) => !sessions.has(id)),
    cancels: [...canceled].filter(
      (id) => !['canceling', 'terminated'].includes(String(sessions.get(id)?.['status'])),
    ),
    connections: [...connections].filter(([id, count]) => (counted.get(id) ?? 0) < count),
  };
  expect(lost).toEqual({ sessions: [], cancels: [], connections: [] });
  expect(
    [...sessions.values()].filter((row) => isImpossible(row, counted.get(String(row['id'])) ?? 0)),
  ).toEqual([]);
  expect(rows.filter(isImpossibleConnection)).toEqual([]);
  expect(await queryDatabase(databaseUrl, 'pragma integrity_check')).toEqual([{ integrity_check: 'ok' }]);
  expect(await queryDatabase(databaseUrl, 'pragma foreign_key_check')).toEqual([]);
}

const isOrdered = (times: readonly unknown[]): boolean => {
  const known = times.filter((time): time is number => typeof time === 'number');
  return known.every((time, index) => index === 0 || time >= (known[index - 1] ?? 0));
};

function isImpossible(row: Row, connections: number): boolean {
  const { status, active_at: activeAt, canceling_at: cancelingAt, terminated_at: terminatedAt } = row;
  const limit = Number(row['connection_limit']);
  const used = Number(row['connections_used']);
  return (
    !isOrdered([row['created_at'], activeAt, cancelingAt, terminatedAt]) ||
    used !== connections ||
    (limit !== -1 && used > limit) ||
    (used > 0 && activeAt === null) ||
    (status === 'pending' && (activeAt !== null || cancelingAt !== null)) ||
    (status === 'active' && cancelingAt !== null) ||
    (status === 'terminated') !== (terminatedAt !== null) ||
    (['canceling', 'terminated'].includes(String(status)) && row['end_reason'] === null)
  );
}

function isImpossibleConnection(row: Row): boolean {
  const isClosed = row['status'] === 'closed';
  return (
    !isOrdered([row['created_at'], row['connected_at'], row['closed_at']]) ||
    isClosed !== (row['closed_at'] !== null) ||
    (isClosed && row['end_reason'] === null)
  );
}

/** Cancels what is left; every session must end, and every connection with it. */
async function endEverything(): Promise<void> {
  const left = await queryDatabase(
    databaseUrl,
    "select id from session where status in ('pending', 'active')",
  );
  for (let at = 0; at < left.length; at += 8) {
    await Promise.all(
      left.slice(at, at + 8).map(async (row) => {
        const answer = await cancelSession(api, String(row['id']));
        // 404: it ended by itself between reading and cancelling.
        expect([200, 404]).toContain(answer.status);
      }),
    );
  }
  await eventually(async () => {
    const open = await queryDatabase(
      databaseUrl,
      "select id from session where status <> 'terminated' union all select id from session_connection where status <> 'closed'",
    );
    return open.length === 0 ? true : undefined;
  }, 30_000);
}

/** The load must have done something of each kind, or the test shows nothing. */
function expectRealLoad(load: MixedLoad, kills: number): void {
  const { authorized, connections, canceled, lists, transfers } = load.acknowledged;
  const done = {
    authorized: authorized.size,
    connections: connections.size,
    canceled: canceled.size,
    lists,
    transfers,
  };
  console.info(`seed ${random.seed}: ${kills} kills, acknowledged ${JSON.stringify(done)}`);
  expect(Object.entries(done).filter(([, count]) => count <= 20)).toEqual([]);
}

describe('killed at random instants of a mixed load', () => {
  test(`a controller, ${controllerKills} times`, async () => {
    // The second start writes the configuration with the addresses of the first.
    await cluster.kill('c1');
    const { configFile } = await cluster.startController('c1');
    const load = await startLoad();
    await cluster.kill('c1');
    for (let kill = 1; kill < controllerKills; kill += 1) {
      const instant = random.pick([
        'start',
        'start',
        'ready',
        'authorized',
        'authorized',
        'transferred',
      ] as const);
      if (instant === 'start') {
        const child = startStile(['server', '-config', configFile]);
        await pauseMs(random.between(50, 600));
        await child.stop('SIGKILL');
        continue;
      }
      await cluster.startController('c1');
      if (instant !== 'ready') await progress(load, instant);
      await pauseMs(random.between(1, 60));
      await cluster.kill('c1');
    }
    await cluster.startController('c1');
    const before = load.acknowledged.transfers;
    await eventually(() => (load.acknowledged.transfers > before + 20 ? true : undefined), 20_000);
    await load.stop();
    expectRealLoad(load, controllerKills);
    await checkRecords(load);
    await endEverything();
    await checkRecords(load);
    const [sample = ''] = load.acknowledged.canceled;
    expect((await terminated(api, sample)).states.length).toBeGreaterThan(1);
  }, 300_000);

  test(`a worker, ${workerKills} times`, async () => {
    const load = await startLoad();
    for (let kill = 0; kill < workerKills; kill += 1) {
      await pauseMs(random.between(10, 90));
      await cluster.kill('w1');
      await cluster.startWorker('w1', ['c1']);
      await progress(load, 'transferred');
    }
    await load.stop();
    expectRealLoad(load, workerKills);
    await checkRecords(load);
    await endEverything();
    await checkRecords(load);
  }, 180_000);
});
