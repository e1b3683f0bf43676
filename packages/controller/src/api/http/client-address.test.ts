/** Whose address counts: on real controllers, behind a proxy that is trusted and one that is not (tokens.md §1.6). */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTestController, type TestController } from '../../../../../test/support/controller.ts';
import { call } from '../../../../../test/support/http-client.ts';
import { keptLog } from '../../../../../test/support/kept-log.ts';
import { letPeersBeNamed, peerHeader } from '../../../../../test/support/peer-address.ts';
import { canonicalAddress, clientOf, TrustedProxies } from './client-address.ts';

const kept = keptLog();
const forgetPeers = letPeersBeNamed();
const direct = { address: { host: '127.0.0.1', port: 0 } };
let plain: TestController;
let proxied: TestController;
beforeAll(async () => {
  plain = await startTestController({ log: kept.log });
  const api = [{ ...direct, trustedProxies: ['127.0.0.1', '10.0.0.0/8', '2001:db8:ffff::/48'] }];
  proxied = await startTestController({ listeners: { api, cluster: direct } });
});
afterAll(async () => {
  forgetPeers();
  await plain?.stop();
  await proxied?.stop();
});

interface From {
  readonly peer?: string;
  readonly forwarded?: string | readonly string[];
}

function headersFrom({ peer, forwarded }: From): Record<string, string | readonly string[]> {
  return {
    ...(peer === undefined ? {} : { [peerHeader]: peer }),
    ...(forwarded === undefined ? {} : { 'x-forwarded-for': forwarded }),
  };
}

/** The origin that the controller keeps of a login from there. */
async function originOf(stile: TestController, from: From): Promise<string> {
  const body = { attributes: { login_name: 'admin', password: 'password' } };
  const path = '/v1/auth-methods/ampw_1234567890:authenticate';
  const made = await call(stile.api, { method: 'POST', path, body, headers: headersFrom(from) });
  const { id } = (made.json as { attributes: { id: string } }).attributes;
  const read = await stile.send('GET', `/v1/auth-tokens/${id}`, undefined, stile.admin);
  return (read.json as { origin: string }).origin;
}

/** A token that is bound to the address it is made from. */
async function boundToken(stile: TestController, from: From): Promise<string> {
  const made = await call(stile.api, {
    method: 'POST',
    path: '/v1/auth-tokens',
    body: { type: 'api', match_origin: true },
    headers: { authorization: `Bearer ${stile.admin}`, ...headersFrom(from) },
  });
  expect(made.status).toBe(200);
  return (made.json as { token: string }).token;
}

async function statusFrom(stile: TestController, token: string, from: From): Promise<number> {
  const headers = { authorization: `Bearer ${token}`, ...headersFrom(from) };
  return (await call(stile.api, { path: '/v1/scopes?scope_id=global', headers })).status;
}

/** `/v1` takes a caller without a good token for anonymous, and anonymous callers see no roles. */
async function isAlive(stile: TestController, token: string, from: From): Promise<boolean> {
  const headers = { authorization: `Bearer ${token}`, ...headersFrom(from) };
  const { status } = await call(stile.api, { path: '/v1/roles?scope_id=global', headers });
  return status === 200;
}

describe('case 27: a token that is bound to its origin', () => {
  test('is good from its own address, from every port', async () => {
    const token = await boundToken(plain, {});
    expect(await isAlive(plain, token, {})).toBe(true);
    expect(await isAlive(plain, token, {})).toBe(true);
  });

  test('is dead from another address, which is recorded with both, and good again from its own', async () => {
    const token = await boundToken(plain, {});
    expect(await isAlive(plain, token, { peer: '127.0.0.2' })).toBe(false);
    const [line] = kept.audited('auth token origin mismatch').slice(-1);
    expect(line).toMatchObject({
      authTokenId: token.slice(0, 13),
      origin: expect.stringMatching(/^127\.0\.0\.1:\d+$/),
      address: expect.stringMatching(/^127\.0\.0\.2:\d+$/),
    });
    expect(await isAlive(plain, token, {})).toBe(true);
  });

  test('is not moved by an X-Forwarded-For that nobody trusts', async () => {
    const token = await boundToken(plain, {});
    expect(await isAlive(plain, token, { peer: '127.0.0.2', forwarded: '127.0.0.1' })).toBe(false);
    expect(await isAlive(plain, token, { forwarded: '127.0.0.2' })).toBe(true);
  });

  test('is good from the same IPv4 address within IPv6, and the other way round', async () => {
    const token = await boundToken(plain, {});
    expect(await isAlive(plain, token, { peer: '::ffff:127.0.0.1' })).toBe(true);
    expect(await isAlive(plain, token, { peer: '::FFFF:7f00:1' })).toBe(true);
    const mapped = await boundToken(plain, { peer: '::ffff:127.0.0.1' });
    expect(await isAlive(plain, mapped, {})).toBe(true);
  });

  test('is dead from another IPv6 address of the same /64, and good from the same one written in another way', async () => {
    const token = await boundToken(plain, { peer: '2001:db8::1' });
    expect(await isAlive(plain, token, { peer: '2001:db8::2' })).toBe(false);
    expect(await isAlive(plain, token, { peer: '2001:db8::1' })).toBe(true);
    expect(await isAlive(plain, token, { peer: '2001:DB8:0:0:0:0:0:1' })).toBe(true);
  });

  test('follows what a trusted proxy says of its client', async () => {
    const token = await boundToken(proxied, { forwarded: '2001:db8::9' });
    expect(await isAlive(proxied, token, { forwarded: '2001:0db8:0:0::9' })).toBe(true);
    expect(await isAlive(proxied, token, { forwarded: '2001:db8::8' })).toBe(false);
    expect(await isAlive(proxied, token, { forwarded: '2001:db8::9, 198.51.100.1' })).toBe(false);
    expect(await isAlive(proxied, token, { peer: '198.51.100.1', forwarded: '2001:db8::9' })).toBe(false);
  });

  test('mints none that is not bound, and none that is bound elsewhere', async () => {
    const token = await boundToken(plain, {});
    const send = (body: object) => plain.send('POST', '/v1/auth-tokens', { type: 'api', ...body }, token);
    const wider = await send({ match_origin: false });
    expect(wider).toMatchObject({
      status: 403,
      json: { details: { request_fields: [{ name: 'match_origin' }] } },
    });
  });
});

