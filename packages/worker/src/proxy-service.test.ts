import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { makeCertificate } from '../../../test/support/certificates.ts';
import { startEchoServer, startTcpServer, type TestServer } from '../../../test/support/echo-server.ts';
import { eventually } from '../../../test/support/eventually.ts';
import type { FakeSession } from '../../../test/support/fake-controller-client.ts';
import {
  ForeignRefusal,
  isResult,
  newTofuToken,
  openTls,
  splitAddress,
} from '../../../test/support/foreign-client.ts';
import { opcode } from '../../../test/support/foreign-frames.ts';
import { ProxyLab } from '../../../test/support/proxy-lab.ts';
import { StileError } from '@stile/protocol';

let lab: ProxyLab;
let echo: TestServer;

beforeEach(async () => {
  [lab, echo] = await Promise.all([ProxyLab.start(), startEchoServer()]);
});
afterEach(async () => {
  await lab.close();
  await echo.close();
});

const endpointOf = (server: TestServer): string => `tcp://${server.host}:${server.port}`;
const newSession = (wish: Partial<FakeSession> = {}): FakeSession =>
  lab.controller.addSession({ endpoint: endpointOf(echo), ...wish });

async function refusalOf(work: Promise<unknown>): Promise<ForeignRefusal> {
  const error = await work.then(
    () => new Error('it was let in'),
    (reason: unknown) => reason,
  );
  if (error instanceof ForeignRefusal) return error;
  throw error;
}

describe('before the handshake', () => {
  it('answers an unknown session with alert 80', async () => {
    const session = newSession();
    lab.controller.sessions.delete(session.id);
    expect((await refusalOf(lab.open(session))).alert).toBe(80);
  });

  it('answers a session past its expiry with alert 80', async () => {
    const session = newSession({ expiresAt: (Date.now() - 1000) * 1000 });
    expect((await refusalOf(lab.open(session))).alert).toBe(80);
  });

  it('answers a client that names no session with alert 80', async () => {
    expect((await refusalOf(lab.open(newSession(), { alpn: ['http/1.1'] }))).alert).toBe(80);
  });

  it('refuses another certificate that carries the same session id, and asks the controller for nothing (CVE-2024-1052)', async () => {
    const session = newSession();
    const forged = makeCertificate({ dnsNames: [session.id] });
    const refusal = await refusalOf(
      lab.open(session, { certificate: { cert: forged.pem, key: forged.keyPem } }),
    );
    expect(refusal.status).toBeUndefined();
    await eventually(() => (lab.service.halfOpenCount === 0 ? true : undefined));
    expect(lab.controller.authorizations).toEqual([]);
    expect(session.status).toBe('pending');
  });

  it('refuses a client without a certificate', async () => {
    expect((await refusalOf(lab.open(newSession(), { certificate: 'none' }))).status).toBeUndefined();
  });

  it.each([
    ['another path', { requestLine: 'GET /v2/proxy HTTP/1.1' }, 404],
    ['another method', { requestLine: 'POST /v1/proxy HTTP/1.1' }, 405],
    ['HTTP/1.0', { requestLine: 'GET /v1/proxy HTTP/1.0' }, 426],
    ['no upgrade', { headers: ['Host: x'] }, 426],
  ] as const)('answers %s with its status', async (_what, options, status) => {
    expect((await refusalOf(lab.open(newSession(), options))).status).toBe(status);
  });

  it.each([
    ['version 12', ['Sec-WebSocket-Version: 12'], 400],
    ['a short key', ['Sec-WebSocket-Version: 13', 'Sec-WebSocket-Key: AAAA'], 400],
    [
      'a foreign origin',
      [
        'Sec-WebSocket-Version: 13',
        'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==',
        'Origin: https://evil.example',
      ],
      403,
    ],
  ] as const)('answers an upgrade with %s with its status', async (_what, more, status) => {
    const headers = ['Host: worker', 'Connection: keep-alive, Upgrade', 'Upgrade: WebSocket', ...more];
    expect((await refusalOf(lab.open(newSession(), { headers }))).status).toBe(status);
  });

  it('asks the controller once for many connections at the same time', async () => {
    const session = newSession();
    await Promise.all(
      Array.from({ length: 8 }, () => openTls(lab.auth(session)).then((socket) => socket.destroy())),
    );
    expect(lab.controller.lookups).toBe(1);
  });
});

