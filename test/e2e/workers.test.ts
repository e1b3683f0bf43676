/**
 * Workers as an administrator manages them, with real processes: worker-led enrolment up to a served session, deletion, a new
 * certificate authority (http-api.md §2.16, design.md §6).
 */
import { existsSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, test } from 'vitest';
import { Cluster } from '../support/cluster.ts';
import { listenerAddress, type Json } from '../support/dev-server.ts';
import {
  authorizeSession,
  createTarget,
  readSession,
  terminated,
  type ApiCall,
} from '../support/dev-target.ts';
import { startEchoServer, type TestServer } from '../support/echo-server.ts';
import { eventually } from '../support/eventually.ts';
import { ForeignConnection, isResult, readAuthorization } from '../support/foreign-client.ts';
import { createDatabase, PostgresServer } from '../support/postgres.ts';
import { startStile, type RunningProcess } from '../support/process.ts';
import { makeTempDir, type TempDir } from '../support/temp-dir.ts';
import { whenClosed } from '../support/when-closed.ts';

const started = /server started! Log data will stream in below:/;
const requestLine = /Worker Auth Registration Request: (\S+)/;

let cluster: Cluster;
let echo: TestServer;
let api: ApiCall;
let folder: TempDir;
const children: RunningProcess[] = [];
const connections: ForeignConnection[] = [];

beforeAll(async () => {
  echo = await startEchoServer();
  cluster = new Cluster();
  await cluster.initialize();
  await cluster.startController('c1');
  api = (method, path, body) => cluster.api('c1', method, path, body);
});
afterAll(async () => {
  await cluster?.stop();
  await echo?.close();
});
beforeEach(async () => {
  folder = await makeTempDir();
});
afterEach(async () => {
  for (const connection of connections.splice(0)) connection.destroy();
  for (const child of children.splice(0)) await child.stop('SIGTERM');
  await folder.remove();
});

/** Starts a worker that was given no activation token. */
function startUnknownWorker(name: string, upstream = cluster.address('c1', 'cluster')): RunningProcess {
  const path = join(folder.path, `${name}.yaml`);
  const lines = [
    'worker:',
    `  name: ${name}`,
    `  auth_storage_path: ${join(folder.path, `${name}-keys`)}`,
    `  initial_upstreams: ["${upstream}"]`,
    `  tags: { place: [${name}] }`,
    'listener:',
    '  - { purpose: proxy, address: "127.0.0.1:0" }',
  ];
  writeFileSync(path, `${lines.join('\n')}\n`);
  const child = startStile(['server', '-config', path]);
  children.push(child);
  return child;
}

async function approve(request: string, name: string): Promise<Json> {
  const answer = await api('POST', '/v1/workers:create:worker-led', {
    scope_id: 'global',
    name,
    worker_generated_auth_token: request,
  });
  expect(answer.status).toBe(200);
  return answer.body;
}

/** A worker that was enrolled by its request, and the process it runs in. */
async function enrolWorkerLed(name: string): Promise<{ child: RunningProcess; item: Json }> {
  const child = startUnknownWorker(name);
  const [, request = ''] = await child.match(requestLine);
  const item = await approve(request, name);
  await child.match(started);
  return { child, item };
}

/** A session through the worker with that tag, with an open connection. */
async function openSession(place: string): Promise<{ sessionId: string; connection: ForeignConnection }> {
  const scopeId = String(cluster.initial.project_scope.scope_id);
  const target = await createTarget(api, {
    port: echo.port,
    scopeId,
  });
  const changed = await api('PATCH', `/v1/targets/${target}`, {
    version: 1,
    egress_worker_filter: `"${place}" in "/tags/place"`,
  });
  expect(changed.status).toBe(200);
  const item = await authorizeSession(api, target);
  const connection = await ForeignConnection.open(readAuthorization(String(item.authorization_token)));
  connections.push(connection);
  expect(isResult(await connection.handshake())).toBe(true);
  await connection.roundTrip('through');
  return { sessionId: String(item.session_id), connection };
}

/** The same, when the worker has just linked again. */
function sessionWhenLinked(place: string): Promise<unknown> {
  return eventually(() =>
    openSession(place).catch(() => {
      // Between two links the worker takes nothing new.
      return undefined;
    }),
  );
}

async function waitFor(id: string, isRight: (worker: Json) => boolean): Promise<Json> {
  return eventually(async () => {
    const { body } = await api('GET', `/v1/workers/${id}`);
    return isRight(body) ? (body as Json) : undefined;
  });
}

