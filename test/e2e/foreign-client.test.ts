/**
 * A client of another make against the real worker: the session protocol as recorded, garbage at each step after the upgrade,
 * every close code and reason (session-protocol.md §3; issue 3, §5.7–5.8). foreign-tls.test.ts has what comes before.
 */
import { once } from 'node:events';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import WebSocket from 'ws';
import type { Json } from '../support/dev-server.ts';
import { createTarget, readSession, terminated } from '../support/dev-target.ts';
import { startEchoServer, startTcpServer } from '../support/echo-server.ts';
import { eventually } from '../support/eventually.ts';
import {
  isResult,
  newTofuToken,
  openTls,
  splitAddress,
  type ForeignConnection,
} from '../support/foreign-client.ts';
import { opcode, type FrameShape } from '../support/foreign-frames.ts';
import { ForeignLab, refusal } from '../support/foreign-lab.ts';
import { encodeHandshake } from '../support/foreign-messages.ts';
import { startWireTap } from '../support/wire-tap.ts';
import { whenClosed } from '../support/when-closed.ts';

let lab: ForeignLab;

beforeAll(async () => {
  lab = await ForeignLab.start();
});
afterEach(() => lab.destroyClients());
afterAll(() => lab?.stop());

describe('the recorded client', () => {
  test('offers http/1.1 then the session id, no server name for an address, and gets the upgrade as recorded', async () => {
    const auth = await lab.session();
    const tap = await startWireTap(splitAddress(lab.dev.proxyAddress));
    try {
      const connection = await lab.open(auth, { worker: tap.address });
      const hello = tap.connections[0]?.fromClient() ?? Buffer.alloc(0);
      const alpn = Buffer.concat([
        Buffer.from([8]),
        Buffer.from('http/1.1'),
        Buffer.from([auth.sessionId.length]),
        Buffer.from(auth.sessionId),
      ]);
      expect(hello.includes(alpn)).toBe(true);
      expect(connection.socket.getProtocol()).toBe('TLSv1.3');
      expect(['http/1.1', false]).toContain(connection.socket.alpnProtocol);
      expect(connection.responseHeaders.get('upgrade')?.toLowerCase()).toBe('websocket');
      expect(connection.responseHeaders.get('connection')?.toLowerCase()).toBe('upgrade');
      expect(connection.responseHeaders.get('sec-websocket-protocol')).toBe('boundary-tcp-proxy-v1');
      expect(connection.responseHeaders.has('sec-websocket-extensions')).toBe(false);
      expect(connection.responseHeaders.get('cache-control')).toBe('no-store');
    } finally {
      await tap.close();
    }
  });

  test('connects, echoes, and ends its session with a cancel and an immediate close', async () => {
    const auth = await lab.session();
    const first = await lab.open(auth);
    const answer = await first.handshake();
    expect(answer).toEqual({
      expiresAtMs: auth.expiresAtMs,
      connectionLimit: -1,
      connectionsLeft: -1,
      fields: [10, 20, 30],
    });
    await first.roundTrip('hello');
    await first.roundTrip(Buffer.alloc(300_000, 7));
    expect(await readSession(lab.dev.api, auth.sessionId)).toMatchObject({ status: 'active', version: 2 });
    first.close();
    await first.ended();

    for (const round of ['at exit', 'deferred']) {
      const last = await lab.open(auth, { tofuToken: first.tofuToken });
      last.sendHandshake({ isCancel: true });
      last.close(1000, 'session teardown finished');
      const end = await last.ended();
      expect({ round, ...end }).toMatchObject({ round, kind: 'close', code: 1000 });
      expect(['canceling', 'terminated']).toContain((await readSession(lab.dev.api, auth.sessionId)).status);
    }
    const ended = await terminated(lab.dev.api, auth.sessionId);
    expect(ended.termination_reason).toBe('canceled');
    expect(ended.connections).toMatchObject([{ bytes_up: '300005', bytes_down: '300005' }]);
  });

  test('a cancel that waits for the answer is closed with 1000 "session canceled"', async () => {
    const auth = await lab.session();
    const first = await lab.connected(auth);
    const last = await lab.open(auth, { tofuToken: first.tofuToken });
    last.sendHandshake({ isCancel: true });
    expect(await last.ended()).toEqual({ kind: 'close', code: 1000, reason: 'session canceled' });
    await first.ended();
    expect((await terminated(lab.dev.api, auth.sessionId)).termination_reason).toBe('canceled');
  });

  test('a session that was never used is canceled by any 20 characters', async () => {
    const auth = await lab.session();
    const only = await lab.open(auth);
    only.sendHandshake({ isCancel: true });
    expect(await only.ended()).toEqual({ kind: 'close', code: 1000, reason: 'session canceled' });
    expect((await terminated(lab.dev.api, auth.sessionId)).states.map((state: Json) => state.status)).toEqual(
      ['terminated', 'canceling', 'pending'],
    );
  });

  test('the ws package of Node gets through as well', async () => {
    const auth = await lab.session();
    const tls = await openTls(auth);
    lab.keep(tls);
    const ws = new WebSocket(`ws://${lab.dev.proxyAddress}/v1/proxy`, 'boundary-tcp-proxy-v1', {
      createConnection: () => tls,
      perMessageDeflate: false,
    });
    ws.on('error', () => undefined);
    await once(ws, 'open');
    ws.send(encodeHandshake({ tofuToken: newTofuToken() }));
    await once(ws, 'message');
    ws.send(Buffer.from('over ws'));
    const [data, isBinary] = (await once(ws, 'message')) as [Buffer, boolean];
    expect(data.toString()).toBe('over ws');
    expect(isBinary).toBe(true);
    ws.terminate();
  });

  test('a ClientHello that arrives byte by byte is understood', async () => {
    const auth = await lab.session();
    const tap = await startWireTap(splitAddress(lab.dev.proxyAddress), { splitFirst: 2000 });
    try {
      const connection = await lab.open(auth, { worker: tap.address });
      expect(isResult(await connection.handshake())).toBe(true);
      await connection.roundTrip('slowly');
    } finally {
      await tap.close();
    }
  });

  test('the session id as server name is enough', async () => {
    const auth = await lab.session();
    const connection = await lab.open(auth, { serverName: auth.sessionId, alpn: ['http/1.1'] });
    expect(isResult(await connection.handshake())).toBe(true);
  });

  test('a client that asks for no subprotocol is served', async () => {
    const auth = await lab.session();
    const connection = await lab.open(auth, {
      headers: [
        `Host: ${lab.dev.proxyAddress}`,
        'Connection: Upgrade',
        'Upgrade: websocket',
        'Sec-WebSocket-Version: 13',
        'Sec-WebSocket-Key: AAECAwQFBgcICQoLDA0ODw==',
      ],
    });
    expect(isResult(await connection.handshake())).toBe(true);
  });
});

