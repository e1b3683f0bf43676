/** `stile connect` as a process: how targets are named, what signals and broken workers do, and that the session always ends. */
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { decodeAuthorizationToken, encodeAuthorizationToken } from '@stile/protocol';
import { startDevServer, type DevServer } from '../support/dev-server.ts';
import { authorizeSession, createTarget, readSession, terminated } from '../support/dev-target.ts';
import { startEchoServer, type TestServer } from '../support/echo-server.ts';
import { startStile, type RunningProcess } from '../support/process.ts';
import { StubApi } from '../support/stub-api.ts';
import { whenClosed } from '../support/when-closed.ts';

let echo: TestServer;
let dev: DevServer;
const opened: RunningProcess[] = [];
const sockets: Socket[] = [];
const servers: Server[] = [];

beforeAll(async () => {
  echo = await startEchoServer();
  dev = await startDevServer(['-host-address', '127.0.0.1', '-target-default-port', String(echo.port)]);
});
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  for (const child of opened.splice(0)) await child.stop('SIGKILL');
  for (const server of servers.splice(0)) server.close();
});
afterAll(async () => {
  await dev?.stop();
  await echo?.close();
});

/** Starts `connect` as the administrator; the test need not stop it. */
function startConnect(words: readonly string[], more: Readonly<Record<string, string>> = {}): RunningProcess {
  const env = { ...dev.env, STILE_TOKEN: dev.adminToken, ...more };
  const child = startStile(['connect', ...words], { env, keepInputOpen: true });
  opened.push(child);
  return child;
}

interface Listening {
  readonly port: number;
  readonly sessionId: string;
}

/** Where the proxy listens, from its table. */
async function listening(child: RunningProcess): Promise<Listening> {
  const [, sessionId = ''] = await child.match(/Session ID: +(\S+)\n/);
  const [, port] = await child.match(/Port: +(\d+)\n/);
  return { port: Number(port), sessionId };
}

/** A connection through the proxy that has carried a byte. */
async function talk(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  sockets.push(socket);
  socket.on('error', () => undefined);
  socket.write('x');
  await once(socket, 'data');
  return socket;
}

