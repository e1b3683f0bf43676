/** Rights that an administrator takes away end what runs on them, down to the sockets: pushed to the worker and confirmed. */
import { once } from 'node:events';
import { createConnection, type Socket } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { startEchoServer, type TestServer } from '../support/echo-server.ts';
import { startDevServer, type DevServer, type Json } from '../support/dev-server.ts';
import { cleanEnvironment, startStile, type RunningProcess } from '../support/process.ts';

/** A cut reaches both ends within this time, milliseconds; generous for a busy machine. */
const cutMs = 5_000;
const projectPath = '/v1/scopes/p_1234567890';
const userPath = '/v1/users/u_0987654321';

let echo: TestServer;
let dev: DevServer;
const opened: RunningProcess[] = [];
const sockets: Socket[] = [];

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
});

async function api(method: string, path: string, body?: unknown): Promise<Json> {
  const answer = await dev.api(method, path, body);
  expect([200, 204]).toContain(answer.status);
  return answer.body;
}

/** A session of who holds the token, with one connection that has carried bytes. */
async function openSession(token: string): Promise<{ readonly id: string; readonly socket: Socket }> {
  const path = '/v1/targets/ttcp_1234567890:authorize-session';
  const { status, body } = await dev.api('POST', path, {}, token);
  expect(status).toBe(200);
  const child = startStile(['connect', '-authz-token', String(body.authorization_token), '-format', 'json'], {
    env: cleanEnvironment(),
  });
  opened.push(child);
  const [line] = await child.match(/^\{"address".*\}$/m);
  const socket = createConnection((JSON.parse(line) as { port: number }).port, '127.0.0.1');
  sockets.push(socket);
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  socket.write('ping');
  await once(socket, 'data');
  return { id: String(body.session_id), socket };
}

/** Awaits the end of both ends' sockets. */
async function cut(socket: Socket): Promise<void> {
  if (!socket.closed) await once(socket, 'close', { signal: AbortSignal.timeout(cutMs) });
}

async function isAlive(socket: Socket): Promise<boolean> {
  socket.write('pong');
  const [data] = (await once(socket, 'data', { signal: AbortSignal.timeout(cutMs) })) as [Buffer];
  return data.toString() === 'pong';
}

async function endOf(id: string): Promise<Json> {
  const { end_reason: reason, ended_by: by } = await api('GET', `/v1/sessions/${id}`);
  return { reason, by };
}

describe('a running connection', () => {
  test('case 11: is cut when its user is disabled, and no token of the user is good again', async () => {
    const token = await dev.login('user', 'password');
    const theirs = await openSession(token);
    const mine = await openSession(dev.adminToken);
    const { version } = await api('GET', userPath);
    const disabled = await api('POST', `${userPath}:disable`, { version });
    await cut(theirs.socket);
    expect(await endOf(theirs.id)).toEqual({ reason: 'user disabled', by: 'u_1234567890' });
    expect(await isAlive(mine.socket)).toBe(true);
    await api('POST', `${userPath}:enable`, { version: disabled.version });
    expect((await dev.api('GET', '/v1/sessions?scope_id=p_1234567890', undefined, token)).status).toBe(401);
  });

  test('goes on without its role by default, and is cut where the scope says so; new ones need the role', async () => {
    const roles = await api('GET', '/v1/roles?scope_id=global');
    const role = (roles.items as Json[]).find((each) => each.name === 'Authenticated User Grants');
    const rolePath = `/v1/roles/${String(role?.id)}`;
    const grant = 'ids=*;type=target;actions=list,read,authorize-session';
    const change = async (verb: string): Promise<void> => {
      const { version } = await api('GET', rolePath);
      await api('POST', `${rolePath}:${verb}`, { version, grant_strings: [grant] });
    };
    const token = await dev.login('user', 'password');

    const kept = await openSession(token);
    await change('remove-grants');
    expect(await isAlive(kept.socket)).toBe(true);
    const again = await dev.api('POST', '/v1/targets/ttcp_1234567890:authorize-session', {}, token);
    expect(again.status).toBe(403);
    await change('add-grants');

    const { version } = await api('GET', projectPath);
    await api('PATCH', projectPath, { version, sessions_on_role_revocation: 'cancel' });
    const lost = await openSession(token);
    const mine = await openSession(dev.adminToken);
    await change('remove-grants');
    await cut(lost.socket);
    await cut(kept.socket);
    expect(await endOf(lost.id)).toEqual({ reason: 'role revoked', by: 'u_1234567890' });
    expect(await isAlive(mine.socket)).toBe(true);
    await change('add-grants');
  });

  test('is cut when its project is deleted', async () => {
    const mine = await openSession(dev.adminToken);
    await api('DELETE', projectPath);
    await cut(mine.socket);
    expect((await dev.api('GET', `/v1/sessions/${mine.id}`)).status).toBe(404);
  });
});
