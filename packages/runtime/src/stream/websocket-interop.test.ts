/** Our stream against the npm package `ws` as the foreign peer, in both roles, over TLS. */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import type { TLSSocket } from 'node:tls';
import { afterEach, describe, expect, it } from 'vitest';
import WebSocket, { WebSocketServer } from 'ws';
import { tlsPair } from '../../../../test/support/tls-pair.ts';
import type { StreamReader, WriteResult } from './byte-stream.ts';
import { lengthOf } from './byte-stream.ts';
import { StreamBuffers } from './stream-buffers.ts';
import { WebSocketStream } from './websocket-stream.ts';
import { acceptUpgrade, requestUpgrade } from './websocket-upgrade.ts';

const buffers = new StreamBuffers();
const upgrade = {
  path: '/v1/proxy',
  subprotocol: 'boundary-tcp-proxy-v1',
  signal: new AbortController().signal,
};
const sockets: TLSSocket[] = [];
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
});

interface Pair {
  readonly foreign: WebSocket;
  readonly ours: WebSocketStream;
}

/** Our server, their client. */
async function serverPair(): Promise<Pair> {
  const { client, server } = await tlsPair();
  sockets.push(client, server);
  const foreign = new WebSocket('ws://worker/v1/proxy', upgrade.subprotocol, {
    createConnection: () => client,
    perMessageDeflate: false,
  });
  foreign.on('error', () => undefined);
  client.resume();
  const opened = once(foreign, 'open');
  const head = await acceptUpgrade({ socket: server, ...upgrade });
  await opened;
  expect(foreign.protocol).toBe(upgrade.subprotocol);
  return { foreign, ours: new WebSocketStream({ socket: server, role: 'server', buffers, head }) };
}

/** Our client, their server. */
async function clientPair(): Promise<Pair> {
  const { client, server } = await tlsPair();
  sockets.push(client, server);
  const acceptor = new WebSocketServer({ noServer: true, perMessageDeflate: false });
  const http = createHttpServer();
  const accepted = new Promise<WebSocket>((resolve) => {
    http.on('upgrade', (request, socket, head) => acceptor.handleUpgrade(request, socket, head, resolve));
  });
  http.emit('connection', server);
  const head = await requestUpgrade({ socket: client, host: 'worker:1', userAgent: 'test', ...upgrade });
  const foreign = await accepted;
  foreign.on('error', () => undefined);
  return { foreign, ours: new WebSocketStream({ socket: client, role: 'client', buffers, head }) };
}

/** Collects what a stream delivers. */
class Collector implements StreamReader {
  readonly pieces: Buffer[] = [];
  readonly ended: Promise<string>;
  #end: (how: string) => void = () => undefined;
  #writable: () => void = () => undefined;

  constructor() {
    this.ended = new Promise((resolve) => {
      this.#end = resolve;
    });
  }
  onBytes(pieces: readonly Buffer[]): WriteResult {
    this.pieces.push(...pieces.map((piece) => Buffer.from(piece)));
    return 'ready';
  }
  onEnd(kind: string): void {
    this.#end(kind);
  }
  onReset(error: Error): void {
    this.#end(`reset ${error.message}`);
  }
  onWritable(): void {
    this.#writable();
  }
  writable(): Promise<void> {
    return new Promise((resolve) => {
      this.#writable = resolve;
    });
  }
  get bytes(): Buffer {
    return Buffer.concat(this.pieces);
  }
}

describe('bytes that Node has read before the byte stream begins', () => {
  it.each([
    ['a server', serverPair, -1],
    ['a client', clientPair, -2],
  ] as const)('come once and in order to %s', async (_role, makePair, at) => {
    const { foreign, ours } = await makePair();
    const own = sockets.at(at);
    const sent = randomBytes(200_000);
    for (let from = 0; from < sent.length; from += 1000) foreign.send(sent.subarray(from, from + 1000));
    // They lie in Node's own buffer now.
    own?.read(0);
    await expect.poll(() => own?.readableLength ?? 0).toBeGreaterThan(0);
    const pieces: Buffer[] = [];
    let length = 0;
    ours.start({
      onBytes: (given) => {
        for (const piece of given) pieces.push(Buffer.from(piece));
        length = lengthOf(pieces);
        return 'ready';
      },
      onEnd: () => undefined,
      onReset: () => undefined,
      onWritable: () => undefined,
    });
    await expect.poll(() => length).toBeGreaterThanOrEqual(sent.length);
    expect(Buffer.concat(pieces).equals(sent)).toBe(true);
  });
});

