/**
 * Hostile peers on the network against real processes: half-open handshakes, slow and oversized requests, spoofed addresses, web
 * pages, targets and clients that never stop sending (issue 3, §5.7; security-cases.md).
 */
import { once } from 'node:events';
import { createConnection, createServer, type AddressInfo, type Socket } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { Cluster } from '../support/cluster.ts';
import { startDevServer, type ApiAnswer, type Json } from '../support/dev-server.ts';
import { authorizeSession, createTarget, readSession, type ApiCall } from '../support/dev-target.ts';
import { startEchoServer, startTcpServer, type TestServer } from '../support/echo-server.ts';
import { eventually } from '../support/eventually.ts';
import {
  ForeignConnection,
  isResult,
  openTls,
  readAuthorization,
  splitAddress,
} from '../support/foreign-client.ts';
import { encodeFrame } from '../support/foreign-frames.ts';
import { refusal } from '../support/foreign-lab.ts';
import type { ForeignAuthorization } from '../support/foreign-messages.ts';
import { cleanEnvironment, startStile, type RunningProcess } from '../support/process.ts';
import { boundMemory, type MemoryBound } from '../support/resident-memory.ts';
import { makeTempDir, type TempDir } from '../support/temp-dir.ts';
import { startWireTap } from '../support/wire-tap.ts';
import { whenClosed } from '../support/when-closed.ts';

const mebibyte = 1024 * 1024;
/** Longest time in which a good client must be served while others misbehave, milliseconds. */
const goodClientMs = 5000;

let cluster: Cluster;
let echo: TestServer;
let home: TempDir;
let api: ApiCall;
let target: string;
const sockets: { destroy(): unknown }[] = [];
const children: RunningProcess[] = [];

beforeAll(async () => {
  home = await makeTempDir();
  echo = await startEchoServer();
  cluster = new Cluster();
  await cluster.initialize();
  await cluster.startController('c1');
  await cluster.startWorker('w1', ['c1']);
  await cluster.liveWorkers('c1', 1);
  api = (method, path, body): Promise<ApiAnswer> => cluster.api('c1', method, path, body);
  target = await newTarget(echo.port);
});
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  for (const child of children.splice(0)) await child.stop('SIGTERM');
});
afterAll(async () => {
  await cluster?.stop();
  await echo?.close();
  await home?.remove();
});

function newTarget(port: number): Promise<string> {
  return createTarget(api, { port, scopeId: String(cluster.initial.project_scope.scope_id) });
}

async function newSession(targetId = target): Promise<ForeignAuthorization> {
  const item = await authorizeSession(api, targetId);
  return readAuthorization(String(item.authorization_token));
}

async function connected(auth: ForeignAuthorization): Promise<ForeignConnection> {
  const connection = await ForeignConnection.open(auth);
  sockets.push(connection);
  expect(isResult(await connection.handshake())).toBe(true);
  return connection;
}

/** A client without fault from sign-on to echo, in time. */
async function goodClient(): Promise<void> {
  const begun = Date.now();
  await (await connected(await newSession())).roundTrip('served all the same');
  expect(Date.now() - begun).toBeLessThan(goodClientMs);
}

function pid(name: string): number {
  const server = cluster.servers.get(name);
  if (server === undefined) throw new Error(`${name} is not running`);
  return server.process.pid;
}

/** An open TCP connection to one of our listeners. */
async function raw(address: string): Promise<Socket> {
  const socket = createConnection(splitAddress(address));
  sockets.push(socket);
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  return socket;
}

/** The ClientHello of the recorded client for a session, byte for byte. */
async function clientHello(auth: ForeignAuthorization): Promise<Buffer> {
  const tap = await startWireTap(splitAddress(cluster.address('w1', 'proxy')));
  try {
    const socket = await openTls(auth, { worker: tap.address });
    const bytes = tap.connections[0]?.fromClient() ?? Buffer.alloc(0);
    socket.destroy();
    return bytes.subarray(0, 5 + bytes.readUInt16BE(3));
  } finally {
    await tap.close();
  }
}

