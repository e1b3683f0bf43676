/**
 * Every operation of the OpenAPI document with hostile input (issue 4): never a 5xx, never a stall of the event loop over
 * 100 ms as the controller's own process measures it, and an error that names the field.
 */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseHostPort, type HostPort } from '@stile/runtime';
import { Cluster } from '../support/cluster.ts';
import type { ApiAnswer, Json } from '../support/dev-server.ts';
import { createTarget } from '../support/dev-target.ts';
import {
  hostileRequests,
  operationsOf,
  randomBody,
  type DocumentOperation,
  type HostileRequest,
} from '../support/hostile-requests.ts';
import { call, exchange, type HttpAnswer } from '../support/http-client.ts';
import { routeParts } from '../support/legal-calls.ts';
import { makeGround, ResourceWorld, type Collection } from '../support/resource-world.ts';

/** The longest stall of the event loop that is allowed, seconds. */
const longestStall = 0.1;
/** A stall may be the machine's: it counts when the same requests bring it about each time. */
const attempts = 6;

let cluster: Cluster;
let address: HostPort;
let token: string;
let operations: DocumentOperation[];
let ids: Readonly<Record<string, string>>;
let world: ResourceWorld;

/** Collections with a resource for the requests. */
const expendable = [
  'accounts',
  'aliases',
  'auth-methods',
  'credential-stores',
  'credentials',
  'groups',
  'host-catalogs',
  'host-sets',
  'hosts',
  'roles',
  'scopes',
  'targets',
  'users',
] as const;

beforeAll(async () => {
  cluster = new Cluster({
    // Thousands of calls in a second, and filters of 10,000 terms.
    controllerLines: ['  api_rate_limit_disable: true'],
    apiKeys: ', max_header_size: 1048576',
  });
  await cluster.initialize();
  await cluster.startController('c1');
  await cluster.startWorker('w1', ['c1']);
  address = parseHostPort(cluster.address('c1', 'api'));
  token = await cluster.login('c1');
  // Answers of the event stream do not end; its own tests are hostile to it.
  operations = operationsOf((await cluster.api('c1', 'GET', '/v1/openapi.json')).body).filter(
    ({ path }) => path !== '/v1/events',
  );
  const { initial } = cluster;
  const worker = await cluster.api('c1', 'POST', '/v1/workers:create:controller-led', { scope_id: 'global' });
  // Rows for the filters to work on.
  for (let count = 0; count < 100; count += 1) {
    await Promise.all([
      cluster.api('c1', 'POST', '/v1/workers:create:controller-led', { scope_id: 'global' }),
      createTarget((method, path, body) => cluster.api('c1', method, path, body), {
        port: 22,
        scopeId: String(initial.project_scope.scope_id),
      }),
    ]);
  }
  const api = (method: string, path: string, body?: unknown): Promise<ApiAnswer> =>
    cluster.api('c1', method, path, body);
  world = new ResourceWorld(api, await makeGround(api), () => cluster.login('c1'));
  // Of their own: what is done to them takes no right from whoever asks.
  const own: Record<string, string> = {};
  for (const collection of expendable) own[collection] = (await world.make(collection)).id;
  ids = { ...own, workers: String(worker.body.id) };
});
afterAll(() => cluster?.stop());

/** Ids for an operation; deletions and ends get one that does not exist. */
function idsOf({ method, path }: DocumentOperation): {
  readonly id: string;
  readonly parent: string;
  readonly body?: object | undefined;
} {
  const { collection, isItem, word } = routeParts(path);
  const { authMethodId, hostCatalogId, credentialStoreId } = world.ground;
  const parents: Readonly<Record<string, string>> = {
    accounts: `auth_method_id=${authMethodId}`,
    'managed-groups': 'auth_method_id=amoidc_0000000000',
    hosts: `host_catalog_id=${hostCatalogId}`,
    'host-sets': `host_catalog_id=${hostCatalogId}`,
    credentials: `credential_store_id=${credentialStoreId}`,
    'credential-libraries': 'credential_store_id=csvlt_0000000000',
  };
  const isSafe = method !== 'DELETE' && !/:(?:cancel|revoke|disable|reset-two-factor)$/.test(path);
  return {
    id: (isSafe ? ids[collection] : undefined) ?? 'zz_0000000000',
    parent: parents[collection] ?? 'scope_id=global&recursive=true',
    body: method === 'POST' && !isItem && word === '' ? world.bodyOf(collection as Collection) : undefined,
  };
}

function send({ method, path, body }: HostileRequest): Promise<HttpAnswer> {
  const headers = { authorization: `Bearer ${token}` };
  return call(address, { method, path, headers, ...(body === undefined ? {} : { body: Buffer.from(body) }) });
}

/** The longest stall of the controller's event loop since the last question, seconds. */
async function stall(): Promise<number> {
  const answer = await call(parseHostPort(cluster.address('c1', 'ops')), { path: '/metrics' });
  return Number(/^nodejs_eventloop_lag_max_seconds (\S+)$/m.exec(answer.text)?.[1] ?? Number.NaN);
}

