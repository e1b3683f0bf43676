/**
 * Hostile requests made from an OpenAPI document: for every operation, each query parameter and each field of the body in turn
 * with values of wrong types, huge, deep or odd ones; and whole bodies at random. What schemathesis would send.
 */
import fc from 'fast-check';
import type { Json } from './dev-server.ts';

/** A request, as bytes where JSON could not say it. */
export interface HostileRequest {
  readonly method: string;
  readonly path: string;
  /** The text of the body. */
  readonly body?: string;
  /** What is wrong with it, for messages. */
  readonly what: string;
  /** The field or parameter that an error must name, when the request is refused for it. */
  readonly field?: string;
}

/** One operation of the document. */
export interface DocumentOperation {
  readonly name: string;
  readonly method: string;
  /** With `{id}`. */
  readonly path: string;
  readonly parameters: readonly { readonly name: string; readonly type: string }[];
  /** Its schema; undefined when it has none. */
  readonly body: Json;
}

/** The operations of a document, with their body schema resolved. */
export function operationsOf(document: Json): DocumentOperation[] {
  const resolve = (schema: Json): Json => {
    const name = String(schema?.$ref ?? '')
      .split('/')
      .pop();
    return name === undefined || name === '' ? schema : document.components.schemas[name];
  };
  return Object.entries(document.paths as Record<string, Record<string, Json>>).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({
      name: `${method.toUpperCase()} ${path}`,
      method: method.toUpperCase(),
      path,
      parameters: ((operation.parameters ?? []) as Json[])
        .filter((parameter) => parameter.in === 'query')
        .map((parameter) => ({ name: String(parameter.name), type: String(parameter.schema.type) })),
      body: resolve(operation.requestBody?.content['application/json'].schema),
    })),
  );
}

/** JSON texts by their type; every one of them is at home in none of our fields, or is odd in the one it fits. */
const textsByType: readonly (readonly [type: string, text: string])[] = [
  ['boolean', 'true'],
  ['number', '0'],
  ['number', '-1'],
  ['number', '1.5'],
  ['number', '1e308'],
  ['number', '-0'],
  ['number', '123456789012345678901234567890'],
  ['string', '""'],
  ['string', '"x"'],
  ['string', '"\\u0000"'],
  ['string', '"\\ud800"'],
  ['string', '"\\u202e\\u0007"'],
  ['string', '"-1"'],
  ['string', '"99999999999999999999"'],
  ['string', '"../../etc/passwd"'],
  ['string', '"\' or 1=1 --"'],
  ['string', `"${'x'.repeat(70_000)}"`],
  ['array', '[]'],
  ['array', '[null]'],
  ['array', '[1,"a",{}]'],
  ['array', `[${'"x",'.repeat(12_000)}"x"]`],
  ['array', `${'['.repeat(90)}${']'.repeat(90)}`],
  ['object', '{}'],
  ['object', '{"a":1}'],
  ['object', '{"__proto__":{"a":["b"]},"constructor":["x"]}'],
  ['object', `${'{"a":'.repeat(90)}1${'}'.repeat(90)}`],
];

/** Whether JSON of a type could stand in a field of that schema. */
function fits(schema: Json, type: string): boolean {
  // Any JSON at all.
  if (schema.type === undefined) return true;
  const wanted = String(schema.type);
  if (wanted === type) return true;
  // Whole numbers may be written as texts (http-api.md §1.3).
  return wanted === 'integer' && (type === 'number' || type === 'string');
}

interface Place {
  /** `attributes.default_port`. */
  readonly name: string;
  readonly schema: Json;
}

/** Fields of a schema that a request may set, those inside objects after the object itself. */
function placesOf(schema: Json, prefix = ''): Place[] {
  return Object.entries((schema?.properties ?? {}) as Record<string, Json>)
    .filter(([, field]) => field.readOnly !== true)
    .flatMap(([name, field]) => [
      { name: prefix + name, schema: field },
      ...(prefix === '' && field.type === 'object' ? placesOf(field, `${name}.`) : []),
    ]);
}

/** Types of what a collection holds: attributes are judged by them. */
const types: Readonly<Record<string, string>> = {
  accounts: 'password',
  aliases: 'target',
  'auth-methods': 'password',
  'credential-stores': 'static',
  credentials: 'username_password',
  'host-catalogs': 'static',
  'host-sets': 'static',
  hosts: 'static',
  targets: 'tcp',
};

/** A body with one field set; the others as far as that one is looked at. */
function bodyWith(name: string, text: string, type: string | undefined): string {
  const [outer = '', inner] = name.split('.', 2);
  const value = inner === undefined ? text : `{${JSON.stringify(inner)}:${text}}`;
  const version = outer === 'version' ? '' : '"version":1,';
  const typed = type === undefined || outer !== 'attributes' ? '' : `"type":${JSON.stringify(type)},`;
  return `{${version}${typed}${JSON.stringify(outer)}:${value}}`;
}

