/** The OpenAPI 3.1 document, made from the same table that is served: `GET /v1/openapi.json`. */
import type { ActionPermission } from './access.ts';
import { isPublic, type Operation } from './operation.ts';
import { pathOf } from './router.ts';
import type { Field, FieldTable, Schema } from './schema/field.ts';

type Json = Readonly<Record<string, unknown>>;

/** JSON Schema of a field. */
function fieldSchema(field: Field): Json {
  const shared = {
    ...(field.summary === undefined ? {} : { description: field.summary }),
    ...(field.access === 'output' ? { readOnly: true } : {}),
    ...(field.isWriteOnly === true ? { writeOnly: true } : {}),
  };
  switch (field.kind) {
    case 'string':
      return { type: 'string', ...(field.enum === undefined ? {} : { enum: field.enum }), ...shared };
    case 'uint32':
      return { type: 'integer', minimum: 0, maximum: 4_294_967_295, ...shared };
    case 'int32':
      return { type: 'integer', minimum: -2_147_483_648, maximum: 2_147_483_647, ...shared };
    case 'bool':
      return { type: 'boolean', ...shared };
    case 'strings':
      return { type: 'array', items: { type: 'string' }, ...shared };
    case 'object':
      return {
        ...objectSchema(field.fields),
        ...(field.strict === true ? { additionalProperties: false } : {}),
        ...shared,
      };
    case 'json':
      return { type: 'object', additionalProperties: true, ...shared };
    case 'any':
      return { ...shared };
    case 'list':
      return { type: 'array', items: objectSchema(field.fields), ...shared };
    case 'time':
      return { type: 'string', format: 'date-time', ...shared };
    case 'int64':
      return { type: 'string', pattern: '^-?[0-9]+$', ...shared };
    case 'bytes':
      return { type: 'string', contentEncoding: 'base64', ...shared };
    case 'map':
      return {
        type: 'object',
        additionalProperties: { type: 'array', items: { type: 'string' } },
        ...shared,
      };
  }
}

function objectSchema(fields: FieldTable): Json {
  const properties = Object.fromEntries(
    Object.entries(fields).map(([name, field]) => [name, fieldSchema(field)]),
  );
  return { type: 'object', properties };
}

const errorSchema: Json = {
  type: 'object',
  required: ['kind', 'message'],
  properties: {
    kind: { type: 'string' },
    op: { type: 'string' },
    message: { type: 'string' },
    details: {
      type: 'object',
      properties: {
        request_fields: {
          type: 'array',
          items: {
            type: 'object',
            properties: { name: { type: 'string' }, description: { type: 'string' } },
          },
        },
      },
    },
  },
};

function listSchema(schema: Schema): Json {
  return {
    type: 'object',
    required: ['response_type'],
    properties: {
      items: { type: 'array', items: reference(schema) },
      response_type: { type: 'string', enum: ['delta', 'complete'] },
      list_token: { type: 'string' },
      sort_by: { type: 'string', enum: ['created_time', 'updated_time'] },
      sort_dir: { type: 'string', enum: ['desc'] },
      removed_ids: { type: 'array', items: { type: 'string' } },
      est_item_count: { type: 'integer', minimum: 0 },
    },
  };
}

const reference = (schema: Schema): Json => ({ $ref: `#/components/schemas/${schema.name}` });
const jsonContent = (schema: Json): Json => ({ content: { 'application/json': { schema } } });
const errorContent = jsonContent({ $ref: '#/components/schemas/Error' });

/** Headers of the rate limits (http-api.md §1.12). */
const rateHeaders: Json = {
  Ratelimit: {
    description: 'The tightest limit: `limit=…, remaining=…, reset=…` in seconds.',
    schema: { type: 'string' },
  },
  'Ratelimit-Policy': { description: 'All limits of the operation.', schema: { type: 'string' } },
};
const retryAfter: Json = {
  'Retry-After': { description: 'Seconds to wait.', schema: { type: 'integer', minimum: 1 } },
};

/** Answers that many operations share. */
const sharedResponses: Readonly<Record<string, Json>> = {
  BadRequest: {
    description: 'Something in the request is not legal; the fields are named.',
    ...errorContent,
  },
  Unauthenticated: { description: 'No valid auth token, and anonymous callers may not.', ...errorContent },
  Forbidden: { description: 'No grant allows the call.', ...errorContent },
  NotFound: { description: 'No such resource, or not in that version.', ...errorContent },
  NotOffered: { description: 'A feature that Stile does not offer.', ...errorContent },
  TooLarge: { description: 'The body is larger than the listener allows.', ...errorContent },
  TooManyRequests: {
    description: 'A rate limit is reached. Without a body when the listener itself refuses.',
    headers: { ...rateHeaders, ...retryAfter },
    ...errorContent,
  },
  Failure: { description: 'Another error; the body says which.', ...errorContent },
};