describe('half-open connections', () => {
  test('2,000 half-open TLS handshakes and slow upgrades: a good client is served, memory stays bounded', async () => {
    const address = cluster.address('w1', 'proxy');
    const auth = await newSession();
    const hello = await clientHello(auth);
    const memory = boundMemory(pid('w1'), 250 * mebibyte);
    const kinds: ((socket: Socket) => void)[] = [
      () => undefined,
      (socket) => socket.write(hello.subarray(0, 5)),
      (socket) => socket.write(hello.subarray(0, hello.length - 1)),
      // The worker answers this one with its flight and waits for a certificate that never comes.
      (socket) => socket.write(hello),
    ];
    for (let round = 0; round < 17; round += 1) {
      const some = await Promise.all(Array.from({ length: 100 }, () => raw(address)));
      some.forEach((socket, index) => kinds[index % kinds.length]?.(socket.resume()));
    }
    for (let round = 0; round < 15; round += 1) {
      const some = await Promise.all(Array.from({ length: 20 }, () => openTls(auth).catch(() => undefined)));
      for (const socket of some) {
        if (socket === undefined) continue;
        sockets.push(socket);
        socket.write('GET /v1/proxy HTTP/1.1\r\nHost: x\r\n');
      }
    }
    expect(sockets.length).toBeGreaterThan(1900);
    await goodClient();
    await goodClient();
    memory.stop();
    await goodClient();
  });

  test('slow handshakes, headers and bodies at every listener: others are served, the slow are cut', async () => {
    const proxy = cluster.address('w1', 'proxy');
    const hello = await clientHello(await newSession());
    const [silent, halfHello, noAnswer] = await Promise.all([raw(proxy), raw(proxy), raw(proxy)]);
    const halfUpgrade = await openTls(await newSession());
    sockets.push(halfUpgrade);
    halfHello.write(hello.subarray(0, 100));
    noAnswer.write(hello);
    halfUpgrade.write('GET /v1/proxy HTTP/1.1\r\n');
    const slowRequests = await Promise.all(
      ['api', 'ops'].map((purpose) => slowHttp(cluster.address('c1', purpose))),
    );
    const drip = setInterval(() => {
      for (const socket of slowRequests.flat()) if (socket.writable) socket.write('a');
    }, 1000);
    try {
      for (const [purpose, path] of [
        ['api', '/v1/scopes'],
        ['ops', '/health'],
      ] as const) {
        const begun = Date.now();
        const answer = await fetch(`http://${cluster.address('c1', purpose)}${path}`);
        expect(answer.status).toBe(200);
        expect(Date.now() - begun).toBeLessThan(goodClientMs);
      }
      await goodClient();
      const cut = [silent, halfHello, noAnswer, halfUpgrade].map((socket) => whenClosed(socket.resume()));
      // Of each listener one is enough: all have the same time.
      const ends = slowRequests.map((some) => Promise.race(some.map(whenClosed)));
      await Promise.all([...cut, ...ends]);
    } finally {
      clearInterval(drip);
    }
  }, 60_000);
});

/** 300 requests that never finish: half of them in their headers, half in their body. */
async function slowHttp(address: string): Promise<Socket[]> {
  const slow = await Promise.all(Array.from({ length: 300 }, () => raw(address)));
  slow.forEach((socket, index) => {
    socket.write(
      index % 2 === 0
        ? 'GET / HTTP/1.1\r\nHost: x\r\nX-Slow: '
        : 'POST /v1/auth-methods/ampw_1234567890:authenticate HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{',
    );
    socket.resume();
  });
  return slow;
}

