/** The local proxy against a scripted worker: real TLS, real WebSocket, real local connections. */
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { encodeAuthorizationToken, type SessionAuthorization } from '@stile/protocol';
import type { HostPort } from '@stile/runtime';
import type { TestCertificate } from '../../../test/support/certificates.ts';
import { FakeWorker, makeAuthorization, makeSessionCertificate } from '../../../test/support/fake-worker.ts';
import { ClientProxy, type ClientProxyOptions } from './client-proxy.ts';

let certificate: TestCertificate;
let worker: FakeWorker;
let proxies: ClientProxy[] = [];

beforeEach(async () => {
  certificate = makeSessionCertificate();
  worker = await FakeWorker.start(certificate);
});

afterEach(async () => {
  await Promise.all(proxies.map((proxy) => proxy.close()));
  proxies = [];
  await worker.close();
});

function authorization(change: Partial<SessionAuthorization> = {}): SessionAuthorization {
  return makeAuthorization(certificate, { workerAddresses: [worker.address], ...change });
}

async function open(
  options: Partial<ClientProxyOptions> = {},
  change: Partial<SessionAuthorization> = {},
): Promise<{ proxy: ClientProxy; address: HostPort }> {
  const proxy = new ClientProxy({ authorization: authorization(change), ...options });
  proxies.push(proxy);
  return { proxy, address: await proxy.start() };
}

/** A promise and what resolves it. */
function deferred<T>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let resolve: (value: T) => void = () => undefined;
  const promise = new Promise<T>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}

async function dial(address: HostPort): Promise<Socket> {
  const socket = connect({ host: address.host, port: address.port });
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  return socket;
}

/** Everything the other side sends until it ends. */
async function readAll(socket: Socket): Promise<string> {
  let text = '';
  socket.setEncoding('utf8').on('data', (piece: string) => {
    text += piece;
  });
  // Not events.once: a reset is one of the ways to end.
  if (!socket.closed) await new Promise((resolve) => socket.once('close', resolve));
  return text;
}

async function roundTrip(address: HostPort, text: string): Promise<string> {
  const socket = await dial(address);
  socket.write(text);
  const [answer] = (await once(socket, 'data')) as [Buffer];
  socket.destroy();
  return answer.toString();
}

describe('a close that comes early', () => {
  test('before the start: the session is ended and start is refused', async () => {
    const proxy = new ClientProxy({ authorization: authorization() });
    proxies.push(proxy);
    expect(await proxy.close()).toMatchObject({ reason: 'closed', teardown: 'done' });
    await expect(proxy.start()).rejects.toMatchObject({ code: 'aborted' });
  });

  test('with the start: start is refused, and nothing is left that keeps a process alive', async () => {
    const proxy = new ClientProxy({ authorization: authorization() });
    proxies.push(proxy);
    const starting = proxy.start();
    const ending = proxy.close();
    await expect(starting).rejects.toMatchObject({ code: 'aborted' });
    expect(await ending).toMatchObject({ reason: 'closed', teardown: 'done' });
  });
});

