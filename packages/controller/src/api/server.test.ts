/** The request pipeline over real HTTP, with a resource that lives in memory. */
import { connect as connectTls } from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { StileError } from '@stile/protocol/errors';
import { silentLogger, type HostPort } from '@stile/runtime';
import { makeCertificate } from '../../../../test/support/certificates.ts';
import { call, exchange } from '../../../../test/support/http-client.ts';
import type { Acl } from '../iam/acl.ts';
import { operation, publicOperation, type Operation } from './operation.ts';
import { ApiServer, type ApiServerOptions } from './server.ts';
import { decodeCreate } from './schema/decode.ts';
import { schemaOf } from './schema/field.ts';
import { renderItem, type VisibleFields } from './schema/render.ts';

const schema = schemaOf('Note', {
  id: { kind: 'string', access: 'output' },
  name: { kind: 'string', access: 'change', trim: 'name', required: 'This field is required.' },
  created_time: { kind: 'time', access: 'output' },
  version: { kind: 'uint32', access: 'create' },
});

let seenAnonymousLookups = 0;

const notes: Operation[] = [
  operation({
    resource: 'notes',
    verb: 'create',
    method: 'POST',
    on: 'collection',
    summary: 'Makes a note.',
    permission: { type: 'target', action: 'create' },
    parse: ({ body }) => decodeCreate(schema, body),
    locate: () => Promise.resolve({ resource: { scopeId: 'global', parentScopeId: null, type: 'target' } }),
    act: ({ input, visible }) =>
      Promise.resolve({
        status: 200,
        body: renderItem(schema, { id: 'n_1', name: input.name, version: 1 }, visible),
      }),
  }),
  operation({
    resource: 'notes',
    verb: 'read',
    method: 'GET',
    on: 'item',
    summary: 'Reads a note.',
    permission: { type: 'target', action: 'read' },
    parse: ({ id }) => {
      if (!id.startsWith('n_')) throw new StileError('invalidArgument', 'Error in provided request.');
      return id;
    },
    locate: (id) => {
      seenAnonymousLookups += 1;
      if (id === 'n_none') return Promise.reject(new StileError('notFound', 'Resource not found.'));
      return Promise.resolve({ resource: { scopeId: 'global', parentScopeId: null, type: 'target', id } });
    },
    act: ({ input, visible }) => {
      if (input === 'n_bug') throw new TypeError('secret detail');
      if (input === 'n_slow') return new Promise(() => undefined);
      const shown = renderItem(
        schema,
        { id: input, name: 'one', created_time: 1_000_000, version: 1 },
        visible,
      );
      return Promise.resolve({ status: 200, body: shown });
    },
  }),
  operation({
    resource: 'notes',
    verb: 'authorize-session',
    method: 'POST',
    on: 'item',
    isGreedy: true,
    summary: 'Shows its id.',
    permission: { type: 'target', action: 'authorize-session' },
    parse: ({ id }) => id,
    locate: (id) =>
      Promise.resolve({ resource: { scopeId: 'global', parentScopeId: null, type: 'target', id } }),
    act: ({ input, call: request }) =>
      Promise.resolve({ status: 200, body: { id: input, body: request.body } }),
  }),
  publicOperation(
    { resource: 'notes', verb: 'cancel', method: 'POST', on: 'collection', summary: 'Not offered.' },
    'it only says that it is not offered',
    () => Promise.reject(new StileError('unsupported', 'Notes are not cancelled')),
  ),
];

const everything: VisibleFields = { includes: () => true };

/** Grants everything to `u_1`, nothing to anybody else. */
function aclOf(userId: string): Acl {
  // The seam: the pipeline asks only this of an ACL.
  return {
    decide: () => ({ authorized: userId === 'u_1', outputFields: everything }),
    authorizedActions: () => [],
  } as unknown as Acl;
}

function makeServer(more: Partial<ApiServerOptions> = {}): ApiServer {
  return new ApiServer({
    operations: notes,
    gate: { aclFor: (caller) => Promise.resolve(aclOf(caller.userId)) },
    authenticate: ({ text }) =>
      Promise.resolve({
        userId: text === 'good' || text === 'goodtoken' ? 'u_1' : text === 'poor' ? 'u_2' : 'u_anon',
      }),
    address: { host: '127.0.0.1', port: 0 },
    crossOrigin: { enabled: true, allowedOrigins: ['*'], allowedHeaders: [] },
    log: silentLogger,
    ...more,
  });
}

const admin = { authorization: 'Bearer good' };
const server = makeServer({ maxRequestMs: 300 });
let address: HostPort;

