/**
 * Bad input of every kind: the stated status or exit code, a sentence that a person understands, and the service goes on
 * (issue 3, §5.8). Close codes of the session protocol stand in foreign-client.test.ts, those of TLS in foreign-tls.test.ts.
 */
import { once } from 'node:events';
import { writeFileSync, rmSync } from 'node:fs';
import { createConnection, createServer, type AddressInfo, type Socket } from 'node:net';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { startDevServer, callApi, type DevServer, type Json } from '../support/dev-server.ts';
import { authorizeSession, createTarget, readSession } from '../support/dev-target.ts';
import { startEchoServer, type TestServer } from '../support/echo-server.ts';
import { eventually } from '../support/eventually.ts';
import {
  cleanEnvironment,
  runStile,
  start,
  startStile,
  stileBin,
  type Finished,
  type RunningProcess,
} from '../support/process.ts';
import { isEverythingRequired } from '../support/required.ts';
import { canMountSmallDisk, onSmallDisk } from '../support/small-disk.ts';
import { makeTempDir, type TempDir } from '../support/temp-dir.ts';
import { whenClosed } from '../support/when-closed.ts';

let dev: DevServer;
let echo: TestServer;
let home: TempDir;
const children: RunningProcess[] = [];
const sockets: Socket[] = [];

beforeAll(async () => {
  echo = await startEchoServer();
  home = await makeTempDir();
  dev = await startDevServer(['-host-address', '127.0.0.1', '-target-default-port', String(echo.port)]);
});
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  for (const child of children.splice(0)) await child.stop('SIGTERM');
});
afterAll(async () => {
  await dev?.stop();
  await echo?.close();
  await home?.remove();
});

/** What a person sees of a failure: one short sentence or block, no stack, no object dump. */
function expectPlain(done: Finished): void {
  expect(done.stderr.trim()).not.toBe('');
  expect(done.stderr).not.toMatch(/\n\s+at |node:internal|\[object Object\]|undefined|StileError/);
  expect(done.stderr.length).toBeLessThan(1500);
}

async function openLocal(port: number): Promise<Socket> {
  const socket = createConnection(port, '127.0.0.1');
  socket.on('error', () => undefined);
  sockets.push(socket);
  await once(socket, 'connect');
  return socket;
}

function connectWith(token: string, input?: string): RunningProcess {
  const child = startStile(['connect', '-authz-token', token, '-format', 'json'], {
    env: cleanEnvironment({ HOME: home.path }),
    ...(input === undefined ? {} : { input }),
  });
  children.push(child);
  return child;
}

async function listening(child: RunningProcess): Promise<number> {
  const [line] = await child.match(/^\{"address".*\}$/m);
  return (JSON.parse(line) as { port: number }).port;
}

describe('authorization tokens', () => {
  const cut = (token: string): string => `${token.slice(0, 60)}\n${token.slice(60)}`;
  test.each<[string, (token: string) => string]>([
    ['garbage', () => 'zzz'],
    ['letters outside the alphabet', () => '0OIl'.repeat(200)],
    ['nothing', () => ''],
    ['white space', () => ' \n\t '],
    ['a token with a line break inside', cut],
    ['a token with its end cut off', (token) => token.slice(0, -100)],
    [
      'a token with a letter changed',
      (token) => `${token.slice(0, 300)}${token[300] === 'x' ? 'y' : 'x'}${token.slice(301)}`,
    ],
    ['an auth token', () => dev.adminToken],
    ['JSON without a token', () => '{"session_id":"s_1234567890"}'],
    ['broken JSON', () => '{"authorization_token":'],
    ['ten megabytes', () => 'z'.repeat(10_000_000)],
  ])('%s: exit 3, a sentence about the token, and none of its text', async (_name, spoil) => {
    const item = await authorizeSession(dev.api, 'ttcp_1234567890');
    const text = spoil(String(item.authorization_token));
    const done = await connectWith('-', text).finished();
    expect(done.status).toBe(3);
    expectPlain(done);
    expect(done.stderr).toMatch(/authorization token|authorization data/i);
    if (text.trim().length > 60) expect(done.stderr).not.toContain(text.slice(0, 40));
  });
});