describe('the first client owns the session', () => {
  test('another TOFU token is refused with 1008 "tofu token not allowed", the owner goes on', async () => {
    const auth = await lab.session();
    const owner = await lab.connected(auth);
    const other = await lab.open(auth);
    expect(await other.handshake()).toEqual({
      kind: 'close',
      code: 1008,
      reason: 'tofu token not allowed',
    });
    await owner.roundTrip('still mine');
    const second = await lab.connected(auth, owner.tofuToken);
    await second.roundTrip('mine too');
  });

  test('another client cannot end it either: its cancel is refused, the session stays active', async () => {
    const auth = await lab.session();
    const owner = await lab.connected(auth);
    const other = await lab.open(auth);
    expect(await other.handshake({ isCancel: true })).toEqual({
      kind: 'close',
      code: 1008,
      reason: 'tofu token not allowed',
    });
    expect((await readSession(lab.dev.api, auth.sessionId)).status).toBe('active');
    await owner.roundTrip('still mine');
  });

  test('two clients that come first at the same instant: one gets the session, the other is refused', async () => {
    const auth = await lab.session();
    const both = await Promise.all([lab.open(auth), lab.open(auth)]);
    const answers = await Promise.all(both.map((each) => each.handshake()));
    expect(answers.filter((answer) => isResult(answer))).toHaveLength(1);
    expect(answers.find((answer) => !isResult(answer))).toEqual({
      kind: 'close',
      code: 1008,
      reason: 'tofu token not allowed',
    });
  });

  test('eight first connections of one client at the same instant are all served', async () => {
    const auth = await lab.session();
    const tofuToken = newTofuToken();
    const all = await Promise.all(Array.from({ length: 8 }, () => lab.connected(auth, tofuToken)));
    await Promise.all(all.map((each) => each.roundTrip('one of eight')));
    expect((await readSession(lab.dev.api, auth.sessionId)).connections).toHaveLength(8);
  });
});

