/** Settings of auth tokens in the configuration file of a running controller (tokens.md §7, rows C6 and E2). */
import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, describe, expect, test } from 'vitest';
import { Cluster } from '../support/cluster.ts';
import { callApi, type ApiAnswer, type Json } from '../support/dev-server.ts';
import { eventually } from '../support/eventually.ts';

let cluster: Cluster | undefined;
afterEach(async () => {
  await cluster?.stop();
  cluster = undefined;
});

/** A controller with settings, and a login token of its administrator. */
async function startWith(...settings: readonly string[]): Promise<{
  readonly token: string;
  readonly call: (method: string, path: string, body?: unknown, token?: string) => Promise<ApiAnswer>;
}> {
  const lines = ['  api_rate_limit_disable: true', ...settings.map((line) => `  ${line}`)];
  cluster = new Cluster({ controllerLines: lines });
  await cluster.initialize();
  await cluster.startController('c1');
  const address = `http://${cluster.address('c1', 'api')}`;
  const token = await cluster.login('c1');
  const call = (method: string, path: string, body?: unknown, by = token): Promise<ApiAnswer> =>
    callApi(address, { method, path, body, token: by });
  return { token, call };
}

function idOf(token: string): string {
  return token.split('_').slice(0, 2).join('_');
}

/** Uses the login again and again until it is refused, or for so long; how long it was good, milliseconds. */
async function useFor(call: () => Promise<ApiAnswer>, longestMs: number): Promise<number> {
  const begunAt = performance.now();
  while (performance.now() - begunAt < longestMs) {
    if ((await call()).status !== 200) break;
    await pause(100);
  }
  return performance.now() - begunAt;
}

describe('row E2: the duration of a sign-in', () => {
  test('slides with use, and ends without', async () => {
    const { token, call } = await startWith('session_duration: 3s');
    // API tokens have no idle limit: this one looks on.
    const { body: watcher } = await call('POST', '/v1/auth-tokens', { type: 'api' });
    expect(await useFor(() => call('GET', '/v1/users:me'), 7_000)).toBeGreaterThanOrEqual(7_000);
    await eventually(async () => {
      const { body } = await call('GET', `/v1/auth-tokens/${idOf(token)}`, undefined, watcher.token);
      return body.status === 'stale' ? body : undefined;
    });
    expect((await call('GET', '/v1/users:me')).status).toBe(401);
  });

  test('is the whole of it where use does not prolong', async () => {
    const { call } = await startWith('session_duration: 3s', 'disable_session_expiry_refresh: true');
    const lasted = await useFor(() => call('GET', '/v1/users:me'), 15_000);
    expect(lasted).toBeLessThan(15_000);
    expect((await call('GET', '/v1/users:me')).status).toBe(401);
  });
});

test('row C6: revoked ones are forgotten when the settings say so, living ones are not', async () => {
  const { token, call } = await startWith('auth_token_gc_period: 1s', 'auth_token_gc_retention: 2s');
  const { body: made } = await call('POST', '/v1/auth-tokens', { type: 'web' });
  await call('POST', `/v1/auth-tokens/${made.id}:revoke`);
  const idsOf = async (): Promise<readonly string[]> => {
    const { body } = await call('GET', '/v1/auth-tokens?scope_id=global&include_expired=true');
    return (body.items as Json[]).map((item) => item.id as string);
  };
  expect(await idsOf()).toContain(made.id);
  await eventually(async () => ((await idsOf()).includes(made.id) ? undefined : true));
  expect(await idsOf()).toContain(idOf(token));
});