const longFilter = Array.from({ length: 10_000 }, (_, at) => `"/item/name"=="n${at}"`).join(' or ');
const queryTexts: Readonly<Record<string, readonly string[]>> = {
  integer: ['-1', 'x', '1.5', '1e9', '99999999999999999999', '0x10', '%20', 'NaN', '%00', '%ff'],
  boolean: ['2', 'maybe', 'TRUEE', '[]', '%00', '%ff'],
  string: ['x', '%00', '%ff%fe', '..%2f..%2fetc', '%F0%9F%98%80', '%27%20or%201%3D1', 'a'.repeat(5000)],
};
const filterTexts: readonly string[] = [
  longFilter,
  longFilter.replaceAll('==', ' matches '),
  '('.repeat(10_000),
  `${'not '.repeat(10_000)}"/item/name"=="x"`,
  '"/item/name" matches "(a+)+$"',
  '"/item/name" matches "(((((x{1,100}){1,100}){1,100}){1,100}){1,100}"',
  '"/item/name" matches "["',
  '"/item/__proto__/constructor" == "x"',
  '"/item/scope" == "x"',
  'x',
  '"',
  '',
];

/**
 * Every request about one operation. `id` stands for the path's; `parent` is the query that its list needs; `body` is a legal one, so that a
 * hostile query is all that is wrong.
 */
export function hostileRequests(
  operation: DocumentOperation,
  ids: { readonly id: string; readonly parent: string; readonly body?: object | undefined },
): HostileRequest[] {
  const { method } = operation;
  const path = operation.path.replace('{id}', ids.id);
  const withQuery = (name: string, text: string): string =>
    `${path}?${name === 'scope_id' ? '' : `${ids.parent}&`}${name}=${text}`;
  const legal = ids.body === undefined ? {} : { body: JSON.stringify(ids.body) };
  const queries = operation.parameters.flatMap(({ name, type }) => [
    ...(queryTexts[type] ?? []).map((text) => ({
      method,
      ...legal,
      path: withQuery(name, text),
      what: `${name}=${text.slice(0, 20)}`,
      ...(type === 'string' ? {} : { field: name }),
    })),
    ...(name === 'filter' ? filterTexts : []).map((text) => ({
      method,
      path: withQuery(name, encodeURIComponent(text)),
      what: `${name}=${text.slice(0, 40)}`,
      field: name,
    })),
    { method, path: `${withQuery(name, 'a')}&${name}=b`, what: `${name} twice` },
    { method, path: withQuery(`${name}[a]`, '1'), what: `${name} as an object` },
  ]);
  const paths = operation.path.includes('{id}')
    ? ['x', '%00', '%ff', '..%2f..', '_', `u_${'9'.repeat(5000)}`, "a'b", '%E2%80%AE', ':', '__proto__'].map(
        (id) => ({ method, path: operation.path.replace('{id}', id), what: `id ${id.slice(0, 20)}` }),
      )
    : [];
  return [...queries, ...paths, ...hostileBodies(operation, path)];
}

function hostileBodies({ method, body }: DocumentOperation, path: string): HostileRequest[] {
  if (method === 'GET' || method === 'DELETE') return [];
  const type = types[path.split('/')[2]?.split(':')[0] ?? ''];
  const query = path.includes('certificate-authority') ? '?scope_id=o_1234567890' : '';
  const send = (text: string, what: string, field?: string): HostileRequest => ({
    method,
    path: path + query,
    body: text,
    what,
    ...(field === undefined ? {} : { field }),
  });
  const fields = placesOf(body).flatMap(({ name, schema }) =>
    textsByType.map(([kind, text]) =>
      send(
        bodyWith(name, text, type),
        `${name}: ${text.slice(0, 30)}`,
        fits(schema, kind) ? undefined : name,
      ),
    ),
  );
  const whole = [
    '',
    ' ',
    'null',
    '1',
    '[]',
    '"x"',
    '{',
    '{"a":}',
    '{"a":1}}',
    '\u0000',
    '{"version":1,"zzz":1}',
  ];
  return [
    ...fields,
    ...whole.map((text) => send(text, `the body ${JSON.stringify(text)}`)),
    send(`{"a":${'['.repeat(200)}${']'.repeat(200)}}`, 'a body 200 levels deep', 'body'),
    send(`{"a":${'{"a":'.repeat(100_000)}`, 'a body 100,000 levels deep', 'body'),
    send(`{"a":"${'x'.repeat(3_000_000)}"}`, 'a body of 3 MB'),
    send(`{${Array.from({ length: 50_000 }, (_, at) => `"k${at}":${at}`).join()}}`, 'a body of 50,000 keys'),
  ];
}

/** Whole bodies for an operation at random: its own fields and others, with any JSON in them. */
export function randomBody(operation: DocumentOperation): fc.Arbitrary<string> {
  const names = placesOf(operation.body).map(({ name }) => name.split('.')[0] ?? '');
  const key = fc.oneof(
    { weight: 8, arbitrary: fc.constantFrom('version', 'type', 'scope_id', ...names) },
    { weight: 1, arbitrary: fc.string() },
  );
  const value = fc.oneof(
    fc.jsonValue({ maxDepth: 4 }),
    fc.constantFrom('p_1234567890', 'global', 'o_1234567890', 'tcp', 'static', 'password', 1, 2, 65_536),
  );
  return fc.dictionary(key, value, { maxKeys: 8 }).map((each) => JSON.stringify(each));
}
