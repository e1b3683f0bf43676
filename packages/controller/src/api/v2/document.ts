/** The OpenAPI 3.1 document of the Cluster API, made from the rows that are served: `GET /api/v2/openapi.json`. */
import { ok } from '../operation.ts';
import {
  openClusterOperation,
  type ClusterFacts,
  type ClusterOperation,
  type FormField,
  type JsonSchema,
} from './cluster-operation.ts';
import { clusterSchemas, ref } from './schemas.ts';
import { clusterApiRoot, clusterApiVersion, versionHeader } from './surface.ts';

type Json = Readonly<Record<string, unknown>>;

const versionOfAnswer: Json = {
  [versionHeader]: { description: 'Version of this API.', schema: { type: 'string' } },
};
const retryAfter: Json = {
  'Retry-After': { description: 'Seconds to wait.', schema: { type: 'integer', minimum: 1 } },
};

function parametersOf({ parameters }: ClusterFacts): readonly Json[] {
  return parameters.map((each) => ({ ...each, required: each.in === 'path' }));
}

function formSchema(fields: readonly FormField[]): JsonSchema {
  const properties = Object.fromEntries(
    fields.map(({ name, description, isSecret }) => [
      name,
      { type: 'string', description, ...(isSecret === true ? { format: 'password', writeOnly: true } : {}) },
    ]),
  );
  return {
    type: 'object',
    properties,
    required: fields.filter((field) => field.isRequired).map((field) => field.name),
  };
}

function answersOf({ answer, failures }: ClusterFacts): Json {
  const failed = Object.entries(failures).map(([status, description]) => [
    status,
    {
      description,
      headers: { ...versionOfAnswer, ...(status === '429' ? retryAfter : {}) },
      content: { 'application/json': { schema: ref('Error') } },
    },
  ]);
  const { description, schema, example } = answer;
  return {
    '200': { description, headers: versionOfAnswer, content: { 'application/json': { schema, example } } },
    ...Object.fromEntries(failed),
  };
}

function operationDocument(facts: ClusterFacts): Json {
  const { form } = facts;
  return {
    operationId: facts.operationId,
    tags: [facts.path.split('/', 1)[0] ?? ''],
    summary: facts.summary,
    ...(facts.description === undefined ? {} : { description: facts.description }),
    'x-stability': facts.stability,
    'x-permission': facts.permission,
    parameters: parametersOf(facts),
    ...(form === undefined
      ? {}
      : {
          requestBody: {
            required: true,
            content: { 'application/x-www-form-urlencoded': { schema: formSchema(form) } },
          },
        }),
    responses: answersOf(facts),
    ...(facts.permission === 'open' ? { security: [] } : {}),
  };
}

const securitySchemes: Json = {
  bearer: { type: 'http', scheme: 'bearer', description: 'An auth token `at_…`.' },
  sessionHeader: {
    type: 'apiKey',
    in: 'header',
    name: 'X-Stile-API-Session',
    description:
      'An auth token, as `login/` gives it, or `cookie`: then the cookie counts. `X-Cockroach-API-Session` is another name of it.',
  },
  sessionCookie: {
    type: 'apiKey',
    in: 'cookie',
    name: '__Host-stile-session',
    description: 'An auth token, as consoles and `stile auth-session login` have it.',
  },
};

/** The document of the rows. */
export function clusterDocument(rows: readonly ClusterFacts[]): Json {
  const tags = [...new Set(rows.map(({ path }) => path.split('/', 1)[0] ?? ''))].sort();
  const paths: Record<string, Json> = {};
  for (const facts of rows) {
    const path = clusterApiRoot + facts.path;
    paths[path] = { ...paths[path], [facts.method.toLowerCase()]: operationDocument(facts) };
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Stile Cluster API',
      version: clusterApiVersion,
      summary: 'Health, nodes, sessions and connections of a Stile installation.',
      description:
        'Served by every controller about the whole installation. Within version 2 no path, parameter, field or status of an entry marked `x-stability: stable` is removed, renamed, retyped or given a new required input; new ones, and enum values, may come. Entries marked `unstable` may change in a minor version. The last `/` of a path may be left out.',
      license: { name: 'Apache 2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/', description: 'The listener that serves this document.' }],
    tags: tags.map((name) => ({ name, description: `Operations on \`${clusterApiRoot}${name}\`.` })),
    paths,
    components: { schemas: clusterSchemas, securitySchemes },
    security: [{ bearer: [] }, { sessionHeader: [] }, { sessionCookie: [] }],
  };
}

/** The row that serves the document of all rows, itself included. */
export function documentOperation(others: readonly ClusterOperation[]): ClusterOperation {
  const row = openClusterOperation(
    {
      path: 'openapi.json',
      method: 'GET',
      operationId: 'readOpenApi',
      summary: 'This document.',
      stability: 'stable',
      resource: 'openapi.json',
      verb: 'read',
      why: 'the document says what the API is, nothing of what it holds',
      parameters: [],
      answer: {
        description: 'An OpenAPI 3.1 document.',
        schema: { type: 'object' },
        example: { openapi: '3.1.0', info: { title: 'Stile Cluster API', version: clusterApiVersion } },
      },
      failures: {
        400: 'A parameter is unknown.',
        429: 'A rate limit is reached; `Retry-After` says for how long.',
      },
    },
    () => Promise.resolve(ok(document())),
  );
  let made: Json | undefined;
  const document = (): Json => (made ??= clusterDocument([...others, row].map(({ facts }) => facts)));
  return row;
}
