/** Who may do what on the Cluster API, and what happens when logins pile up, over a real listener. */
import { request } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTestController, type TestController } from '../../../../../test/support/controller.ts';
import { call, type HttpAnswer } from '../../../../../test/support/http-client.ts';
import { clusterOperations } from './cluster-api.ts';
import type { ApiServices } from '../services.ts';

// The rows only keep the services; nothing is called.
const rows = clusterOperations({ lists: {} } as ApiServices).map(({ facts }) => facts);
const open = new Set(['health/', 'login/', 'openapi.json']);

let controller: TestController;
let sessionId = '';
beforeAll(async () => {
  controller = await startTestController({ apiRateLimitDisable: true });
  await controller.addLiveWorker();
  const path = '/v1/targets/ttcp_1234567890:authorize-session';
  const answer = await controller.send('POST', path, {}, controller.admin);
  sessionId = (answer.json as { session_id: string }).session_id;
});
afterAll(() => controller?.stop());

/** A token of `owner` with token scopes and an allow list. */
async function restricted(
  owner: string,
  limits: { readonly token_scopes?: readonly string[]; readonly allow_list?: readonly string[] },
): Promise<string> {
  const answer = await controller.send('POST', '/v1/auth-tokens', { type: 'api', ...limits }, owner);
  const { token } = answer.json as { token?: string };
  if (token === undefined) throw new Error(`no token: ${answer.status} ${answer.text}`);
  return token;
}

function ask(path: string, token: string, method = 'GET'): Promise<HttpAnswer> {
  const headers = token === '' ? {} : { authorization: `Bearer ${token}` };
  const filled = path.replace('{node_id}', 'w_1234567890').replace('{session_id}', sessionId);
  return call(controller.api, { method, path: `/api/v2/${filled}`, headers });
}

