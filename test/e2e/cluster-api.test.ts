/** The Cluster API by curl against a running `stile dev` (tokens.md §4.2, rows D1 to D5). */
import { randomFillSync } from 'node:crypto';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createConnection, type Socket } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { curl, type CurlAnswer } from '../support/curl.ts';
import { startDevServer, type DevServer, type Json } from '../support/dev-server.ts';
import { startEchoServer, type TestServer } from '../support/echo-server.ts';
import { eventually } from '../support/eventually.ts';
import { startStile, type RunningProcess } from '../support/process.ts';
import { mustSkipWithout } from '../support/required.ts';
import { startSshd, type Sshd } from '../support/sshd.ts';
import { answerProblems } from '../support/cluster-answers.ts';

const copyBytes = 100 * 1024 * 1024;

describe.skipIf(mustSkipWithout('curl'))('the Cluster API', () => {
  let echo: TestServer;
  let dev: DevServer;
  const running: RunningProcess[] = [];

  beforeAll(async () => {
    echo = await startEchoServer();
    dev = await startDevServer(['-host-address', '127.0.0.1', '-target-default-port', String(echo.port)]);
  });
  afterAll(async () => {
    for (const child of running) await child.stop();
    await dev?.stop();
    await echo?.close();
  });

  const at = (path: string): string => `${dev.address}/api/v2/${path}`;
  const get = (path: string, token = dev.adminToken): Promise<CurlAnswer> =>
    curl('--header', `X-Stile-API-Session: ${token}`, at(path));

  /** A `stile connect` that listens; gives its port and stops with the test file. */
  async function listen(token: string): Promise<{ port: number; sessionId: string; child: RunningProcess }> {
    const child = startStile(['connect', '-target-id', 'ttcp_1234567890', '-format', 'json'], {
      env: { ...dev.env, STILE_TOKEN: token },
      keepInputOpen: true,
    });
    running.push(child);
    const [, text = ''] = await child.match(/^(\{.*"port".*\})$/m);
    const { port, session_id: sessionId } = JSON.parse(text) as { port: number; session_id: string };
    return { port, sessionId, child };
  }

  async function open(port: number): Promise<Socket> {
    const socket = createConnection(port, '127.0.0.1');
    await once(socket, 'connect');
    return socket;
  }

  test('row D1: health is open, all else wants a token in either header, and every answer says its version', async () => {
    const health = await curl(at('health/'));
    expect({ status: health.status, text: health.text }).toEqual({ status: 200, text: '{}' });
    expect(health.headers.get('x-stile-api-version')).toBe('2.0');
    expect(health.headers.get('cache-control')).toBe('no-store');
    expect(health.headers.get('content-type')).toBe('application/json');
    const refused = await curl(at('nodes/'));
    expect(refused.status).toBe(401);
    expect(refused.body).toMatchObject({ kind: 'Unauthenticated', message: expect.any(String) });
    expect(refused.headers.get('x-stile-api-version')).toBe('2.0');
    for (const header of ['X-Stile-API-Session', 'X-Cockroach-API-Session', 'x-stile-api-session']) {
      expect((await curl('--header', `${header}: ${dev.adminToken}`, at('nodes/'))).status).toBe(200);
    }
    expect((await curl('--header', `Authorization: Bearer ${dev.adminToken}`, at('nodes/'))).status).toBe(
      200,
    );
    expect((await curl('--cookie', `__Host-stile-session=${dev.adminToken}`, at('nodes/'))).status).toBe(200);
  });

  test('row D1: ready is told apart from alive, and only true and false are legal', async () => {
    expect((await curl(at('health/?ready=true'))).status).toBe(200);
    expect((await curl(at('health/?ready=false'))).status).toBe(200);
    for (const value of ['', '1', 'TRUE', 'yes']) {
      const answer = await curl(at(`health/?ready=${value}`));
      expect({ value, status: answer.status }).toEqual({ value, status: 400 });
      expect(answer.body.details.request_fields).toMatchObject([{ name: 'ready' }]);
    }
  });

  test('row D2: a form gives a token, logout ends it, twice the same, and then it is dead', async () => {
    const login = await curl('-d', 'username=admin&password=password', at('login/'));
    expect({ status: login.status, body: login.body }).toEqual({
      status: 200,
      body: { session: expect.stringMatching(/^at_[0-9A-Za-z]{10}_s1[0-9A-Za-z]{49}$/) },
    });
    const { session } = login.body as { session: string };
    const header = `X-Stile-API-Session: ${session}`;
    expect((await curl('--header', header, at('nodes/'))).status).toBe(200);
    for (const _time of ['first', 'again']) {
      const logout = await curl('--request', 'POST', '--header', header, at('logout/'));
      expect({ status: logout.status, text: logout.text }).toEqual({
        status: 200,
        text: '{"logged_out":true}',
      });
    }
    expect((await curl('--header', header, at('nodes/'))).status).toBe(401);
  });

  test('row D2: logout by cookie takes the cookie away; without a token it is 400', async () => {
    const login = await curl('-d', 'username=user&password=password', at('login/'));
    const cookie = `__Host-stile-session=${String(login.body.session)}`;
    const logout = await curl('--request', 'POST', '--cookie', cookie, at('logout/'));
    expect(logout.status).toBe(200);
    expect(logout.headers.get('set-cookie')).toBe(
      '__Host-stile-session=; Path=/; HttpOnly; Secure; SameSite=Strict; Max-Age=0',
    );
    expect((await curl('--cookie', cookie, at('sessions/'))).status).toBe(401);
    const none = await curl('--request', 'POST', at('logout/'));
    expect({ status: none.status, kind: none.body.kind }).toEqual({ status: 400, kind: 'InvalidArgument' });
  });

  test('case 17: logout with a right id and a wrong secret is 401, and the token still works', async () => {
    const token = await dev.login('user', 'password');
    const last = token.at(-1) === 'A' ? 'B' : 'A';
    // The checksum would refuse the first; the second has a right one over another secret of the same id.
    const other = await dev.login('user', 'password');
    const forged = [token.slice(0, -1) + last, token.slice(0, 14) + other.slice(14)];
    for (const text of forged) {
      const answer = await curl(
        '--request',
        'POST',
        '--header',
        `Authorization: Bearer ${text}`,
        at('logout/'),
      );
      expect({ status: answer.status, kind: answer.body.kind }).toEqual({
        status: 401,
        kind: 'Unauthenticated',
      });
    }
    expect((await get('sessions/', token)).status).toBe(200);
  });

  test('row D3: one controller and one worker, with what they say of themselves', async () => {
    const { status, body } = await get('nodes/');
    expect(status).toBe(200);
    const started = (node: Json): number => Date.parse(String(node.started_at));
    const nodes = body.nodes as Json[];
    expect(nodes).toMatchObject([
      { node_id: expect.stringMatching(/^ctrl_\w{10}$/), kind: 'controller', liveness_status: 'live' },
      {
        node_id: 'w_1234567890',
        kind: 'worker',
        liveness_status: 'live',
        address: { network: 'tcp', address: dev.proxyAddress },
        tags: { type: ['dev', 'local'] },
      },
    ]);
    for (const node of nodes) {
      expect(node.build_tag).toMatch(/^v\d+\.\d+\.\d+/);
      expect(node.num_cpus).toBeGreaterThan(0);
      expect(node.total_system_memory).toBeGreaterThan(2 ** 27);
      expect(Math.abs(Date.now() - started(node))).toBeLessThan(600_000);
    }
    expect((await get('nodes/local/connections/')).body).toEqual({ connections: [] });
    expect((await get(`nodes/${String(nodes[0].node_id)}/connections/`)).body).toEqual({ connections: [] });
    expect((await get('nodes/w_unknown/connections/')).status).toBe(404);
    expect((await get('nodes/ctrl_unknown/connections/')).status).toBe(404);
  });

  test.skipIf(mustSkipWithout('sshd', 'ssh', 'ssh-keygen'))(
    'row D3: during an ssh through Stile the connections of the worker show its bytes',
    async () => {
      const sshd: Sshd = await startSshd();
      const { body: target } = await dev.api('GET', '/v1/targets/ttcp_1234567890');
      await dev.api('PATCH', '/v1/targets/ttcp_1234567890', {
        version: target.version,
        attributes: { default_port: sshd.port },
      });
      const options = ['UserKnownHostsFile=/dev/null', 'StrictHostKeyChecking=no', 'BatchMode=yes'];
      // The remote command ends with its input, which the test holds open.
      const remote = 'echo ready; head -c 300000 /dev/zero; cat';
      const words = ['connect', 'ssh', '-target-id', 'ttcp_1234567890', '-username', sshd.user];
      const ssh = [...options.flatMap((option) => ['-o', option]), '-i', sshd.keyFile];
      const child = startStile([...words, '-remote-command', remote, '--', ...ssh], {
        env: { ...dev.env, STILE_TOKEN: dev.adminToken },
        keepInputOpen: true,
      });
      try {
        await child.match(/ready/);
        const shown = await eventually(async () => {
          const { body } = await get('nodes/w_1234567890/connections/');
          const found = (body.connections as Json[]).find((each) => each.bytes_down >= 300_000);
          return found as Json;
        });
        expect(shown).toMatchObject({
          connection_id: expect.stringMatching(/^sc_/),
          status: 'connected',
          username: 'admin',
          target_id: 'ttcp_1234567890',
          endpoint_address: `127.0.0.1:${sshd.port}`,
          client_address: expect.stringMatching(/^127\.0\.0\.1:\d+$/),
        });
        expect(shown.bytes_up).toBeGreaterThan(1000);
        const filtered = await get(
          `nodes/w_1234567890/connections/?connections=${String(shown.connection_id)}`,
        );
        expect(filtered.body.connections).toHaveLength(1);
        const other = await get('nodes/w_1234567890/connections/?connections=sc_other');
        expect(other.body).toEqual({ connections: [] });
        const session = await get(`sessions/${String(shown.session_id)}/`);
        expect(session.body).toMatchObject({
          session: { id: shown.session_id, connections: 1, node_ids: ['w_1234567890'], status: 'active' },
          states: [{ status: 'active' }, { status: 'pending' }],
          connections: [{ connection_id: shown.connection_id }],
        });
        expect(await answerProblems(dev.address, 'sessions/{session_id}/', session.body)).toEqual([]);
      } finally {
        child.child.stdin?.end();
        await child.stop();
        await sshd.stop();
        const { body: now } = await dev.api('GET', '/v1/targets/ttcp_1234567890');
        await dev.api('PATCH', '/v1/targets/ttcp_1234567890', {
          version: now.version,
          attributes: { default_port: echo.port },
        });
      }
    },
  );

  test('row D4: sessions by user name or id, and page by page each once while others come', async () => {
    const userToken = await dev.login('user', 'password');
    const authorize = async (token: string): Promise<string> => {
      const path = '/v1/targets/ttcp_1234567890:authorize-session';
      return String((await dev.api('POST', path, {}, token)).body.session_id);
    };
    const theirs = [await authorize(userToken), await authorize(userToken), await authorize(userToken)];
    const own = await authorize(dev.adminToken);
    const idsOf = (answer: CurlAnswer): string[] =>
      (answer.body.sessions as Json[]).map((each) => String(each.id));
    const byName = await get('sessions/?username=user');
    expect(idsOf(byName).sort()).toEqual(theirs.toSorted());
    expect(byName.body.sessions).toMatchObject([
      { username: 'user' },
      { username: 'user' },
      { username: 'user' },
    ]);
    expect(await answerProblems(dev.address, 'sessions/', byName.body)).toEqual([]);
    const userId = String(byName.body.sessions[0].user_id);
    expect(idsOf(await get(`sessions/?user_id=${userId}`)).sort()).toEqual(theirs.toSorted());
    expect(idsOf(await get('sessions/?username=nobody'))).toEqual([]);
    // Who may not list everybody's sees the own ones, whatever is asked for.
    expect(idsOf(await get('sessions/', userToken)).sort()).toEqual(theirs.toSorted());
    expect(idsOf(await get('sessions/?username=admin', userToken))).toEqual([]);
    expect((await get(`sessions/${own}/`, userToken)).status).toBe(403);
    expect((await get(`sessions/${theirs[0] ?? ''}/`, userToken)).status).toBe(200);
    expect((await get('sessions/s_unknown0000/')).status).toBe(404);

    const seen: string[] = [];
    let path = 'sessions/?username=user&limit=1';
    for (;;) {
      const page = await get(path);
      expect(page.status).toBe(200);
      seen.push(...idsOf(page));
      if (page.body.next === undefined) break;
      await authorize(userToken);
      path = `sessions/?username=user&limit=1&start=${String(page.body.next)}`;
    }
    expect(seen.toSorted()).toEqual(theirs.toSorted());
    expect(new Set(seen).size).toBe(seen.length);
  });

  test('row D4: ended sessions are left out unless they are asked for', async () => {
    const { body } = await dev.api('POST', '/v1/targets/ttcp_1234567890:authorize-session', {});
    const id = String(body.session_id);
    const { body: session } = await dev.api('GET', `/v1/sessions/${id}`);
    await dev.api('POST', `/v1/sessions/${id}:cancel`, { version: session.version });
    await eventually(async () =>
      (await get(`sessions/${id}/`)).body.session.status === 'terminated' ? true : undefined,
    );
    const ids = async (query: string): Promise<string[]> =>
      ((await get(`sessions/?limit=1000${query}`)).body.sessions as Json[]).map((each) => String(each.id));
    expect(await ids('')).not.toContain(id);
    expect(await ids('&exclude_closed_sessions=false')).toContain(id);
    const found = (await get(`sessions/${id}/`)).body.session as Json;
    expect(found).toMatchObject({ end_reason: 'canceled', end: expect.stringMatching(/Z$/) });
  });

  test('row D4: a copy of 100 MB is first among the hot sessions, with what it moved', async () => {
    const [quiet, busy] = [await listen(dev.adminToken), await listen(await dev.login('user', 'password'))];
    const [small, large] = [await open(quiet.port), await open(busy.port)];
    small.write('hello');
    const data = randomFillSync(Buffer.alloc(copyBytes));
    let back = 0;
    const copied = new Promise<void>((resolve) => {
      large.on('data', (part: Buffer) => {
        back += part.length;
        if (back >= copyBytes) resolve();
      });
    });
    small.resume();
    large.write(data);
    await copied;
    const hot = await eventually(async () => {
      const { body } = await get('sessions/hot/');
      const [first] = body.sessions as Json[];
      const total = Number(first?.bytes_up ?? 0) + Number(first?.bytes_down ?? 0);
      const isQuietThere = (body.sessions as Json[]).some((each) => each.id === quiet.sessionId);
      return first?.id === busy.sessionId && total >= 2 * copyBytes && isQuietThere
        ? (body as Json)
        : undefined;
    });
    const [first] = hot.sessions as Json[];
    expect(hot.window_seconds).toBe(10);
    expect(first).toMatchObject({ username: 'user', node_ids: ['w_1234567890'] });
    expect(first.bytes_up_per_second).toBeGreaterThan(1_000_000);
    expect(first.bytes_down_per_second).toBeGreaterThan(1_000_000);
    expect(await answerProblems(dev.address, 'sessions/hot/', hot)).toEqual([]);
    const onWorker = await get('sessions/hot/?node_id=w_1234567890&limit=1');
    expect(onWorker.body.sessions).toMatchObject([{ id: busy.sessionId }]);
    const second = await get(
      `sessions/hot/?node_id=w_1234567890&limit=1&start=${String(onWorker.body.next)}`,
    );
    expect((second.body.sessions as Json[]).map((each) => each.id)).not.toContain(busy.sessionId);
    expect((await get('sessions/hot/?node_id=local')).body.sessions).toEqual([]);
    // The one who may not list everybody's sees the own traffic only.
    const own = await get('sessions/hot/', await dev.login('user', 'password'));
    expect(new Set((own.body.sessions as Json[]).map((each) => each.username))).toEqual(new Set(['user']));
    const worker = ((await get('nodes/')).body.nodes as Json[]).find(
      (node) => node.kind === 'worker',
    ) as Json;
    expect(worker.metrics.sessions).toBeGreaterThanOrEqual(2);
    expect(worker.metrics.bytes_up_per_second).toBeGreaterThan(0);
    small.destroy();
    large.destroy();
  });

  test('row D5: the served document is the one that CI keeps, and every answer fits it', async () => {
    const { status, body } = await curl(at('openapi.json'));
    expect(status).toBe(200);
    expect(body).toMatchObject({ openapi: expect.stringMatching(/^3\.1/), info: { version: '2.0' } });
    for (const path of ['nodes/', 'nodes/{node_id}/connections/', 'sessions/', 'sessions/hot/', 'users/']) {
      const answer = await get(path.replace('{node_id}', 'w_1234567890'));
      expect({ path, problems: await answerProblems(dev.address, path, answer.body) }).toEqual({
        path,
        problems: [],
      });
    }
    const broken = { nodes: [{ node_id: 'w_1', kind: 'worker', liveness_status: 'live', tags: {} }] };
    expect(await answerProblems(dev.address, 'nodes/', broken)).not.toEqual([]);
  });

  test('a last slash may be left out, the answer is the same and never a redirect', async () => {
    for (const path of [
      'health/',
      'nodes/',
      'sessions/',
      'sessions/hot/',
      'users/',
      'nodes/local/connections/',
    ]) {
      const without = await get(path.slice(0, -1));
      expect({ path, status: without.status }).toEqual({ path, status: 200 });
    }
  });

  test('unknown paths, parameters and methods are refused in JSON', async () => {
    for (const path of ['', 'databases/', 'nodes/w_1/ranges/', 'sessions/s_1/x/', 'openapi.json/x']) {
      const answer = await get(path);
      expect({ path, status: answer.status, kind: answer.body?.kind }).toEqual({
        path,
        status: 404,
        kind: 'NotFound',
      });
    }
    const unknown = await get('nodes/?limit=5&colour=red');
    expect(unknown.status).toBe(400);
    expect(unknown.body.details.request_fields).toMatchObject([{ name: 'colour' }]);
    const allowed: Record<string, string> = {
      'health/': 'GET',
      'nodes/': 'GET',
      'sessions/': 'GET',
      'login/': 'POST',
    };
    for (const [path, allow] of Object.entries(allowed)) {
      const method = allow === 'GET' ? 'DELETE' : 'GET';
      const answer = await curl(
        '--request',
        method,
        '--header',
        `X-Stile-API-Session: ${dev.adminToken}`,
        at(path),
      );
      expect({ path, status: answer.status, allow: answer.headers.get('allow') }).toEqual({
        path,
        status: 405,
        allow,
      });
      expect(answer.body).toMatchObject({ message: expect.stringContaining(allow) });
    }
  });

  test('case 61: login takes a form in the body and nothing else', async () => {
    const good = 'username=admin&password=password';
    const statusOf = async (...words: readonly string[]): Promise<number> => (await curl(...words)).status;
    const file = join(dev.env['HOME'] ?? '', 'large-form');
    writeFileSync(file, `${good}&x=${'a'.repeat(1024 * 1024)}`);
    expect(await statusOf(at('login/'))).toBe(405);
    expect(await statusOf('--get', '-d', good, at('login/'))).toBe(405);
    const json = '{"username":"admin","password":"password"}';
    expect(await statusOf('-H', 'Content-Type: application/json', '-d', json, at('login/'))).toBe(400);
    expect(await statusOf('-H', 'Content-Type: application/json', '-d', good, at('login/'))).toBe(400);
    expect(await statusOf('--form', 'username=admin', '--form', 'password=password', at('login/'))).toBe(400);
    expect(await statusOf('--request', 'POST', at(`login/?${good}`))).toBe(400);
    expect(await statusOf('-d', good, at(`login/?${good}`))).toBe(400);
    expect(await statusOf('--data-binary', `@${file}`, at('login/'))).toBe(413);
    expect(await statusOf('-d', `${good}&username=admin`, at('login/'))).toBe(400);
    expect(await statusOf('-d', `${good}&colour=red`, at('login/'))).toBe(400);
    expect(await statusOf('-d', 'username=admin', at('login/'))).toBe(400);
    expect(await statusOf('-d', 'username=&password=password', at('login/'))).toBe(400);
    expect(await statusOf('--request', 'POST', at('login/'))).toBe(400);
    expect(await statusOf('-d', `${good}&auth_method_id=nonsense`, at('login/'))).toBe(400);
    expect(await statusOf('-d', `${good}&auth_method_id=ampw_unknown`, at('login/'))).toBe(401);
    expect(await statusOf('-d', `${good}&auth_method_id=ampw_1234567890`, at('login/'))).toBe(200);
    const query = await curl('--request', 'POST', at('login/?username=admin&password=hunter2secret'));
    expect(query.text).not.toContain('hunter2secret');
  });

  test('case 62: an unknown user and a wrong password are told the same', async () => {
    const wrong = await curl('-d', 'username=admin&password=wrong-password', at('login/'));
    const unknown = await curl('-d', 'username=nobody&password=wrong-password', at('login/'));
    expect(wrong.status).toBe(401);
    expect({ status: unknown.status, text: unknown.text }).toEqual({
      status: wrong.status,
      text: wrong.text,
    });
    expect([...unknown.headers.keys()].sort()).toEqual([...wrong.headers.keys()].sort());
  });
});