describe('limits', () => {
  test('counts down, leaves zero off the wire, then refuses with 1011 "unable to authorize connection"', async () => {
    const target = await createTarget(lab.dev.api, { port: lab.echo.port, connectionLimit: 2 });
    const auth = await lab.session(target);
    expect(auth.connectionLimit).toBe(2);
    const first = await lab.open(auth);
    expect(await first.handshake()).toMatchObject({ connectionLimit: 2, connectionsLeft: 1 });
    const second = await lab.open(auth, { tofuToken: first.tofuToken });
    expect(await second.handshake()).toMatchObject({
      connectionLimit: 2,
      connectionsLeft: 0,
      fields: [10, 20],
    });
    const third = await lab.open(auth, { tofuToken: first.tofuToken });
    expect(await third.handshake()).toEqual({
      kind: 'close',
      code: 1011,
      reason: 'unable to authorize connection',
    });
    await first.roundTrip('both');
    await second.roundTrip('live on');
    first.close();
    second.close();
    const ended = await terminated(lab.dev.api, auth.sessionId);
    expect(ended).toMatchObject({ termination_reason: 'connection limit' });
    expect(ended.connections).toHaveLength(2);
  });

  test('a connection to an endpoint that refuses counts too: result, then 3000 "unable to setup proxying"', async () => {
    const gone = await startEchoServer();
    await gone.close();
    const auth = await lab.session(await createTarget(lab.dev.api, { port: gone.port, connectionLimit: 5 }));
    const connection = await lab.open(auth);
    expect(await connection.handshake()).toMatchObject({ connectionsLeft: 4 });
    expect(await connection.ended()).toEqual({
      kind: 'close',
      code: 3000,
      reason: 'unable to setup proxying',
    });
    const again = await lab.open(auth, { tofuToken: connection.tofuToken });
    expect(await again.handshake()).toMatchObject({ connectionsLeft: 3 });
    const seen = await eventually(async () => {
      const found = await readSession(lab.dev.api, auth.sessionId);
      return found.connections.at(-1).closed_reason === undefined ? undefined : found;
    });
    expect(seen.status).toBe('active');
    expect(seen.connections.at(-1).closed_reason).toBe('network error');
  });

  test('so does one to an endpoint that does not resolve', async () => {
    const auth = await lab.session(
      await createTarget(lab.dev.api, { address: 'no-such-host.invalid', port: 22, connectionLimit: 5 }),
    );
    const connection = await lab.open(auth);
    expect(await connection.handshake()).toMatchObject({ connectionsLeft: 4 });
    expect(await connection.ended()).toEqual({
      kind: 'close',
      code: 3000,
      reason: 'unable to setup proxying',
    });
  });
});

