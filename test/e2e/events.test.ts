/**
 * The event stream with real processes: `stile sessions watch`, two controllers on one PostgreSQL, a controller that dies, and bytes that
 * flow through a worker (console.md §3).
 */
import { afterAll, afterEach, beforeAll, describe, expect, inject, test } from 'vitest';
import type { HostPort } from '@stile/runtime';
import { parseHostPort } from '@stile/runtime';
import { Cluster } from '../support/cluster.ts';
import {
  authorizeSession,
  cancelSession,
  createTarget,
  terminated,
  type ApiCall,
} from '../support/dev-target.ts';
import { startEchoServer, type TestServer } from '../support/echo-server.ts';
import { EventViewer, type ViewerOptions } from '../support/event-viewer.ts';
import { ForeignConnection, isResult, readAuthorization } from '../support/foreign-client.ts';
import { createDatabase, PostgresServer } from '../support/postgres.ts';
import { cleanEnvironment, startStile, type RunningProcess } from '../support/process.ts';

const all = 'topic=sessions&scope_id=global&recursive=true';

let server: PostgresServer | undefined;
let pair: Cluster;
let echo: TestServer;
let target: string;
const viewers: EventViewer[] = [];
const children: RunningProcess[] = [];

beforeAll(async () => {
  const shared = inject('postgresUrl');
  server = shared === undefined ? await PostgresServer.start() : undefined;
  echo = await startEchoServer();
  pair = new Cluster({ databaseUrl: await createDatabase(shared ?? server?.url ?? '') });
  await pair.initialize();
  await pair.startController('c1');
  await pair.startController('c2');
  await pair.startWorker('w1', ['c1']);
  await pair.liveWorkers('c2', 1);
  const scopeId = String(pair.initial.project_scope.scope_id);
  target = await createTarget(one, { port: echo.port, scopeId });
});
afterAll(async () => {
  await pair?.stop();
  await echo?.close();
  await server?.stop();
});
afterEach(async () => {
  for (const viewer of viewers.splice(0)) {
    viewer.close();
    await viewer.ended();
  }
  for (const child of children.splice(0)) await child.stop('SIGKILL');
});

const one: ApiCall = (method, path, body) => pair.api('c1', method, path, body);

function apiOf(controller: string): HostPort {
  return parseHostPort(pair.address(controller, 'api'));
}

async function watch(controller: string, query = all, options: ViewerOptions = {}): Promise<EventViewer> {
  const token = await pair.adminToken('c1');
  const viewer = await EventViewer.open(apiOf(controller), query, { token, ...options });
  viewers.push(viewer);
  return viewer;
}

describe('with two controllers', () => {
  test('changes made on one are seen by viewers of the other at once', async () => {
    const viewer = await watch('c2');
    await viewer.event('snapshot-end');
    const madeMs = performance.now();
    const id = String((await authorizeSession(one, target)).session_id);
    await viewer.until('the session', () => viewer.rows.has(id));
    // The look of every 100 ms and some; a busy machine needs its time.
    expect(performance.now() - madeMs).toBeLessThan(2_000);
    await cancelSession(one, id);
    await viewer.until('its end', () => viewer.rows.get(id)?.status === 'terminated');
    expect(viewer.rows.get(id)).toMatchObject({ end_reason: 'canceled', version: 3 });
  });

  test('a stream is resumed on the other one, without a snapshot', async () => {
    const first = await watch('c1');
    await first.event('snapshot-end');
    const lastEventId = first.lastEventId;
    first.close();
    await first.ended();
    const missed = String((await authorizeSession(one, target)).session_id);
    const second = await watch('c2', all, { lastEventId });
    await second.until('what was missed', () => second.rows.has(missed));
    expect(second.dataOf('snapshot')).toEqual([]);
    expect(second.dataOf('reset')).toEqual([]);
    const later = String((await authorizeSession(one, target)).session_id);
    await second.until('what came later', () => second.rows.has(later));
  });

  test('case 14: a token revoked on one closes its stream on the other', async () => {
    const token = await pair.login('c1');
    const id = token.split('_').slice(0, 2).join('_');
    const viewer = await watch('c2', all, { token });
    await viewer.event('snapshot-end');
    const asked = performance.now();
    expect((await one('DELETE', `/v1/auth-tokens/${id}`)).status).toBe(204);
    expect(await viewer.event('bye')).toEqual({ reason: 'token revoked' });
    await viewer.ended();
    expect(performance.now() - asked).toBeLessThan(2_000);
  });

  test('a grant that is taken away on one resets the stream on the other', async () => {
    const viewer = await watch('c2');
    await viewer.event('snapshot-end');
    const role = (await one('POST', '/v1/roles', { scope_id: 'global', name: 'more' })).body;
    const { user_id: userId } = pair.initial.auth_method as { user_id: string };
    const named = await one('POST', `/v1/roles/${role.id}:set-principals`, {
      version: role.version,
      principal_ids: [userId],
    });
    const granted = await one('POST', `/v1/roles/${role.id}:set-grants`, {
      version: named.body.version,
      grant_strings: ['ids=*;type=session;actions=read'],
    });
    expect(granted.status).toBe(200);
    expect(await viewer.event('reset')).toEqual({ reason: 'grants changed' });
    await viewer.until('a second snapshot', () => viewer.dataOf('snapshot-end').length === 2);
  });

  test('workers come with their topic: what they carry, and that they are gone', async () => {
    const viewer = await watch('c2', 'topic=workers');
    await viewer.event('snapshot-end');
    const made = (await one('POST', '/v1/workers:create:controller-led', { scope_id: 'global' })).body;
    const id = String(made.id);
    await viewer.until('the new worker', () => viewer.rows.has(id));
    expect(viewer.text).not.toContain(String(made.controller_generated_activation_token));
    await one('DELETE', `/v1/workers/${id}`);
    await viewer.until('it is gone', () => !viewer.rows.has(id));
  });
});

