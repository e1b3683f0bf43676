/** The OpenAPI 3.1 document, made from the same table that is served: `GET /v1/openapi.json`. */
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

function parametersOf(operation: Operation): readonly Json[] {
  const query = (operation.query ?? []).map(({ name, type, summary }) => ({
    name,
    in: 'query',
    required: false,
    description: summary,
    schema: { type },
  }));
  if (operation.on === 'collection') return query;
  return [{ name: 'id', in: 'path', required: true, schema: { type: 'string' } }, ...query];
}

function successOf(operation: Operation): Json {
  const { response } = operation;
  if (response === undefined) return { description: 'done' };
  const schema = response.isList === true ? listSchema(response.schema) : reference(response.schema);
  return { description: 'done', ...jsonContent(schema) };
}

function operationDocument(operation: Operation): Json {
  const { permission } = operation;
  return {
    operationId: `${operation.resource}:${operation.verb}`,
    tags: [operation.resource],
    summary: operation.summary,
    parameters: parametersOf(operation),
    ...(operation.request === undefined ? {} : { requestBody: jsonContent(reference(operation.request)) }),
    responses: {
      [String(operation.status ?? 200)]: successOf(operation),
      default: { description: 'an error', ...jsonContent({ $ref: '#/components/schemas/Error' }) },
    },
    ...(isPublic(permission)
      ? { security: [] }
      : {
          'x-permission': `type=${permission.type};actions=${permission.action}${permission.hasSelf === true ? ' or :self' : ''}`,
        }),
  };
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
    info: { title: 'Stile', version, description: 'The HTTP API of a Stile controller.' },
    paths,
    components: {
      schemas,
      securitySchemes: { bearer: { type: 'http', scheme: 'bearer', description: 'An auth token `at_…`.' } },
    },
    security: [{ bearer: [] }],
  };
}