describe('a connection', () => {
  test('is carried to the worker and back', async () => {
    const { address } = await open();
    expect(await roundTrip(address, 'hello')).toBe('hello');
  });

  test('works from the token text, as on another machine', async () => {
    const { address } = await open({ authorization: encodeAuthorizationToken(authorization()) });
    expect(await roundTrip(address, 'hello')).toBe('hello');
  });

  test('shows one and the same TOFU token of 20 characters each time', async () => {
    const { address } = await open();
    await roundTrip(address, 'a');
    await roundTrip(address, 'b');
    const tokens = new Set(worker.handshakes.map((handshake) => handshake.tofuToken));
    expect(tokens.size).toBe(1);
    expect([...tokens][0]).toMatch(/^[A-Za-z0-9]{20}$/);
  });

  test('ends for the local program when the worker ends it, with everything delivered', async () => {
    worker.script = () => ({ do: 'echo', closeAfterBytes: 5 });
    const { address } = await open();
    const socket = await dial(address);
    const all = readAll(socket);
    socket.write('hello');
    expect(await all).toBe('hello');
  });

  test('is cut when the worker vanishes, and the next one is served', async () => {
    const { address } = await open();
    const socket = await dial(address);
    socket.write('x');
    await once(socket, 'data');
    worker.cut();
    await readAll(socket);
    expect(await roundTrip(address, 'again')).toBe('again');
  });

  test('whose endpoint cannot be reached ends, and the reason is told', async () => {
    worker.script = () => ({ do: 'refuse' });
    const errors: string[] = [];
    const { address } = await open({ onConnectionError: ({ code, message }) => errors.push(code, message) });
    expect(await readAll(await dial(address))).toBe('');
    await vi.waitFor(() =>
      expect(errors).toEqual([
        'endpointUnreachable',
        'the worker could not connect to the endpoint tcp://127.0.0.1:22',
      ]),
    );
  });

  test('carries 20 MB both ways unchanged', async () => {
    const { address } = await open();
    const socket = await dial(address);
    const sent = Buffer.alloc(20_000_000, 'stile 0123456789 ');
    let received = 0;
    let isEqual = true;
    socket.on('data', (piece: Buffer) => {
      isEqual &&= sent.subarray(received, received + piece.length).equals(piece);
      received += piece.length;
      if (received >= sent.length) socket.destroy();
    });
    socket.write(sent);
    await once(socket, 'close');
    expect({ received, isEqual }).toEqual({ received: sent.length, isEqual: true });
  });
});

describe('workers', () => {
  test('are tried in order until one answers', async () => {
    const dead = createServer();
    await new Promise<void>((resolve) => dead.listen(0, '127.0.0.1', resolve));
    const deadAddress = `127.0.0.1:${(dead.address() as AddressInfo).port}`;
    await new Promise((resolve) => dead.close(resolve));
    const { address } = await open({}, { workerAddresses: [deadAddress, worker.address] });
    expect(await roundTrip(address, 'hello')).toBe('hello');
  });

  test('that refuse the session are passed over too', async () => {
    const stranger = await FakeWorker.start(certificate);
    stranger.entry = 'alert';
    const { address } = await open({}, { workerAddresses: [stranger.address, worker.address] });
    expect(await roundTrip(address, 'hello')).toBe('hello');
    await stranger.close();
  });

  test.each([
    ['alert', 'sessionNotAccepted', /session credentials were not accepted/],
    ['drop', 'workerUnreachable', /127\.0\.0\.1:\d+/],
    ['not-http', 'workerUnreachable', /127\.0\.0\.1:\d+/],
    ['status-500', 'workerUnreachable', /status code 101 but got 500/],
  ] as const)(
    'that answer with %s give an error that names the cause, and the proxy goes on',
    async (entry, code, text) => {
      worker.entry = entry;
      const { promise, resolve } = deferred<Error & { code?: string }>();
      const { address } = await open({ onConnectionError: resolve });
      const socket = await dial(address);
      const error = await promise;
      expect(error.code).toBe(code);
      expect(error.message).toMatch(text);
      await readAll(socket);
      worker.entry = 'serve';
      expect(await roundTrip(address, 'again')).toBe('again');
    },
  );

  test('with a certificate that is not the session’s are refused', async () => {
    const impostor = await FakeWorker.start(makeSessionCertificate());
    const { promise, resolve } = deferred<Error & { code?: string }>();
    const { address } = await open({ onConnectionError: resolve }, { workerAddresses: [impostor.address] });
    await dial(address);
    expect((await promise).code).toBe('workerUnreachable');
    expect(impostor.handshakes).toEqual([]);
    await impostor.close();
  });

  test('are reached without a look at proxy variables', async () => {
    vi.stubEnv('HTTP_PROXY', 'http://127.0.0.1:1');
    vi.stubEnv('HTTPS_PROXY', 'http://127.0.0.1:1');
    try {
      const { address } = await open();
      expect(await roundTrip(address, 'hello')).toBe('hello');
    } finally {
      vi.unstubAllEnvs();
    }
  });
});

