/** What a stopped reader costs, and that one busy stream leaves room for others (issue 3, §3 and §6). */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { startTcpServer, type TestServer } from '../../../../test/support/echo-server.ts';
import { eventually } from '../../../../test/support/eventually.ts';
import { tlsPair, type TlsPair } from '../../../../test/support/tls-pair.ts';
import { CopyLoop } from './copy.ts';
import { StreamBuffers } from './stream-buffers.ts';
import { TcpStream } from './tcp-stream.ts';
import { WebSocketStream } from './websocket-stream.ts';

const buffers = new StreamBuffers();
const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

/** A worker's side: TLS WebSocket to a client that the test drives with a copy loop of its own, TCP to an endpoint. */
async function tunnel(endpoint: TestServer): Promise<{ local: Socket; pair: TlsPair; worker: CopyLoop }> {
  const pair = await tlsPair();
  const entry = await startTcpServer(() => undefined);
  const accepted = entry.nextSocket();
  const local = connect({ port: entry.port, host: entry.host });
  local.on('error', () => undefined);
  const near = TcpStream.accept(await accepted, buffers);
  const far = await TcpStream.dial({ host: endpoint.host, port: endpoint.port, buffers, timeoutMs: 5000 });
  const client = new CopyLoop(near, new WebSocketStream({ socket: pair.client, role: 'client', buffers }));
  const worker = new CopyLoop(new WebSocketStream({ socket: pair.server, role: 'server', buffers }), far);
  worker.start();
  client.start();
  closers.push(
    () => local.destroy(),
    () => pair.client.destroy(),
    () => pair.server.destroy(),
    () => entry.close(),
    () => endpoint.close(),
  );
  return { local, pair, worker };
}

function fillFrom(socket: Socket): void {
  const chunk = Buffer.alloc(262_144);
  const fill = (): void => {
    while (!socket.destroyed && socket.write(chunk));
  };
  socket.on('drain', fill);
  fill();
}

/** The value once it has stood still for some turns of the loop. */
async function settled(value: () => number): Promise<number> {
  let last = -1;
  let still = 0;
  return eventually(() => {
    still = value() === last ? still + 1 : 0;
    last = value();
    return still >= 15 ? last : undefined;
  });
}

const mebibyte = 1_048_576;

describe('a stopped reader', () => {
  it('of the endpoint holds back the client: at most 1 MiB waits in the worker', async () => {
    const endpoint = await startTcpServer((socket) => socket.pause());
    const arrival = endpoint.nextSocket();
    const { local, pair, worker } = await tunnel(endpoint);
    const socket = await arrival;
    fillFrom(local);
    const taken = await settled(() => worker.bytesUp);
    // What was handed to the far stream and is not in the kernel yet, and what TLS holds for the copy loop.
    const waiting = pair.server.readableLength;
    expect(waiting).toBeLessThan(mebibyte);
    socket.resume();
    await eventually(() => (worker.bytesUp > taken ? true : undefined));
  });

  it('of the client holds back the endpoint: at most 1 MiB waits in the worker', async () => {
    const endpoint = await startTcpServer(fillFrom);
    const { local, pair, worker } = await tunnel(endpoint);
    local.pause();
    const taken = await settled(() => worker.bytesDown);
    expect(pair.server.writableLength).toBeLessThan(mebibyte);
    local.resume();
    await eventually(() => (worker.bytesDown > taken ? true : undefined));
  });

  it('costs no more than 1 MiB for each of 30 connections, both ways', async () => {
    const endpoint = await startTcpServer((socket) => {
      socket.pause();
      fillFrom(socket);
    });
    const { rss: before } = process.memoryUsage();
    const tunnels: Awaited<ReturnType<typeof tunnel>>[] = [];
    for (let i = 0; i < 30; i += 1) {
      const each = await tunnel(endpoint);
      each.local.pause();
      fillFrom(each.local);
      tunnels.push(each);
    }
    await settled(() => tunnels.reduce((sum, { worker }) => sum + worker.bytesUp + worker.bytesDown, 0));
    // Client, worker and endpoint of each share this process: three times the bound, both ways counted together.
    expect(process.memoryUsage().rss - before).toBeLessThan(30 * 3 * mebibyte);
  });
});

describe('fairness', () => {
  it('answers small messages on one connection while another moves bulk both ways through the same worker', async () => {
    const bulk = await startTcpServer((socket) => {
      socket.resume();
      fillFrom(socket);
    });
    const busy = await tunnel(bulk);
    busy.local.resume();
    fillFrom(busy.local);
    const echo = await startTcpServer((socket) => socket.pipe(socket));
    const quiet = await tunnel(echo);
    await eventually(() => (busy.worker.bytesDown > 20 * mebibyte ? true : undefined));
    const before = busy.worker.bytesUp + busy.worker.bytesDown;
    for (let i = 0; i < 50; i += 1) {
      quiet.local.write('ping');
      await once(quiet.local, 'data');
    }
    const moved = busy.worker.bytesUp + busy.worker.bytesDown - before;
    // No clock: a starved connection would let the other move far more than this between two pings.
    expect(moved / 50).toBeLessThan(16 * mebibyte);
  });
});