describe('stile dev', () => {
  test('beside another one: exit 2, the address, and the flag that names another', async () => {
    const taken = new URL(dev.address).host;
    const free = ['cluster', 'proxy', 'ops'].flatMap((name) => [`-${name}-listen-address`, '127.0.0.1:0']);
    const done = await runStile(['dev', '-api-listen-address', taken, ...free], {
      env: cleanEnvironment({ HOME: home.path }),
    });
    expect(done.status).toBe(2);
    expect(done.stderr.trimEnd().split('\n').at(-1)).toBe(
      `cannot listen on ${taken}: the address is already in use (does another stile dev run?); -api-listen-address names another one`,
    );
  });

  test('with a host address that is none: exit 3 and why', async () => {
    const free = ['api', 'cluster', 'proxy', 'ops'].flatMap((name) => [
      `-${name}-listen-address`,
      '127.0.0.1:0',
    ]);
    const done = await runStile(['dev', '-host-address', '10.0.0.5:22', ...free], {
      env: cleanEnvironment({ HOME: home.path }),
    });
    expect(done.status).toBe(3);
    expect(done.stderr).toMatch(/address: Address.* does not support a port\.$/m);
  });
});

describe('stile connect', () => {
  test('on a port that is taken: exit 2, the address, and the session is ended', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    try {
      const { port } = server.address() as AddressInfo;
      const done = await dev.stile([
        'connect',
        '-target-id',
        'ttcp_1234567890',
        '-listen-port',
        String(port),
      ]);
      expect(done.status).toBe(2);
      expectPlain(done);
      expect(done.stderr).toContain(`127.0.0.1:${port}`);
      expect(done.stderr).toMatch(/in use/i);
      const { body } = await dev.api('GET', '/v1/sessions?scope_id=p_1234567890&include_terminated=true');
      const [newest] = body.items as Json[];
      await eventually(async () =>
        (await readSession(dev.api, newest.id)).status === 'terminated' ? true : undefined,
      );
    } finally {
      server.close();
    }
  });

  test.each<[string, readonly string[], number, RegExp]>([
    [
      'an unknown flag',
      ['connect', '-target-id', 'ttcp_1234567890', '-zebra'],
      3,
      /flag provided but not defined: -zebra/,
    ],
    ['a flag without its value', ['connect', '-target-id'], 3, /flag needs an argument: -target-id/],
    [
      'a port that is none',
      ['connect', '-target-id', 'ttcp_1234567890', '-listen-port', '70000'],
      2,
      /70000|port/i,
    ],
    [
      'an address that is none',
      ['connect', '-target-id', 'ttcp_1234567890', '-listen-addr', 'home'],
      2,
      /home|address/i,
    ],
    ['an unknown target', ['connect', '-target-id', 'ttcp_0000000000'], 1, /Resource not found\./],
    ['an id that is none', ['connect', '-target-id', 'zzz_0000000000'], 1, /./],
    [
      'a program that does not exist',
      ['connect', '-target-id', 'ttcp_1234567890', '-exec', '/no/such/program'],
      2,
      /\/no\/such\/program/,
    ],
    ['a leftover word', ['sessions', 'list', 'please'], 3, /please/],
    [
      'a duration that is none',
      ['connect', '-target-id', 'ttcp_1234567890', '-inactive-timeout', 'soon'],
      3,
      /soon/,
    ],
  ])('%s', async (_name, words, status, message) => {
    const begun = Date.now();
    const done = await dev.stile(words);
    expect(Date.now() - begun).toBeLessThan(8000);
    expect({ status: done.status, stderr: done.stderr }).toEqual({
      status,
      stderr: expect.stringMatching(message),
    });
    expectPlain(done);
  });

  test('to a server that is not there: exit 2 and its address', async () => {
    const done = await dev.stile(['connect', '-target-id', 'ttcp_1234567890'], {
      STILE_ADDR: 'http://127.0.0.1:9',
    });
    expect(done.status).toBe(2);
    expectPlain(done);
    expect(done.stderr).toContain('127.0.0.1:9');
  });

  test('without a login: exit 1 and what to do', async () => {
    const done = await dev.stile(['connect', '-target-id', 'ttcp_1234567890', '-keyring-type', 'none'], {
      STILE_TOKEN: '',
    });
    expect(done.status).toBe(1);
    expect(done.stderr).toMatch(/Unauthenticated, or invalid token\.|stile authenticate/);
  });

  test('an endpoint that refuses ends the local connection, and the proxy goes on', async () => {
    const gone = await startEchoServer();
    await gone.close();
    const item = await authorizeSession(dev.api, await createTarget(dev.api, { port: gone.port }));
    const child = connectWith(item.authorization_token);
    const port = await listening(child);
    for (let round = 0; round < 2; round += 1) {
      const socket = await openLocal(port);
      await whenClosed(socket.resume());
    }
    const seen = await eventually(async () => {
      const session = await readSession(dev.api, item.session_id);
      const closed = (session.connections ?? []).filter((each: Json) => each.closed_reason !== undefined);
      return closed.length === 2 ? session : undefined;
    });
    expect(seen.status).toBe('active');
    expect(seen.connections.map((each: Json) => each.closed_reason)).toEqual([
      'network error',
      'network error',
    ]);
  });

  test('a session that expires ends the proxy with its reason', async () => {
    const target = await createTarget(dev.api, { port: echo.port, maxSeconds: 8 });
    const item = await authorizeSession(dev.api, target);
    const child = connectWith(item.authorization_token);
    const socket = await openLocal(await listening(child));
    await whenClosed(socket.resume());
    const done = await child.finished();
    expect(done).toMatchObject({ status: 0 });
    expect(done.stdout).toMatch(/"termination_reason":"Session has expired"/);
  });
});

