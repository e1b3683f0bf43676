/** A session's life as a user sees it: authorize, connect, list, read, cancel; here and on another machine (issue 3, §5.2–5.4). */
import { once } from 'node:events';
import { createConnection, type Socket } from 'node:net';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { startEchoServer, type TestServer } from '../support/echo-server.ts';
import { startDevServer, type DevServer, type Json } from '../support/dev-server.ts';
import { cleanEnvironment, startStile, type RunningProcess } from '../support/process.ts';
import { eventually } from '../support/eventually.ts';

let echo: TestServer;
let dev: DevServer;
const opened: RunningProcess[] = [];
const sockets: Socket[] = [];
const otherHome = mkdtempSync(join(tmpdir(), 'stile-other-machine-'));

beforeAll(async () => {
  echo = await startEchoServer();
  dev = await startDevServer(['-host-address', '127.0.0.1', '-target-default-port', String(echo.port)]);
});
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  for (const child of opened.splice(0)) await child.stop('SIGTERM');
});
afterAll(async () => {
  await dev?.stop();
  await echo?.close();
  rmSync(otherHome, { recursive: true, force: true });
});

/** Authorizes a session over the API. */
async function authorize(targetId = 'ttcp_1234567890', body: object = {}): Promise<Json> {
  const answer = await dev.api('POST', `/v1/targets/${targetId}:authorize-session`, body);
  expect(answer.status).toBe(200);
  return answer.body;
}

/** Starts `stile connect` as another machine would: no login, no address, an empty home. */
function connectElsewhere(token: string, extra: readonly string[] = [], input?: string): RunningProcess {
  const words = ['connect', '-authz-token', token, '-format', 'json', ...extra];
  const child = startStile(words, {
    env: cleanEnvironment({ HOME: otherHome }),
    ...(input === undefined ? {} : { input }),
  });
  opened.push(child);
  return child;
}

/** The first JSON line that the proxy prints: where it listens. */
async function listening(child: RunningProcess): Promise<{ port: number; session_id: string }> {
  const [line] = await child.match(/^\{"address".*\}$/m);
  return JSON.parse(line) as { port: number; session_id: string };
}

/** An open connection through a local listener. */
async function open(port: number): Promise<Socket> {
  const socket = createConnection(port, '127.0.0.1');
  socket.on('error', () => undefined);
  sockets.push(socket);
  await once(socket, 'connect');
  return socket;
}

/** Resolves when the socket is closed, in whatever way. */
function closed(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    if (socket.closed) resolve();
    else socket.once('close', () => resolve());
  });
}

/** Sends a text and awaits its echo. */
async function roundTrip(socket: Socket, text: string): Promise<void> {
  let back = '';
  const whole = new Promise<void>((resolve, reject) => {
    const take = (part: Buffer): void => {
      back += part.toString();
      if (back.length >= text.length) {
        socket.off('data', take);
        resolve();
      }
    };
    socket.on('data', take);
    socket.once('close', () => reject(new Error(`closed after ${back.length} bytes`)));
  });
  socket.write(text);
  await whole;
  expect(back).toBe(text);
}

async function readSession(sessionId: string): Promise<Json> {
  const answer = await dev.api('GET', `/v1/sessions/${sessionId}`);
  expect(answer.status).toBe(200);
  return answer.body;
}

describe('authorize here, connect there', () => {
  test.each([
    ['the bare token', (item: Json) => [String(item.authorization_token), undefined] as const],
    [
      'the bare token on standard input with a line break',
      (item: Json) => ['-', `\n${String(item.authorization_token)}\n`] as const,
    ],
    ['the answer of the API on standard input', (item: Json) => ['-', JSON.stringify(item)] as const],
    [
      'the envelope of the command line on standard input',
      (item: Json) => ['-', JSON.stringify({ status_code: 200, item })] as const,
    ],
  ])('another machine connects with %s', async (_name, make) => {
    const [token, input] = make(await authorize());
    const child = connectElsewhere(token, [], input);
    await roundTrip(await open((await listening(child)).port), 'hello');
  });

  test('a second machine with the same token is refused and told why', async () => {
    const item = await authorize();
    const first = connectElsewhere(item.authorization_token);
    await roundTrip(await open((await listening(first)).port), 'mine');
    const second = connectElsewhere(item.authorization_token);
    const intruder = await open((await listening(second)).port);
    await closed(intruder);
    await second.match(/session is already in use/);
    await roundTrip(await open((await listening(first)).port), 'still mine');
  });

  test('a token with a line break inside is refused with a sentence, exit 3', async () => {
    const item = await authorize();
    const token = String(item.authorization_token);
    const child = connectElsewhere('-', [], `${token.slice(0, 100)}\n${token.slice(100)}`);
    const done = await child.finished();
    expect(done.status).toBe(3);
    expect(done.stderr).not.toContain(token.slice(0, 50));
    expect(done.stderr).toMatch(/authorization token/i);
  });
});

