/** What an allow list leaves, by every spelling and in every list, over HTTP on a real controller (tokens.md §2.2, §6). */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTestController, type TestController } from '../../../../test/support/controller.ts';
import type { HttpAnswer } from '../../../../test/support/http-client.ts';
import {
  idsOf,
  jsonOf,
  must,
  textOf,
  tokenMinter,
  type Json,
} from '../../../../test/support/token-minter.ts';

let stile: TestController;
const { asAdmin, created, mint } = tokenMinter(() => stile);
/** A target of the first project, and the one that no allow list here names. */
const [targetA, targetB] = ['ttcp_1234567890', 'ttcp_0987654321'];

beforeAll(async () => {
  stile = await startTestController();
  await stile.addLiveWorker();
});
afterAll(() => stile.stop());

const notNamed = "Forbidden. This auth token's allow list does not name this resource.";

describe('an allow list of one target', () => {
  let only: string;
  /** Aliases of both targets. */
  const [aliasA, aliasB] = ['a.token-limits.example', 'b.token-limits.example'];
  beforeAll(async () => {
    only = (await mint({ allow_list: [`target:${targetA}`] })).token;
    for (const [value, destination_id] of [
      [aliasA, targetA],
      [aliasB, targetB],
    ] as const) {
      await must(
        asAdmin('POST', '/v1/aliases', { scope_id: 'global', type: 'target', value, destination_id }),
      );
    }
  });
  const ask = (method: string, path: string, body?: unknown): Promise<HttpAnswer> =>
    stile.send(method, path, body, only);
  const authorize = (id: string, body: Json = {}): Promise<HttpAnswer> =>
    ask('POST', `/v1/targets/${id}:authorize-session`, body);

  test('case 7: reads and authorizes it alone', async () => {
    expect((await ask('GET', `/v1/targets/${targetA}`)).status).toBe(200);
    expect((await authorize(targetA)).status).toBe(200);
    for (const refused of [
      await ask('GET', `/v1/targets/${targetB}`),
      await authorize(targetB),
      await ask('DELETE', `/v1/targets/${targetB}`),
      await ask('POST', '/v1/targets', {
        scope_id: 'p_1234567890',
        type: 'tcp',
        name: 'new',
        attributes: { default_port: 22 },
      }),
    ]) {
      expect([refused.status, textOf(refused, 'message')]).toEqual([403, notNamed]);
    }
  });

  /** Every byte of it escaped. */
  const escaped = (id: string): string =>
    [...Buffer.from(id)].map((byte) => `%${byte.toString(16).toUpperCase()}`).join('');
  /** Every way to spell a target. */
  const spellings = (id: string, alias: string, name: string): readonly (readonly [string, Json])[] => [
    [id, {}],
    [alias, {}],
    [alias.toUpperCase(), {}],
    [escaped(id), {}],
    [escaped(alias), {}],
    [`${id.slice(0, 5)}%5F${id.slice(5)}`.replace('__', '_').replace('_%5F', '%5F'), {}],
    [encodeURIComponent(name), { name, scope_id: 'p_1234567890' }],
    [escaped(name.replaceAll(/[^\x20-\x7e]/g, '')), { name, scope_id: 'p_1234567890' }],
    [encodeURIComponent(name), { name, scope_name: 'Generated project scope' }],
  ];

  test('case 7: by every spelling of it, and by none of another', async () => {
    const nameOf = async (id: string): Promise<string> =>
      textOf(await must(asAdmin('GET', `/v1/targets/${id}`)), 'name');
    const [nameA, nameB] = [await nameOf(targetA), await nameOf(targetB)];
    for (const [id, body] of spellings(targetA, aliasA, nameA)) {
      const answer = await authorize(id, body);
      expect([id, answer.status, jsonOf(answer)['target_id']]).toEqual([id, 200, targetA]);
    }
    for (const [id, body] of spellings(targetB, aliasB, nameB)) {
      const answer = await authorize(id, body);
      expect([id, answer.status]).toEqual([id, 403]);
      expect(textOf(answer, 'message')).toBe(notNamed);
      // The same spelling reaches the target for whoever may.
      expect([id, (await asAdmin('POST', `/v1/targets/${id}:authorize-session`, body)).status]).toEqual([
        id,
        200,
      ]);
    }
  });

  test.each([
    'TTCP_0987654321',
    'ttcp_0987654321%00',
    'ttcp_1234567890/../ttcp_0987654321',
    'ttcp_1234567890%2F..%2Fttcp_0987654321',
    'ttcp_1234567890%2Cttcp_0987654321',
    '%74tcp_0987654321%20',
    'ttcp_0987654321%2f',
    '%2574tcp_0987654321',
    '%C0%F4tcp_0987654321',
  ])('case 7: the odd path %s reaches nothing', async (id) => {
    for (const path of [`/v1/targets/${id}`, `/v1/targets/${id}:authorize-session`]) {
      const method = path.endsWith('session') ? 'POST' : 'GET';
      const answer = await ask(method, path, method === 'POST' ? {} : undefined);
      expect([400, 401, 403, 404, 405]).toContain(answer.status);
      expect(answer.text).not.toContain('session_id');
    }
  });

  test('case 7: lists it alone, and counts one', async () => {
    for (const query of [
      'scope_id=p_1234567890',
      'scope_id=global&recursive=true',
      'scope_id=p_1234567890&page_size=1',
    ]) {
      const answer = await must(ask('GET', `/v1/targets?${query}`));
      expect([query, idsOf(answer), jsonOf(answer)['est_item_count']]).toEqual([query, [targetA], 1]);
    }
    for (const path of [
      '/v1/scopes?scope_id=global',
      '/v1/sessions?scope_id=p_1234567890',
      '/v1/sessions?scope_id=global&recursive=true',
      '/v1/host-catalogs?scope_id=p_1234567890',
      '/v1/users?scope_id=global',
      '/v1/aliases?scope_id=global',
      '/v1/hosts?host_catalog_id=hcst_1234567890',
    ]) {
      const refused = await ask('GET', path);
      expect([path, refused.status, textOf(refused, 'message')]).toEqual([path, 403, notNamed]);
    }
  });

  test('case 7: an answer shows the actions that work with it, and no other item in a list', async () => {
    const read = jsonOf(await must(ask('GET', `/v1/targets/${targetA}`)));
    expect(read['authorized_actions']).toContain('authorize-session');
    const scoped = await mint({ allow_list: [`target:${targetA}`], token_scopes: ['target:read'] });
    const shown = jsonOf(await must(stile.send('GET', `/v1/targets/${targetA}`, undefined, scoped.token)));
    expect(shown['authorized_actions']).toEqual(['no-op', 'read']);
  });

  test('case 8: host sources that it does not name cannot be added', async () => {
    const { version } = jsonOf(await must(asAdmin('GET', `/v1/targets/${targetB}`)));
    const limits = [`target:${targetB}`, 'scope:*'];
    const without = await mint({ allow_list: limits });
    const body = { version, host_source_ids: ['hsst_1234567890'] };
    const path = `/v1/targets/${targetB}:set-host-sources`;
    const refused = await stile.send('POST', path, body, without.token);
    expect([refused.status, textOf(refused, 'message')]).toEqual([
      403,
      "Forbidden. This auth token's allow list does not name a resource that the request names.",
    ]);
    const named = await mint({ allow_list: [...limits, 'host-set:hsst_1234567890'] });
    expect((await stile.send('POST', path, body, named.token)).status).toBe(200);
  });
});