describe('case 28: the client behind proxies', () => {
  test.each<[string, From, string]>([
    ['of a trusted proxy is the address it adds', { forwarded: '198.51.100.7' }, '198.51.100.7'],
    [
      'of two is the rightmost that is no trusted proxy',
      { forwarded: '198.51.100.7, 10.1.2.3' },
      '198.51.100.7',
    ],
    ['is not what it claims itself', { forwarded: '192.0.2.66, 198.51.100.7' }, '198.51.100.7'],
    [
      'is found behind a proxy that is itself behind one, both families',
      { forwarded: '192.0.2.66, 198.51.100.7, 2001:db8:ffff::1, 10.1.2.3' },
      '198.51.100.7',
    ],
    [
      'is found when the header comes in two lines',
      { forwarded: ['192.0.2.66', '198.51.100.7'] },
      '198.51.100.7',
    ],
    ['has no port, whatever the proxy adds', { forwarded: '198.51.100.7:1234' }, '198.51.100.7'],
    ['may be IPv6 with a port', { forwarded: '[2001:DB8:0::7]:1234' }, '2001:db8::7'],
    ['may be IPv4 within IPv6', { forwarded: '::ffff:c633:6407' }, '198.51.100.7'],
    ['may have an IPv6 zone', { forwarded: 'fe80::7%eth0' }, 'fe80::7%eth0'],
  ])('%s', async (_title, from, origin) => {
    expect(await originOf(proxied, from)).toBe(origin);
  });

  test.each<[string, From]>([
    ['no header', {}],
    ['an empty header', { forwarded: '' }],
    ['commas', { forwarded: ', ,' }],
    ['a name', { forwarded: 'localhost' }],
    ['"unknown" at the right', { forwarded: '198.51.100.7, unknown' }],
    ['trusted proxies alone', { forwarded: '10.0.0.1, 10.0.0.2' }],
    ['an address with more behind it', { forwarded: '198.51.100.7 evil' }],
    ['fifteen kilobytes of commas', { forwarded: ','.repeat(15_000) }],
  ])('is the proxy itself when it says %s', async (_title, from) => {
    expect(await originOf(proxied, from)).toMatch(/^127\.0\.0\.1:\d+$/);
  });

  test.each<[string, From, RegExp]>([
    ['a peer that is no trusted proxy', { peer: '198.51.100.7' }, /^198\.51\.100\.7:\d+$/],
    ['an IPv6 peer', { peer: '2001:db8::1' }, /^\[2001:db8::1\]:\d+$/],
    ['a link-local peer', { peer: 'fe80::1%eth0' }, /^\[fe80::1%eth0\]:\d+$/],
  ])('is %s, whatever it claims', async (_title, from, origin) => {
    expect(await originOf(proxied, { ...from, forwarded: '192.0.2.66' })).toMatch(origin);
  });

  test('is the peer on a listener without trusted proxies', async () => {
    expect(await originOf(plain, { forwarded: '192.0.2.66' })).toMatch(/^127\.0\.0\.1:\d+$/);
    expect(await statusFrom(plain, plain.admin, { forwarded: '192.0.2.66' })).toBe(200);
  });
});

describe('trusted proxies', () => {
  test.each([
    ['127.0.0.1', '127.0.0.1', true],
    ['127.0.0.1', '127.0.0.2', false],
    ['10.0.0.0/8', '10.255.0.1', true],
    ['10.0.0.0/8', '11.0.0.1', false],
    ['::1', '::1', true],
    ['2001:db8::/32', '2001:db8:1::7', true],
    ['2001:db8::/32', '2001:db9::', false],
    ['0.0.0.0/0', '192.0.2.1', true],
    ['0.0.0.0/0', '2001:db8::1', false],
    ['::ffff:10.0.0.7', '10.0.0.7', true],
    ['10.0.0.0/8', 'fe80::1%eth0', false],
    ['10.0.0.0/8', 'unix:uid=0', false],
    ['10.0.0.0/8', '', false],
  ])('%s and the peer %j: %j', (network, peer, isTrusted) => {
    expect(new TrustedProxies([network]).has(peer)).toBe(isTrusted);
  });

  test.each([
    '',
    'localhost',
    '10.0.0.0/33',
    '::/129',
    '10.0.0.0/',
    '10.0.0.0/8/8',
    '10.0.0.0/-1',
    '10.0.0',
    ' 10.0.0.1',
    '10.0.0.1:80',
    '10.0.0.0/0x8',
    'fe80::1%eth0',
    '*',
  ])('%j is refused by name when the controller starts', (text) => {
    expect(() => new TrustedProxies(['10.0.0.1', text])).toThrow(
      expect.objectContaining({
        code: 'invalidConfig',
        message: expect.stringContaining(`x_forwarded_for_authorized_addrs: ${JSON.stringify(text)}`),
      }),
    );
  });

  test('are not asked when the peer is gone already', () => {
    const proxies = new TrustedProxies(['10.0.0.1']);
    expect(clientOf({}, { 'x-forwarded-for': '192.0.2.1' }, proxies)).toEqual({
      address: '',
      port: undefined,
    });
    expect(canonicalAddress('')).toBe('');
  });
});