describe('the end', () => {
  test('closing asks the worker to end the session, with the TOFU token of its connections', async () => {
    const { proxy, address } = await open();
    await roundTrip(address, 'hello');
    expect(await proxy.close()).toEqual({ reason: 'closed', teardown: 'done' });
    expect(worker.handshakes.map((handshake) => handshake.command)).toEqual(['connect', 'cancel']);
    expect(worker.handshakes[1]?.tofuToken).toBe(worker.handshakes[0]?.tofuToken);
  });

  test('a session that was never used is ended too', async () => {
    const { proxy } = await open();
    expect(await proxy.close()).toMatchObject({ teardown: 'done' });
  });

  test('a teardown that fails is told, not thrown', async () => {
    worker.script = ({ command }) =>
      command === 'cancel'
        ? { do: 'close', close: { code: 1011, reason: 'unable to cancel session' } }
        : { do: 'echo' };
    const { proxy } = await open();
    const end = await proxy.close();
    expect(end.teardown).toMatchObject({ name: 'StileError' });
  });

  test('live connections are cut', async () => {
    const { proxy, address } = await open();
    const socket = await dial(address);
    socket.write('x');
    await once(socket, 'data');
    const closed = readAll(socket);
    await proxy.close();
    await closed;
    await expect(dial(address)).rejects.toThrow('ECONNREFUSED');
  });

  test('another client’s session ends the proxy with the reason, and is not canceled', async () => {
    worker.script = () => ({ do: 'close', close: { code: 1008, reason: 'tofu token not allowed' } });
    const { proxy, address } = await open();
    const socket = await dial(address);
    const end = await proxy.closed;
    expect(end).toMatchObject({
      reason: 'error',
      teardown: 'skipped',
      error: { code: 'tofuTokenNotAllowed', message: 'session is already in use' },
    });
    expect(worker.handshakes.map((handshake) => handshake.command)).toEqual(['connect']);
    await readAll(socket);
  });

  test('a session that was canceled before its first use ends the proxy', async () => {
    worker.script = () => ({ do: 'close', close: { code: 1011, reason: 'refusing to activate session' } });
    const { proxy, address } = await open();
    await dial(address);
    expect(await proxy.closed).toMatchObject({ reason: 'error', error: { code: 'sessionNotPending' } });
  });

  test('a refused connection ends the listener, and the proxy when its last connection has ended', async () => {
    worker.script = (handshake, index) =>
      index === 0 || handshake.command === 'cancel'
        ? { do: 'echo' }
        : { do: 'close', close: { code: 1011, reason: 'unable to authorize connection' } };
    const errors: string[] = [];
    const { proxy, address } = await open({ onConnectionError: (error) => errors.push(error.code) });
    const first = await dial(address);
    first.write('x');
    await once(first, 'data');
    const second = await dial(address);
    await readAll(second);
    expect(errors).toEqual(['connectionNotAuthorized']);
    first.write('y');
    const [answer] = (await once(first, 'data')) as [Buffer];
    expect(answer.toString()).toBe('y');
    first.destroy();
    expect(await proxy.closed).toMatchObject({ reason: 'No connections left in session' });
  });

  test('at no connections left the listener closes while the last connection goes on', async () => {
    worker.script = () => ({ do: 'echo', connectionsLeft: 0 });
    const left: number[] = [];
    const { proxy, address } = await open({ onConnectionsLeft: (count) => left.push(count) });
    const socket = await dial(address);
    socket.write('x');
    await once(socket, 'data');
    await expect(dial(address)).rejects.toThrow('ECONNREFUSED');
    socket.write('y');
    await once(socket, 'data');
    socket.destroy();
    expect(await proxy.closed).toMatchObject({ reason: 'No connections left in session' });
    expect(left).toEqual([0]);
  });

  test('expiry cuts connections and ends the proxy', async () => {
    const { proxy, address } = await open({}, { expiresAt: (Date.now() + 400) * 1000 });
    const socket = await dial(address);
    socket.write('x');
    await once(socket, 'data');
    const closed = readAll(socket);
    expect(await proxy.closed).toEqual({ reason: 'Session has expired', teardown: 'skipped' });
    await closed;
  });

  test('a session that has expired is not even listened for', async () => {
    const proxy = new ClientProxy({ authorization: authorization({ expiresAt: 1 }) });
    await expect(proxy.start()).rejects.toMatchObject({ code: 'sessionExpired' });
    expect(await proxy.closed).toMatchObject({ reason: 'Session has expired' });
    expect(worker.connectionCount).toBe(0);
  });

  test('inactivity ends the proxy only after a first connection', async () => {
    const { proxy, address } = await open({ inactivityTimeoutMs: 50 });
    const socket = await dial(address);
    socket.write('x');
    await once(socket, 'data');
    expect(proxy.connectionCount).toBe(1);
    socket.destroy();
    expect(await proxy.closed).toMatchObject({ reason: 'Inactivity timeout reached' });
  });

  test('a port in use is an error that names it, and the session is ended', async () => {
    const busy = createServer();
    await new Promise<void>((resolve) => busy.listen(0, '127.0.0.1', resolve));
    const { port } = busy.address() as AddressInfo;
    const proxy = new ClientProxy({ authorization: authorization(), listenPort: port });
    await expect(proxy.start()).rejects.toMatchObject({
      code: 'listenFailed',
      message: expect.stringContaining(String(port)) as string,
    });
    expect(await proxy.closed).toMatchObject({ reason: 'error', teardown: 'done' });
    busy.close();
  });
});