/** A TCP server; `serve` gets its connections. */
async function tcpServer(serve: (socket: Socket) => void): Promise<number> {
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.on('error', () => undefined);
    serve(socket);
  });
  servers.push(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

/** A session's token with other worker addresses in front of its own. */
async function tokenThrough(addresses: readonly string[], isOwnKept: boolean): Promise<string> {
  const { authorization_token: token } = await authorizeSession(dev.api, 'ttcp_1234567890');
  const authorization = decodeAuthorizationToken(String(token));
  const own = isOwnKept ? authorization.workerAddresses : [];
  return encodeAuthorizationToken({ ...authorization, workerAddresses: [...addresses, ...own] });
}

describe('a target', () => {
  test.each([
    ['its id', ['-target-id', 'ttcp_1234567890']],
    ['its id as the first word', ['ttcp_1234567890']],
    [
      'its name in a scope by id',
      ['-target-name', 'Generated target with a direct address', '-target-scope-id', 'p_1234567890'],
    ],
    [
      'its name in a scope by name',
      [
        '-target-name',
        'Generated target with a direct address',
        '-target-scope-name',
        'Generated project scope',
      ],
    ],
    ['an alias', ['ssh.boundary.dev']],
  ])('is named by %s', async (_how, words) => {
    const child = startConnect([...words, '-exec', 'true']);
    const { sessionId } = await listening(child);
    expect((await child.finished()).status).toBe(0);
    expect((await terminated(dev.api, sessionId)).termination_reason).toBe('canceled');
  });

  test('whose endpoint refuses is told, and the proxy goes on', async () => {
    const port = await tcpServer(() => undefined);
    servers.pop()?.close();
    const child = startConnect(['-target-id', await createTarget(dev.api, { port })]);
    const bound = await listening(child);
    for (const _round of [1, 2]) {
      const socket = connect(bound.port, '127.0.0.1');
      sockets.push(socket);
      socket.on('error', () => undefined);
      await whenClosed(socket.resume());
    }
    await child.match(new RegExp(`could not connect to the endpoint tcp://127.0.0.1:${port} `));
    expect(child.child.exitCode).toBeNull();
  });
});

describe('a signal', () => {
  test.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)(
    '%s ends the proxy with exit code 0, its connections and the session',
    async (signal) => {
      const child = startConnect(['-target-id', 'ttcp_1234567890']);
      const { port, sessionId } = await listening(child);
      const socket = await talk(port);
      const closed = whenClosed(socket);
      const done = await child.stop(signal);
      expect(done.status).toBe(0);
      expect(done.stdout).toContain('Reason:   Received shutdown signal');
      await closed;
      await terminated(dev.api, sessionId);
    },
  );

  test.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('%s reaches the program, whose exit status is ours', async (signal, status) => {
    const child = startConnect([
      '-target-id',
      'ttcp_1234567890',
      '-exec',
      'sh',
      '--',
      '-c',
      'echo up; exec sleep 60',
    ]);
    const { sessionId } = await listening(child);
    await child.match(/^up$/m);
    expect((await child.stop(signal)).status).toBe(status);
    await terminated(dev.api, sessionId);
  });

  test.each([
    ['in the proxy', []],
    ['after the program', ['-exec', 'true']],
  ])('a second one %s does not wait for a worker that does not answer', async (_where, words) => {
    let dials = 0;
    const deaf = await tcpServer(() => (dials += 1));
    const token = await tokenThrough([`127.0.0.1:${deaf}`], false);
    const child = startConnect(['-authz-token', `env://SESSION`, ...words], { SESSION: token });
    await listening(child);
    if (words.length === 0) child.child.kill('SIGINT');
    await expect.poll(() => dials, { timeout: 10_000 }).toBe(1);
    const startedAt = Date.now();
    child.child.kill('SIGINT');
    if (words.length > 0) child.child.kill('SIGTERM');
    expect((await child.finished()).status).toBe(130);
    expect(Date.now() - startedAt).toBeLessThan(5000);
  });

  // Stopped while question, answer and signal cross, the client finds both waiting when it goes on, whatever the machine's load.
  test.each([
    ['before the answer', ['signal', 'answer']],
    ['with the answer', ['answer', 'signal']],
  ] as const)('while the controller is asked, %s, does not leave a session behind', async (_when, order) => {
    const { session_id: sessionId, authorization_token: token } = await authorizeSession(
      dev.api,
      'ttcp_1234567890',
    );
    let child: RunningProcess | undefined;
    const api = await StubApi.start(async (request) => {
      if (request.url.endsWith(':authorize-session')) {
        const process = child?.child;
        process?.kill('SIGSTOP');
        if (order[0] === 'signal') process?.kill('SIGINT');
        // The answer is on its way when this turn is over.
        setImmediate(() => {
          if (order[0] === 'answer') process?.kill('SIGINT');
          process?.kill('SIGCONT');
        });
        return { status: 200, body: { session_id: sessionId, authorization_token: token } };
      }
      const sent: unknown = request.body === '' ? undefined : JSON.parse(request.body);
      const { status, body } = await dev.api(request.method, request.url, sent);
      return { status, body };
    });
    child = startConnect(['ttcp_1234567890'], { STILE_ADDR: api.address });
    // By when the signal came the proxy was there already, or not yet; the session ends in both cases.
    expect([0, 130]).toContain((await child.finished()).status);
    await terminated(dev.api, String(sessionId));
    await api.close();
  });
});

describe('a program', () => {
  test('that is killed: 128 and the signal, and the session ends', async () => {
    const child = startConnect(['-target-id', 'ttcp_1234567890', '-exec', 'sh', '--', '-c', 'kill -9 $$']);
    const { sessionId } = await listening(child);
    expect((await child.finished()).status).toBe(137);
    await terminated(dev.api, sessionId);
  });

  test('that ignores SIGTERM cannot keep a proxy that is gone alive for ever', async () => {
    const program = ['-exec', 'sh', '--', '-c', 'trap "" TERM; echo up; while :; do sleep 1; done'];
    const child = startConnect(['-target-id', 'ttcp_1234567890', '-inactive-timeout', '100ms', ...program]);
    const { port } = await listening(child);
    (await talk(port)).destroy();
    const done = await child.finished(40_000);
    expect(done.status).toBe(137);
    expect(done.stderr).toContain('Inactivity timeout reached');
  });
});

