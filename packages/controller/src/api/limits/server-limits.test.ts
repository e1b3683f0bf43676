/** The limits of an API listener over real HTTP: what is counted before anything else is done, and the sizes and times of requests. */
import { connect } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { silentLogger, systemClock, type HostPort } from '@stile/runtime';
import { call, exchange } from '../../../../../test/support/http-client.ts';
import type { Acl } from '../../iam/acl.ts';
import { publicOperation, type Operation } from '../operation.ts';
import { ApiServer, type ApiServerOptions } from '../server.ts';
import { RateLimiter } from './rate-limiter.ts';

const note: Omit<Operation, 'permission' | 'run'> = {
  resource: 'targets',
  verb: 'list',
  method: 'GET',
  on: 'collection',
  summary: 'A list.',
};
const done = (): Promise<{ status: number; body: object }> => Promise.resolve({ status: 200, body: {} });
const operations: readonly Operation[] = [
  publicOperation(note, 'a test', done),
  publicOperation({ ...note, verb: 'create', method: 'POST' }, 'a test', done),
  publicOperation(
    { ...note, verb: 'authorize-session', method: 'POST', on: 'item', isGreedy: true },
    'a test',
    done,
  ),
];

const servers: ApiServer[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await server.close();
});

async function start(more: Partial<ApiServerOptions>): Promise<HostPort> {
  const server = new ApiServer({
    operations,
    gate: { aclFor: () => Promise.reject<Acl>(new Error('not asked')) },
    authenticate: () => Promise.resolve({ userId: 'u_anon' }),
    address: { host: '127.0.0.1', port: 0 },
    crossOrigin: { enabled: true, allowedOrigins: ['*'], allowedHeaders: [] },
    log: silentLogger,
    ...more,
  });
  servers.push(server);
  return server.start();
}

const rule = { resources: ['*'], actions: ['*'], periodSeconds: 30 } as const;
const limiterOf = (limit: number): RateLimiter =>
  new RateLimiter({ clock: systemClock, rules: [{ ...rule, per: 'ip-address', limit }] });

describe('rate limits', () => {
  test('are asked before anybody looks who calls', async () => {
    let asked = 0;
    const authenticate = (): Promise<{ userId: string }> => {
      asked += 1;
      return Promise.resolve({ userId: 'u_1' });
    };
    const address = await start({ rateLimiter: limiterOf(2), authenticate });
    const get = (): ReturnType<typeof call> =>
      call(address, { path: '/v1/targets', headers: { authorization: 'Bearer at_1_s1x' } });
    const answers = [await get(), await get(), await get()];
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 429]);
    expect(answers[2]?.text).toBe('');
    expect(answers[2]?.headers).toMatchObject({ 'cache-control': 'no-store', 'retry-after': '30' });
    expect(asked).toBe(2);
  });

  test('count no request that no operation serves, and paths deeper than any as reads', async () => {
    const address = await start({ rateLimiter: limiterOf(1) });
    const refused = [
      ['PATCH', '/v1/targets', 405],
      ['GET', '/v1/zebras', 404],
      ['POST', '/v1/targets/x:zebra', 400],
      ['POST', '/v1/targets/x:cancel', 405],
      ['GET', '/v1/', 404],
    ] as const;
    for (const [method, path, status] of [...refused, ...refused]) {
      const answer = await call(address, { method, path });
      expect([path, answer.status, answer.headers['ratelimit']]).toEqual([path, status, undefined]);
    }
    const deep = [
      await call(address, { path: '/v1/targets/x/y' }),
      await call(address, { path: '/v1/targets/x/y' }),
    ];
    expect(deep.map(({ status }) => status)).toEqual([404, 429]);
  });

  test('are one for all ways of writing an operation', async () => {
    const address = await start({ rateLimiter: limiterOf(1) });
    const post = (path: string): Promise<number> =>
      call(address, { method: 'POST', path }).then(({ status }) => status);
    expect(await post('/v1/targets/a:authorize-session')).toBe(200);
    expect(await post('/v1/targets/a/b:authorize-session')).toBe(429);
  });

  test('keep no quota of a token that nobody has', async () => {
    const rateLimiter = limiterOf(1000);
    const address = await start({ rateLimiter });
    for (let count = 0; count < 20; count += 1) {
      const headers = { authorization: `Bearer at_${count}_s1x` };
      expect((await call(address, { path: '/v1/targets', headers })).status).toBe(200);
    }
    // Of all, of the address, and of callers without a token at the address.
    expect(rateLimiter.size).toBe(3);
  });

  test('count requests with tokens that nobody has as those without', async () => {
    const rules = [{ ...rule, per: 'auth-token', limit: 2 }] as const;
    const address = await start({ rateLimiter: new RateLimiter({ clock: systemClock, rules }) });
    const statuses: number[] = [];
    for (let count = 0; count < 4; count += 1) {
      const headers = { authorization: `Bearer at_${count}_s1x` };
      statuses.push((await call(address, { path: '/v1/targets', headers })).status);
    }
    expect(statuses).toEqual([200, 200, 429, 429]);
  });

  test('keep no quota of a token that was never looked at', async () => {
    const rateLimiter = limiterOf(1000);
    const address = await start({ rateLimiter });
    for (let count = 0; count < 10; count += 1) {
      const authorization = `Bearer at_${count}_s1x`;
      expect((await call(address, { path: '/v1/targets/x/y', headers: { authorization } })).status).toBe(404);
      const headers = { authorization, 'x-correlation-id': 'no uuid' };
      expect((await call(address, { path: '/v1/targets', headers })).status).toBe(400);
    }
    // Total, address and no token, of the list and of the read as which a deep path counts.
    expect(rateLimiter.size).toBe(6);
  });
});

describe('sizes and times of a request', () => {
  test('headers larger than the setting are refused', async () => {
    const address = await start({ maxHeaderBytes: 4096 });
    const head = (bytes: number): string =>
      `GET /v1/targets HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Long: ${'x'.repeat(bytes)}\r\n\r\n`;
    expect(await exchange(address, head(3000))).toMatch(/^HTTP\/1\.1 200 /);
    expect(await exchange(address, head(5000))).toMatch(/^HTTP\/1\.1 431 /);
  });

  test('the body of a caller without a valid token has a setting of its own', async () => {
    const address = await start({ maxAnonymousRequestBytes: 2048, maxRequestBytes: 8192 });
    const head = 'POST /v1/targets HTTP/1.1\r\nHost: x\r\nConnection: close\r\n';
    expect(await exchange(address, `${head}Content-Length: 2049\r\n\r\n`)).toMatch(/^HTTP\/1\.1 413 /);
    const body = JSON.stringify({ a: 'x'.repeat(2000) });
    expect((await call(address, { method: 'POST', path: '/v1/targets', body })).status).toBe(200);
  });

  test('a body that comes too slowly ends the connection', async () => {
    const address = await start({ headersTimeoutMs: 100, receiveTimeoutMs: 300 });
    const head = 'POST /v1/targets HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{';
    const started = Date.now();
    await exchange(address, head);
    expect(Date.now() - started).toBeLessThan(5000);
  });

  test('a connection without a request is closed after its time', async () => {
    const address = await start({ keepAliveMs: 200 });
    const socket = connect(address.port, address.host);
    const closed = new Promise<void>((resolve) => {
      socket.on('close', () => resolve());
    });
    socket.on('error', () => undefined).resume();
    socket.write('GET /v1/targets HTTP/1.1\r\nHost: x\r\n\r\n');
    await closed;
  });
});