describe('limits before the handshake', () => {
  it('serves a good client while 2,000 half-open handshakes stand, and gives none of them a place for ever', async () => {
    await lab.close();
    lab = await ProxyLab.start({ limits: { mostHalfOpen: 200 } });
    const session = newSession();
    const place = splitAddress(lab.address);
    const flood = Array.from({ length: 2000 }, () => connect(place));
    for (const socket of flood) socket.on('error', () => undefined);
    await Promise.all(flood.map((socket) => once(socket, 'connect')));
    for (const socket of flood.slice(-100)) socket.write(Buffer.from([22, 3, 1, 2]));
    const connection = await lab.connected(session);
    await connection.roundTrip('through the flood');
    expect(lab.service.halfOpenCount).toBeLessThanOrEqual(200);
    for (const socket of flood) socket.destroy();
  });

  it('prefers a client that has named its session over nameless ones when places are scarce', async () => {
    await lab.close();
    lab = await ProxyLab.start({ limits: { mostHalfOpen: 4 } });
    const slow = await openTls(lab.auth(newSession()));
    const flood = Array.from({ length: 20 }, () => connect(splitAddress(lab.address)));
    for (const socket of flood) socket.on('error', () => undefined);
    await Promise.all(flood.map((socket) => once(socket, 'connect')));
    await eventually(() => (lab.service.halfOpenCount <= 4 ? true : undefined));
    expect(slow.destroyed).toBe(false);
    for (const socket of flood) socket.destroy();
    slow.destroy();
  });

  it.each([
    ['says nothing', async () => connect(splitAddress(lab.address))],
    [
      'upgrades byte by byte',
      async () => (await openTls(lab.auth(newSession()))).on('error', () => undefined),
    ],
    ['sends no handshake message', async () => (await lab.open(newSession())).socket],
  ] as const)('ends a client that %s when its time is over', async (_what, open) => {
    await lab.close();
    lab = await ProxyLab.start({ limits: { handshakeDeadlineMs: 300 } });
    const socket = await open();
    socket.on('error', () => undefined).resume();
    await once(socket, 'close');
    expect(lab.service.halfOpenCount).toBe(0);
  });

  it('ends bytes that are no TLS at once', async () => {
    const socket = connect(splitAddress(lab.address));
    socket.write('GET / HTTP/1.1\r\n\r\n');
    await once(socket.resume(), 'close');
  });
});