describe('the API', () => {
  test.each<[string, { method: string; path: string; text?: string }, number, string]>([
    ['a body that is no JSON', { method: 'POST', path: '/v1/targets', text: '{' }, 400, 'InvalidArgument'],
    ['a body that is a list', { method: 'POST', path: '/v1/targets', text: '[]' }, 400, 'InvalidArgument'],
    [
      'a query value of the wrong type',
      { method: 'GET', path: '/v1/targets?scope_id=global&page_size=many' },
      400,
      'InvalidArgument',
    ],
    [
      'a filter that does not parse',
      { method: 'GET', path: '/v1/targets?scope_id=p_1234567890&filter=%22' },
      400,
      'InvalidArgument',
    ],
    [
      'a list token that is none',
      { method: 'GET', path: '/v1/targets?scope_id=p_1234567890&list_token=zzz' },
      400,
      'invalid list token',
    ],
    [
      'a route that does not exist',
      { method: 'GET', path: '/v1/targets/ttcp_1234567890/zebra' },
      404,
      'NotFound',
    ],
    ['/v1/ alone', { method: 'GET', path: '/v1/' }, 404, 'NotFound'],
    ['an id with a path in it', { method: 'GET', path: '/v1/targets/..%2f..%2fetc' }, 404, 'NotFound'],
  ])('%s', async (_name, { method, path, text }, status, kind) => {
    const response = await fetch(`${dev.address}${path}`, {
      method,
      headers: { authorization: `Bearer ${dev.adminToken}`, 'content-type': 'application/json' },
      ...(text === undefined ? {} : { body: text }),
    });
    const body = JSON.parse(await response.text()) as Json;
    expect({ status: response.status, kind: body.kind }).toEqual({ status, kind });
    expect(String(body.message).length).toBeGreaterThan(5);
    expect((await dev.api('GET', '/v1/targets/ttcp_1234567890')).status).toBe(200);
  });

  test('a target without hosts: 404 with the recorded sentence', async () => {
    const made = await dev.api('POST', '/v1/targets', {
      type: 'tcp',
      scope_id: 'p_1234567890',
      name: 'without hosts',
      attributes: { default_port: 22 },
    });
    const answer = await dev.api('POST', `/v1/targets/${String(made.body.id)}:authorize-session`, {});
    expect(answer).toMatchObject({
      status: 404,
      body: { kind: 'NotFound', message: 'No host sources or address found for given target.' },
    });
    const done = await dev.stile(['connect', '-target-id', made.body.id]);
    expect(done.status).toBe(1);
    expect(done.stderr).toContain('No host sources or address found for given target.');
  });

  test('a verb that a resource lacks: 405 with an empty body', async () => {
    const response = await fetch(`${dev.address}/v1/sessions/s_1234567890`, {
      method: 'DELETE',
      headers: { authorization: `Bearer ${dev.adminToken}` },
    });
    expect(response.status).toBe(405);
    expect(await response.text()).toBe('');
  });

  test('no worker: 503 and a sentence', async () => {
    const alone = await startDevServer(['-controller-only', '-host-address', '127.0.0.1']);
    try {
      const answer = await alone.api('POST', '/v1/targets/ttcp_1234567890:authorize-session', {});
      expect(answer).toMatchObject({
        status: 503,
        body: { kind: 'Unavailable', message: expect.stringMatching(/worker/i) },
      });
    } finally {
      await alone.stop();
    }
  });
});

