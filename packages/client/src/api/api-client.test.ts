/** The API client over real HTTP: paths, pages, versions, errors, retries, and servers that mean harm. */
import { afterEach, describe, expect, test } from 'vitest';
import { Secret } from '@stile/runtime';
import { StubApi, type SeenRequest, type StubAnswer } from '../../../../test/support/stub-api.ts';
import { ApiClient, parseApiAddress, type ApiClientOptions } from './api-client.ts';
import { fetchTransport } from './api-transport.ts';
import { nodeTransport } from './node-transport.ts';

let stubs: StubApi[] = [];

afterEach(async () => {
  await Promise.all(stubs.map((stub) => stub.close()));
  stubs = [];
});

async function serve(answer: (request: SeenRequest, index: number) => StubAnswer): Promise<StubApi> {
  let index = 0;
  const stub = await StubApi.start((request) => answer(request, index++));
  stubs.push(stub);
  return stub;
}

function client(stub: StubApi, options: Partial<ApiClientOptions> = {}): ApiClient {
  return new ApiClient({
    address: stub.address,
    transport: nodeTransport(),
    token: new Secret('at_1_s1secret'),
    random: () => 0,
    ...options,
  });
}

describe.each([
  ['fetch', fetchTransport],
  ['node', nodeTransport()],
] as const)('over %s', (_name, transport) => {
  test('a read sends the token and gives status and body', async () => {
    const stub = await serve(() => ({ status: 200, body: { id: 'ttcp_1' } }));
    const answer = await client(stub, { transport }).resource('targets').read('ttcp_1');
    expect(answer).toEqual({ status: 200, body: { id: 'ttcp_1' } });
    expect(stub.requests[0]).toMatchObject({ method: 'GET', url: '/v1/targets/ttcp_1' });
    expect(stub.requests[0]?.headers.authorization).toBe('Bearer at_1_s1secret');
  });

  test('a redirect is not followed: the token stays with the host it was meant for', async () => {
    const other = await serve(() => ({ status: 200, body: {} }));
    const stub = await serve(() => ({ status: 307, headers: { location: `${other.address}/v1/targets/x` } }));
    await expect(
      client(stub, { transport, maxRetries: 0 }).resource('targets').read('x'),
    ).rejects.toMatchObject({
      code: 'controllerUnreachable',
      message: expect.stringContaining('redirect') as string,
    });
    expect(other.requests).toEqual([]);
  });

  test('an error answer becomes a code, its kind, fields and body kept', async () => {
    const body = {
      kind: 'InvalidArgument',
      message: 'Error in provided request.',
      details: { request_fields: [{ name: 'name', description: 'This field is required.' }] },
    };
    const stub = await serve(() => ({ status: 400, body }));
    await expect(client(stub, { transport }).resource('targets').create({})).rejects.toMatchObject({
      code: 'invalidArgument',
      message: 'Error in provided request.',
      details: {
        requestFields: [{ name: 'name', description: 'This field is required.' }],
        answer: { status: 400, kind: 'InvalidArgument', body },
      },
    });
  });

  test('an answer that is no JSON is no answer of a controller', async () => {
    const stub = await serve(() => ({ status: 200, body: '<html>' }));
    await expect(
      client(stub, { transport, maxRetries: 0 }).resource('targets').read('x'),
    ).rejects.toMatchObject({
      code: 'controllerUnreachable',
    });
  });

  test('an error page without JSON keeps its status', async () => {
    const stub = await serve(() => ({ status: 502, body: '<html>bad gateway</html>' }));
    await expect(
      client(stub, { transport, maxRetries: 0 }).resource('targets').read('x'),
    ).rejects.toMatchObject({
      code: 'unavailable',
      details: { answer: { status: 502, body: undefined } },
    });
  });

  test('a server that does not answer in time is given up', async () => {
    const stub = await serve(() => ({ status: 200, body: {} }));
    stub.answerWith(() => ({ status: 200, headers: { 'content-length': '100' }, body: '{' }));
    await expect(
      client(stub, { transport, maxRetries: 0, timeoutMs: 100 }).resource('targets').read('x'),
    ).rejects.toMatchObject({ code: 'controllerUnreachable' });
  });
});

describe('lists', () => {
  test('follow every page, drop what was removed, and come newest first', async () => {
    const pages: StubAnswer[] = [
      {
        status: 200,
        body: {
          response_type: 'delta',
          list_token: 'a',
          items: [{ id: 'a', created_time: '2025-01-01T00:00:00Z' }],
        },
      },
      {
        status: 200,
        body: {
          response_type: 'delta',
          list_token: 'b',
          items: [{ id: 'b', created_time: '2025-01-03T00:00:00Z' }],
        },
      },
      {
        status: 200,
        body: {
          response_type: 'complete',
          items: [{ id: 'c', created_time: '2025-01-02T00:00:00Z' }],
          removed_ids: ['a'],
        },
      },
    ];
    const stub = await serve((_request, index) => pages[index] ?? { status: 500 });
    const { body } = await client(stub)
      .resource('targets')
      .list({ scope_id: 'p_1', recursive: true, filter: undefined });
    expect(body.map((item) => item.id)).toEqual(['b', 'c']);
    expect(stub.requests.map((request) => request.url)).toEqual([
      '/v1/targets?scope_id=p_1&recursive=true',
      '/v1/targets?scope_id=p_1&recursive=true&list_token=a',
      '/v1/targets?scope_id=p_1&recursive=true&list_token=b',
    ]);
  });

  test('that never end are given up', async () => {
    const stub = await serve(() => ({ status: 200, body: { response_type: 'delta', list_token: 'same' } }));
    await expect(client(stub).resource('targets').list({})).rejects.toMatchObject({
      code: 'invalidListToken',
    });
  });

  test.each([[{ items: 'x' }], [{ items: [null, 1] }], [[]], ['"text"'], ['null']])(
    'of the shape %j give no exception',
    async (body) => {
      const stub = await serve(() => ({ status: 200, body }));
      const answer = await client(stub).resource('targets').list({});
      expect(Array.isArray(answer.body)).toBe(true);
    },
  );
});