describe('a worker', () => {
  test('that is dead or deaf at the head of the list is passed over', async () => {
    const dead = await tcpServer((socket) => socket.destroy());
    const token = await tokenThrough(['127.0.0.1:1', `127.0.0.1:${dead}`], true);
    const child = startConnect(['-authz-token', 'env://SESSION'], { SESSION: token });
    const { port, sessionId } = await listening(child);
    await talk(port);
    await talk(port);
    const done = await child.stop('SIGINT');
    expect(done).toMatchObject({ status: 0, stderr: '' });
    await terminated(dev.api, sessionId);
  });
});

describe('the end', () => {
  test('a port in use: exit 2, the address, and no session is left', async () => {
    const port = await tcpServer(() => undefined);
    const target = await createTarget(dev.api, { port: echo.port });
    const child = startConnect(['-target-id', target, '-listen-port', String(port), '-format', 'json']);
    const done = await child.finished();
    expect(done.status).toBe(2);
    expect(done.stderr).toContain(`127.0.0.1:${port}`);
    const filter = encodeURIComponent(`"/item/target_id"=="${target}"`);
    const { body } = await dev.api(
      'GET',
      `/v1/sessions?scope_id=p_1234567890&include_terminated=true&filter=${filter}`,
    );
    expect(body.items).toHaveLength(1);
    await terminated(dev.api, String(body.items[0].id));
  });

  test('-inactive-timeout counts from the end of the last connection', async () => {
    const child = startConnect(['-target-id', 'ttcp_1234567890', '-inactive-timeout', '300ms']);
    const { port, sessionId } = await listening(child);
    const first = await talk(port);
    const second = await talk(port);
    first.destroy();
    await once(first, 'close');
    second.write('y');
    await once(second, 'data');
    second.destroy();
    const done = await child.finished();
    expect(done.status).toBe(0);
    expect(done.stdout).toContain('Reason:   Inactivity timeout reached');
    await terminated(dev.api, sessionId);
  });

  test('a session that is canceled cuts its connections; the next one says why there is none', async () => {
    const child = startConnect(['-target-id', 'ttcp_1234567890']);
    const { port, sessionId } = await listening(child);
    const socket = await talk(port);
    const closed = whenClosed(socket);
    const { version } = await readSession(dev.api, sessionId);
    await dev.api('POST', `/v1/sessions/${sessionId}:cancel`, { version: Number(version) });
    await closed;
    const late = connect(port, '127.0.0.1');
    sockets.push(late);
    late.on('error', () => undefined);
    const done = await child.finished();
    expect(done.status).toBe(0);
    expect(done.stderr).toContain('the session was canceled');
    expect(done.stdout).toContain('Reason:   No connections left in session');
  });

  test('of a session that is canceled under a program is explained: why, and by whom', async () => {
    const program =
      "require('node:net').connect(Number(process.argv[1]), '127.0.0.1', function () { this.write('x'); }).on('data', () => console.log('up')).on('close', () => process.exit(7)).on('error', () => undefined)";
    const child = startConnect([
      '-target-id',
      'ttcp_1234567890',
      '-exec',
      'node',
      '--',
      '-e',
      program,
      '{{stile.port}}',
    ]);
    const { sessionId } = await listening(child);
    await child.match(/^up$/m);
    const { version } = await readSession(dev.api, sessionId);
    await dev.api('POST', `/v1/sessions/${sessionId}:cancel`, { version: Number(version) });
    const done = await child.finished();
    expect(done.status).toBe(7);
    expect(done.stderr).toContain('The session has ended: canceled (by u_1234567890).');
  });
});
