/** A token that is narrowed while a session of it runs: what is open goes on, and what is new is refused with the reason (tokens.md §2). */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { startDevServer, type DevServer, type Json } from '../support/dev-server.ts';
import { startEchoServer, type TestServer } from '../support/echo-server.ts';
import { startStile, type RunningProcess } from '../support/process.ts';
import { whenClosed } from '../support/when-closed.ts';

const targetId = 'ttcp_1234567890';

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
  for (const child of opened.splice(0)) await child.stop('SIGKILL');
});
afterAll(async () => {
  await dev?.stop();
  await echo?.close();
});

async function api(method: string, path: string, body?: unknown, token?: string): Promise<Json> {
  const answer = await dev.api(method, path, body, token);
  if (answer.status !== 200) throw new Error(`${answer.status} ${JSON.stringify(answer.body)}`);
  return answer.body;
}

function dial(port: number): Socket {
  const socket = connect(port, '127.0.0.1');
  sockets.push(socket);
  socket.on('error', () => undefined);
  return socket;
}

async function echoes(socket: Socket): Promise<void> {
  socket.write('x');
  await once(socket, 'data', { signal: AbortSignal.timeout(10_000) });
}

describe('a running session', () => {
  test.each([
    ['token scope', { token_scopes: ['session:*'] }],
    ['allow list', { allow_list: ['session:*'] }],
  ])(
    'case 10: opens no new connection when the %s of its token no longer allows the target',
    async (reason, limits) => {
      const token = await api('POST', '/v1/auth-tokens', { type: 'api' });
      const child = startStile(['connect', '-target-id', targetId], {
        env: { ...dev.env, STILE_TOKEN: String(token.token) },
        keepInputOpen: true,
      });
      opened.push(child);
      const [, port] = await child.match(/Port: +(\d+)\n/);
      const before = dial(Number(port));
      await echoes(before);
      await api('PATCH', `/v1/auth-tokens/${token.id}`, { version: token.version, ...limits });

      const after = dial(Number(port));
      after.write('x');
      await whenClosed(after.resume());
      // The client is told as clients of every make are; who runs the worker reads which limit it was.
      await child.match(/unable to authorize connection \(.*the right to it was taken away/);
      await dev.process.match(new RegExp(`the ${reason} of its auth token no longer allows the target`));
      expect(after.bytesRead).toBe(0);
      // What is open goes on: a narrower token is no revocation.
      await echoes(before);
    },
  );
});