describe('first message', () => {
  it.each([
    ['text', (c) => c.sendFrame('hello', { opcode: opcode.text }), 1008, 'invalid handshake received'],
    ['garbage', (c) => c.sendFrame(Buffer.from([0xff, 0xff, 0xff])), 1007, 'failed to unmarshal protobuf'],
    [
      '19 characters of TOFU',
      (c) => c.sendHandshake({ tofuToken: 'A'.repeat(19) }),
      1003,
      'invalid tofu token',
    ],
    ['32,769 bytes', (c) => c.sendFrame(Buffer.alloc(32_769)), 1009, 'read limited at 32769 bytes'],
    ['an unmasked frame', (c) => c.sendFrame('x', { isMasked: false }), 1002, 'protocol error'],
  ] satisfies [string, (c: Awaited<ReturnType<ProxyLab['open']>>) => void, number, string][])(
    'closes %s with its code and reason',
    async (_what, send, code, reason) => {
      const connection = await lab.open(newSession());
      send(connection);
      expect(await connection.ended()).toEqual({ kind: 'close', code, reason });
      expect(lab.controller.authorizations).toEqual([]);
    },
  );

  it('binds the session to the first TOFU token and refuses another, before and after it is known here', async () => {
    const session = newSession();
    const first = await lab.connected(session);
    const second = await lab.open(session);
    expect(await second.handshake()).toEqual({ kind: 'close', code: 1008, reason: 'tofu token not allowed' });
    const elsewhere = newSession();
    await lab.open(elsewhere).then((connection) => {
      elsewhere.tofuToken = newTofuToken();
      elsewhere.status = 'active';
      return expect(connection.handshake()).resolves.toMatchObject({
        code: 1008,
        reason: 'tofu token not allowed',
      });
    });
    await first.roundTrip('still the owner');
  });

  it('refuses a session that ended before its first use', async () => {
    const connection = await lab.open(newSession({ status: 'canceling' }));
    expect(await connection.handshake()).toEqual({
      kind: 'close',
      code: 1011,
      reason: 'refusing to activate session',
    });
  });

  it('says so when the activation fails, when the limit is reached, and when the controller is away', async () => {
    const failing = await lab.open(newSession());
    lab.controller.failing = { activateSession: new StileError('internal', 'no') };
    expect(await failing.handshake()).toMatchObject({ code: 1011, reason: 'unable to activate session' });

    lab.controller.failing = {};
    const full = newSession({ connectionLimit: 1 });
    const { tofuToken } = await lab.connected(full);
    const late = await lab.open(full, { tofuToken });
    expect(await late.handshake()).toMatchObject({ code: 1011, reason: 'unable to authorize connection' });

    const away = new StileError('controllerUnreachable', 'gone');
    lab.controller.failing = { lookupSession: away, authorizeConnection: away };
    const refused = await lab.open(full, { tofuToken });
    const answer = await refused.handshake();
    expect(answer).toMatchObject({ code: 1011, reason: expect.stringContaining('controller unreachable') });
    expect(JSON.stringify(answer)).not.toMatch(/unable to authorize|tofu token not allowed/);
  });

  it('counts down in the result and leaves out capabilities that it does not have', async () => {
    const session = newSession({ connectionLimit: 3 });
    const connection = await lab.open(session);
    const result = await connection.handshake();
    expect(isResult(result) && result).toMatchObject({
      connectionLimit: 3,
      connectionsLeft: 2,
      expiresAtMs: session.expiresAt / 1000,
    });
  });
});

describe('cancel', () => {
  it('is closed with 1000 only when the controller has confirmed it, whatever the client sends meanwhile', async () => {
    const session = newSession();
    const connection = await lab.open(session);
    let release: () => void = () => undefined;
    lab.controller.cancelGate = new Promise((resolve) => (release = resolve));
    connection.sendHandshake({ isCancel: true });
    connection.close();
    await eventually(() => (lab.service.halfOpenCount === 0 ? true : undefined));
    await expect(connection.next(100)).rejects.toThrow('nothing from the worker');
    release();
    expect(await connection.ended()).toEqual({ kind: 'close', code: 1000, reason: 'session canceled' });
    expect(lab.controller.canceled).toEqual([session.id]);
  });

  it('compares the TOFU token once one is stored, also when another worker stored it', async () => {
    const session = newSession();
    const owner = await lab.connected(session);
    const thief = await lab.open(session);
    expect(await thief.handshake({ isCancel: true })).toMatchObject({
      code: 1008,
      reason: 'tofu token not allowed',
    });
    const elsewhere = newSession();
    const early = await lab.open(elsewhere);
    elsewhere.tofuToken = newTofuToken();
    expect(await early.handshake({ isCancel: true })).toMatchObject({ code: 1008 });
    const again = await lab.open(session, { tofuToken: owner.tofuToken });
    expect(await again.handshake({ isCancel: true })).toMatchObject({
      code: 1000,
      reason: 'session canceled',
    });
    expect(lab.controller.canceled).toEqual([session.id]);
  });

  it('says so when it fails', async () => {
    const connection = await lab.open(newSession());
    lab.controller.failing = { cancelSession: new StileError('internal', 'no') };
    expect(await connection.handshake({ isCancel: true })).toMatchObject({
      code: 1011,
      reason: 'unable to cancel session',
    });
  });
});