describe('garbage instead of a handshake', () => {
  const tofu = newTofuToken();
  test.each<[string, Buffer | string, FrameShape, readonly [code: number, reason?: string]]>([
    ['a text frame', 'hello', { opcode: opcode.text }, [1008, 'invalid handshake received']],
    [
      'bytes that are no protobuf',
      Buffer.from('ffffffffffff', 'hex'),
      {},
      [1007, 'failed to unmarshal protobuf'],
    ],
    [
      'a protobuf cut short',
      encodeHandshake({ tofuToken: tofu }).subarray(0, 10),
      {},
      [1007, 'failed to unmarshal protobuf'],
    ],
    ['19 characters', encodeHandshake({ tofuToken: tofu.slice(1) }), {}, [1003, 'invalid tofu token']],
    ['21 characters', encodeHandshake({ tofuToken: `${tofu}x` }), {}, [1003, 'invalid tofu token']],
    ['an empty message', '', {}, [1003, 'invalid tofu token']],
    ['a message above 32 KiB', Buffer.alloc(32_769), {}, [1009]],
    ['a frame that claims 2^40 bytes', '', { claimedBytes: 2 ** 40 }, [1009]],
    ['a frame without a mask', encodeHandshake({ tofuToken: tofu }), { isMasked: false }, [1002]],
    ['a reserved bit', encodeHandshake({ tofuToken: tofu }), { reserved: 0x40 }, [1002]],
    ['an unknown frame kind', encodeHandshake({ tofuToken: tofu }), { opcode: 3 }, [1002]],
    ['a continuation of nothing', encodeHandshake({ tofuToken: tofu }), { opcode: 0 }, [1002]],
  ])('%s', async (_name, payload, shape, [code, reason]) => {
    const auth = await lab.session();
    const connection = await lab.open(auth);
    connection.sendFrame(payload, shape);
    const end = await connection.ended();
    expect(end).toMatchObject({ kind: 'close', code });
    if (reason !== undefined) expect(end).toMatchObject({ reason });
    // Nothing was taken: neither the session nor a connection.
    expect(await readSession(lab.dev.api, auth.sessionId)).toMatchObject({ status: 'pending', version: 1 });
    const good = await lab.connected(auth);
    await good.roundTrip('the worker goes on');
  });

  test('a handshake in two fragments, with a ping between, is one handshake', async () => {
    const auth = await lab.session();
    const connection = await lab.open(auth);
    const bytes = encodeHandshake({ tofuToken: connection.tofuToken });
    connection.sendFrame(bytes.subarray(0, 7), { isFinal: false });
    connection.sendFrame('are you there', { opcode: opcode.ping });
    connection.sendFrame(bytes.subarray(7), { opcode: opcode.continuation });
    const pong = await connection.next();
    expect(pong).toMatchObject({ kind: 'message', opcode: opcode.pong });
    expect(await connection.next()).toMatchObject({ kind: 'message', opcode: opcode.binary });
    await connection.roundTrip('whole');
  });

  test('a client that goes without a handshake leaves no trace', async () => {
    const auth = await lab.session();
    const connection = await lab.open(auth);
    connection.close();
    await connection.ended();
    expect(await readSession(lab.dev.api, auth.sessionId)).toMatchObject({ status: 'pending', version: 1 });
  });
});