beforeAll(async () => {
  address = await server.start();
});
afterAll(() => server.close());

describe('an answer', () => {
  test('carries the security headers, no charset, and its fields in the order of the table', async () => {
    const answer = await call(address, { path: '/v1/notes/n_1', headers: admin });
    expect(answer.status).toBe(200);
    expect(answer.text).toBe('{"id":"n_1","name":"one","created_time":"1970-01-01T00:00:01Z","version":1}');
    expect(answer.headers).toMatchObject({
      'content-type': 'application/json',
      'cache-control': 'no-store',
      'content-security-policy': "default-src 'none'",
      'strict-transport-security': 'max-age=31536000; includeSubDomains',
      'x-content-type-options': 'nosniff',
    });
  });

  test('of a bug is a 500 with a log id and nothing of the error', async () => {
    const answer = await call(address, { path: '/v1/notes/n_bug', headers: admin });
    expect(answer.status).toBe(500);
    expect(answer.json).toMatchObject({ kind: 'Internal' });
    expect(answer.text).not.toContain('secret detail');
  });

  test('that takes too long is a 504', async () => {
    const answer = await call(address, { path: '/v1/notes/n_slow', headers: admin });
    expect(answer).toMatchObject({
      status: 504,
      json: { kind: 'DeadlineExceeded', message: 'Gateway Timeout' },
    });
  });

  test('of a feature that is not offered is a 405 with a text, without authentication', async () => {
    const answer = await call(address, { method: 'POST', path: '/v1/notes:cancel' });
    expect(answer).toMatchObject({
      status: 405,
      json: { kind: 'Unimplemented', message: 'Notes are not cancelled' },
    });
  });
});

describe('the order of checks', () => {
  test('a malformed id is 400 before anything is looked up', async () => {
    const before = seenAnonymousLookups;
    expect((await call(address, { path: '/v1/notes/zzz' })).status).toBe(400);
    expect(seenAnonymousLookups).toBe(before);
  });

  test('an unknown id is 404 even for anonymous callers', async () => {
    expect(await call(address, { path: '/v1/notes/n_none' })).toMatchObject({
      status: 404,
      json: { kind: 'NotFound', message: 'Resource not found.' },
    });
  });

  test('a known id is 401 for anonymous callers and bad tokens, 403 for the others', async () => {
    expect(await call(address, { path: '/v1/notes/n_1' })).toMatchObject({
      status: 401,
      json: { kind: 'Unauthenticated', message: 'Unauthenticated, or invalid token.' },
    });
    expect(
      (await call(address, { path: '/v1/notes/n_1', headers: { authorization: 'Bearer bad' } })).status,
    ).toBe(401);
    expect(
      await call(address, { path: '/v1/notes/n_1', headers: { authorization: 'bearer poor' } }),
    ).toMatchObject({
      status: 403,
      json: { kind: 'PermissionDenied', message: 'Forbidden.' },
    });
  });
});

describe('credentials', () => {
  test('the scheme is read in any case, and an empty bearer is no credential', async () => {
    expect(
      (await call(address, { path: '/v1/notes/n_1', headers: { authorization: 'BEARER good' } })).status,
    ).toBe(200);
    expect(
      (await call(address, { path: '/v1/notes/n_1', headers: { authorization: 'Bearer ' } })).status,
    ).toBe(401);
  });

  test('the cookie pair is one token, and half of it is none', async () => {
    const both = 'wt-js-token-cookie=good; Path=/; wt-http-token-cookie=token';
    expect((await call(address, { path: '/v1/notes/n_1', headers: { cookie: both } })).status).toBe(200);
    expect(
      (await call(address, { path: '/v1/notes/n_1', headers: { cookie: 'wt-js-token-cookie=good' } })).status,
    ).toBe(401);
  });

  test('a bad bearer is not made good by a cookie, and an empty one leaves the cookie to decide', async () => {
    const cookie = 'wt-js-token-cookie=good; wt-http-token-cookie=token';
    const bad = await call(address, {
      path: '/v1/notes/n_1',
      headers: { cookie, authorization: 'Bearer bad' },
    });
    expect(bad.status).toBe(401);
    const empty = await call(address, {
      path: '/v1/notes/n_1',
      headers: { cookie, authorization: 'Bearer ' },
    });
    expect(empty.status).toBe(200);
  });

  test('two different cookies of one name are 400', async () => {
    const cookie = 'wt-js-token-cookie=good; wt-js-token-cookie=evil; wt-http-token-cookie=token';
    expect((await call(address, { path: '/v1/notes/n_1', headers: { cookie } })).status).toBe(400);
  });

  test('a repeated Authorization header is 400', async () => {
    const text = await exchange(
      address,
      'GET /v1/notes/n_1 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer bad\r\nauthorization: Bearer good\r\nConnection: close\r\n\r\n',
    );
    expect(text).toMatch(/^HTTP\/1\.1 400 /);
    expect(text).toContain('"name":"authorization"');
  });

  test.each([
    [{ 'sec-fetch-site': 'cross-site' }, 403],
    [{ 'sec-fetch-site': 'same-site' }, 403],
    [{ 'sec-fetch-site': 'same-origin' }, 200],
    [{ origin: 'https://evil.example' }, 403],
    [{ origin: 'null' }, 403],
    [{}, 200],
  ])('a change that acts by cookie with %j is %i', async (headers, status) => {
    const cookie = 'wt-js-token-cookie=good; wt-http-token-cookie=token';
    const answer = await call(address, {
      method: 'POST',
      path: '/v1/notes',
      headers: { cookie, ...headers },
      body: { name: 'x' },
    });
    expect(answer.status).toBe(status);
  });

  test('a foreign origin with a bearer is served: the page had to know the token', async () => {
    const headers = { ...admin, origin: 'https://evil.example' };
    expect(
      (await call(address, { method: 'POST', path: '/v1/notes', headers, body: { name: 'x' } })).status,
    ).toBe(200);
  });
});