describe('case 63: every path of the Cluster API', () => {
  const guarded = rows.filter(({ path }) => !open.has(path) && path !== 'logout/').map(({ path }) => path);

  test('is closed without a token, and with one that is dead, all but health, login and the document', async () => {
    const revoked = await controller.login('user', 'password');
    await ask('logout/', revoked, 'POST');
    const known = controller.admin;
    const dead = [
      '',
      revoked,
      `${known.slice(0, -1)}${known.endsWith('A') ? 'B' : 'A'}`,
      known.slice(0, 13),
      `${known} `,
      'at_1234567890_s1',
      'r_recovery',
      'x'.repeat(5000),
    ];
    for (const path of guarded) {
      for (const token of dead.map((each) => (each.trimEnd() === known ? '' : each))) {
        const { status, json } = await ask(path, token);
        expect({ path, token, status, json }).toMatchObject({
          path,
          status: 401,
          json: { kind: 'Unauthenticated' },
        });
      }
    }
    for (const path of ['health/', 'openapi.json']) {
      for (const token of ['', revoked]) expect((await ask(path, token)).status).toBe(200);
    }
  });

  test.each([
    ['admin', () => controller.admin, [200, 200, 200, 200, 200, 200]],
    ['a user with everybody’s rights', () => controller.user, [403, 403, 200, 200, 403, 403]],
  ] as const)('answers %s as the grants say', async (_who, tokenOf, statuses) => {
    const paths = [
      'nodes/',
      'nodes/{node_id}/connections/',
      'sessions/',
      'sessions/hot/',
      'sessions/{session_id}/',
      'users/',
    ];
    expect(paths.toSorted()).toEqual(guarded.toSorted());
    const got: number[] = [];
    for (const path of paths) got.push((await ask(path, tokenOf())).status);
    expect(got).toEqual(statuses);
  });

  test('keeps a restricted token of the admin within its limits', async () => {
    const observer = await restricted(controller.admin, { token_scopes: ['session:read'] });
    const statuses = async (token: string): Promise<number[]> => {
      const got: number[] = [];
      for (const path of ['nodes/', 'sessions/', 'sessions/{session_id}/', 'users/']) {
        got.push((await ask(path, token)).status);
      }
      return got;
    };
    expect(await statuses(observer)).toEqual([403, 200, 200, 403]);
    const targets = await restricted(controller.admin, { token_scopes: ['target:read'] });
    expect(await statuses(targets)).toEqual([403, 403, 403, 403]);
    expect((await ask('sessions/', targets)).json).toMatchObject({
      message: 'Forbidden. This auth token lacks the token scope "session:list".',
    });
    const other = await restricted(controller.admin, { allow_list: ['session:s_0000000000'] });
    expect((await ask('sessions/', other)).json).toMatchObject({ sessions: [] });
    expect((await ask('sessions/{session_id}/', other)).status).toBe(403);
    const one = await restricted(controller.admin, { allow_list: [`session:${sessionId}`] });
    expect((await ask('sessions/', one)).json).toMatchObject({ sessions: [{ id: sessionId }] });
    // Everybody's own are the own ones of a restricted token too, within its list.
    const ofUser = await restricted(controller.user, { allow_list: ['target:*'] });
    expect((await ask('sessions/', ofUser)).status).toBe(403);
  });

  test('shows nobody more fields than the grants do', async () => {
    const send = controller.send.bind(controller);
    const { admin, user } = controller;
    const [global, project] = await Promise.all(
      ['global', 'p_1234567890'].map(async (scope_id) => {
        const { json } = await send('POST', '/v1/roles', { scope_id }, admin);
        const { id } = json as { id: string };
        const grants = ['session', 'worker', 'user'].map(
          (type) => `ids=*;type=${type};actions=list,read;output_fields=id`,
        );
        await send('POST', `/v1/roles/${id}:add-grants`, { version: 1, grant_strings: grants }, admin);
        const principals = { version: 2, principal_ids: ['u_0987654321'] };
        const answer = await send('POST', `/v1/roles/${id}:add-principals`, principals, admin);
        expect(answer.status).toBe(200);
        return id;
      }),
    );
    const shown = await send('GET', `/v1/sessions/${sessionId}`, undefined, user);
    expect(shown.json).toEqual({ id: sessionId });
    for (const path of ['sessions/{session_id}/', 'nodes/', 'nodes/{node_id}/connections/']) {
      expect({ path, status: (await ask(path, user)).status }).toEqual({ path, status: 403 });
    }
    expect((await ask('sessions/', user)).json).toMatchObject({ sessions: [] });
    expect((await ask('users/', user)).json).toMatchObject({ users: [] });
    for (const id of [global, project]) await send('DELETE', `/v1/roles/${id}`, undefined, admin);
  });

  test('has no method but its own', async () => {
    for (const { path, method } of rows) {
      for (const other of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS']) {
        if (other === method) continue;
        const { status, headers } = await ask(path, controller.admin, other);
        expect({ path, other, status, allow: headers['allow'] }).toEqual({
          path,
          other,
          status: 405,
          allow: method,
        });
      }
    }
  });
});

