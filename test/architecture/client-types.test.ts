/**
 * The types of the client library are those of the API: they are written from its OpenAPI document by `npm run docs`
 * (STILE_WRITE_DOCS=1), and this test fails when they differ from it.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { format, resolveConfig } from 'prettier';
import { beforeAll, describe, expect, test } from 'vitest';
import { apiOperations } from '../../packages/controller/src/api/operations.ts';
import { openApiDocument } from '../../packages/controller/src/api/openapi.ts';
import type { ApiServices } from '../../packages/controller/src/api/services.ts';
import { apiTypesText, type OpenApi } from '../support/api-types-text.ts';
import { root } from './sources.ts';

const path = join(root, 'packages/client/src/api/api-schema.ts');

/** The document; operations only close over the services, so none is needed to list them. */
function document(): OpenApi {
  const services = new Proxy({}, { get: () => ({}) }) as ApiServices;
  return openApiDocument(apiOperations(services), '1.0.0') as unknown as OpenApi;
}

/** Declarations, and the rows of the table of operations, one by one. */
function pieces(text: string): string[] {
  const blocks = text.split(/\n\n(?=\/\*\*)/);
  const rows = text.match(/^ {2}readonly '[a-z-]+:[a-z:-]+': \{\n[\s\S]*?^ {2}\};$/gm) ?? [];
  return [...blocks.filter((block) => !block.includes('interface ApiOperations')), ...rows].map((piece) =>
    piece.trim(),
  );
}

/** Operations of a text, as `targets:create`. */
function keysOf(text: string): string[] {
  return [...text.matchAll(/^ {2}readonly '([a-z-]+:[a-z:-]+)'/gm)].map((match) => match[1] ?? '');
}

function written(): string {
  return existsSync(path) ? readFileSync(path, 'utf8') : '';
}

let wanted: string;
beforeAll(async () => {
  const options = { ...(await resolveConfig(path)), filepath: path };
  wanted = await format(apiTypesText(document()), options);
  if (process.env.STILE_WRITE_DOCS === '1') writeFileSync(path, wanted);
});

describe('packages/client/src/api/api-schema.ts, written by npm run docs', () => {
  test('declares every type and operation of the OpenAPI document as it is', () => {
    const present = new Set(pieces(written()));
    expect(pieces(wanted).filter((piece) => !present.has(piece))).toEqual([]);
  });

  test('declares nothing that the API has lost', () => {
    const served = new Set(keysOf(wanted).map((key) => key.split(':')[0]));
    const known = new Set(keysOf(wanted));
    const lost = keysOf(written()).filter((key) => !known.has(key) && served.has(key.split(':')[0]));
    expect(lost).toEqual([]);
    const names = [...written().matchAll(/^export interface (\w+)/gm)].map((match) => match[1] ?? '');
    const unused = names.filter(
      (name) => (written().match(new RegExp(`\\b${name}\\b`, 'g')) ?? []).length < 2,
    );
    expect(unused.filter((name) => name !== 'ApiOperations')).toEqual([]);
  });

  test('has an operation for every verb that a collection of the client needs', () => {
    expect(keysOf(wanted)).toEqual(
      expect.arrayContaining(['targets:create', 'targets:list', 'targets:authorize-session']),
    );
  });
});