describe('an allow list of children', () => {
  const manyHosts = 4;

  test('case 7: hosts of a catalog: the list and its count are cut to those that are named', async () => {
    const catalogId = await created('/v1/host-catalogs', { scope_id: 'p_1234567890', type: 'static' });
    const hostIds: string[] = [];
    for (let at = 0; at < manyHosts; at += 1) {
      const attributes = { address: '127.0.0.1' };
      hostIds.push(await created('/v1/hosts', { host_catalog_id: catalogId, type: 'static', attributes }));
    }
    const [first = '', second = '', third = ''] = hostIds;
    await expectOnly(`/v1/hosts?host_catalog_id=${catalogId}`, 'host', [first, second, third]);
    const setIds = [
      await created('/v1/host-sets', { host_catalog_id: catalogId, type: 'static' }),
      await created('/v1/host-sets', { host_catalog_id: catalogId, type: 'static' }),
      await created('/v1/host-sets', { host_catalog_id: catalogId, type: 'static' }),
    ];
    await expectOnly(`/v1/host-sets?host_catalog_id=${catalogId}`, 'host-set', setIds.slice(0, 2));
  });

  test('case 7: accounts of a method, credentials of a store, scopes and users likewise', async () => {
    const accountIds: string[] = [];
    for (let at = 0; at < 3; at += 1) {
      const attributes = { login_name: `listed-${at}`, password: 'correct horse' };
      accountIds.push(
        await created('/v1/accounts', { auth_method_id: 'ampw_1234567890', type: 'password', attributes }),
      );
    }
    await expectOnly('/v1/accounts?auth_method_id=ampw_1234567890', 'account', accountIds.slice(0, 2));
    const storeId = await created('/v1/credential-stores', { scope_id: 'p_1234567890', type: 'static' });
    const credentialIds: string[] = [];
    for (let at = 0; at < 3; at += 1) {
      const attributes = { username: 'u', password: 'p' };
      credentialIds.push(
        await created('/v1/credentials', {
          credential_store_id: storeId,
          type: 'username_password',
          attributes,
        }),
      );
    }
    await expectOnly(
      `/v1/credentials?credential_store_id=${storeId}`,
      'credential',
      credentialIds.slice(0, 2),
    );
    const orgIds = [
      await created('/v1/scopes', { scope_id: 'global' }),
      await created('/v1/scopes', { scope_id: 'global' }),
      await created('/v1/scopes', { scope_id: 'global' }),
    ];
    await expectOnly('/v1/scopes?scope_id=global', 'scope', orgIds.slice(0, 2));
    await expectOnly('/v1/scopes?scope_id=global&recursive=true', 'scope', orgIds.slice(0, 2));
    const userIds = [
      await created('/v1/users', { scope_id: 'global' }),
      await created('/v1/users', { scope_id: 'global' }),
    ];
    await expectOnly('/v1/users?scope_id=global', 'user', userIds);
  });

  test('the count of a scope is not that of another in which the token may see something', async () => {
    const projectId = await created('/v1/scopes', { scope_id: 'o_1234567890' });
    const theirs: string[] = [];
    for (let at = 0; at < 3; at += 1) {
      const attributes = { default_port: 22 };
      theirs.push(await created('/v1/targets', { scope_id: projectId, type: 'tcp', attributes }));
    }
    const ids = [targetA, targetB, ...theirs];
    const { token } = await mint({ allow_list: ids.map((id) => `target:${id}`) });
    const countIn = async (scope: string): Promise<unknown> =>
      jsonOf(await must(stile.send('GET', `/v1/targets?${scope}&page_size=1`, undefined, token)))[
        'est_item_count'
      ];
    expect(await countIn(`scope_id=${projectId}`)).toBe(3);
    expect(await countIn('scope_id=p_1234567890')).toBe(2);
    expect(await countIn('scope_id=global&recursive=true')).toBe(5);
  });

  test('what was deleted is told of items that it names, and of no other', async () => {
    const ids = [
      await created('/v1/users', { scope_id: 'global' }),
      await created('/v1/users', { scope_id: 'global' }),
      await created('/v1/users', { scope_id: 'global' }),
    ];
    const [kept = '', named = '', other = ''] = ids;
    const { token } = await mint({ allow_list: [`user:${kept}`, `user:${named}`] });
    const path = '/v1/users?scope_id=global';
    const listToken = textOf(await must(stile.send('GET', path, undefined, token)), 'list_token');
    for (const id of [named, other]) await must(asAdmin('DELETE', `/v1/users/${id}`));
    const after = await must(stile.send('GET', `${path}&list_token=${listToken}`, undefined, token));
    expect(jsonOf(after)['removed_ids']).toEqual([named]);
  });
});