function parametersOf(operation: Operation): readonly Json[] {
  const query = (operation.query ?? []).map(({ name, type, summary }) => ({
    name,
    in: 'query',
    required: false,
    description: summary,
    schema: type === 'integer' ? { type, minimum: 0, maximum: 4_294_967_295 } : { type },
  }));
  if (operation.on === 'collection') return query;
  const id = { name: 'id', in: 'path', required: true, description: 'The id of the resource.' };
  return [{ ...id, schema: { type: 'string' } }, ...query];
}

function successOf(operation: Operation): Json {
  const { response } = operation;
  const headers = { headers: rateHeaders };
  if (response === undefined) return { description: 'Done.', ...headers };
  const plainList = {
    type: 'object',
    properties: { items: { type: 'array', items: reference(response.schema) } },
  };
  const schema =
    response.isList !== true
      ? reference(response.schema)
      : response.isPlain === true
        ? plainList
        : listSchema(response.schema);
  return { description: 'Done.', ...headers, ...jsonContent(schema) };
}

/** What a call needs, in the words of grants; `self` = it is for the user itself and needs no grant. */
function permissionText({
  type,
  action,
  hasSelf,
  isOwnFree,
  ownAction,
  isOwnersAlone,
}: ActionPermission): string {
  if (isOwnersAlone === true) return 'self';
  const own =
    ownAction !== undefined
      ? ` or ${ownAction} of one's own`
      : isOwnFree === true
        ? ' or self'
        : hasSelf === true
          ? ' or :self'
          : '';
  return `type=${type};actions=${action}${own}`;
}

/** Which of the shared answers an operation can give. */
function failuresOf(operation: Operation): Json {
  const shared = (name: string): Json => ({ $ref: `#/components/responses/${name}` });
  const isOpen = isPublic(operation.permission);
  return {
    '400': shared('BadRequest'),
    ...(isOpen ? {} : { '401': shared('Unauthenticated'), '403': shared('Forbidden') }),
    ...(operation.on === 'item' || operation.method === 'POST' ? { '404': shared('NotFound') } : {}),
    ...(operation.isNotOffered === true ? { '405': shared('NotOffered') } : {}),
    ...(operation.request === undefined ? {} : { '413': shared('TooLarge') }),
    '429': shared('TooManyRequests'),
    default: shared('Failure'),
  };
}

/** `targetsAuthorizeSession`: unique, and a name in every language that clients are generated for. */
function operationIdOf({ resource, verb }: Operation): string {
  const [first = '', ...words] = `${resource}-${verb}`.split(/[^A-Za-z0-9]+/);
  return first + words.map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join('');
}

function operationDocument(operation: Operation): Json {
  const { permission } = operation;
  const success =
    operation.isNotOffered === true ? {} : { [String(operation.status ?? 200)]: successOf(operation) };
  return {
    operationId: operationIdOf(operation),
    tags: [operation.resource],
    summary: operation.summary,
    parameters: parametersOf(operation),
    ...(operation.request === undefined ? {} : { requestBody: jsonContent(reference(operation.request)) }),
    responses: { ...success, ...failuresOf(operation) },
    ...(isPublic(permission)
      ? { security: [] }
      : {
          'x-permission': permissionText(permission),
        }),
  };
}

const securitySchemes: Json = {
  bearer: { type: 'http', scheme: 'bearer', description: 'An auth token `at_…`.' },
  scriptCookie: {
    type: 'apiKey',
    in: 'cookie',
    name: 'wt-js-token-cookie',
    description: 'The first half of an auth token, as `:authenticate` sets it for browsers.',
  },
  httpCookie: {
    type: 'apiKey',
    in: 'cookie',
    name: 'wt-http-token-cookie',
    description: 'The second half.',
  },
};

function tagsOf(operations: readonly Operation[]): readonly Json[] {
  const names = [...new Set(operations.map((operation) => operation.resource))].sort();
  return names.map((name) => ({ name, description: `Operations on \`/v1/${name}\`.` }));
}

/** The document of a table of operations. */
export function openApiDocument(operations: readonly Operation[], version: string): Json {
  const paths: Record<string, Record<string, Json>> = {};
  const schemas: Record<string, Json> = { Error: errorSchema };
  for (const operation of operations) {
    const path = (paths[pathOf(operation)] ??= {});
    path[operation.method.toLowerCase()] = operationDocument(operation);
    for (const schema of [operation.request, operation.response?.schema]) {
      if (schema !== undefined) schemas[schema.name] ??= objectSchema(schema.fields);
    }
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Stile',
      version,
      summary: 'The HTTP API of a Stile controller.',
      description:
        'Bodies are JSON whatever their content type says. Empty values are left out of answers. Unknown keys of a body are ignored in POST and refused in PATCH.',
      license: { name: 'Apache 2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/', description: 'The listener that serves this document.' }],
    tags: tagsOf(operations),
    paths,
    components: { schemas, responses: sharedResponses, securitySchemes },
    // Anonymous callers may do what the grants of `u_anon` allow.
    security: [{ bearer: [] }, { scriptCookie: [], httpCookie: [] }, {}],
  };
}