describe('connection', () => {
  it('counts exactly, reports the end once, and leaves no socket', async () => {
    const session = newSession();
    const accepted = echo.nextSocket();
    const connection = await lab.connected(session);
    const endpoint = await accepted;
    await connection.roundTrip(randomBytes(1_234_567));
    connection.close();
    const [close] = await lab.controller.reported(1);
    expect(close).toMatchObject({ bytesUp: 1_234_567, bytesDown: 1_234_567, reason: 'client closed' });
    expect(lab.controller.connects).toEqual([
      { connectionId: close?.connectionId, endpointAddress: '127.0.0.1', endpointPort: echo.port },
    ]);
    if (!endpoint.destroyed) await once(endpoint, 'close');
    expect((await connection.ended()).kind).toBe('close');
    await eventually(() => (lab.sessions.connectionCount === 0 ? true : undefined));
    expect(lab.controller.closes).toHaveLength(1);
  });

  it.each([
    ['refuses', 'tcp://127.0.0.1:1', 3000, 'unable to setup proxying', 'endpoint refused'],
    [
      'does not resolve',
      'tcp://no-such-host.invalid:22',
      3000,
      'unable to setup proxying',
      'endpoint unreachable',
    ],
    ['has no address', 'tcp://', 1002, 'unable to parse endpoint', 'endpoint unreachable'],
    ['is of another kind', 'udp://127.0.0.1:53', 1002, 'unable to parse endpoint', 'endpoint unreachable'],
  ] as const)('reports an endpoint that %s before it closes', async (...row) => {
    const [, endpoint, code, text, reason] = row;
    const connection = await lab.connected(newSession({ endpoint }));
    expect(await connection.ended()).toEqual({ kind: 'close', code, reason: text });
    expect(lab.controller.closes).toMatchObject([{ bytesUp: 0, bytesDown: 0, reason }]);
  });

  it('closes with 1011 when the controller does not take the connection, and resets the endpoint', async () => {
    lab.controller.failing = {
      connectConnection: new StileError('connectionNotAuthorized', 'canceled meanwhile'),
    };
    const accepted = echo.nextSocket();
    const connection = await lab.connected(newSession());
    const gone = new Promise((resolve) => void accepted.then((socket) => socket.once('close', resolve)));
    expect(await connection.ended()).toEqual({
      kind: 'close',
      code: 1011,
      reason: 'unable to establish proxy',
    });
    await gone;
    expect(lab.controller.closes).toMatchObject([{ reason: 'session canceled' }]);
  });

  it('flushes what an endpoint wrote before its end, and says who ended', async () => {
    const talker = await startTcpServer((socket) => socket.end(Buffer.alloc(700_000, 3)));
    const connection = await lab.connected(newSession({ endpoint: endpointOf(talker) }));
    expect((await connection.read(700_000)).every((byte) => byte === 3)).toBe(true);
    expect(await connection.ended()).toMatchObject({ code: 1000 });
    connection.close();
    expect(await lab.controller.reported(1)).toMatchObject([
      { bytesDown: 700_000, reason: 'endpoint closed' },
    ]);
    await talker.close();
  });

  it('says when the endpoint breaks, when the client vanishes, and when it breaks the rules', async () => {
    const first = echo.nextSocket();
    const one = await lab.connected(newSession());
    await one.roundTrip('x');
    (await first).resetAndDestroy();
    expect(await one.ended()).toMatchObject({ code: 1011 });
    expect((await lab.controller.reported(1))[0]?.reason).toBe('endpoint lost');

    const two = await lab.connected(newSession());
    await two.roundTrip('x');
    two.destroy();
    expect((await lab.controller.reported(2))[1]?.reason).toBe('client lost');

    const three = await lab.connected(newSession());
    three.sendFrame('text', { opcode: opcode.text });
    expect(await three.ended()).toEqual({
      kind: 'close',
      code: 1003,
      reason: 'unexpected frame type read (expected MessageBinary): MessageText',
    });
    expect((await lab.controller.reported(3))[2]?.reason).toBe('protocol error');
  });
});