describe('case 62: a login', () => {
  const form = (fields: Readonly<Record<string, string>>, from = '127.0.0.1'): Promise<HttpAnswer> =>
    postFrom(from, controller.api.port, new URLSearchParams(fields).toString());

  test('is refused at an auth method at which the grants let nobody log in', async () => {
    const { admin } = controller;
    const scope = await controller.send(
      'POST',
      '/v1/scopes?skip_default_role_creation=true',
      { type: 'org', scope_id: 'global' },
      admin,
    );
    const { id: scopeId } = scope.json as { id: string };
    const method = await controller.send(
      'POST',
      '/v1/auth-methods',
      { type: 'password', scope_id: scopeId },
      admin,
    );
    const { id } = method.json as { id: string };
    const attributes = { login_name: 'closed', password: 'a good password' };
    await controller.send('POST', '/v1/accounts', { auth_method_id: id, attributes }, admin);
    await controller.send(
      'PATCH',
      `/v1/scopes/${scopeId}`,
      { version: 1, primary_auth_method_id: id },
      admin,
    );
    // That of global lets everybody log in everywhere below.
    const listed = await controller.send('GET', '/v1/roles?scope_id=global', undefined, admin);
    for (const { id: roleId } of (listed.json as { items: { id: string }[] }).items) {
      const role = await controller.send('GET', `/v1/roles/${roleId}`, undefined, admin);
      const { version, principal_ids: principals } = role.json as {
        version: number;
        principal_ids?: string[];
      };
      if (principals?.includes('u_anon') !== true) continue;
      const body = { version, grant_scope_ids: ['this'] };
      await controller.send('POST', `/v1/roles/${roleId}:set-grant-scopes`, body, admin);
    }
    const v1 = await controller.send('POST', `/v1/auth-methods/${id}:authenticate`, { attributes });
    expect(v1.status).toBe(401);
    const v2 = await call(controller.api, {
      method: 'POST',
      path: '/api/v2/login/',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: `username=closed&password=a+good+password&auth_method_id=${id}`,
    });
    expect({ status: v2.status, text: v2.text.includes('session') }).toEqual({ status: 401, text: false });
  });

  test('of an unknown user costs what a wrong password costs, and is told the same', async () => {
    const spent = { known: [] as number[], unknown: [] as number[] };
    for (let round = 0; round < 7; round += 1) {
      for (const [kind, username] of [
        ['known', 'admin'],
        ['unknown', `nobody${round}`],
      ] as const) {
        const startedMs = performance.now();
        const answer = await form({ username, password: 'wrong-password' }, '127.0.0.9');
        spent[kind].push(performance.now() - startedMs);
        expect(answer).toMatchObject({
          status: 401,
          json: { kind: 'Unauthenticated', message: 'Unable to authenticate.' },
        });
      }
    }
    const middle = (all: number[]): number => all.toSorted((a, b) => a - b)[3] ?? 0;
    // A login without the work of a password hash takes a tenth.
    expect(middle(spent.unknown)).toBeGreaterThan(middle(spent.known) / 2);
    expect(middle(spent.unknown)).toBeLessThan(middle(spent.known) * 2);
  });

  test('is refused with Retry-After when too many wait, and health still answers', async () => {
    const addresses = ['127.0.0.3', '127.0.0.4', '127.0.0.5', '127.0.0.6'];
    const logins = addresses.flatMap((from, host) =>
      Array.from({ length: 30 }, (_unused, index) =>
        form({ username: `nobody${host}x${index}`, password: 'wrong-password' }, from),
      ),
    );
    const waits: number[] = [];
    let isDone = false;
    const all = Promise.all(logins).finally(() => (isDone = true));
    while (!isDone) {
      const startedMs = performance.now();
      const health = await ask('health/?ready=true', '');
      expect(health).toMatchObject({ status: 200 });
      waits.push(performance.now() - startedMs);
    }
    const answers = await all;
    const refused = answers.filter(({ status }) => status === 429 || status === 503);
    expect(refused.length).toBeGreaterThan(0);
    for (const { headers, json } of refused) {
      expect(Number(headers['retry-after'])).toBeGreaterThan(0);
      expect(json).toMatchObject({ message: expect.any(String) });
    }
    expect(answers.filter(({ status }) => status === 401).length).toBe(answers.length - refused.length);
    expect(waits.length).toBeGreaterThan(3);
    expect(Math.max(...waits)).toBeLessThan(3000);
  });
});

/** A form sent from an address of this machine: the limits of logins count by address. */
function postFrom(localAddress: string, port: number, body: string): Promise<HttpAnswer> {
  return new Promise((resolve, reject) => {
    const sent = request(
      {
        host: '127.0.0.1',
        port,
        localAddress,
        method: 'POST',
        path: '/api/v2/login/',
        headers: {
          'content-type': 'application/x-www-form-urlencoded',
          'content-length': Buffer.byteLength(body),
        },
        agent: false,
      },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () => {
          const text = Buffer.concat(chunks).toString('utf8');
          const { statusCode = 0, headers } = response;
          resolve({ status: statusCode, headers, text, json: text === '' ? undefined : JSON.parse(text) });
        });
      },
    );
    sent.on('error', reject);
    sent.end(body);
  });
}
