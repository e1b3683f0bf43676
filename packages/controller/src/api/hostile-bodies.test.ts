/** Bodies of every kind for every call that takes one: the answer is never a fault of the server, and a 400 names a field. */
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestController, type TestController } from '../../../../test/support/controller.ts';

type Json = Readonly<Record<string, unknown>>;

let stile: TestController;
beforeAll(async () => {
  stile = await startTestController();
  await stile.addLiveWorker();
});
afterAll(() => stile?.stop());

interface Call {
  readonly method: string;
  readonly path: string;
  /** Field to the fields in it; leaves are empty. */
  readonly fields: Tree;
}
interface Tree {
  readonly [name: string]: Tree;
}

/** Ids of resources that are there, so that bodies are read beyond the lookup; others get an id that is not. */
async function knownIds(): Promise<Readonly<Record<string, string>>> {
  const first = async (path: string): Promise<string> => {
    const answer = await stile.send('GET', path, undefined, stile.admin);
    const { items } = answer.json as { items?: readonly { id: string }[] };
    return items?.[0]?.id ?? '';
  };
  const storeId = await first('/v1/credential-stores?scope_id=p_1234567890');
  return {
    accounts: 'acctpw_0987654321',
    aliases: await first('/v1/aliases?scope_id=global'),
    'auth-methods': 'ampw_1234567890',
    'credential-stores': storeId,
    credentials: await first(`/v1/credentials?credential_store_id=${storeId}`),
    'credential-libraries': 'clvlt_1234567890',
    'host-catalogs': 'hcst_1234567890',
    'host-sets': 'hsst_1234567890',
    hosts: 'hst_1234567890',
    'managed-groups': 'mgoidc_1234567890',
    targets: 'ttcp_1234567890',
  };
}

function treeOf(schema: Json, schemas: Readonly<Record<string, Json>>): Tree {
  const reference = schema['$ref'];
  if (typeof reference === 'string') return treeOf(schemas[reference.split('/').at(-1) ?? ''] ?? {}, schemas);
  const items = schema['items'];
  if (items !== undefined) return treeOf(items as Json, schemas);
  const properties = (schema['properties'] ?? {}) as Readonly<Record<string, Json>>;
  return Object.fromEntries(
    Object.entries(properties).map(([name, property]) => [name, treeOf(property, schemas)]),
  );
}

/** Every call with a body that the document tells, of the resources whose ids are known. */
async function calls(): Promise<readonly Call[]> {
  const ids = await knownIds();
  const { json } = await stile.send('GET', '/v1/openapi.json');
  const document = json as {
    readonly paths: Readonly<Record<string, Readonly<Record<string, Json>>>>;
    readonly components: { readonly schemas: Readonly<Record<string, Json>> };
  };
  return Object.entries(document.paths).flatMap(([path, operations]) => {
    const id = ids[path.split('/')[2]?.split(':')[0] ?? ''];
    if (id === undefined) return [];
    return Object.entries(operations).flatMap(([method, operation]) => {
      if (operation['requestBody'] === undefined) return [];
      const { content } = operation['requestBody'] as {
        content: { 'application/json': { schema: Json } };
      };
      const fields = treeOf(content['application/json'].schema, document.components.schemas);
      return [{ method: method.toUpperCase(), path: path.replace(/\{[^}]*\}/g, id), fields }];
    });
  });
}

const goodValues = [
  1,
  2,
  '',
  'a name',
  'global',
  'p_1234567890',
  'hcst_1234567890',
  'ampw_1234567890',
  'ttcp_1234567890',
  'credup_1234567890',
  'password',
  'static',
  'tcp',
  'target',
  'username_password',
  'ssh_private_key',
  'json',
  '-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEA\n-----END OPENSSH PRIVATE KEY-----',
  '-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----',
];
const badValues = [
  null,
  true,
  -1,
  0.5,
  1e308,
  4_294_967_296,
  '\u0000',
  '\uD800',
  '99999999999999999999',
  'x'.repeat(5000),
  [],
  {},
  ['a', 1],
  [[]],
  { a: { a: { a: 1 } } },
  { __proto__: null, constructor: 1 },
  JSON.parse('{"__proto__":{"a":1}}') as unknown,
];
const anyValue = fc.oneof(fc.constantFrom(...goodValues), fc.constantFrom(...badValues), fc.jsonValue());

