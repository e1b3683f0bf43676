/**
 * The OpenAPI document that the API serves, checked by a linter of the field and by rules of our own: clients are generated from
 * it. Made from the table of operations, so that it needs no controller and no network.
 */
import { beforeAll, describe, expect, test } from 'vitest';
import { apiOperations } from '../../packages/controller/src/api/operations.ts';
import type { ApiServices } from '../../packages/controller/src/api/services.ts';
import type { Json } from '../support/dev-server.ts';
import { problemsOf } from '../support/openapi-linter.ts';

let document: Json;
beforeAll(async () => {
  // The rows only keep the services; nothing is called.
  const operations = apiOperations({} as ApiServices);
  const row = operations.find((each) => each.resource === 'openapi.json');
  const call = {} as Parameters<NonNullable<typeof row>['run']>[0];
  const answer = await row?.run(call, {} as Parameters<NonNullable<typeof row>['run']>[1]);
  document = JSON.parse(JSON.stringify(answer?.body)) as Json;
});

const operationsIn = (): [string, Json][] =>
  Object.entries(document.paths as Record<string, Record<string, Json>>).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, each]): [string, Json] => [
      `${method.toUpperCase()} ${path}`,
      each,
    ]),
  );

describe('the OpenAPI document', () => {
  test('has nothing that the linter objects to', async () => {
    expect(await problemsOf(document)).toEqual([]);
  });

  test('is read by a linter that is awake', async () => {
    const broken = structuredClone(document) as Json;
    broken.paths['/v1/targets'].get.security = [{ nobody: [] }];
    delete broken.paths['/v1/targets'].post.operationId;
    broken.paths['/v1/targets/{id}'].get.parameters = [];
    broken.components.schemas.Target.properties.name.type = 'text';
    const rules = (await problemsOf(broken)).map((line) => line.split(' ')[0]);
    expect(new Set(rules)).toEqual(
      new Set(['security-defined', 'operation-operationId', 'path-parameters-defined', 'struct']),
    );
  });

  test('names every operation once, in words that can be a function', () => {
    const ids = operationsIn().map(([, each]) => String(each.operationId));
    expect(ids.length).toBeGreaterThan(50);
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids.filter((id) => !/^[a-z][A-Za-z0-9]*$/.test(id))).toEqual([]);
  });

  test('says of every operation what it needs, what it answers when refused, and what its parameters mean', () => {
    for (const [name, each] of operationsIn()) {
      const { responses } = each;
      const isOpen = Array.isArray(each.security) && each.security.length === 0;
      const wanted = ['400', '429', 'default', ...(isOpen ? [] : ['401', '403'])];
      expect({ name, answers: Object.keys(responses as object) }).toEqual({
        name,
        answers: expect.arrayContaining(wanted),
      });
      expect({ name, isStated: isOpen || typeof each['x-permission'] === 'string' }).toEqual({
        name,
        isStated: true,
      });
      for (const parameter of each.parameters as Json[]) {
        expect({ name, parameter: parameter.name, text: parameter.description }).toEqual({
          name,
          parameter: parameter.name,
          text: expect.stringMatching(/\S/),
        });
      }
    }
  });
});