describe('changes', () => {
  test('read the version first unless it is given', async () => {
    const stub = await serve((request) => ({
      status: 200,
      body: request.method === 'GET' ? { version: 7 } : { id: 'ttcp_1' },
    }));
    const targets = client(stub).resource('targets');
    await targets.update({ id: 'ttcp_1', changes: { description: null } });
    await targets.update({ id: 'ttcp_1', changes: { name: 'x' }, version: 3 });
    expect(stub.requests.map((request) => `${request.method} ${request.body}`)).toEqual([
      'GET ',
      'PATCH {"description":null,"version":7}',
      'PATCH {"name":"x","version":3}',
    ]);
  });

  test('an id cannot leave its path', async () => {
    const stub = await serve(() => ({ status: 404, body: {} }));
    await expect(client(stub).resource('targets').delete('../users/u_1?x=1#')).rejects.toMatchObject({
      code: 'notFound',
    });
    expect(stub.requests[0]?.url).toBe('/v1/targets/..%2Fusers%2Fu_1%3Fx%3D1%23');
  });

  test('cancel sends the version that was read', async () => {
    const stub = await serve(() => ({ status: 200, body: { id: 's_1', version: 2 } }));
    await client(stub).cancelSession('s_1');
    expect(stub.requests.map((request) => `${request.method} ${request.url} ${request.body}`)).toEqual([
      'GET /v1/sessions/s_1 ',
      'POST /v1/sessions/s_1:cancel {"version":2}',
    ]);
  });
});

describe('retries', () => {
  test('do not wait for days because the server says so', async () => {
    const stub = await serve(() => ({ status: 429, headers: { 'retry-after': '999999' } }));
    await expect(client(stub, { maxRetries: 2 }).resource('targets').read('x')).rejects.toMatchObject({
      code: 'tooManyRequests',
    });
    expect(stub.requests).toHaveLength(1);
  });

  test('repeat a read after 503 with Retry-After, as often as allowed', async () => {
    const stub = await serve((_request, index) =>
      index < 2 ? { status: 503, headers: { 'retry-after': '0' } } : { status: 200, body: { id: 'x' } },
    );
    const answer = await client(stub, { maxRetries: 2 }).resource('targets').read('x');
    expect(answer.body).toEqual({ id: 'x' });
    expect(stub.requests).toHaveLength(3);
  });

  test('do not repeat a create that may have happened', async () => {
    const stub = await serve(() => ({ status: 500, headers: { 'retry-after': '0' } }));
    await expect(client(stub, { maxRetries: 2 }).resource('targets').create({})).rejects.toMatchObject({
      code: 'internal',
    });
    expect(stub.requests).toHaveLength(1);
  });

  test('end where the caller wants none', async () => {
    const stub = await serve(() => ({ status: 503, headers: { 'retry-after': '0' } }));
    await expect(client(stub, { maxRetries: 0 }).resource('targets').read('x')).rejects.toMatchObject({
      code: 'unavailable',
    });
    expect(stub.requests).toHaveLength(1);
  });
});

describe('addresses', () => {
  test.each([
    ['http://a.example:9200', 'http://a.example:9200/'],
    ['https://a.example/', 'https://a.example/'],
    ['https://a.example/v1', 'https://a.example/'],
    ['https://a.example/v1/targets', 'https://a.example/'],
  ])('%s', (text, url) => {
    expect(parseApiAddress(text).href).toBe(url);
  });

  test.each(['', 'a.example', 'ftp://a.example', 'javascript:alert(1)', 'file:///etc/passwd'])(
    '%j is refused',
    (text) => {
      expect(() => parseApiAddress(text)).toThrow(expect.objectContaining({ code: 'invalidArgument' }));
    },
  );
});

describe('the signal of a client', () => {
  test('ends a call that waits for its answer, with the code aborted', async () => {
    const giveUp = new AbortController();
    const stub = await StubApi.start(() => {
      giveUp.abort();
      return new Promise(() => undefined);
    });
    stubs.push(stub);
    const call = client(stub, { signal: giveUp.signal }).resource('targets').read('x');
    await expect(call).rejects.toMatchObject({ code: 'aborted' });
    expect(stub.requests).toHaveLength(1);
  });

  test('ends the wait for the next try', async () => {
    const giveUp = new AbortController();
    const stub = await serve(() => ({ status: 503, body: {}, headers: { 'retry-after': '50' } }));
    // Asked for when the wait begins.
    const random = (): number => {
      queueMicrotask(() => giveUp.abort());
      return 0;
    };
    const call = client(stub, { maxRetries: 5, random, signal: giveUp.signal }).resource('targets').read('x');
    await expect(call).rejects.toMatchObject({ code: 'aborted' });
    expect(stub.requests).toHaveLength(1);
  });

  test('that was given before sends nothing', async () => {
    const stub = await serve(() => ({ status: 200, body: {} }));
    const call = client(stub, { signal: AbortSignal.abort() }).resource('targets').read('x');
    await expect(call).rejects.toMatchObject({ code: 'aborted' });
    expect(stub.requests).toEqual([]);
  });
});