describe('counters', () => {
  test.each(['c1', 'c2'])('of a session on screen are told on %s as bytes flow', async (controller) => {
    const item = await authorizeSession(one, target);
    const id = String(item.session_id);
    const connection = await ForeignConnection.open(readAuthorization(String(item.authorization_token)));
    try {
      expect(isResult(await connection.handshake())).toBe(true);
      const viewer = await watch(controller, `${all}&ids=${id}`);
      await connection.roundTrip('twelve bytes');
      const counted = (): unknown[] =>
        viewer.dataOf('counters').flatMap((rows) => (rows as unknown[][]).filter((row) => row[0] === id));
      // Stored counters, all that the other controller has, are renewed every ten seconds.
      await viewer.until(
        'the bytes',
        () => counted().some((row) => (row as unknown[])[1] === 12 && (row as unknown[])[2] === 12),
        25_000,
      );
      expect(counted().at(-1)).toEqual([id, 12, 12, 1, expect.any(Number)]);
    } finally {
      connection.destroy();
    }
    await cancelSession(one, id);
    await terminated(one, id);
  });
});

describe('stile sessions watch', () => {
  async function start(controller: string, words: readonly string[] = []): Promise<RunningProcess> {
    const env = {
      STILE_ADDR: `http://${pair.address(controller, 'api')}`,
      STILE_TOKEN: await pair.adminToken('c1'),
    };
    const child = startStile(['sessions', 'watch', '-recursive', ...words], { env: cleanEnvironment(env) });
    children.push(child);
    return child;
  }

  test('prints a line for each change, goes on when its controller is killed and comes back, and ends with 0 on Ctrl-C', async () => {
    const child = await start('c2');
    const first = String((await authorizeSession(one, target)).session_id);
    await child.match(new RegExp(`${first}  pending`));
    await pair.kill('c2');
    await child.match(/Lost the event stream/);
    const missed = String((await authorizeSession(one, target)).session_id);
    await pair.startController('c2');
    await child.match(new RegExp(`${missed}  pending`));
    await cancelSession(one, first);
    await child.match(new RegExp(`${first}  terminated`));
    child.child.kill('SIGINT');
    const { status, stdout } = await child.finished();
    expect(status).toBe(0);
    // The version that was printed is not printed again after the resume.
    expect(stdout.match(new RegExp(`${first}  pending`, 'g'))).toHaveLength(1);
  });

  test('prints a line of JSON for each event, and says when the controller is shut down', async () => {
    const child = await start('c2', ['-format', 'json']);
    await child.match(/"event":"snapshot-end"/);
    await pair.servers.get('c2')?.process.stop('SIGTERM');
    await child.match(/\{"event":"bye","data":\{"reason":"shutting down"\}\}/);
    await pair.startController('c2');
    await child.match(/"event":"hello"[^]*"event":"hello"/);
    const lines = child.stdout.trimEnd().split('\n');
    expect(lines.map((line) => (JSON.parse(line) as { event: string }).event)[0]).toBe('hello');
    child.child.kill('SIGTERM');
    expect((await child.finished()).status).toBe(0);
  });
});