describe('bodies', () => {
  const post = (
    body: unknown,
    headers: Record<string, string> = admin,
  ): Promise<Awaited<ReturnType<typeof call>>> =>
    call(address, { method: 'POST', path: '/v1/notes', headers, body });

  test.each([
    ['any content type', '{"name":"x"}', { 'content-type': 'text/plain;charset=UTF-8' }],
    ['a content type that is none', '{"name":"x"}', { 'content-type': ';;;' }],
    ['text behind the first value', '{"name":"x"} trailing } {', {}],
    ['white space before it', ' \r\n\t{"name":"x"}', {}],
    ['unknown keys', '{"name":"x","zzz":{"a":[1]},"__proto__":{"name":1}}', {}],
  ])('%s is accepted', async (_what, body, headers) => {
    const answer = await post(body, { ...admin, ...headers });
    expect(answer).toMatchObject({ status: 200, json: { name: 'x' } });
  });

  test.each([
    ['no body', ''],
    ['null', 'null'],
    ['white space', '  '],
  ])('%s counts as {}', async (_what, body) => {
    expect(await post(body)).toMatchObject({
      status: 400,
      json: { details: { request_fields: [{ name: 'name', description: 'This field is required.' }] } },
    });
  });

  test.each([
    ['an array', '[1]'],
    ['a text', '"x"'],
    ['a number', '12'],
    ['a word', 'true'],
    ['a word that begins like null', 'nullable'],
    ['half an object', '{"name":'],
    ['a wrong object', '{name:1}'],
    ['bytes that are no UTF-8', Buffer.from([0x7b, 0xff, 0x7d])],
    ['a thousand levels', `{"a":${'['.repeat(1000)}${']'.repeat(1000)}}`],
    ['a million levels', `{"a":${'['.repeat(1_000_000)}`],
  ])('%s is 400 and names the body', async (_what, body) => {
    const answer = await post(body);
    expect(answer).toMatchObject({
      status: 400,
      json: { kind: 'InvalidArgument', details: { request_fields: [{ name: 'body' }] } },
    });
  });

  test('a large body is taken from a caller with a token', async () => {
    const answer = await post({ name: 'x', zzz: 'y'.repeat(2 * 1024 * 1024) });
    expect(answer.status).toBe(200);
  });

  test('4 MiB are too much, with and without a declared length', async () => {
    const body = JSON.stringify({ name: 'x', zzz: 'y'.repeat(4 * 1024 * 1024) });
    const head = 'POST /v1/notes HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer good\r\n';
    expect(await exchange(address, `${head}Content-Length: ${body.length}\r\n\r\n`)).toMatch(
      /^HTTP\/1\.1 413 /,
    );
    const chunk = `${(1024 * 1024).toString(16)}\r\n${'z'.repeat(1024 * 1024)}\r\n`;
    const answer = await exchange(
      address,
      `${head}Transfer-Encoding: chunked\r\n\r\n${chunk.repeat(4)}1\r\nz\r\n`,
    );
    expect(answer).toMatch(/^HTTP\/1\.1 413 /);
  });

  test('a caller without a valid token has 64 KiB', async () => {
    const head = 'POST /v1/notes HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer bad\r\n';
    expect(await exchange(address, `${head}Content-Length: 65537\r\n\r\n`)).toMatch(/^HTTP\/1\.1 413 /);
    expect((await post({ name: 'x', zzz: 'y'.repeat(60_000) }, {})).status).toBe(401);
  });
});

