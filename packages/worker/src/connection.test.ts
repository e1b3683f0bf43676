/** One connection that is cut at any instant between the controller's answer and the first byte. */
import { silentLogger, StreamBuffers, systemClock, WebSocketStream } from '@stile/runtime';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { startEchoServer, type TestServer } from '../../../test/support/echo-server.ts';
import { tlsPair } from '../../../test/support/tls-pair.ts';
import { ProxiedConnection, type ConnectionOptions } from './connection.ts';

let echo: TestServer;
let connection: ProxiedConnection;
let ran: Promise<void>;
beforeEach(async () => {
  echo = await startEchoServer();
});
afterEach(() => echo.close());

it.each([0, 1, 2, 3, 4, 5, 6])(
  'cut %i microtasks after the controller has answered closes both sockets',
  async (microtasks) => {
    const { server } = await tlsPair();
    const buffers = new StreamBuffers();
    const stream = new WebSocketStream({ socket: server, role: 'server', buffers });
    let answer = (): void => undefined;
    const asked = new Promise<void>((resolve) => {
      const controller = {
        connectConnection: () => {
          resolve();
          return new Promise<void>((answered) => {
            answer = answered;
          });
        },
        closeConnection: () => Promise.resolve(),
      };
      const session = {
        id: 's_1',
        endpoint: `tcp://${echo.host}:${echo.port}`,
        expiresAt: 4e15,
        connectionLimit: -1,
        add: () => undefined,
        remove: () => undefined,
      };
      connection = new ProxiedConnection({
        id: 'sc_1',
        connectionsLeft: -1,
        capabilities: [],
        stream,
        session: session as unknown as ConnectionOptions['session'],
        controller: controller as unknown as ConnectionOptions['controller'],
        buffers,
        clock: systemClock,
        log: silentLogger,
        dialTimeoutMs: 5_000,
      });
      ran = connection.run();
    });
    await asked;
    answer();
    for (let count = 0; count < microtasks; count += 1) await Promise.resolve();
    // Both resolve when both sockets are gone.
    const [report] = await Promise.all([connection.close('session canceled'), ran]);
    expect(report).toMatchObject({ connectionId: 'sc_1', reason: 'session canceled' });
  },
  5_000,
);