/** What is wrong with an answer; undefined when nothing is. */
function faultOf(request: HostileRequest, answer: HttpAnswer): string | undefined {
  const say = (text: string): string =>
    `${request.method} ${request.path.slice(0, 80)} with ${request.what}: ${text}: ${answer.status} ${answer.text.slice(0, 300)}`;
  if (answer.status >= 500) return say('a fault of the controller');
  if (answer.status === 400 && answer.text !== '') {
    const body = answer.json as Json;
    const fields = (body?.details?.request_fields ?? []) as { name: string }[];
    if (body?.kind === undefined || body.message === '') return say('no kind or message');
    if (body.kind !== 'InvalidArgument') return undefined;
    if (fields.length === 0) return say('no field is named');
    const { field } = request;
    const isNamed =
      field === undefined ||
      fields.some(
        ({ name }) => field === name || field.startsWith(`${name}.`) || name.startsWith(`${field}.`),
      );
    // A faulty id of the path is told alone, before the body is read.
    if (!isNamed && !fields.some(({ name }) => name === 'id')) return say(`"${field}" is not named`);
  }
  return undefined;
}

async function sendAll(requests: readonly HostileRequest[]): Promise<string[]> {
  const faults: string[] = [];
  const left = [...requests];
  const next = async (): Promise<void> => {
    for (let request = left.shift(); request !== undefined; request = left.shift()) {
      const fault = faultOf(request, await send(request));
      if (fault !== undefined) faults.push(fault);
    }
  };
  await Promise.all([next(), next()]);
  return faults;
}

describe('hostile input', () => {
  test('reaches every operation of the document', () => {
    expect(operations.length).toBeGreaterThan(50);
  });

  test('in every parameter, path and field: no fault of the controller, no stall, the field is named', async () => {
    const faults: string[] = [];
    const stalls: string[] = [];
    let longestOfAll = 0;
    let sent = 0;
    for (const operation of operations) {
      const requests = hostileRequests(operation, idsOf(operation));
      let longest = Infinity;
      sent += requests.length;
      for (let attempt = 0; attempt < attempts && !(longest <= longestStall); attempt += 1) {
        await stall();
        const found = await sendAll(requests);
        if (attempt === 0) faults.push(...found);
        longest = Math.min(longest, await stall());
      }
      // 0 is right: a batch may be over before the next sample. NaN would not be.
      if (!(longest >= 0 && longest <= longestStall)) {
        stalls.push(`${operation.name}: ${Math.round(longest * 1000)} ms`);
      }
      longestOfAll = Math.max(longestOfAll, longest);
    }
    expect({ faults: faults.slice(0, 20), count: faults.length }).toEqual({ faults: [], count: 0 });
    expect(stalls).toEqual([]);
    expect(sent).toBeGreaterThan(3000);
    // The measure is awake: bodies of megabytes do not pass without a trace.
    expect(longestOfAll).toBeGreaterThan(0.002);
  }, 600_000);

  test('of a filter with 10,000 terms is worked on or refused by name', async () => {
    const terms = Array.from({ length: 10_000 }, (_, at) => `"/item/name" == "n${at}"`).join(' or ');
    for (const collection of ['targets', 'workers', 'scopes']) {
      const query = `scope_id=global&recursive=true&filter=${encodeURIComponent(terms)}`;
      const answer = await call(address, {
        path: `/v1/${collection}?${query}`,
        headers: { authorization: `Bearer ${token}` },
      });
      const fields = ((answer.json as Json)?.details?.request_fields ?? []) as { name: string }[];
      expect([collection, answer.status, ...fields.map(({ name }) => name)]).toEqual(
        answer.status === 200 ? [collection, 200] : [collection, 400, 'filter'],
      );
    }
  });

  test('in whole bodies at random', async () => {
    for (const operation of operations.filter(({ body }) => body !== undefined)) {
      const path = operation.path.replace('{id}', idsOf(operation).id);
      await fc.assert(
        fc.asyncProperty(randomBody(operation), async (body) => {
          const request = { method: operation.method, path, body, what: body.slice(0, 200) };
          expect(faultOf(request, await send(request))).toBeUndefined();
        }),
        { numRuns: 30, seed: 20_260_101 },
      );
    }
  }, 300_000);

  test('larger than the limit is refused with 413, with 64 KiB for callers without a valid token', async () => {
    const login = `/v1/auth-methods/${cluster.initial.auth_method.auth_method_id}:authenticate`;
    // The body is announced but not sent: a refusal does not wait for it.
    const announce = async (size: number, path: string, text: string): Promise<string> => {
      const head = `POST ${path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${text}\r\n`;
      const answer = await exchange(address, `${head}Content-Length: ${size}\r\n\r\n`);
      return answer.slice(0, 'HTTP/1.1 413'.length);
    };
    const limit = 4 * 1024 * 1024;
    expect(await announce(limit + 1, '/v1/targets', token)).toBe('HTTP/1.1 413');
    expect(await announce(65_537, '/v1/targets', 'at_0000000000_s1zzz')).toBe('HTTP/1.1 413');
    expect(await announce(65_537, login, '')).toBe('HTTP/1.1 413');
    const post = (size: number, text: string): Promise<HttpAnswer> =>
      call(address, {
        method: 'POST',
        path: '/v1/targets',
        headers: { authorization: `Bearer ${text}` },
        body: `{"a":"${'x'.repeat(size - 8)}"}`,
      });
    expect((await post(limit, token)).status).toBe(400);
    expect((await post(65_536, '')).status).toBe(400);
  });

  test('leaves the controller as it was', async () => {
    const answer = await send({
      method: 'GET',
      path: '/v1/targets?scope_id=global&recursive=true',
      what: 'nothing',
    });
    expect(answer.status).toBe(200);
    expect(cluster.servers.get('c1')?.process.stderr).not.toMatch(/"level":60|internal error/);
  });
});
