/**
 * No byte of one stream ever reaches another, though all of a thread share the memory that they are read to: many tunnels at once over real
 * sockets, peers that stall, reset and close at random moments, and every byte that arrives compared with what its own stream sent.
 */
import { randomInt } from 'node:crypto';
import { createConnection, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { tlsPair } from '../../../../test/support/tls-pair.ts';
import { CopyLoop } from './copy.ts';
import { StreamBuffers } from './stream-buffers.ts';
import { TcpStream } from './tcp-stream.ts';
import { WebSocketStream } from './websocket-stream.ts';

/** Bytes at the head of what each side sends: which tunnel, and which way. */
const headBytes = 4;
/** Most bytes that one side sends before it goes; the tunnel is gone with the first side that does. */
const mostBytes = 12_000_000;
/** Long enough, and no power of two, that no shift by a slab, record or frame looks right. */
const patternBytes = 65_537;

/** What a side sends: its name, then bytes that no other side sends in this order. */
class Source {
  readonly #pattern: Buffer;
  #at = 0;

  constructor(name: number) {
    this.#pattern = Buffer.alloc(patternBytes);
    // xorshift32, seeded by the name.
    let state = (name + 1) * 2_654_435_761;
    for (let at = 0; at < patternBytes; at += 1) {
      state ^= state << 13;
      state ^= state >>> 17;
      state ^= state << 5;
      this.#pattern[at] = state;
    }
    this.#pattern.writeUInt32BE(name);
  }

  /** The next bytes, in memory of their own. */
  next(length: number): Buffer {
    const bytes = Buffer.allocUnsafeSlow(length);
    for (let at = 0; at < length;) {
      const from = this.#at % patternBytes;
      const part = this.#pattern.copy(bytes, at, from, Math.min(patternBytes, from + length - at));
      at += part;
      this.#at += part;
    }
    return bytes;
  }
}

/** Compares what one side reads with what the other side of its tunnel sends. */
class Check {
  readonly #name: number;
  readonly #wanted: Source;
  bytes = 0;
  fault: string | undefined;

  constructor(name: number) {
    this.#name = name;
    this.#wanted = new Source(name);
  }

  readonly take = (bytes: Buffer): void => {
    if (this.fault !== undefined) return;
    const wanted = this.#wanted.next(bytes.length);
    if (!bytes.equals(wanted)) {
      const at = bytes.findIndex((byte, index) => byte !== wanted[index]);
      this.fault = `stream ${this.#name}: byte ${this.bytes + at} is not its own`;
    }
    this.bytes += bytes.length;
  };
}

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

async function listening(onSocket: (socket: Socket) => void): Promise<{ server: Server; port: number }> {
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, onSocket);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closers.push(() => server.close());
  return { server, port: (server.address() as AddressInfo).port };
}

async function pairOf(): Promise<{ dialed: Promise<Socket>; port: number }> {
  let arrive: (socket: Socket) => void = () => undefined;
  const dialed = new Promise<Socket>((resolve) => (arrive = resolve));
  const { server, port } = await listening((socket) => {
    server.close();
    arrive(socket);
  });
  return { dialed, port };
}

/** A side of a tunnel as a peer behaves: sends at random, reads at random, and goes at a random moment in a random way. */
function behave(socket: Socket, sends: Source, reads: Check, lifeBytes: number): Promise<void> {
  socket.on('error', () => undefined);
  const stall = (ms: number): void => {
    socket.pause();
    setTimeout(() => socket.resume(), ms);
  };
  socket.on('data', (bytes: Buffer) => {
    reads.take(bytes);
    if (randomInt(50) === 0) stall(randomInt(100));
  });
  let left = lifeBytes;
  const send = (): void => {
    while (!socket.destroyed && left > 0) {
      const size = Math.min(left, randomInt(4) === 0 ? randomInt(1, 64) : randomInt(1, 200_000));
      left -= size;
      if (!socket.write(sends.next(size))) return;
    }
    if (socket.destroyed || left > 0) return;
    left = -1;
    const leave = [
      () => socket.resetAndDestroy(),
      () => socket.end(),
      () => socket.destroy(),
      // Stops to read for good while its peer sends, then resets.
      () => {
        socket.pause();
        setTimeout(() => socket.resetAndDestroy(), randomInt(60));
      },
    ][randomInt(4)];
    leave?.();
  };
  socket.on('drain', send);
  socket.on('end', () => socket.end());
  // Long enough that the kernel's memory is full and writes are kept while the other streams go on.
  if (randomInt(4) > 0) stall(randomInt(100, 600));
  else socket.resume();
  send();
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  // Whoever still hangs on a side that stalled for good is cut.
  const late = setTimeout(() => socket.destroy(), 4000);
  return closed.finally(() => clearTimeout(late));
}

interface Tunnel {
  readonly checks: readonly Check[];
  readonly done: Promise<unknown>;
}

/** Local socket → TLS WebSocket → endpoint, client and worker in this thread over the same buffers. */
async function runTunnel(
  name: number,
  buffers: { client: StreamBuffers; worker: StreamBuffers },
): Promise<Tunnel> {
  const entry = await pairOf();
  const endpoint = await pairOf();
  const local = createConnection({ port: entry.port, host: '127.0.0.1', allowHalfOpen: true });
  local.pause();
  const tls = await tlsPair();
  closers.push(
    () => local.destroy(),
    () => tls.client.destroy(),
    () => tls.server.destroy(),
  );
  const near = TcpStream.accept(await entry.dialed, buffers.client);
  const far = await TcpStream.dial({
    host: '127.0.0.1',
    port: endpoint.port,
    buffers: buffers.worker,
    timeoutMs: 5000,
  });
  const remote = await endpoint.dialed;
  const worker = new CopyLoop(
    new WebSocketStream({ socket: tls.server, role: 'server', buffers: buffers.worker, closeTimeoutMs: 300 }),
    far,
  );
  const client = new CopyLoop(
    near,
    new WebSocketStream({ socket: tls.client, role: 'client', buffers: buffers.client, closeTimeoutMs: 300 }),
  );
  worker.start();
  client.start();
  const [up, down] = [name * 2, name * 2 + 1];
  const checks = [new Check(up), new Check(down)] as const;
  const life = (): number => randomInt(headBytes, mostBytes);
  const done = Promise.all([
    behave(local, new Source(up), checks[1], life()),
    behave(remote, new Source(down), checks[0], life()),
  ]).then(async () => {
    tls.client.destroy();
    tls.server.destroy();
    await Promise.all([client.done, worker.done]);
  });
  return { checks, done };
}

describe('streams that share a thread', () => {
  it.each(['one set of buffers', 'a set for the worker and one for the client'])(
    'never get bytes of another, whoever stalls, resets and closes when: %s',
    { timeout: 60_000 },
    async (how) => {
      const worker = new StreamBuffers();
      const buffers = { worker, client: how === 'one set of buffers' ? worker : new StreamBuffers() };
      const checks: Check[] = [];
      let next = 0;
      const lane = async (): Promise<void> => {
        while (next < 100) {
          const tunnel = await runTunnel((next += 1), buffers);
          checks.push(...tunnel.checks);
          await tunnel.done;
        }
      };
      await Promise.all(Array.from({ length: 24 }, lane));
      expect(checks.flatMap((check) => check.fault ?? [])).toEqual([]);
      // The test has tested something: most of what was sent did arrive.
      expect(checks.reduce((sum, check) => sum + check.bytes, 0)).toBeGreaterThan(50_000_000);
    },
  );
});