describe('the end of a session', () => {
  it('pushed by the controller cuts both sockets of every connection and gives the final counters', async () => {
    const session = newSession();
    const accepted: Promise<unknown>[] = [];
    const tofuToken = newTofuToken();
    const connections = [];
    for (let i = 0; i < 3; i += 1) {
      const next = echo.nextSocket();
      const connection = await lab.connected(session, tofuToken);
      const socket = await next;
      accepted.push(new Promise((resolve) => socket.once('close', resolve)));
      await connection.roundTrip('12345');
      connections.push(connection);
    }
    const closes = await lab.sessions.revoke([{ sessionId: session.id, reason: 'canceled' }]);
    expect(closes.map(({ bytesUp, bytesDown, reason }) => [bytesUp, bytesDown, reason])).toEqual(
      Array.from({ length: 3 }, () => [5, 5, 'session canceled']),
    );
    for (const connection of connections) expect(await connection.ended()).toEqual({ kind: 'dropped' });
    await Promise.all(accepted);
    expect(lab.sessions.connectionCount).toBe(0);
  });

  it('cuts a connection that is on its way to its endpoint, with the socket there', async () => {
    const session = newSession();
    let release: () => void = () => undefined;
    lab.controller.connectGate = new Promise((resolve) => (release = resolve));
    const accepted = echo.nextSocket();
    const connection = await lab.connected(session);
    const endpoint = await accepted;
    await eventually(() => (lab.controller.connects.length > 0 ? true : undefined));
    const gone = new Promise((resolve) => endpoint.once('close', resolve));
    const closing = lab.sessions.revoke([{ sessionId: session.id, reason: 'canceled' }]);
    expect(await connection.ended()).toEqual({ kind: 'dropped' });
    expect(await closing).toMatchObject([{ bytesUp: 0, bytesDown: 0, reason: 'session canceled' }]);
    await gone;
    release();
  });

  it('by expiry cuts a busy and an idle connection at its time, not before', async () => {
    const session = newSession({ expiresAt: (Date.now() + 1200) * 1000 });
    const tofuToken = newTofuToken();
    const [busy, idle] = [await lab.connected(session, tofuToken), await lab.connected(session, tofuToken)];
    const pump = setInterval(() => busy.sendFrame(Buffer.alloc(60_000)), 1);
    const ends = await Promise.all([busy.ended(), idle.ended()]);
    clearInterval(pump);
    const lateMs = Date.now() - session.expiresAt / 1000;
    expect(ends).toEqual([{ kind: 'dropped' }, { kind: 'dropped' }]);
    expect(lateMs).toBeGreaterThanOrEqual(-1);
    expect(lateMs).toBeLessThan(1000);
    const reasons = (await lab.controller.reported(2)).map((close) => close.reason);
    expect(reasons).toEqual(['session expired', 'session expired']);
  });

  it('by the end of its lease cuts what runs; a renewed lease goes on', async () => {
    const [short, renewed] = [newSession({ leaseSeconds: 1 }), newSession({ leaseSeconds: 1 })];
    const one = await lab.connected(short);
    const two = await lab.connected(renewed);
    const beat = setInterval(() => lab.sessions.renewLeases(performance.now()), 100);
    await two.roundTrip('x');
    clearInterval(beat);
    expect(await one.ended()).toEqual({ kind: 'dropped' });
    expect((await lab.controller.reported(1))[0]?.reason).toBe('controller lost');
  });

  it('of the worker cuts all with "worker stopped" and takes nobody new', async () => {
    const connection = await lab.connected(newSession());
    await connection.roundTrip('bye');
    const shaking = await lab.open(newSession());
    await lab.service.close();
    expect(await connection.ended()).toEqual({ kind: 'dropped' });
    expect(await shaking.ended()).toEqual({ kind: 'dropped' });
    expect(lab.controller.closes).toMatchObject([{ reason: 'worker stopped', bytesUp: 3, bytesDown: 3 }]);
    await expect(lab.open(newSession())).rejects.toThrow();
  });
});