describe('worker-led enrolment', () => {
  test('a worker without a token prints its request; approved, it links and serves a session', async () => {
    const child = startUnknownWorker('led');
    const [, request = ''] = await child.match(requestLine);
    const [, fingerprint = ''] = await child.match(/Worker Auth Fingerprint: +(\S+)/);
    expect(request).toMatch(/^[1-9A-HJ-NP-Za-km-z]+$/);
    expect(child.stdout).not.toMatch(started);
    const keys = join(folder.path, 'led-keys');
    expect(readFileSync(join(keys, 'auth_request_token'), 'utf8').trim()).toBe(request);
    for (const file of readdirSync(keys)) expect(statSync(join(keys, file)).mode & 0o077).toBe(0);
    const item = await approve(request, 'led');
    expect(item).toMatchObject({
      type: 'pki',
      name: 'led',
      registration_fingerprint: fingerprint,
      version: 1,
    });
    expect(JSON.stringify(item)).not.toContain(request);
    await child.match(started);
    expect(readdirSync(keys)).toEqual(['identity.json']);
    const live = await waitFor(String(item.id), (worker) => worker.address !== undefined);
    expect(live).toMatchObject({
      address: listenerAddress(child.stdout, 'proxy'),
      release_version: expect.stringMatching(/^Stile v/),
      config_tags: { place: ['led'] },
    });
    await openSession('led');
    // A request that was approved admits nobody else.
    const again = await api('POST', '/v1/workers:create:worker-led', {
      scope_id: 'global',
      worker_generated_auth_token: request,
    });
    expect(again.status).toBe(400);
    // Nothing of the request but its fingerprint is logged.
    expect(child.stderr).not.toContain(request);
  });

  test('a worker that is started again asks with the same request, and one approved meanwhile admits it', async () => {
    const first = startUnknownWorker('patient');
    const [, request = ''] = await first.match(requestLine);
    await first.stop();
    await approve(request, 'patient');
    const second = startUnknownWorker('patient');
    const [, same] = await second.match(requestLine);
    expect(same).toBe(request);
    await second.match(started);
  });

  test('a damaged request is refused with the field named, and never approved', async () => {
    const child = startUnknownWorker('damaged');
    const [, request = ''] = await child.match(requestLine);
    const wrong = `${request.slice(0, 40)}${request[40] === '1' ? '2' : '1'}${request.slice(41)}`;
    for (const text of [wrong, 'zzz', request.slice(1), `${request}1`]) {
      const answer = await api('POST', '/v1/workers:create:worker-led', {
        scope_id: 'global',
        worker_generated_auth_token: text,
      });
      expect(answer.status).toBe(400);
      expect(answer.body.details.request_fields[0].name).toBe('worker_generated_auth_token');
    }
    const done = await child.stop();
    expect(done.stdout).not.toMatch(started);
    expect(done.status).toBe(0);
  });
});

describe('a worker that is deleted', () => {
  test('ends what it carries at once, and its certificate is worth nothing', async () => {
    const { child, item } = await enrolWorkerLed('doomed');
    const { sessionId, connection } = await openSession('doomed');
    const closed = whenClosed(connection.socket);
    const asked = Date.now();
    expect((await api('DELETE', `/v1/workers/${item.id}`)).status).toBe(204);
    await closed;
    expect(Date.now() - asked).toBeLessThan(3000);
    await terminated(api, sessionId);
    const session = await readSession(api, sessionId);
    expect(session).toMatchObject({ end_reason: 'worker deleted', termination_reason: 'canceled' });
    // What it had carried came with the confirmation.
    expect(session.connections[0]).toMatchObject({ bytes_up: '7', bytes_down: '7' });
    expect((await api('GET', `/v1/workers/${item.id}`)).status).toBe(404);
    await child.match(/the controller refused this worker/);
    const refused = await child.stop();
    expect(refused.status).toBe(0);
    const again = startUnknownWorker('doomed');
    const done = await again.finished(20_000);
    expect(done.status).not.toBe(0);
    expect(done.stderr).toMatch(/the controller refused this worker/);
  });
});

