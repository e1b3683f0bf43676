import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { startEchoServer, startTcpServer, type TestServer } from '../../../../test/support/echo-server.ts';
import { tlsPair } from '../../../../test/support/tls-pair.ts';
import { CopyLoop } from './copy.ts';
import { StreamBuffers } from './stream-buffers.ts';
import { TcpStream } from './tcp-stream.ts';
import { WebSocketStream } from './websocket-stream.ts';

const buffers = new StreamBuffers();
const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

interface Tunnel {
  /** What an application opens. */
  readonly local: Socket;
  readonly client: CopyLoop;
  readonly worker: CopyLoop;
}

/** local app ─TCP─ client copy ─TLS WebSocket─ worker copy ─TCP─ endpoint */
async function tunnel(endpoint: TestServer): Promise<Tunnel> {
  const { client, server } = await tlsPair();
  const entry = await startTcpServer(() => undefined);
  const accepted = entry.nextSocket();
  const local = connect({ port: entry.port, host: entry.host, allowHalfOpen: true });
  local.on('error', () => undefined);
  const near = TcpStream.accept(await accepted, buffers);
  const far = await TcpStream.dial({ host: endpoint.host, port: endpoint.port, buffers, timeoutMs: 5000 });
  const clientCopy = new CopyLoop(near, new WebSocketStream({ socket: client, role: 'client', buffers }));
  const workerCopy = new CopyLoop(new WebSocketStream({ socket: server, role: 'server', buffers }), far);
  workerCopy.start();
  clientCopy.start();
  closers.push(
    () => local.destroy(),
    () => client.destroy(),
    () => server.destroy(),
    () => entry.close(),
    () => endpoint.close(),
  );
  return { local, client: clientCopy, worker: workerCopy };
}

function untilClosed(socket: Socket): Promise<void> {
  return new Promise((resolve) => socket.once('close', () => resolve()));
}

async function readExactly(socket: Socket, bytes: number): Promise<Buffer> {
  const pieces: Buffer[] = [];
  let length = 0;
  while (length < bytes) {
    const [piece] = (await once(socket, 'data')) as [Buffer];
    pieces.push(piece);
    length += piece.length;
  }
  return Buffer.concat(pieces);
}

describe('copy loop over TCP and the compatible WebSocket', () => {
  it('carries 8 MB of random bytes to an echo endpoint and back unchanged, and counts them exactly', async () => {
    const { local, client, worker } = await tunnel(await startEchoServer());
    const sent = randomBytes(8_000_000);
    const received = readExactly(local, sent.length);
    local.write(sent);
    expect((await received).equals(sent)).toBe(true);
    local.end();
    expect(await worker.done).toEqual({ by: 'near', kind: 'closed' });
    expect(await client.done).toEqual({ by: 'near', kind: 'closed' });
    expect([worker.bytesUp, worker.bytesDown]).toEqual([sent.length, sent.length]);
    expect([client.bytesUp, client.bytesDown]).toEqual([sent.length, sent.length]);
  });

  it('delivers everything an endpoint wrote before its end, then ends the local socket', async () => {
    const sent = randomBytes(3_000_000);
    const endpoint = await startTcpServer((socket) => socket.end(sent));
    const { local, worker, client } = await tunnel(endpoint);
    const pieces: Buffer[] = [];
    local.on('data', (piece: Buffer) => pieces.push(piece));
    await once(local, 'end');
    local.end();
    expect(Buffer.concat(pieces).equals(sent)).toBe(true);
    expect(await worker.done).toEqual({ by: 'far', kind: 'closed' });
    expect(await client.done).toEqual({ by: 'far', kind: 'closed' });
    expect(worker.bytesDown).toBe(sent.length);
  });

  it('delivers everything a client wrote before its end to a slow endpoint', async () => {
    const sent = randomBytes(6_000_000);
    const endpoint = await startTcpServer((socket) => socket.pause());
    const arrival = endpoint.nextSocket();
    const { local, worker } = await tunnel(endpoint);
    local.end(sent);
    const socket = await arrival;
    const pieces: Buffer[] = [];
    socket.on('data', (piece: Buffer) => pieces.push(piece));
    socket.on('end', () => socket.end());
    socket.resume();
    await worker.done;
    expect(Buffer.concat(pieces).equals(sent)).toBe(true);
    expect(worker.bytesUp).toBe(sent.length);
  });

  it('cuts both sockets at once when stopped while bytes flow', async () => {
    const endpoint = await startTcpServer((socket) => {
      const fill = (): void => {
        while (!socket.destroyed && socket.write(Buffer.alloc(65_536)));
      };
      socket.on('drain', fill);
      fill();
    });
    const arrival = endpoint.nextSocket();
    const { local, worker } = await tunnel(endpoint);
    const endpointSocket = await arrival;
    await once(local, 'data');
    local.on('end', () => local.end());
    const gone = Promise.all([untilClosed(endpointSocket), untilClosed(local)]);
    local.resume();
    worker.stop();
    expect(await worker.done).toEqual({ by: 'stopped', kind: 'reset' });
    await gone;
  });

  it('says that the endpoint was lost when it resets', async () => {
    const endpoint = await startTcpServer(() => undefined);
    const arrival = endpoint.nextSocket();
    const { local, worker } = await tunnel(endpoint);
    local.resume();
    const endpointSocket = await arrival;
    local.write('x');
    await once(endpointSocket, 'data');
    endpointSocket.resetAndDestroy();
    expect(await worker.done).toMatchObject({ by: 'far', kind: 'reset', error: { code: 'connectionReset' } });
  });
});