describe('a full disk under the database', () => {
  // Needs Linux with unshare and permission to mount in a namespace; where everything is required it must work.
  const folder = '/mnt';
  const isPossible = canMountSmallDisk(folder);

  test.skipIf(!isPossible && !isEverythingRequired)(
    'writes answer 503 with a sentence, reads go on, and with room again so do the writes',
    async () => {
      const ports = ['api', 'cluster', 'proxy', 'ops'].flatMap((name) => [
        `-${name}-listen-address`,
        '127.0.0.1:0',
      ]);
      const { program, args } = onSmallDisk(folder, 8, [
        process.execPath,
        stileBin,
        'dev',
        ...ports,
        '-host-address',
        '127.0.0.1',
        '-database-url',
        `sqlite://${folder}/stile.db`,
      ]);
      const child = start(program, args);
      children.push(child);
      await child.match(/server started! Log data will stream in below:/);
      const address = `http://${/addr: "([^"]+)".*purpose: "api"/.exec(child.stdout)?.[1] ?? ''}`;
      const call = (method: string, path: string, body?: unknown, token = ''): Promise<Json> =>
        callApi(address, { method, path, body, token });
      const login = await call('POST', '/v1/auth-methods/ampw_1234567890:authenticate', {
        attributes: { login_name: 'admin', password: 'password' },
      });
      const token = String(login.body.attributes.token);
      const create = (name: string): Promise<Json> =>
        call(
          'POST',
          '/v1/targets',
          {
            type: 'tcp',
            scope_id: 'p_1234567890',
            name,
            description: 'd'.repeat(900),
            attributes: { default_port: 22 },
          },
          token,
        );
      expect((await create('before')).status).toBe(200);

      const filler = join(`/proc/${child.pid}/root`, folder, 'filler');
      fillDisk(filler);
      const refused = await eventually(async () => {
        for (let count = 0; count < 20; count += 1) {
          const answer = await create(`full ${Math.random()}`);
          if (answer.status !== 200) return answer;
        }
        return undefined;
      }, 30_000);
      expect(refused.status).toBe(503);
      expect(refused.body.kind).toBe('Unavailable');
      expect(refused.body.message).toMatch(/disk|full|written/i);
      const read = await call('GET', '/v1/targets/ttcp_1234567890', undefined, token);
      expect(read.status).toBe(200);
      const before = await call('GET', '/v1/targets?scope_id=p_1234567890', undefined, token);
      expect(before.body.items.map((item: Json) => item.name)).toContain('before');

      rmSync(filler);
      await eventually(async () =>
        (await create(`after ${Math.random()}`)).status === 200 ? true : undefined,
      );
      expect(child.child.exitCode).toBeNull();
    },
  );
});

/** Writes until nothing fits any more. */
function fillDisk(file: string): void {
  for (let chunk = 1 << 20; chunk >= 512;) {
    try {
      writeFileSync(file, Buffer.alloc(chunk), { flag: 'a' });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
      chunk /= 2;
    }
  }
}

test('after all of this the service still works', async () => {
  const item = await authorizeSession(dev.api, 'ttcp_1234567890');
  const socket = await openLocal(await listening(connectWith(item.authorization_token)));
  socket.write('still here');
  const [back] = (await once(socket, 'data')) as [Buffer];
  expect(back.toString()).toBe('still here');
  expect((await runStile(['version'])).status).toBe(0);
});
