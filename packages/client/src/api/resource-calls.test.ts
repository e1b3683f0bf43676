/** Typed calls of every collection: the types come from the API's document, and the calls are those it describes. */
import { afterAll, beforeAll, beforeEach, describe, expect, expectTypeOf, test } from 'vitest';
import { StubApi } from '../../../../test/support/stub-api.ts';
import { ApiClient } from './api-client.ts';
import type { ApiOperations, CollectionName } from './api-types.ts';

let stub: StubApi;
let client: ApiClient;
beforeAll(async () => {
  stub = await StubApi.start(() => ({ status: 500 }));
  client = new ApiClient({ address: stub.address });
});
afterAll(() => stub.close());
beforeEach(() => {
  stub.requests.length = 0;
  stub.answerWith(() => ({ status: 200, body: { id: 'x_1', version: 3 } }));
});

const lines = (): string[] => stub.requests.map(({ method, url, body }) => `${method} ${url} ${body}`.trim());

describe('types', () => {
  test('collections, items, bodies and verbs are those of the API', () => {
    expectTypeOf<'targets' | 'roles' | 'credentials'>().toExtend<CollectionName>();
    const targets = client.resource('targets');
    expectTypeOf<Awaited<ReturnType<typeof targets.read>>['body']['session_max_seconds']>().toEqualTypeOf<
      number | undefined
    >();
    expectTypeOf<ApiOperations['targets:authorize-session']['request']['host_id']>().toEqualTypeOf<
      string | null | undefined
    >();
    // Never called: what must not compile.
    const wrong = async (): Promise<void> => {
      // @ts-expect-error -- no such collection
      client.resource('target');
      // @ts-expect-error -- a number, not a text
      await targets.create({ session_max_seconds: '8h' });
      // @ts-expect-error -- the address of a target is writable, its id is not
      await targets.create({ id: 'ttcp_1' });
      // @ts-expect-error -- no such verb
      await targets.action({ id: 'ttcp_1', action: 'add-hosts', body: {} });
      // @ts-expect-error -- a list of ids
      await targets.action({ id: 'ttcp_1', action: 'add-host-sources', body: { host_source_ids: 'hsst_1' } });
    };
    expect(wrong).toBeTypeOf('function');
  });
});

describe('calls', () => {
  test('an action on a resource names the version that was read, or the one given', async () => {
    const targets = client.resource('targets');
    const body = { host_source_ids: ['hsst_1'] };
    await targets.action({ id: 'ttcp_1', action: 'add-host-sources', body });
    await targets.action({ id: 'ttcp_1', action: 'add-host-sources', body, version: 7 });
    expect(lines()).toEqual([
      'GET /v1/targets/ttcp_1',
      'POST /v1/targets/ttcp_1:add-host-sources {"host_source_ids":["hsst_1"],"version":3}',
      'POST /v1/targets/ttcp_1:add-host-sources {"host_source_ids":["hsst_1"],"version":7}',
    ]);
  });

  test('a verb on the collection and a question have no version', async () => {
    await client.resource('workers').collectionAction('create:controller-led', { name: 'w1' });
    await client.collection('users').ask('list-resolvable-aliases', { id: 'u_1', query: { page_size: 5 } });
    await client.resource('roles').ask('explain', { query: { user_id: 'u_1', id: 'p_1', action: 'read' } });
    expect(lines()).toEqual([
      'POST /v1/workers:create:controller-led {"name":"w1"}',
      'GET /v1/users/u_1:list-resolvable-aliases?page_size=5',
      'GET /v1/roles:explain?user_id=u_1&id=p_1&action=read',
    ]);
  });

  test('pages come one by one, and what is no list is none', async () => {
    const bodies = [
      { response_type: 'delta', list_token: 'a', items: [{ id: 'a' }, null, { id: 'b' }] },
      { response_type: 'delta', list_token: 'b', items: 'nonsense', removed_ids: ['a'] },
      { response_type: 'complete' },
    ];
    stub.answerWith(() => ({ status: 200, body: bodies[stub.requests.length - 1] }));
    const seen: unknown[] = [];
    for await (const { items, removedIds } of client.resource('targets').pages({ scope_id: 'p_1' })) {
      seen.push([items.map((item) => item.id), removedIds]);
    }
    expect(seen).toEqual([
      [['a', 'b'], []],
      [[], ['a']],
      [[], []],
    ]);
    expect(lines()[2]).toBe('GET /v1/targets?scope_id=p_1&list_token=b');
  });
});
