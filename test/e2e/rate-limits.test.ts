/** Rate limits of the API in the built program: defaults as recorded, settings of the file, headers, what is refused and what is not. */
import { readFileSync, writeFileSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { parseHostPort } from '@stile/runtime';
import { Cluster } from '../support/cluster.ts';
import { callApi, startDevServer, type DevServer } from '../support/dev-server.ts';
import { call } from '../support/http-client.ts';
import { headerDifferences, readRecorded } from '../support/recorded.ts';
import { runStile } from '../support/process.ts';

describe('the defaults', () => {
  let dev: DevServer;
  let user: string;
  beforeAll(async () => {
    dev = await startDevServer(['-controller-only']);
    user = await dev.login('user', 'password');
  });
  afterAll(() => dev?.stop());

  test('the 151st list with one token is answered as recorded, and nobody else is touched', async () => {
    const recorded = readRecorded('rate-limit-429');
    const address = parseHostPort(dev.address.slice('http://'.length));
    const list = (token: string): ReturnType<typeof call> =>
      call(address, {
        method: 'GET',
        path: '/v1/workers?scope_id=global',
        headers: { authorization: `Bearer ${token}` },
      });
    for (let count = 0; count < 150; count += 1) expect((await list(user)).status).toBe(403);
    const refused = await list(user);
    expect(refused.status).toBe(recorded.response.status);
    expect(refused.text).toBe('');
    expect(headerDifferences(recorded, refused)).toEqual([]);
    expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0);
    expect(Number(refused.headers['retry-after'])).toBeLessThanOrEqual(30);
    expect((await list(dev.adminToken)).status).toBe(200);
    expect((await list('')).status).toBe(401);
    expect((await dev.api('GET', '/v1/targets/ttcp_1234567890', undefined, user)).status).toBe(200);
  });

  test.each([
    ['GET', '/v1/zebras', 404],
    ['POST', '/v1/targets/ttcp_1234567890:zebra', 400],
    ['PATCH', '/v1/targets', 405],
    ['POST', '/v1/sessions', 405],
    ['PUT', '/v1/targets/ttcp_1234567890', 405],
  ])('%s %s is refused with an empty body before any limit', async (method, path, status) => {
    const answer = await callApi(dev.address, { method, path, token: dev.adminToken });
    expect([answer.status, answer.body, answer.headers.get('ratelimit')]).toEqual([status, undefined, null]);
  });

  test('a preflight of a web page is not counted, and the page may read the headers', async () => {
    const answer = await fetch(`${dev.address}/v1/scopes`, { headers: { origin: 'https://page.example' } });
    expect(answer.headers.get('access-control-expose-headers')).toBe(
      'Retry-After, RateLimit, RateLimit-Policy',
    );
    expect(answer.headers.get('ratelimit')).toMatch(/^limit=150, remaining=\d+, reset=\d+$/);
  });
});

test('stile dev goes without them when asked to', async () => {
  const dev = await startDevServer(['-controller-only', '-api-rate-limit-disable']);
  try {
    const answer = await dev.api('GET', '/v1/targets/ttcp_1234567890');
    expect([answer.status, answer.headers.get('ratelimit')]).toEqual([200, null]);
  } finally {
    await dev.stop();
  }
});

describe('the configuration file', () => {
  const clusters: Cluster[] = [];
  afterEach(async () => {
    for (const cluster of clusters.splice(0)) await cluster.stop();
  });

  async function startWith(...lines: readonly string[]): Promise<{ cluster: Cluster; address: string }> {
    const cluster = new Cluster({ controllerLines: lines });
    clusters.push(cluster);
    await cluster.initialize();
    await cluster.startController('c1');
    return { cluster, address: `http://${cluster.address('c1', 'api')}` };
  }

  test('sets limits for one operation', async () => {
    const { address } = await startWith(
      '  api_rate_limit:',
      '    - { resources: [scope], actions: [list], per: ip-address, limit: 2, period: 1h }',
      '    - { resources: [scope], actions: [list], per: auth-token, unlimited: true }',
    );
    const statuses: number[] = [];
    let last: Response | undefined;
    for (let count = 0; count < 3; count += 1) {
      last = await fetch(`${address}/v1/scopes`);
      statuses.push(last.status);
    }
    expect(statuses).toEqual([200, 200, 429]);
    expect(last?.headers.get('ratelimit-policy')).toBe(
      '1500;w=30;comment="total", 2;w=3600;comment="ip-address"',
    );
    expect(Number(last?.headers.get('retry-after'))).toBeGreaterThan(3000);
    expect((await fetch(`${address}/v1/auth-methods?scope_id=global`)).status).toBe(200);
  });

  test('switches them off', async () => {
    const { address } = await startWith('  api_rate_limit_disable: true');
    const answers = await Promise.all(Array.from({ length: 200 }, () => fetch(`${address}/v1/scopes`)));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    expect(answers[0]?.headers.get('ratelimit')).toBeNull();
  });

  test.each([
    [
      'a resource that does not exist',
      '    - { resources: [targets], actions: [list], per: total, limit: 1 }',
      /there is no resource "targets"/,
    ],
    [
      'an action that does not exist',
      '    - { resources: [target], actions: [lst], per: total, limit: 1 }',
      /there is no action "lst"/,
    ],
    [
      'no number',
      '    - { resources: [target], actions: [list], per: total }',
      /api_rate_limit\.0 needs either a limit or unlimited: true/,
    ],
    [
      'a number of what is unlimited',
      '    - { resources: [target], actions: [list], per: total, limit: 1, unlimited: true }',
      /needs either a limit or unlimited: true/,
    ],
  ])('with %s is refused', async (_what, line, message) => {
    const { cluster } = await startWith();
    const server = cluster.servers.get('c1');
    await server?.process.stop();
    const text = readFileSync(server?.configFile ?? '', 'utf8');
    writeFileSync(server?.configFile ?? '', text.replace('kms:', `  api_rate_limit:\n${line}\nkms:`));
    const done = await runStile(['server', '-config', server?.configFile ?? '']);
    expect(done.status).toBe(3);
    expect(done.stderr).toMatch(message);
  });
});