describe('paths', () => {
  test.each([
    ['/v1/notes/my%20note:authorize-session', 'my note'],
    ['/v1/notes/a/b:authorize-session', 'a/b'],
    ['/v1/notes/a%2Fb%3Ac:authorize-session', 'a/b:c'],
    ['/v1/notes/a:b:authorize-session', 'a:b'],
    [`/v1/notes/${'%C3%A4'.repeat(600)}:authorize-session`, 'ä'.repeat(600)],
  ])('%s is the note of that name', async (path, id) => {
    expect(await call(address, { method: 'POST', path, headers: admin })).toMatchObject({
      status: 200,
      json: { id },
    });
  });

  test.each([
    ['GET', '/v1/zebras', 404, ''],
    ['GET', '/v1/', 404, 'Resource not found.'],
    ['GET', '/v1', 404, 'Resource not found.'],
    ['GET', '/v2/notes', 404, ''],
    ['GET', '/', 404, ''],
    ['POST', '/', 405, ''],
    ['GET', '/v1/notes/', 404, 'Resource not found.'],
    ['GET', '/v1/notes/n_1/zebra', 404, 'Resource not found.'],
    ['PATCH', '/v1/notes', 405, ''],
    ['HEAD', '/v1/notes', 405, ''],
    ['HEAD', '/v1/notes/n_1', 405, ''],
    ['OPTIONS', '/v1/notes', 405, ''],
    ['POST', '/v1/notes/n_1', 405, ''],
    ['POST', '/v1/notes/n_1:cancel', 405, ''],
    ['POST', '/v1/notes/n_1:dance', 400, ''],
    ['POST', '/v1/notes:dance', 400, ''],
    ['PUT', '/v1/notes/n_1', 405, ''],
    ['GET', '/v1/notes/%zz', 400, 'Error in provided request.'],
    ['GET', '/v1/notes/%00', 400, 'Error in provided request.'],
  ])('%s %s is %i', async (method, path, status, message) => {
    const answer = await call(address, { method, path, headers: admin });
    expect(answer.status).toBe(status);
    if (message === '') expect(answer.text).toBe('');
    else expect(answer.json).toMatchObject({ message });
    expect(answer.headers['cache-control']).toBe('no-store');
  });

  test('a 405 says which methods there are', async () => {
    expect((await call(address, { method: 'PATCH', path: '/v1/notes' })).headers['allow']).toBe('POST');
  });
});

describe('headers', () => {
  test('a correlation id that is no UUID is 400, a good one passes', async () => {
    const bad = await call(address, {
      path: '/v1/notes/n_1',
      headers: { ...admin, 'x-correlation-id': 'zzz' },
    });
    expect(bad).toMatchObject({ status: 400, json: { kind: 'InvalidArgument' } });
    const id = '6f1ed002-ab5a-4c1f-a09e-a4b9c9fcd9a1';
    expect(
      (await call(address, { path: '/v1/notes/n_1', headers: { ...admin, 'x-correlation-id': id } })).status,
    ).toBe(200);
  });

  test('CORS answers a foreign origin with * and exposes the rate headers', async () => {
    const answer = await call(address, {
      path: '/v1/notes/n_1',
      headers: { ...admin, origin: 'https://example.org' },
    });
    expect(answer.headers).toMatchObject({
      'access-control-allow-origin': '*',
      'access-control-expose-headers': 'Retry-After, RateLimit, RateLimit-Policy',
      vary: 'Origin',
    });
    expect(answer.headers['access-control-allow-credentials']).toBeUndefined();
  });

  test('a preflight is 204 for a method that exists and 405 for another', async () => {
    const origin = 'serve://boundary';
    const good = await call(address, {
      method: 'OPTIONS',
      path: '/v1/notes',
      headers: { origin, 'access-control-request-method': 'PATCH' },
    });
    expect(good.status).toBe(204);
    expect(good.headers).toMatchObject({
      'access-control-allow-methods': 'DELETE, GET, OPTIONS, POST, PATCH',
      'access-control-allow-headers': 'Content-Type, X-Requested-With, Authorization',
      'access-control-max-age': '300',
    });
    const bad = await call(address, {
      method: 'OPTIONS',
      path: '/v1/notes',
      headers: { origin, 'access-control-request-method': 'PUT' },
    });
    expect(bad).toMatchObject({ status: 405, text: '' });
  });

  test('with a list of origins another is 403, the desktop client and our own pages are not', async () => {
    const strict = makeServer({
      crossOrigin: { enabled: true, allowedOrigins: ['https://good.example'], allowedHeaders: [] },
    });
    const at = await strict.start();
    try {
      const statusOf = async (origin: string): Promise<number> =>
        (await call(at, { path: '/v1/notes/n_1', headers: { ...admin, origin } })).status;
      expect(await statusOf('https://evil.example')).toBe(403);
      expect(await statusOf('https://good.example')).toBe(200);
      expect(await statusOf('serve://boundary')).toBe(200);
      expect(await statusOf(`http://127.0.0.1:${at.port}`)).toBe(200);
    } finally {
      await strict.close();
    }
  });

  test('headers over 16 KiB are refused and the next client is served', async () => {
    const text = await exchange(
      address,
      `GET /v1/notes/n_1 HTTP/1.1\r\nHost: x\r\nX-A: ${'a'.repeat(20_000)}\r\n\r\n`,
    );
    expect(text).toMatch(/^HTTP\/1\.1 431 /);
    expect((await call(address, { path: '/v1/notes/n_1', headers: admin })).status).toBe(200);
  });

  test('a client that never finishes its headers is cut off', async () => {
    const strict = makeServer({ headersTimeoutMs: 200 });
    const at = await strict.start();
    try {
      const text = await exchange(at, 'GET /v1/notes/n_1 HTTP/1.1\r\nHost: x\r\n');
      expect(text).toMatch(/^HTTP\/1\.1 408 /);
    } finally {
      await strict.close();
    }
  });
});