describe('with two controllers on one PostgreSQL', () => {
  let server: PostgresServer | undefined;
  let pair: Cluster;
  let here: TempDir;

  beforeAll(async () => {
    const shared = inject('postgresUrl');
    server = shared === undefined ? await PostgresServer.start() : undefined;
    here = await makeTempDir();
    pair = new Cluster({ databaseUrl: await createDatabase(shared ?? server?.url ?? '') });
    await pair.initialize();
    await pair.startController('c1');
    await pair.startController('c2');
  });
  afterAll(async () => {
    await pair?.stop();
    await server?.stop();
    await here?.remove();
  });

  test('a new authority and a deletion on one reach the worker that is linked to the other', async () => {
    // It knows only the first controller, and is linked to it.
    const worker = await pair.startWorker('w1', ['c1']);
    const identity = join(pair.folder, 'w1-keys', 'identity.json');
    const authority = (): unknown => (JSON.parse(readFileSync(identity, 'utf8')) as Json).ca_certificates[0];
    const before = authority();
    const other: ApiCall = (method, path, body) => pair.api('c2', method, path, body);
    await pair.liveWorkers('c2', 1);
    const scopeId = String(pair.initial.project_scope.scope_id);
    const target = await createTarget(other, { port: echo.port, scopeId });
    const item = await authorizeSession(other, target);
    const connection = await ForeignConnection.open(readAuthorization(String(item.authorization_token)));
    connections.push(connection);
    expect(isResult(await connection.handshake())).toBe(true);
    await connection.roundTrip('through');
    const path = '/v1/workers:reinitialize-certificate-authority?scope_id=global';
    expect((await other('POST', path)).status).toBe(200);
    await eventually(() => (authority() === before ? undefined : true));
    await connection.roundTrip('goes on');
    const closed = whenClosed(connection.socket);
    const [{ id }] = (await other('GET', '/v1/workers?scope_id=global')).body.items as [Json];
    const asked = Date.now();
    expect((await other('DELETE', `/v1/workers/${id}`)).status).toBe(204);
    await closed;
    expect(Date.now() - asked).toBeLessThan(3000);
    await terminated(other, String(item.session_id));
    await worker.process.match(/the controller refused this worker/);
  });
});

describe('a new certificate authority', () => {
  const certs = async (): Promise<Json[]> =>
    (await api('GET', '/v1/workers:read-certificate-authority?scope_id=global')).body.certs as Json[];
  const reinitialize = async (): Promise<void> => {
    const { status } = await api('POST', '/v1/workers:reinitialize-certificate-authority?scope_id=global');
    expect(status).toBe(200);
  };
  const identityOf = (name: string): Json =>
    JSON.parse(readFileSync(join(folder.path, `${name}-keys`, 'identity.json'), 'utf8')) as Json;

  test('linked workers move over with their connections, one that was away in the overlap follows, one too late is refused', async () => {
    const { child: here } = await enrolWorkerLed('here');
    const { child: away, item: awayItem } = await enrolWorkerLed('away');
    const { child: late, item: lateItem } = await enrolWorkerLed('late');
    await away.stop();
    await late.stop();
    const { connection } = await openSession('here');
    const before = identityOf('here').ca_certificates;
    const [first] = await certs();
    await reinitialize();
    const [second, old] = await certs();
    expect(old.id).toBe(first.id);
    expect(Date.parse(old.not_after_time)).toBeLessThan(Date.now() + 8 * 86_400_000);
    expect(second.public_key_sha256).not.toBe(first.public_key_sha256);
    // The linked worker has a certificate of the new authority within a few heartbeats, and goes on serving.
    await eventually(() => (identityOf('here').ca_certificates[0] === before[0] ? undefined : true));
    await connection.roundTrip('still here');
    await sessionWhenLinked('here');
    // One that knows only the old authority is let in and moves over.
    const back = startUnknownWorker('away');
    await back.match(started);
    await eventually(() => (identityOf('away').ca_certificates[0] === before[0] ? undefined : true));
    await sessionWhenLinked('away');
    expect((await api('GET', `/v1/workers/${awayItem.id}`)).status).toBe(200);
    // A second call ends the overlap: what has not moved over by now is refused.
    await reinitialize();
    expect((await certs()).map((each) => each.id)).not.toContain(first.id);
    const tooLate = startUnknownWorker('late');
    await tooLate.match(/no link to a controller/);
    expect(tooLate.stdout).not.toMatch(started);
    expect((await api('GET', `/v1/workers/${lateItem.id}`)).body.last_status_time).toBeDefined();
    await connection.roundTrip('and still');
    expect(here.child.exitCode).toBeNull();
  });

  test('an activation token made before it still enrols in the overlap', async () => {
    const made = await api('POST', '/v1/workers:create:controller-led', { scope_id: 'global' });
    await reinitialize();
    const name = 'token';
    const path = join(folder.path, `${name}.yaml`);
    mkdirSync(join(folder.path, 'token-keys'), { mode: 0o700 });
    writeFileSync(
      path,
      [
        'worker:',
        `  auth_storage_path: ${join(folder.path, 'token-keys')}`,
        `  initial_upstreams: ["${cluster.address('c1', 'cluster')}"]`,
        `  controller_generated_activation_token: ${made.body.controller_generated_activation_token}`,
        'listener:',
        '  - { purpose: proxy, address: "127.0.0.1:0" }',
        '',
      ].join('\n'),
    );
    const child = startStile(['server', '-config', path]);
    children.push(child);
    await child.match(started);
    expect(existsSync(join(folder.path, 'token-keys', 'identity.json'))).toBe(true);
  });
});