describe('sizes before authentication', () => {
  test('a login body above 64 KiB is refused with 413, and so is one that never ends', async () => {
    const url = `http://${cluster.address('c1', 'api')}/v1/auth-methods/ampw_1234567890:authenticate`;
    const filler = (bytes: number): string =>
      JSON.stringify({ attributes: { login_name: 'a'.repeat(bytes), password: 'b' } });
    const large = await fetch(url, { method: 'POST', body: filler(65_537) });
    expect(large.status).toBe(413);
    const usual = await fetch(url, { method: 'POST', body: filler(60_000) });
    expect(usual.status).not.toBe(413);

    const memory = boundMemory(pid('c1'), 100 * mebibyte);
    const endless = await Promise.all(Array.from({ length: 20 }, () => raw(cluster.address('c1', 'api'))));
    const ends = endless.map(async (socket) => {
      let answer = '';
      socket.on('data', (part: Buffer) => {
        answer += part.toString('latin1');
      });
      socket.write(
        'POST /v1/auth-methods/ampw_1234567890:authenticate HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n',
      );
      const chunk = Buffer.from(`10000\r\n${'{'.repeat(65_536)}\r\n`);
      let sent = 0;
      while (!socket.destroyed && sent < 64 * mebibyte) {
        sent += chunk.length;
        if (!socket.write(chunk))
          await Promise.race([once(socket, 'drain').catch(() => undefined), whenClosed(socket)]);
      }
      return { answer, sent };
    });
    for (const { answer, sent } of await Promise.all(ends)) {
      if (answer !== '') expect(answer).toMatch(/^HTTP\/1\.1 413 /);
      expect(sent).toBeLessThan(64 * mebibyte);
    }
    memory.stop();
  });

  test.each<[string, string]>([
    ['a header of a megabyte', `GET /v1/scopes HTTP/1.1\r\nHost: x\r\nX: ${'a'.repeat(mebibyte)}\r\n\r\n`],
    ['a request line of a megabyte', `GET /v1/${'a'.repeat(mebibyte)} HTTP/1.1\r\nHost: x\r\n\r\n`],
    ['ten thousand headers', `GET /v1/scopes HTTP/1.1\r\nHost: x\r\n${'A: b\r\n'.repeat(10_000)}\r\n`],
    [
      'both lengths at once',
      'POST /v1/scopes HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    ],
    ['a negative length', 'POST /v1/scopes HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n'],
    [
      'a PROXY protocol line',
      'PROXY TCP4 10.0.0.1 10.0.0.2 1 2\r\nGET /v1/scopes HTTP/1.1\r\nHost: x\r\n\r\n',
    ],
  ])('%s is refused by the API listener', async (_name, request) => {
    const socket = await raw(cluster.address('c1', 'api'));
    let answer = '';
    socket.on('data', (part: Buffer) => {
      answer += part.toString('latin1');
    });
    const ended = whenClosed(socket);
    socket.write(request);
    await ended;
    if (answer !== '') expect(answer).toMatch(/^HTTP\/1\.1 4\d\d /);
    expect((await fetch(`http://${cluster.address('c1', 'api')}/v1/scopes`)).status).toBe(200);
  });
});

describe('who the peer says it is', () => {
  test('a PROXY protocol header before TLS is no TLS: the connection is closed', async () => {
    const auth = await newSession();
    const headers = [
      Buffer.from('PROXY TCP4 203.0.113.7 203.0.113.8 1 2\r\n'),
      Buffer.from('0d0a0d0a000d0a515549540a2111000ccb007107cb00710800010002', 'hex'),
    ];
    for (const prefix of headers) {
      const tap = await startWireTap(splitAddress(cluster.address('w1', 'proxy')), { prefix });
      try {
        await refusal(openTls(auth, { worker: tap.address }));
      } finally {
        await tap.close();
      }
    }
    expect(await readSession(api, auth.sessionId)).toMatchObject({ status: 'pending' });
  });

  test('headers of the upgrade do not change the recorded client address', async () => {
    const auth = await newSession();
    const connection = await ForeignConnection.open(auth, {
      headers: [
        'Host: x',
        'Connection: Upgrade',
        'Upgrade: websocket',
        'Sec-WebSocket-Version: 13',
        'Sec-WebSocket-Key: AAECAwQFBgcICQoLDA0ODw==',
        'Sec-WebSocket-Protocol: boundary-tcp-proxy-v1',
        'X-Forwarded-For: 203.0.113.7',
        'X-Real-IP: 203.0.113.7',
        'Forwarded: for=203.0.113.7',
      ],
    });
    sockets.push(connection);
    expect(isResult(await connection.handshake())).toBe(true);
    await connection.roundTrip('from here');
    const [seen] = (await readSession(api, auth.sessionId)).connections;
    expect(seen).toMatchObject({
      client_tcp_address: '127.0.0.1',
      client_tcp_port: connection.socket.localPort,
      endpoint_tcp_address: '127.0.0.1',
      endpoint_tcp_port: echo.port,
    });
  });
});

describe('a web page', () => {
  const page = [
    'Host: rebound.example',
    'Origin: https://evil.example',
    'Referer: https://evil.example/',
    'Cookie: a=b',
  ]
    .map((line) => `${line}\r\n`)
    .join('');

  test('that posts to the local listener of stile connect reaches the endpoint as plain bytes: the client answers nothing and adds nothing', async () => {
    const seen = startTcpServer((socket) => {
      socket.once('data', (part: Buffer) => socket.end(`heard ${part.length}`));
    });
    const server = await seen;
    try {
      const item = await authorizeSession(api, await newTarget(server.port));
      const child = startStile(
        ['connect', '-authz-token', String(item.authorization_token), '-format', 'json'],
        { env: cleanEnvironment({ HOME: home.path }) },
      );
      children.push(child);
      const [line] = await child.match(/^\{"address".*\}$/m);
      const { port, address } = JSON.parse(line) as { port: number; address: string };
      expect(address).toBe('127.0.0.1');
      const accepted = server.nextSocket();
      const socket = await raw(`127.0.0.1:${port}`);
      const request = `POST /v1/sessions/${String(item.session_id)}:cancel HTTP/1.1\r\n${page}Content-Length: 0\r\n\r\n`;
      const heard = (async () => {
        const [part] = (await once(await accepted, 'data')) as [Buffer];
        return part.toString();
      })();
      socket.write(request);
      const [answer] = (await once(socket, 'data')) as [Buffer];
      expect(await heard).toBe(request);
      expect(answer.toString()).toBe(`heard ${request.length}`);
      expect((await readSession(api, String(item.session_id))).status).toBe('active');
    } finally {
      await server.close();
    }
  });

  test('gets nothing from the proxy and cluster ports', async () => {
    for (const [server, purpose] of [
      ['w1', 'proxy'],
      ['c1', 'cluster'],
    ] as const) {
      const socket = await raw(cluster.address(server, purpose));
      let answer = '';
      socket.on('data', (part: Buffer) => {
        answer += part.toString('latin1');
      });
      const closed = whenClosed(socket);
      socket.write(`GET /v1/proxy HTTP/1.1\r\n${page}\r\n`);
      await closed;
      expect(answer).not.toMatch(/HTTP\/1\.1 [123]/);
    }
  });

  test('from another origin acts on the API as nobody, and may not send credentials along', async () => {
    const address = `http://${cluster.address('c1', 'api')}`;
    const headers = { origin: 'https://evil.example', cookie: `wt-js-token-cookie=${'a'.repeat(20)}` };
    const read = await fetch(`${address}/v1/targets/${target}`, { headers });
    expect(read.status).toBe(401);
    const cancel = await fetch(`${address}/v1/sessions/s_0000000000:cancel`, {
      method: 'POST',
      headers: { ...headers, 'content-type': 'text/plain' },
      body: '{"version":1}',
    });
    expect([401, 404]).toContain(cancel.status);
    const preflight = await fetch(`${address}/v1/targets`, {
      method: 'OPTIONS',
      headers: { origin: 'https://evil.example', 'access-control-request-method': 'POST' },
    });
    for (const answer of [read, cancel, preflight])
      expect(answer.headers.get('access-control-allow-credentials')).not.toBe('true');
  });

  test('cannot be framed, sniffed or cached: every answer carries the headers', async () => {
    for (const path of ['/v1/scopes', '/v1/targets/ttcp_0000000000', '/v1/nothing', '/nothing']) {
      const answer = await fetch(`http://${cluster.address('c1', 'api')}${path}`);
      const seen = {
        path,
        csp: answer.headers.get('content-security-policy'),
        sniff: answer.headers.get('x-content-type-options'),
        cache: answer.headers.get('cache-control'),
      };
      expect(seen).toEqual({
        path,
        csp: expect.stringMatching(/default-src 'none'/),
        sniff: 'nosniff',
        cache: 'no-store',
      });
    }
  });
});

describe('peers that never stop sending', () => {
  const pairs = 20;

  test('a target that sends for ever to readers that stand still costs the worker a bounded amount', async () => {
    const block = Buffer.alloc(mebibyte);
    const flood = await startTcpServer((socket) => {
      const push = (): void => {
        while (!socket.destroyed && socket.write(block));
      };
      socket.on('drain', push);
      push();
    });
    try {
      const auth = await newSession(await newTarget(flood.port));
      await goodClient();
      const memory = boundMemory(pid('w1'), (pairs + 60) * mebibyte);
      const first = await connected(auth);
      first.socket.pause();
      for (let count = 1; count < pairs; count += 1) {
        const connection = await ForeignConnection.open(auth, { tofuToken: first.tofuToken });
        sockets.push(connection);
        connection.sendHandshake();
        await connection.next();
        connection.socket.pause();
      }
      // All is still when what the endpoints could send stands still.
      await standstill(memory, () => flood.sockets.reduce((sum, socket) => sum + socket.bytesWritten, 0));
      expect(flood.sockets).toHaveLength(pairs);
      memory.stop();
      await goodClient();
    } finally {
      await flood.close();
    }
  });

  test('clients that send for ever to an endpoint that stands still cost the worker a bounded amount', async () => {
    const deaf = await startTcpServer((socket) => socket.pause());
    try {
      const auth = await newSession(await newTarget(deaf.port));
      await goodClient();
      const memory = boundMemory(pid('w1'), (pairs + 60) * mebibyte);
      const first = await connected(auth);
      const all = [first];
      for (let count = 1; count < pairs; count += 1) {
        const connection = await ForeignConnection.open(auth, { tofuToken: first.tofuToken });
        sockets.push(connection);
        expect(isResult(await connection.handshake())).toBe(true);
        all.push(connection);
      }
      const block = Buffer.alloc(256 * 1024);
      for (const connection of all) {
        const push = (): void => {
          let budget = 16;
          while (!connection.socket.destroyed && !connection.socket.writableNeedDrain && budget > 0) {
            connection.sendFrame(block);
            budget -= 1;
          }
        };
        connection.socket.on('drain', push);
        push();
      }
      await standstill(memory, () => all.reduce((sum, each) => sum + each.socket.bytesWritten, 0));
      memory.stop();
      await goodClient();
    } finally {
      await deaf.close();
    }
  });

  test('small frames without end are no way around it', async () => {
    const deaf = await startTcpServer((socket) => socket.pause());
    try {
      const connection = await connected(await newSession(await newTarget(deaf.port)));
      const memory = boundMemory(pid('w1'), 80 * mebibyte);
      const many = Buffer.concat(Array.from({ length: 5000 }, () => encodeFrame(Buffer.from('x'))));
      const push = (): void => {
        while (!connection.socket.destroyed && connection.socket.write(many));
      };
      connection.socket.on('drain', push);
      push();
      await standstill(memory, () => connection.socket.bytesWritten);
      memory.stop();
    } finally {
      await deaf.close();
    }
  });
});

/** Waits until a number that only grows has not grown for a second; the memory must stay within its bound meanwhile. */
async function standstill(memory: MemoryBound, read: () => number): Promise<void> {
  let last = -1;
  let since = Date.now();
  await eventually(() => {
    memory.check();
    const now = read();
    if (now !== last) {
      last = now;
      since = Date.now();
    }
    return Date.now() - since > 1000 ? true : undefined;
  }, 60_000);
}

test('requests from the first millisecond of a start neither stop it nor get a wrong answer', async () => {
  const ports = await Promise.all(
    ['api', 'proxy'].map(async (name) => {
      const server = createServer().listen(0, '127.0.0.1');
      await once(server, 'listening');
      const { port } = server.address() as AddressInfo;
      await new Promise((resolve) => server.close(resolve));
      return { name, port };
    }),
  );
  let isReady = false;
  const statuses = new Map<number, number>();
  const hammer = async (path: string, method: string): Promise<void> => {
    while (!isReady) {
      try {
        const answer = await fetch(`http://127.0.0.1:${ports[0]?.port ?? 0}${path}`, {
          method,
          headers: { authorization: 'Bearer at_0000000000_s1zzz' },
          ...(method === 'POST' ? { body: '{}' } : {}),
        });
        statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1);
        await answer.text();
      } catch {
        // Nothing listens yet.
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
    }
  };
  const knock = async (): Promise<void> => {
    while (!isReady) {
      const socket = createConnection(ports[1]?.port ?? 0, '127.0.0.1');
      socket.on('error', () => undefined);
      socket.end(Buffer.from('1603010005010000010303', 'hex'));
      await whenClosed(socket.resume());
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  };
  const all = [
    hammer('/v1/scopes', 'GET'),
    hammer('/v1/targets/ttcp_1234567890:authorize-session', 'POST'),
    hammer('/v1/auth-methods/ampw_1234567890:authenticate', 'POST'),
    knock(),
  ];
  try {
    const dev = await startDevServer([
      ...ports.flatMap(({ name, port }) => [`-${name}-listen-address`, `127.0.0.1:${port}`]),
      '-host-address',
      '127.0.0.1',
    ]);
    try {
      expect((await dev.api('GET', '/v1/targets/ttcp_1234567890')).status).toBe(200);
    } finally {
      isReady = true;
      await Promise.all(all);
      expect((await dev.process.stop()).status).toBe(0);
      await dev.stop();
    }
  } finally {
    isReady = true;
  }
  expect([...statuses.keys()].filter((status) => ![200, 400, 401, 404, 503].includes(status))).toEqual([]);
  const total = [...statuses.values()].reduce((sum, count) => sum + count, 0) as Json;
  expect(total).toBeGreaterThan(0);
});
