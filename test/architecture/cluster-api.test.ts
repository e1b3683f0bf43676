/**
 * The OpenAPI document of the Cluster API: valid 3.1, complete, and true to the promise of version 2 (tokens.md §4.2). The document of the
 * last release stands in docs/api/cluster-v2.json; `npm run docs` writes it anew, but only when nothing of it was taken away.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, test } from 'vitest';
import type { ApiServices } from '../../packages/controller/src/api/services.ts';
import { clusterOperations } from '../../packages/controller/src/api/v2/cluster-api.ts';
import { clusterDocument } from '../../packages/controller/src/api/v2/document.ts';
import type { Json } from '../support/dev-server.ts';
import { problemsOf } from '../support/openapi-linter.ts';
import { brokenPromises } from '../support/openapi-compatibility.ts';
import { root } from './sources.ts';

// The rows only keep the services; nothing is called.
const rows = clusterOperations({ lists: {} } as ApiServices).map(({ facts }) => facts);
const document = JSON.parse(JSON.stringify(clusterDocument(rows))) as Json;
const releasedFile = join(root, 'docs/api/cluster-v2.json');

const paths = {
  stable: [
    'GET /api/v2/health/',
    'POST /api/v2/login/',
    'POST /api/v2/logout/',
    'GET /api/v2/nodes/',
    'GET /api/v2/sessions/',
    'GET /api/v2/sessions/{session_id}/',
    'GET /api/v2/openapi.json',
  ],
  unstable: ['GET /api/v2/nodes/{node_id}/connections/', 'GET /api/v2/sessions/hot/', 'GET /api/v2/users/'],
};

function operationsIn(source: Json): [string, Json][] {
  return Object.entries(source.paths as Record<string, Record<string, Json>>).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, each]): [string, Json] => [
      `${method.toUpperCase()} ${path}`,
      each,
    ]),
  );
}

function changed(change: (copy: Json) => void): Json {
  const copy = structuredClone(document) as Json;
  change(copy);
  return copy;
}

describe('row D5: the OpenAPI document of the Cluster API', () => {
  test('is valid OpenAPI 3.1 of version 2.0, with nothing that the linter objects to', async () => {
    expect(document.openapi).toMatch(/^3\.1\./);
    expect(document.info.version).toBe('2.0');
    // Canonical paths of this API end in a slash.
    expect(await problemsOf(document, ['no-path-trailing-slash'])).toEqual([]);
  });

  test('has every path, each with its stability', () => {
    const of = (stability: string): string[] =>
      operationsIn(document)
        .filter(([, each]) => each['x-stability'] === stability)
        .map(([name]) => name)
        .toSorted();
    expect(of('stable')).toEqual(paths.stable.toSorted());
    expect(of('unstable')).toEqual(paths.unstable.toSorted());
  });

  test('says of every operation its permission, one example and its error statuses', () => {
    expect(Object.keys(document.components.securitySchemes as Json)).toEqual([
      'bearer',
      'sessionHeader',
      'sessionCookie',
    ]);
    for (const [name, each] of operationsIn(document)) {
      expect({ name, permission: each['x-permission'] }).toEqual({
        name,
        permission: expect.stringMatching(/\S/),
      });
      expect({ name, example: each.responses['200'].content['application/json'].example }).toEqual({
        name,
        example: expect.any(Object),
      });
      const isOpen = Array.isArray(each.security) && each.security.length === 0;
      expect({ name, answers: Object.keys(each.responses as object) }).toEqual({
        name,
        answers: expect.arrayContaining(['200', '400', '429', ...(isOpen ? [] : ['401', '403'])]),
      });
    }
  });

  test('has examples that are legal by their own schemas', () => {
    const ajv = new Ajv2020({ strict: false, formats: { 'date-time': true, password: true } });
    ajv.addSchema({ ...document, $id: 'document' } as object);
    for (const [name, each] of operationsIn(document)) {
      const { schema, example } = each.responses['200'].content['application/json'] as Json;
      const text = JSON.stringify(schema).replaceAll('"#/', '"document#/');
      const validate = ajv.compile(JSON.parse(text) as object);
      expect({ name, isLegal: validate(example), errors: validate.errors }).toMatchObject({
        name,
        isLegal: true,
      });
    }
  });

  test('takes nothing away from the clients of the last release', () => {
    if (process.env['STILE_WRITE_DOCS'] === '1') {
      const before = readReleased();
      if (before !== undefined) expect(brokenPromises(before, document)).toEqual([]);
      mkdirSync(join(root, 'docs/api'), { recursive: true });
      writeFileSync(releasedFile, `${JSON.stringify(document, undefined, 2)}\n`);
    }
    const released = readReleased();
    expect(released).toBeDefined();
    expect(brokenPromises(released as Json, document)).toEqual([]);
  });
});

function readReleased(): Json {
  try {
    return JSON.parse(readFileSync(releasedFile, 'utf8')) as Json;
  } catch {
    // Before the first one was written.
    return undefined;
  }
}

const nodes = '/api/v2/nodes/';
const listOf = (copy: Json): Json =>
  copy.paths[nodes].get.responses['200'].content['application/json'].schema as Json;
const formOf = (copy: Json): Json =>
  copy.paths['/api/v2/login/'].post.requestBody.content['application/x-www-form-urlencoded'].schema as Json;

describe('the keeper of the promise', () => {
  test.each<[string, RegExp, (copy: Json) => void]>([
    ['a path is gone', /GET \/api\/v2\/nodes\/: is gone/, (copy) => delete copy.paths[nodes]],
    ['a method is another', /is gone/, (copy) => (copy.paths[nodes] = { post: copy.paths[nodes].get })],
    [
      'a stable entry becomes unstable',
      /is stable no longer/,
      (copy) => (copy.paths[nodes].get['x-stability'] = 'unstable'),
    ],
    [
      'an operation is renamed',
      /has another operationId/,
      (copy) => (copy.paths[nodes].get.operationId = 'nodes'),
    ],
    [
      'a parameter is gone',
      /query parameter limit is gone/,
      (copy) => (copy.paths[nodes].get.parameters as Json[]).shift(),
    ],
    [
      'a parameter is renamed',
      /query parameter start is gone/,
      (copy) => (copy.paths[nodes].get.parameters[1].name = 'cursor'),
    ],
    [
      'a parameter has another type',
      /type was integer and is string/,
      (copy) => (copy.paths[nodes].get.parameters[0].schema.type = 'string'),
    ],
    [
      'a parameter takes a smaller range',
      /takes a smaller range/,
      (copy) => (copy.paths[nodes].get.parameters[0].schema.maximum = 500),
    ],
    [
      'a parameter has another default',
      /has another default/,
      (copy) => (copy.paths[nodes].get.parameters[0].schema.default = 10),
    ],
    [
      'a parameter is required now',
      /limit is required now/,
      (copy) => (copy.paths[nodes].get.parameters[0].required = true),
    ],
    [
      'a new parameter is required',
      /kind is new and required/,
      (copy) =>
        (copy.paths[nodes].get.parameters as Json[]).push({
          name: 'kind',
          in: 'query',
          required: true,
          schema: { type: 'string' },
        }),
    ],
    ['a field is gone', /field next is gone/, (copy) => delete listOf(copy).properties.next],
    [
      'a field of a named object is gone',
      /nodes\[\]: field liveness_status is gone/,
      (copy) => delete copy.components.schemas.Node.properties.liveness_status,
    ],
    [
      'a field within a field is renamed',
      /metrics: field sessions is gone/,
      (copy) => {
        const { properties } = copy.components.schemas.Node.properties.metrics as Json;
        properties.session_count = properties.sessions;
        delete properties.sessions;
      },
    ],
    [
      'a field has another type',
      /bytes_up: type was integer and is string/,
      (copy) => (copy.components.schemas.Session.properties.bytes_up.type = 'string'),
    ],
    [
      'an object becomes another',
      /type was object and is array/,
      (copy) => (copy.components.schemas.Node.type = 'array'),
    ],
    [
      'a field may be absent now',
      /field node_id may be absent now/,
      (copy) => (copy.components.schemas.Node.required as string[]).shift(),
    ],
    [
      'the values of a map have another type',
      /tags\.\*: type was array and is string/,
      (copy) => (copy.components.schemas.Node.properties.tags.additionalProperties.type = 'string'),
    ],
    [
      'a status is gone',
      /→ 404: is gone/,
      (copy) => delete copy.paths['/api/v2/sessions/{session_id}/'].get.responses['404'],
    ],
    [
      'a header is gone',
      /header X-Stile-API-Version is gone/,
      (copy) => delete copy.paths[nodes].get.responses['200'].headers['X-Stile-API-Version'],
    ],
    ['a form field is gone', /field otp is gone/, (copy) => delete formOf(copy).properties.otp],
    [
      'a form field is required now',
      /field otp is required now/,
      (copy) => (formOf(copy).required as string[]).push('otp'),
    ],
    [
      'a form is taken no longer',
      /takes no application\/x-www-form-urlencoded any more/,
      (copy) => (copy.paths['/api/v2/login/'].post.requestBody.content = { 'application/json': {} }),
    ],
    [
      'an operation needs a body now',
      /needs a body now/,
      (copy) => (copy.paths['/api/v2/logout/'].post.requestBody = { required: true, content: {} }),
    ],
    [
      'an open operation wants a token',
      /is open no longer/,
      (copy) => delete copy.paths['/api/v2/health/'].get.security,
    ],
    [
      'a way to present a token is gone',
      /not to be had by .*sessionHeader/,
      (copy) => (copy.security = [{ bearer: [] }, { sessionCookie: [] }]),
    ],
    [
      'a header of a token is renamed',
      /security scheme sessionHeader/,
      (copy) => (copy.components.securitySchemes.sessionHeader.name = 'X-Session'),
    ],
    ['the major version is another', /another major version/, (copy) => (copy.info.version = '3.0')],
  ])('sees that %s', (_what, line, change) => {
    const broken = brokenPromises(document, changed(change));
    expect(broken.filter((each) => line.test(each))).not.toEqual([]);
  });

  test('lets new paths, optional parameters and fields come, and unstable entries change', () => {
    const newer = changed((copy) => {
      copy.paths['/api/v2/events/'] = { get: { 'x-stability': 'stable', parameters: [], responses: {} } };
      (copy.paths[nodes].get.parameters as Json[]).push({
        name: 'kind',
        in: 'query',
        schema: { type: 'string' },
      });
      copy.paths[nodes].get.parameters[0].schema.maximum = 5000;
      copy.components.schemas.Node.properties.region = { type: 'string' };
      (copy.components.schemas.Node.required as string[]).push('region');
      copy.paths[nodes].get.responses['418'] = { description: 'New.' };
      formOf(copy).properties.device = { type: 'string' };
      delete copy.paths['/api/v2/users/'];
      delete copy.paths['/api/v2/sessions/hot/'].get.responses['404'];
      copy.info.version = '2.1';
    });
    expect(brokenPromises(document, newer)).toEqual([]);
  });
});