describe('a session as the administrator sees it', () => {
  test('goes from pending to active to terminated, with times, versions and a connection', async () => {
    const item = await authorize();
    expect(await readSession(item.session_id)).toMatchObject({ status: 'pending', version: 1 });
    const child = connectElsewhere(item.authorization_token);
    const socket = await open((await listening(child)).port);
    await roundTrip(socket, 'x'.repeat(1000));
    const active = await readSession(item.session_id);
    expect(active).toMatchObject({ status: 'active', version: 2, endpoint: `tcp://127.0.0.1:${echo.port}` });
    expect(active.states.map((state: Json) => state.status)).toEqual(['active', 'pending']);
    expect(active.states[1].end_time).toBe(active.states[0].start_time);
    await child.stop('SIGINT');
    const ended = await eventually(async () => {
      const session = await readSession(item.session_id);
      return session.status === 'terminated' ? session : undefined;
    });
    expect(ended.states.map((state: Json) => state.status)).toEqual([
      'terminated',
      'canceling',
      'active',
      'pending',
    ]);
    expect(ended.termination_reason).toBe('canceled');
    expect(ended.connections).toMatchObject([
      { bytes_up: '1000', bytes_down: '1000', closed_reason: 'closed by end-user' },
    ]);
  });

  test('cancel while data flows closes the sockets of client and endpoint and ends terminated', async () => {
    const item = await authorize();
    const child = connectElsewhere(item.authorization_token);
    const socket = await open((await listening(child)).port);
    await roundTrip(socket, 'flow');
    const before = echo.sockets.filter((each) => !each.destroyed).length;
    expect(before).toBeGreaterThan(0);
    socket.resume();
    const pump = setInterval(() => socket.write(Buffer.alloc(64 * 1024)), 5);
    const gone = closed(socket);
    const done = await dev.stile(['sessions', 'cancel', '-id', item.session_id]);
    expect(done.status).toBe(0);
    expect(done.stdout).toMatch(/^ {2}Status: +canceling$/m);
    await gone;
    clearInterval(pump);
    await eventually(() =>
      echo.sockets.filter((each) => !each.destroyed).length < before ? true : undefined,
    );
    const ended = await eventually(async () => {
      const session = await readSession(item.session_id);
      return session.status === 'terminated' ? session : undefined;
    });
    expect(ended.termination_reason).toBe('canceled');
    expect(ended.connections[0].closed_reason).toBe('canceled');
    expect(Number(ended.connections[0].bytes_up)).toBeGreaterThanOrEqual(4);
  });

  test('the answer of a cancel says whether the worker confirmed', async () => {
    const item = await authorize();
    const child = connectElsewhere(item.authorization_token);
    await roundTrip(await open((await listening(child)).port), 'held');
    const answer = await dev.api('POST', `/v1/sessions/${String(item.session_id)}:cancel`, { version: 2 });
    expect(answer.status).toBe(200);
    expect(answer.body.revocation).toEqual({ workers: 1, workers_confirmed: 1 });
    expect((await readSession(item.session_id)).status).toBe('terminated');
  });

  test('a cancelled session takes no new connection and the client says so', async () => {
    const item = await authorize();
    const child = connectElsewhere(item.authorization_token);
    const { port } = await listening(child);
    await roundTrip(await open(port), 'one');
    await dev.api('POST', `/v1/sessions/${String(item.session_id)}:cancel`, { version: 2 });
    const late = createConnection(port, '127.0.0.1');
    late.on('error', () => undefined);
    await closed(late);
    await child.match(/"termination_reason":"No connections left in session"/);
  });

  test('logging out ends the sessions of that login', async () => {
    const token = await dev.login('user', 'password');
    const answer = await dev.api('POST', '/v1/targets/ttcp_1234567890:authorize-session', {}, token);
    const child = connectElsewhere(answer.body.authorization_token);
    const socket = await open((await listening(child)).port);
    await roundTrip(socket, 'until logout');
    const gone = closed(socket);
    const out = await dev.stile(['logout'], { STILE_TOKEN: token });
    expect(out.status).toBe(0);
    await gone;
    const session = await eventually(async () => {
      const found = await readSession(answer.body.session_id);
      return found.status === 'terminated' ? found : undefined;
    });
    expect(session.termination_reason).toBe('canceled');
  });
});

describe('choosing the host', () => {
  test('-host-id pins the host, a host outside the sets is refused as recorded', async () => {
    const item = await authorize('ttcp_0987654321', { host_id: 'hst_1234567890' });
    expect(item).toMatchObject({ host_id: 'hst_1234567890', host_set_id: 'hsst_1234567890' });
    const answer = await dev.api('POST', '/v1/targets/ttcp_0987654321:authorize-session', {
      host_id: 'hst_0000000000',
    });
    expect(answer.status).toBe(400);
    expect(answer.body.details.request_fields).toEqual([
      { name: 'host_id', description: 'The requested host id is not available.' },
    ]);
  });

  test('300 authorisations over three hosts are spread evenly (chi-square, 2 degrees of freedom, p > 0.0001)', async () => {
    for (const address of ['127.0.0.2', '127.0.0.3']) {
      const host = await dev.api('POST', '/v1/hosts', {
        host_catalog_id: 'hcst_1234567890',
        type: 'static',
        attributes: { address },
      });
      const set = await dev.api('GET', '/v1/host-sets/hsst_1234567890');
      const added = await dev.api('POST', '/v1/host-sets/hsst_1234567890:add-hosts', {
        version: set.body.version,
        host_ids: [host.body.id],
      });
      expect(added.status).toBe(200);
    }
    const counts = new Map<string, number>();
    for (let round = 0; round < 30; round += 1) {
      const items = await Promise.all(Array.from({ length: 10 }, () => authorize('ttcp_0987654321')));
      for (const item of items) counts.set(item.host_id, (counts.get(item.host_id) ?? 0) + 1);
    }
    expect(counts.size).toBe(3);
    const chiSquare = [...counts.values()].reduce((sum, count) => sum + (count - 100) ** 2 / 100, 0);
    expect(chiSquare).toBeLessThan(18.42);
  });
});
