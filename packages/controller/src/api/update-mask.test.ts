/** PATCH bodies that are made to be expensive. */
import { StileError } from '@stile/protocol/errors';
import { expect, test } from 'vitest';
import { schemaOf } from './schema/field.ts';
import { nameField, versionField } from './schema/shared-fields.ts';
import { decodeUpdate } from './update-mask.ts';

const schema = schemaOf('Thing', { name: nameField, version: versionField });

function faultsOf(body: Readonly<Record<string, unknown>>): readonly string[] {
  try {
    decodeUpdate(schema, body, {});
  } catch (error) {
    if (error instanceof StileError) return error.details?.requestFields?.map(({ name }) => name) ?? [];
    throw error;
  }
  return [];
}

test('unknown keys are named, a hundred at most: the answer does not grow with the body', () => {
  expect(faultsOf({ version: 1, name: 'x', zebra: 1, yak: 2 })).toEqual(['yak', 'zebra']);
  const many = Object.fromEntries(Array.from({ length: 5000 }, (_, at) => [`key${at}`, at]));
  expect(faultsOf({ version: 1, ...many })).toHaveLength(100);
});