/** A list for a token that names these items: whole, and page by page, it shows and counts them alone. */
async function expectOnly(path: string, type: string, ids: readonly string[]): Promise<void> {
  const { token } = await mint({ allow_list: ids.map((id) => `${type}:${id}`) });
  const whole = await must(stile.send('GET', path, undefined, token));
  expect(idsOf(whole).toSorted()).toEqual([...ids].toSorted());
  expect(jsonOf(whole)['est_item_count']).toBe(ids.length);
  const seen: string[] = [];
  let page = await must(stile.send('GET', `${path}&page_size=1`, undefined, token));
  for (;;) {
    expect(jsonOf(page)['est_item_count']).toBe(ids.length);
    seen.push(...idsOf(page));
    if (jsonOf(page)['response_type'] === 'complete') break;
    const listToken = textOf(page, 'list_token');
    page = await must(stile.send('GET', `${path}&page_size=1&list_token=${listToken}`, undefined, token));
  }
  expect(seen.toSorted()).toEqual([...ids].toSorted());
}

test('case 9: the list token of one auth token is none of another of the same user', async () => {
  const path = '/v1/targets?scope_id=p_1234567890&page_size=1';
  const whole = textOf(await must(asAdmin('GET', path)), 'list_token');
  const scoped = await mint({ token_scopes: ['target:read'] });
  const listed = await mint({ allow_list: [`target:${targetA}`, `target:${targetB}`] });
  const takenBy = async (token: string): Promise<string> =>
    textOf(await must(stile.send('GET', path, undefined, token)), 'list_token');
  const [scopedToken, listedToken] = [await takenBy(scoped.token), await takenBy(listed.token)];
  for (const [listToken, token] of [
    [whole, scoped.token],
    [whole, listed.token],
    [scopedToken, listed.token],
    [listedToken, scoped.token],
    [scopedToken, stile.admin],
    [listedToken, stile.admin],
  ] as const) {
    const refused = await stile.send('GET', `${path}&list_token=${listToken}`, undefined, token);
    expect(refused.status).toBe(400);
    expect(refused.json).toMatchObject({ kind: 'invalid list token' });
  }
  const twin = await mint({ token_scopes: ['target:read'] });
  expect((await stile.send('GET', `${path}&list_token=${scopedToken}`, undefined, twin.token)).status).toBe(
    200,
  );
});
