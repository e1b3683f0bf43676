/** What the log keeps of auth tokens that somebody ends, by whichever way: one line each, with whose it was (tokens.md §1.7). */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestController, type TestController } from '../../../../test/support/controller.ts';
import type { Json } from '../../../../test/support/dev-server.ts';
import { keptLog } from '../../../../test/support/kept-log.ts';

const kept = keptLog();
const admin = 'u_1234567890';

let stile: TestController;
beforeAll(async () => {
  stile = await startTestController({ apiRateLimitDisable: true, log: kept.log });
});
afterAll(() => stile?.stop());

async function done(method: string, path: string, body?: object): Promise<Json> {
  const answer = await stile.send(method, path, body, stile.admin);
  if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${answer.text}`);
  return answer.json;
}

async function newPerson(name: string) {
  const attributes = { login_name: name, password: 'a good password' };
  const account = await done('POST', '/v1/accounts', { auth_method_id: 'ampw_1234567890', attributes });
  const user = await done('POST', '/v1/users', { scope_id: 'global', name });
  await done('POST', `/v1/users/${user.id}:set-accounts`, { version: 1, account_ids: [account.id] });
  const token = await stile.login(name, 'a good password');
  return { userId: user.id as string, accountId: account.id as string, loginId: token.slice(0, 13) };
}

/** Lines about a user's tokens, by the id of the token. */
function revokedOf(userId: string): Json {
  const lines = kept.audited('auth token revoked').filter((line) => line['userId'] === userId);
  return Object.fromEntries(
    lines.map(({ authTokenId, type, by, reason, origin }) => [authTokenId, { type, by, reason, origin }]),
  );
}

const origin = expect.stringMatching(/^127\.0\.0\.1:\d+$/);

test('a token that is revoked, and one that is deleted, is recorded with owner, kind, actor, reason and origin', async () => {
  const { userId, loginId } = await newPerson('recorded');
  const made = await done('POST', '/v1/auth-tokens', { type: 'api', user_id: userId });
  await done('POST', `/v1/auth-tokens/${loginId}:revoke`, {});
  await done('DELETE', `/v1/auth-tokens/${made.id}`);
  const facts = { by: admin, reason: 'admin request', origin };
  expect(revokedOf(userId)).toEqual({
    [loginId]: { type: 'login', ...facts },
    [made.id]: { type: 'api', ...facts },
  });
  const deleted = kept.audited('auth token deleted').filter((line) => line['userId'] === userId);
  expect(deleted).toEqual([
    expect.objectContaining({ authTokenId: made.id, type: 'api', by: admin, origin }),
  ]);
});

test.each<[string, string, (person: { userId: string; accountId: string }) => Promise<unknown>]>([
  ['user disabled', 'api login', ({ userId }) => done('POST', `/v1/users/${userId}:disable`, { version: 2 })],
  [
    'account removed',
    'login',
    ({ userId }) => done('POST', `/v1/users/${userId}:set-accounts`, { version: 2, account_ids: [] }),
  ],
  ['account deleted', 'login', ({ accountId }) => done('DELETE', `/v1/accounts/${accountId}`)],
  [
    'password changed',
    'login',
    ({ accountId }) =>
      done('POST', `/v1/accounts/${accountId}:set-password`, { version: 1, password: 'another password' }),
  ],
])('what ends because of "%s" is recorded too, and nothing else: %s', async (reason, kinds, end) => {
  const person = await newPerson(reason.replace(' ', '-'));
  await done('POST', '/v1/auth-tokens', { type: 'api', user_id: person.userId });
  await end(person);
  const lines = Object.values(revokedOf(person.userId)) as Json[];
  expect(new Set(lines.map(({ type }) => type))).toEqual(new Set(kinds.split(' ')));
  expect(lines).toHaveLength(kinds.split(' ').length);
  for (const line of lines) expect(line).toMatchObject({ by: admin, reason, origin });
});

test('a user who is deleted takes the tokens along, which are counted', async () => {
  const { userId } = await newPerson('leaver');
  await done('POST', '/v1/auth-tokens', { type: 'api', user_id: userId });
  await done('DELETE', `/v1/users/${userId}`);
  const deleted = kept.audited('auth token deleted').filter((line) => line['userId'] === userId);
  expect(deleted).toEqual([expect.objectContaining({ by: admin, reason: 'user deleted', count: 2 })]);
});