describe('the table', () => {
  test('two rows with one route are refused at start', () => {
    expect(() => makeServer({ operations: [...notes, ...notes] })).toThrow(/two operations have the route/);
  });

  test('a row without a permission is refused at start', () => {
    const [first] = notes;
    if (first === undefined) throw new Error('no rows');
    const { permission: _permission, ...bare } = first;
    expect(() => makeServer({ operations: [bare as Operation] })).toThrow(/declares no permission/);
  });
});

describe('a listener with TLS', () => {
  const certificate = makeCertificate({ dnsNames: ['localhost'], commonName: 'localhost' });
  const tls = { certificate: certificate.pem, privateKey: certificate.keyPem };

  test('serves over TLS only, and a half-open handshake holds nobody up', async () => {
    const secure = makeServer({ tls, headersTimeoutMs: 300 });
    const at = await secure.start();
    try {
      const halfOpen = exchange(at, Buffer.from([0x16]));
      const text = await new Promise<string>((resolve, reject) => {
        const options = { host: at.host, port: at.port, ca: certificate.pem, servername: 'localhost' };
        let answer = '';
        const socket = connectTls(options, () =>
          socket.write(
            'GET /v1/notes/n_1 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer good\r\nConnection: close\r\n\r\n',
          ),
        );
        socket.on('data', (chunk: Buffer) => (answer += chunk.toString('latin1')));
        socket.on('error', reject).on('close', () => resolve(answer));
      });
      expect(text).toMatch(/^HTTP\/1\.1 200 /);
      expect(await halfOpen).toBe('');
      await expect(call(at, { path: '/v1/notes/n_1' })).rejects.toThrow();
    } finally {
      await secure.close();
    }
  });
});

describe('closing', () => {
  test('ends idle connections and refuses new ones', async () => {
    const other = makeServer();
    const at = await other.start();
    const idle = exchange(at, '');
    await call(at, { path: '/v1/notes/n_1', headers: admin });
    await other.close();
    expect(await idle).toBe('');
    await expect(call(at, { path: '/v1/notes/n_1' })).rejects.toThrow(/ECONNREFUSED/);
    await other.close();
  });

  test('lets a running request end first', async () => {
    let release: () => void = () => undefined;
    const isReleased = new Promise<void>((resolve) => (release = resolve));
    const waiting = publicOperation(
      { resource: 'waits', verb: 'list', method: 'GET', on: 'collection', summary: 'Waits.' },
      'a test',
      async () => ({ status: 200, body: { waited: await isReleased.then(() => true) } }),
    );
    const other = makeServer({ operations: [waiting] });
    const at = await other.start();
    const answer = call(at, { path: '/v1/waits' });
    await expect.poll(() => other.running).toBe(1);
    const closed = other.close();
    release();
    expect(await answer).toMatchObject({ status: 200, json: { waited: true } });
    await closed;
  });
});