describe('hostile workers', () => {
  test.each([
    ['garbage', Buffer.from([0xff, 0xff, 0xff, 0xff])],
    ['an oversized message', Buffer.alloc(40_000)],
  ])('%s instead of a handshake result fails one connection, not the proxy', async (_name, bytes) => {
    worker.script = (_handshake, index) => (index === 0 ? { do: 'message', bytes } : { do: 'echo' });
    const { promise, resolve } = deferred<Error & { name: string }>();
    const { address } = await open({ onConnectionError: resolve });
    await readAll(await dial(address));
    expect((await promise).name).toBe('StileError');
    expect(await roundTrip(address, 'again')).toBe('again');
  });
});

describe('a token', () => {
  test.each([
    ['', /empty/],
    ['0OIl', /base58/],
    ['111', /./],
  ])('%j is refused', (text, message) => {
    expect(() => new ClientProxy({ authorization: text })).toThrow(
      expect.objectContaining({
        code: 'invalidAuthorizationToken',
        message: expect.stringMatching(message) as string,
      }),
    );
  });

  test('with a certificate for another session is refused', () => {
    certificate = makeSessionCertificate({ sessionId: 's_0987654321' });
    expect(() => new ClientProxy({ authorization: authorization() })).toThrow(
      expect.objectContaining({ code: 'invalidAuthorizationToken' }),
    );
  });

  test('without workers is refused', () => {
    expect(() => new ClientProxy({ authorization: authorization({ workerAddresses: [] }) })).toThrow(
      'no workers found',
    );
  });

  test('whose key does not fit its certificate is refused', () => {
    const other = makeSessionCertificate();
    expect(() => new ClientProxy({ authorization: authorization({ privateKey: other.rawKey }) })).toThrow(
      expect.objectContaining({ code: 'invalidAuthorizationToken' }),
    );
  });
});
