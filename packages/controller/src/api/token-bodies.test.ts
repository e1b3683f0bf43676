/** What the body that makes an auth token may say of names, lifetimes, scopes and allow lists (tokens.md §1.3, §1.5, §6). */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTestController, type TestController } from '../../../../test/support/controller.ts';
import { fieldsOf, jsonOf, must, tokenMinter, type Json } from '../../../../test/support/token-minter.ts';

let stile: TestController;
const { asAdmin, mint, tryMint } = tokenMinter(() => stile);

beforeAll(async () => {
  stile = await startTestController();
});
afterAll(() => stile.stop());

describe('what a body may say', () => {
  test.each([
    ['at_x', 400],
    ['at_', 400],
    ['', 400],
    ['a'.repeat(65), 400],
    ['tab\there', 400],
    ['nul\u0000', 400],
    ['esc\u001b[31m', 400],
    ['right\u202eto-left', 400],
    ['-dash', 400],
    ['.dot', 400],
    ['a b', 400],
    ['ünïcode', 400],
    ['a'.repeat(64), 200],
    ['A', 200],
    ['0.a_b-c', 200],
    ['At_x', 200],
  ])('case 48: the name %j: %d', async (name, status) => {
    const answer = await tryMint({ name });
    expect([answer.status, answer.status === 400 ? fieldsOf(answer) : ['name']]).toEqual([status, ['name']]);
  });

  test.each([
    ['scopes', { scopes: ['target:read'] }],
    ['match_orgin', { type: 'one-time', match_orgin: true }],
    ['body', { ['x'.repeat(100)]: 1 }],
  ])('a field that there is not is refused: %s', async (field, body) => {
    const answer = await tryMint(body);
    expect([answer.status, fieldsOf(answer)]).toEqual([400, [field]]);
    expect(answer.text).toContain('token_scopes, allow_list, match_origin');
  });

  test('case 48: a name is free again when its token is revoked or deleted, and is one per user', async () => {
    const name = 'again';
    const first = await mint({ name });
    const taken = await tryMint({ name });
    expect([taken.status, fieldsOf(taken)]).toEqual([400, ['name']]);
    expect(taken.text).toContain('The user has an API token of this name');
    expect((await tryMint({ name }, stile.user)).status).toBe(200);
    await must(asAdmin('POST', `/v1/auth-tokens/${first.id}:revoke`, {}));
    const second = await mint({ name });
    await must(asAdmin('DELETE', `/v1/auth-tokens/${second.id}`));
    const third = await mint({ name });
    const other = await mint({});
    const renamed = await asAdmin('PATCH', `/v1/auth-tokens/${other.id}`, { version: 1, name });
    expect([renamed.status, fieldsOf(renamed)]).toEqual([400, ['name']]);
    expect(String(other.body['name'])).toMatch(/^token-[0-9A-Za-z]{6}$/);
    expect(third.body['name']).toBe(name);
  });

  const exact = async (body: Json): Promise<number> => {
    const { body: made } = await mint(body);
    const [from, to] = ['created_time', 'expiration_time'].map((name) => Date.parse(String(made[name])));
    expect(made['time_to_live_seconds']).toBe(((to ?? 0) - (from ?? 0)) / 1000);
    return ((to ?? 0) - (from ?? 0)) / 1000;
  };

  test.each([
    ['lifetime', '1d12h30m', 131_400],
    ['lifetime', '720h', 2_592_000],
    ['lifetime', '30d', 2_592_000],
    ['lifetime', '1y', 31_536_000],
    ['lifetime', '90', 90],
    ['time_to_live_seconds', 90, 90],
    ['time_to_live_seconds', '90', 90],
    ['time_to_live_seconds', 31_536_000, 31_536_000],
    ['time_to_live_seconds', null, 31_536_000],
    ['lifetime', null, 31_536_000],
  ])('case 49: %s %j is that many seconds, exactly', async (field, value, seconds) => {
    expect(await exact({ [field]: value })).toBe(seconds);
  });

  test('case 49: without a lifetime it is the default of the installation', async () => {
    expect(await exact({})).toBe(604_800);
  });

  test.each([
    ['lifetime', '0'],
    ['lifetime', '0s'],
    ['lifetime', '-1h'],
    ['lifetime', '1.5'],
    ['lifetime', '1e9y'],
    ['lifetime', 'null'],
    ['lifetime', '9007199254740993s'],
    ['lifetime', ''],
    ['lifetime', 3600],
    ['time_to_live_seconds', 0],
    ['time_to_live_seconds', -1],
    ['time_to_live_seconds', 1.5],
    ['time_to_live_seconds', '1h'],
    ['time_to_live_seconds', 9_007_199_254_740_992],
    ['time_to_live_seconds', 4_294_967_296],
  ])('case 49: %s %j is refused, and the legal form told', async (field, value) => {
    const answer = await tryMint({ [field]: value });
    expect([answer.status, fieldsOf(answer)]).toEqual([400, [field]]);
    expect(answer.text).toMatch(/whole number|must be a text/i);
  });

  test.each([
    ['api', { lifetime: '8761h' }, '8760h'],
    ['api', { time_to_live_seconds: 31_536_001 }, '31536000 seconds'],
    ['web', { lifetime: '169h', user_id: 'u_0987654321' }, '168h'],
    ['one-time', { lifetime: '25h' }, '24h'],
  ])('case 49: a %s token over the maximum is refused, and the maximum named', async (type, body, named) => {
    const answer = await tryMint({ type, ...body });
    expect([answer.status, fieldsOf(answer)]).toEqual([400, ['time_to_live_seconds']]);
    expect(answer.text).toContain(named);
  });

  test.each([
    [['target:fly'], '"target:fly'],
    [['nope:read'], '"nope:read'],
    [[':'], '":'],
    [['target:'], '"target:'],
    [[' target:read'], '" target:read'],
    [['TARGET:READ'], '"TARGET:READ'],
    [Array.from({ length: 65 }, () => 'target:read'), '64'],
    [[], 'at least one'],
    [['target:read,nope:read'], '"nope:read'],
  ])('case 50: token scopes %j are refused, and told why', async (scopes, named) => {
    const answer = await tryMint({ token_scopes: scopes });
    expect([answer.status, fieldsOf(answer)]).toEqual([400, ['token_scopes']]);
    expect((jsonOf(answer)['details'] as Json)['request_fields']).toMatchObject([
      { description: expect.stringContaining(named) as unknown },
    ]);
  });

  test.each([
    [['target:hst_1']],
    [[]],
    [['*:ttcp_1']],
    [['target']],
    [Array.from({ length: 129 }, () => 'target:*')],
  ])('case 50: the allow list %j is refused', async (entries) => {
    const answer = await tryMint({ allow_list: entries });
    expect([answer.status, fieldsOf(answer)]).toEqual([400, ['allow_list']]);
  });
});

test('max_admin_token_lifetime binds tokens of who may mint for others, whoever mints them and by whatever token', async () => {
  const other = await startTestController({ authTokens: { maxAdminTokenLifetimeSeconds: 3600 } });
  try {
    const { mint: make, tryMint: tryMake } = tokenMinter(() => other);
    const tooLong = await tryMake({ lifetime: '2h' });
    expect([tooLong.status, fieldsOf(tooLong)]).toEqual([400, ['time_to_live_seconds']]);
    expect((await make({})).body['time_to_live_seconds']).toBe(3600);
    const theirs = await make({ user_id: 'u_0987654321', lifetime: '2h' });
    expect(theirs.body['time_to_live_seconds']).toBe(7200);
    const narrow = await make({ token_scopes: ['auth-token:create:self'] });
    expect((await tryMake({ lifetime: '2h' }, narrow.token)).status).toBe(400);
    for (const [token, longest] of [
      [other.admin, 3600],
      [narrow.token, 3600],
      [other.user, 31_536_000],
    ] as const) {
      const config = await must(other.send('GET', '/v1/auth-tokens:token-config', undefined, token));
      expect(jsonOf(config)['max_token_lifetime_seconds']).toBe(longest);
    }
  } finally {
    await other.stop();
  }
});