describe.each([
  ['as server', serverPair],
  ['as client', clientPair],
] as const)('our stream %s against ws', (_role, open) => {
  it('takes whole messages first, then bytes in messages of any size, text-free and in order', async () => {
    const { foreign, ours } = await open();
    foreign.send('first');
    await expect(ours.receiveMessage()).rejects.toMatchObject({ code: 'invalidHandshake' });

    const again = await open();
    again.foreign.send(Buffer.from('handshake'));
    again.foreign.send(Buffer.from('early bytes|'));
    expect((await again.ours.receiveMessage()).toString()).toBe('handshake');
    const collector = new Collector();
    again.ours.start(collector);
    const big = randomBytes(3_000_000);
    again.foreign.send(Buffer.alloc(0));
    again.foreign.send(big.subarray(0, 1000), { fin: false });
    again.foreign.send(big.subarray(1000, 70_000), { fin: true });
    again.foreign.send(big.subarray(70_000));
    again.foreign.close(1000, 'done');
    expect(await collector.ended).toBe('closed');
    expect(collector.bytes.equals(Buffer.concat([Buffer.from('early bytes|'), big]))).toBe(true);
    await again.ours.closed;
  });

  it('writes what ws reads, with backpressure, and closes in order', async () => {
    const { foreign, ours } = await open();
    const received: Buffer[] = [];
    foreign.on('message', (data: Buffer) => received.push(data));
    const closed = once(foreign, 'close');
    const collector = new Collector();
    ours.start(collector);
    const sent = randomBytes(2_000_000);
    for (let at = 0; at < sent.length; at += 100_000) {
      if (ours.write([sent.subarray(at, at + 100_000)], 0) !== 'ready') await collector.writable();
    }
    ours.close();
    const [code] = (await closed) as [number];
    expect(code).toBe(1000);
    expect(Buffer.concat(received).equals(sent)).toBe(true);
    await ours.closed;
  });

  it('answers a ping, and echoes a close with its code', async () => {
    const { foreign, ours } = await open();
    const collector = new Collector();
    ours.start(collector);
    const pong = once(foreign, 'pong');
    foreign.ping('are you there');
    expect(String((await pong)[0])).toBe('are you there');
    const closed = once(foreign, 'close');
    foreign.close(3000, 'unable to setup proxying');
    expect((await closed)[0]).toBe(3000);
    expect(await collector.ended).toBe('reset closed by the peer with code 3000');
    expect(ours.peerClose).toEqual({ code: 3000, reason: 'unable to setup proxying' });
  });

  it('tells a transport that ends without a close frame from an orderly end', async () => {
    const { foreign, ours } = await open();
    const collector = new Collector();
    ours.start(collector);
    foreign.send(Buffer.from('last words'));
    foreign.terminate();
    expect(await collector.ended).toMatch(/lost|reset/);
    await ours.closed;
  });

  it('closes text in the byte stream with 1003 and the recorded reason', async () => {
    const { foreign, ours } = await open();
    ours.start(new Collector());
    const closed = once(foreign, 'close');
    foreign.send('text');
    const [code, reason] = (await closed) as [number, Buffer];
    expect([code, reason.toString()]).toEqual([
      1003,
      'unexpected frame type read (expected MessageBinary): MessageText',
    ]);
  });

  it('is gone at once after a reset, also when the peer does not read', async () => {
    const { foreign, ours } = await open();
    const collector = new Collector();
    ours.start(collector);
    foreign.pause();
    while (ours.write([Buffer.alloc(250_000)], 0) === 'ready');
    const { StileError } = await import('@stile/protocol/errors');
    ours.reset(new StileError('aborted', 'cut'));
    await ours.closed;
  });
});