/** A value for a field: mostly of its shape. */
function valueFor(fields: Tree): fc.Arbitrary<unknown> {
  const names = Object.keys(fields);
  if (names.length === 0) return anyValue;
  const record = recordOf(fields);
  return fc.oneof(
    { weight: 4, arbitrary: record },
    { weight: 1, arbitrary: fc.array(record, { maxLength: 3 }) },
    { weight: 1, arbitrary: anyValue },
  );
}

function recordOf(fields: Tree): fc.Arbitrary<Json> {
  const values = Object.fromEntries(Object.entries(fields).map(([name, inner]) => [name, valueFor(inner)]));
  const others = fc.dictionary(fc.string({ maxLength: 8 }), anyValue, { maxKeys: 1 });
  return fc
    .tuple(fc.record(values, { requiredKeys: [] }), others)
    .map(([known, unknown]) => ({ ...unknown, ...known }));
}

/** Good bodies, so that what is changed in them is judged by itself. */
const goodBodies: Readonly<Record<string, Json>> = {
  '/v1/accounts': { auth_method_id: 'ampw_1234567890', attributes: { login_name: 'somebody' } },
  '/v1/aliases': { scope_id: 'global', type: 'target', value: 'some.example' },
  '/v1/auth-methods': { scope_id: 'global', type: 'password' },
  '/v1/credential-stores': { scope_id: 'p_1234567890', type: 'static' },
  '/v1/credentials': { type: 'json', attributes: { object: { a: 1 } } },
  '/v1/host-catalogs': { scope_id: 'p_1234567890', type: 'static' },
  '/v1/hosts': { host_catalog_id: 'hcst_1234567890', attributes: { address: '10.0.0.1' } },
  '/v1/host-sets': { host_catalog_id: 'hcst_1234567890' },
  '/v1/targets': { scope_id: 'p_1234567890', type: 'tcp', name: 't', attributes: { default_port: 22 } },
};

/** A good body for the call: with the version that the resource has now. */
async function goodBody({ method, path }: Call, ids: Readonly<Record<string, string>>): Promise<Json> {
  const item = path.replace(/:[a-z-]+$/, '');
  if (method === 'POST' && item.split('/').length === 3) {
    return {
      ...(path === '/v1/credentials' ? { credential_store_id: ids['credential-stores'] } : {}),
      ...goodBodies[path],
    };
  }
  const answer = await stile.send('GET', item, undefined, stile.admin);
  return { version: (answer.json as Json | undefined)?.['version'] ?? 1 };
}

/** What replaces or joins one field of a good body, or several. */
function changeOf(fields: Tree): fc.Arbitrary<Json> {
  const change = fc
    .constantFrom(...Object.keys(fields))
    .chain((name) => valueFor(fields[name] ?? {}).map((value): Json => ({ [name]: value })));
  return fc.oneof({ weight: 3, arbitrary: change }, { weight: 1, arbitrary: recordOf(fields) });
}

test('whatever a body holds, no call is a fault of the server, and a 400 says which field is wrong', async () => {
  const all = await calls();
  expect(all.length).toBeGreaterThan(25);
  const ids = await knownIds();
  const request = fc
    .constantFrom(...all)
    .chain((call) =>
      fc.record({ call: fc.constant(call), change: changeOf(call.fields), isAlone: fc.boolean() }),
    );
  const met = new Set<number>();
  await fc.assert(
    fc.asyncProperty(request, async ({ call, change, isAlone }) => {
      const body = isAlone ? change : { ...(await goodBody(call, ids)), ...change };
      const answer = await stile.send(call.method, call.path, body, stile.admin);
      met.add(answer.status);
      const shown = { ...call, fields: undefined, body, answer: answer.text };
      expect(shown).not.toMatchObject({ answer: expect.stringContaining('"kind":"Internal"') });
      expect({ ...shown, status: answer.status }).toMatchObject({
        status: expect.toSatisfy((status: number) => status < 500),
      });
      if (answer.status !== 400) return;
      const error = answer.json as { kind: string; message: string; details?: { request_fields: unknown[] } };
      const isUnique = error.message.includes('must be unique');
      if (error.kind === 'InvalidArgument' && !isUnique) {
        expect(shown).toMatchObject({ answer: expect.stringContaining('"request_fields":[{"name":"') });
      }
    }),
    { numRuns: 1500 },
  );
  // Not all bodies fell at the first check.
  expect([...met]).toEqual(expect.arrayContaining([200, 400, 404]));
}, 120_000);