describe('in the stream', () => {
  test('a text frame is closed with 1003 and the recorded reason', async () => {
    const connection = await lab.connected(await lab.session());
    await connection.roundTrip('binary');
    connection.sendFrame('text', { opcode: opcode.text });
    expect(await connection.ended()).toEqual({
      kind: 'close',
      code: 1003,
      reason: 'unexpected frame type read (expected MessageBinary): MessageText',
    });
  });

  test('messages of any size, fragments and empty ones are bytes of the stream', async () => {
    const connection = await lab.connected(await lab.session());
    connection.sendFrame('');
    connection.sendFrame('ab', { isFinal: false });
    connection.sendFrame('', { opcode: opcode.continuation, isFinal: false });
    connection.sendFrame('cd', { opcode: opcode.continuation });
    expect((await connection.read(4)).toString()).toBe('abcd');
    const large = Buffer.alloc(3 * 1024 * 1024, 5);
    connection.sendFrame(large);
    expect((await connection.read(large.length)).equals(large)).toBe(true);
  });

  test('an endpoint that ends is flushed to the client, then closed with 1000', async () => {
    const talker = await startTcpServer((socket) => socket.end(Buffer.alloc(500_000, 9)));
    try {
      const auth = await lab.session(await createTarget(lab.dev.api, { port: talker.port }));
      const connection = await lab.connected(auth);
      expect(await connection.read(500_000)).toHaveLength(500_000);
      const end = await connection.ended();
      if (end.kind === 'close') expect(end.code).toBe(1000);
      connection.destroy();
      expect(await closedConnection(auth.sessionId)).toMatchObject({
        bytes_down: '500000',
        closed_reason: 'closed by end-user',
      });
    } finally {
      await talker.close();
    }
  });

  test('a client that vanishes closes the endpoint socket, and the record says so', async () => {
    const auth = await lab.session();
    const accepted = lab.echo.nextSocket();
    const connection = await lab.connected(auth);
    const endpoint = await accepted;
    await connection.roundTrip('gone soon');
    const closed = whenClosed(endpoint);
    connection.destroy();
    await closed;
    const last = await closedConnection(auth.sessionId);
    expect(last).toMatchObject({ bytes_up: '9', bytes_down: '9' });
    expect(['network error', 'closed by end-user']).toContain(last.closed_reason);
  });
});

/** The only connection of a session once it is closed. */
async function closedConnection(sessionId: string): Promise<Json> {
  return eventually(async () => {
    const [only] = (await readSession(lab.dev.api, sessionId)).connections ?? [];
    return only?.closed_reason === undefined ? undefined : only;
  });
}

/**
 * The socket is gone without the client's doing. The recorded worker says nothing before; ours may say why in a close frame, which a
 * client in the stream takes for an end like any other (session-protocol.md §2.5), but never waits for an answer to it.
 */
async function expectCut(connection: ForeignConnection, reason: string): Promise<void> {
  const end = await connection.ended();
  if (end.kind === 'close') {
    expect(end).toEqual({ kind: 'close', code: 1008, reason });
    expect(await connection.next(2000)).toEqual({ kind: 'dropped' });
  }
}

describe('sessions that are over', () => {
  test('cancelled before its first use: 1011 "refusing to activate session"', async () => {
    const auth = await lab.session();
    await lab.dev.api('POST', `/v1/sessions/${auth.sessionId}:cancel`, { version: 1 });
    const connection = await lab.open(auth);
    expect(await connection.handshake()).toEqual({
      kind: 'close',
      code: 1011,
      reason: 'refusing to activate session',
    });
  });

  test('cancelled after use: 1011 "unable to authorize connection"; the live connection is cut at once', async () => {
    const auth = await lab.session();
    const live = await lab.connected(auth);
    await live.roundTrip('x');
    await lab.dev.api('POST', `/v1/sessions/${auth.sessionId}:cancel`, { version: 2 });
    await expectCut(live, 'session canceled');
    const late = await lab.open(auth, { tofuToken: live.tofuToken });
    expect(await late.handshake()).toEqual({
      kind: 'close',
      code: 1011,
      reason: 'unable to authorize connection',
    });
    const teardown = await lab.open(auth, { tofuToken: live.tofuToken });
    teardown.sendHandshake({ isCancel: true });
    expect(await teardown.ended()).toEqual({ kind: 'close', code: 1000, reason: 'session canceled' });
  });

  test('expired: cut at its time, then alert 80', async () => {
    const auth = await lab.session(await createTarget(lab.dev.api, { port: lab.echo.port, maxSeconds: 2 }));
    const live = await lab.connected(auth);
    await live.roundTrip('short');
    await expectCut(live, 'session expired');
    expect(Math.abs(Date.now() - auth.expiresAtMs)).toBeLessThan(1000);
    expect((await refusal(openTls(auth))).alert).toBe(80);
    expect((await terminated(lab.dev.api, auth.sessionId)).termination_reason).toBe('timed out');
  });
});
