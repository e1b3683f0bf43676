/** Whether an answer of the Cluster API is what its served OpenAPI document says. */
import { Ajv2020 } from 'ajv/dist/2020.js';
import type { Json } from './dev-server.ts';

/** What is wrong with the 200 answer of a GET, one line each; fields that the document does not name are wrong too. */
export async function answerProblems(address: string, path: string, body: Json): Promise<string[]> {
  const document = (await (await fetch(`${address}/api/v2/openapi.json`)).json()) as Json;
  const schema = document.paths[`/api/v2/${path}`].get.responses['200'].content['application/json']
    .schema as Json;
  const ajv = new Ajv2020({
    strict: false,
    allErrors: true,
    formats: { 'date-time': /^\d{4}-.*Z$/, password: true },
  });
  ajv.addSchema(closed({ ...document, $id: 'document' }) as object);
  const text = JSON.stringify(closed(schema)).replaceAll('"#/', '"document#/');
  const validate = ajv.compile(JSON.parse(text) as object);
  validate(body);
  return (validate.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message ?? ''}`);
}

/** The schema without room for fields that it does not name. */
function closed(schema: Json): Json {
  if (Array.isArray(schema)) return schema.map(closed);
  if (typeof schema !== 'object' || schema === null) return schema;
  const members = Object.entries(schema as Record<string, Json>).map(([name, value]) => [
    name,
    closed(value),
  ]);
  const copy = Object.fromEntries(members) as Json;
  if (copy.properties !== undefined && copy.type === 'object') copy.additionalProperties ??= false;
  return copy;
}
