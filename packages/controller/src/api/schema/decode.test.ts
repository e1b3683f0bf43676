/** Create bodies: recorded messages, quoted numbers, and every field with every wrong type. */
import { describe, expect, test } from 'vitest';
import { StileError, type FieldError } from '@stile/protocol/errors';
import type { JsonObject } from '../http/body.ts';
import { decodeUpdate } from '../update-mask.ts';
import { decodeCreate } from './decode.ts';
import { schemaOf } from './field.ts';
import { formatTime, renderItem } from './render.ts';
import { descriptionField, idField, nameField, shownTime, versionField } from './shared-fields.ts';

const schema = schemaOf('Thing', {
  id: idField,
  scope_id: { kind: 'string', access: 'create', required: 'Missing scope.' },
  name: nameField,
  description: descriptionField,
  created_time: shownTime,
  updated_time: shownTime,
  version: versionField,
  type: {
    kind: 'string',
    access: 'create',
    rule: (value) => (value === 'tcp' ? undefined : 'Unknown type provided.'),
  },
  enabled: { kind: 'bool', access: 'change' },
  tags: { kind: 'strings', access: 'change' },
  address: { kind: 'string', access: 'change', isAlwaysShown: true },
  limit: { kind: 'int32', access: 'change', isAlwaysShown: true },
  primary_id: { kind: 'string', access: 'update' },
  filter: { kind: 'string', access: 'change', refused: 'Not supported in OSS' },
  attributes: {
    kind: 'object',
    access: 'change',
    strict: true,
    fields: {
      port: {
        kind: 'uint32',
        access: 'change',
        required: 'This field is required.',
        rule: (value) => (value > 65535 ? 'Value is greater than maximum port number.' : undefined),
      },
      note: { kind: 'string', access: 'change' },
    },
  },
});

const good = { scope_id: 'p_1', type: 'tcp', attributes: { port: 22 } };

function faultsOf(work: () => unknown): readonly FieldError[] {
  try {
    work();
  } catch (error) {
    if (error instanceof StileError && error.code === 'invalidArgument')
      return error.details?.requestFields ?? [];
    throw error;
  }
  return [];
}
const createFaults = (body: JsonObject): readonly FieldError[] => faultsOf(() => decodeCreate(schema, body));
const updateFaults = (body: JsonObject, mask?: readonly string[]): readonly FieldError[] =>
  faultsOf(() => decodeUpdate(schema, body, { mask, type: 'tcp' }));

/** One value of every JSON type, and the odd ones. */
const values: readonly unknown[] = [
  null,
  true,
  false,
  0,
  -1,
  1.5,
  1e300,
  '',
  'x',
  '\0',
  '\ud800',
  '12',
  '-0',
  '1e3',
  'x'.repeat(100_000),
  [],
  [1],
  ['a', null],
  [[['a']]],
  Array.from({ length: 20_000 }, () => 'a'),
  {},
  { port: {} },
  { port: 1, zzz: 1 },
  JSON.parse('{"__proto__":{"port":1}}'),
  JSON.parse('{"constructor":1,"toString":"x"}'),
];

describe('a create body', () => {
  test('gives its checked values, names trimmed, quoted numbers as numbers', () => {
    expect(
      decodeCreate(schema, { ...good, name: '  a b ', attributes: { port: '2222' }, limit: '-1' }),
    ).toMatchObject({
      name: 'a b',
      attributes: { port: 2222 },
      limit: -1,
    });
  });

  test.each([
    [{ id: 'x' }, 'id', 'This is a read only field.'],
    [{ created_time: 'x' }, 'created_time', 'This is a read only field.'],
    [{ updated_time: 1 }, 'updated_time', 'This is a read only field.'],
    [{ version: 1 }, 'version', 'Cannot specify this field in a create request.'],
    [{ name: '' }, 'name', 'Cannot set empty string as name'],
    [{ name: ' \t ' }, 'name', 'Cannot set empty string as name'],
    [{ description: '' }, 'description', 'Cannot set empty string as description'],
    [{ name: 'a\u0007b' }, 'name', 'Name contains unprintable characters'],
    [{ name: 'a\u202eb' }, 'name', 'Name contains unprintable characters'],
    [{ description: 'a\u0007b' }, 'description', 'Description contains unprintable characters'],
    [{ name: 'n'.repeat(1025) }, 'name', 'This field may have at most 1024 characters.'],
    [{ scope_id: '' }, 'scope_id', 'Missing scope.'],
    [{ filter: 'a' }, 'filter', 'Not supported in OSS'],
    [{ type: 'ssh' }, 'type', 'Unknown type provided.'],
    [{ attributes: { port: 70000 } }, 'attributes.port', 'Value is greater than maximum port number.'],
    [{ attributes: {} }, 'attributes.port', 'This field is required.'],
    [{ attributes: null }, 'attributes.port', 'This field is required.'],
    [
      { attributes: { port: 22, zzz: 1 } },
      'attributes',
      'Attribute fields do not match the expected format.',
    ],
    [{ attributes: { port: 22.5 } }, 'attributes', 'Attribute fields do not match the expected format.'],
    [{ attributes: { port: 'ssh' } }, 'attributes', 'Attribute fields do not match the expected format.'],
    [{ attributes: [] }, 'attributes', 'Attribute fields do not match the expected format.'],
    [{ limit: 4e9 }, 'limit', 'This field must be a whole number from -2147483648 to 2147483647.'],
    [{ name: 5 }, 'name', 'This field must be a text.'],
  ])('%j is refused at %s', (more, name, description) => {
    expect(createFaults({ ...good, ...more })).toEqual([{ name, description }]);
  });

  test('names every fault, sorted', () => {
    expect(createFaults({ name: '', version: 3 }).map((fault) => fault.name)).toEqual([
      'attributes.port',
      'name',
      'scope_id',
      'version',
    ]);
  });

  test('a description may have lines, a name of 600 letters is fine, unknown keys are ignored', () => {
    const body = { ...good, name: 'ä'.repeat(600), description: 'a\n\tb', zzz: { deep: [1] } };
    expect(decodeCreate(schema, body)).not.toHaveProperty('zzz');
  });

  test('any value in any field is taken or refused by name, never more', () => {
    for (const name of [...Object.keys(schema.fields), 'zzz', '__proto__', 'constructor']) {
      for (const value of values) {
        const body = JSON.parse(JSON.stringify({ ...good, [name]: value })) as JsonObject;
        for (const fault of createFaults(body))
          expect(fault.name.split('.')[0]).toBe(name === 'zzz' ? '' : name);
      }
    }
  });

  test('values of a prototype are not values of the body', () => {
    expect(
      createFaults(JSON.parse('{"__proto__":{"scope_id":"p_1"},"attributes":{"port":1}}') as JsonObject),
    ).toEqual([{ name: 'scope_id', description: 'Missing scope.' }]);
  });
});

describe('a PATCH body', () => {
  const changes = (body: JsonObject, mask?: readonly string[]): unknown =>
    decodeUpdate(schema, body, { mask, type: 'tcp' }).changes;

  test('changes the keys that are there, objects descended, null clears', () => {
    expect(changes({ version: 1, name: ' n ', address: null, attributes: { note: null } })).toEqual({
      name: 'n',
      address: null,
      attributes: { note: null },
    });
  });

  test('an update_mask replaces the keys of the body', () => {
    expect(changes({ version: 1, name: 'n', description: 'd', zzz: 1 }, ['name', 'address', 'nope'])).toEqual(
      {
        name: 'n',
        address: null,
      },
    );
    expect(changes({ version: 1, attributes: { port: 1, note: 'x' } }, ['attributes'])).toEqual({
      attributes: { port: 1, note: 'x' },
    });
    expect(changes({ version: 1, attributes: { port: 1, note: 'x' } }, ['attributes.note'])).toEqual({
      attributes: { note: 'x' },
    });
  });

  test('fixed fields are dropped, fields for updates only are taken', () => {
    expect(changes({ version: 1, scope_id: 'p_2', type: 'tcp', primary_id: 'x' })).toEqual({
      primary_id: 'x',
    });
  });

  test('nothing left to change is told after the checks', () => {
    const update = decodeUpdate(schema, { version: 1, scope_id: 'p_2' }, { type: 'tcp' });
    expect(faultsOf(update.refuseEmpty)).toEqual([
      { name: 'update_mask', description: 'No valid fields provided in the update mask.' },
    ]);
  });

  test.each([
    [{}, 'version', 'Existing resource version is required for an update.'],
    [{ version: 0, name: 'a' }, 'version', 'Existing resource version is required for an update.'],
    [
      { version: 1, id: 'x' },
      'id',
      'This is a read only field and cannot be specified in an update request.',
    ],
    [{ version: 1, type: 'ssh' }, 'type', 'Cannot modify the resource type.'],
    [{ version: 1, name: '' }, 'name', 'Cannot set empty string as name'],
    [{ version: 1, zzz: 1 }, 'zzz', 'This field does not exist.'],
    [
      { version: 1, attributes: { zzz: 1 } },
      'attributes',
      'Attribute fields do not match the expected format.',
    ],
    [
      { version: 1, attributes: { port: 70000 } },
      'attributes.port',
      'Value is greater than maximum port number.',
    ],
    [{ version: '1.5', name: 'a' }, 'version', 'This field must be a whole number from 0 to 4294967295.'],
  ])('%j is refused at %s', (body, name, description) => {
    expect(updateFaults(body)).toEqual([{ name, description }]);
  });

  test('any value in any field is taken or refused, never more', () => {
    for (const name of [...Object.keys(schema.fields), 'zzz', '__proto__', 'constructor']) {
      for (const value of values) {
        const body = JSON.parse(JSON.stringify({ version: 1, [name]: value })) as JsonObject;
        updateFaults(body);
        updateFaults(body, [
          name,
          `${name}.port`,
          '__proto__',
          'constructor.prototype',
          'attributes.__proto__',
        ]);
      }
    }
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  });
});

describe('rendering', () => {
  test('leaves empty values out, keeps wrappers, and shows only what is visible', () => {
    const item = { id: 'x', name: '', address: '', limit: 0, enabled: false, tags: [], version: 3 };
    expect(renderItem(schema, item)).toEqual({ id: 'x', version: 3, address: '', limit: 0 });
    expect(renderItem(schema, item, { includes: (name) => name === 'id' })).toEqual({ id: 'x' });
  });

  test.each([
    [0, '1970-01-01T00:00:00Z'],
    [1_700_000_000_120_000, '2023-11-14T22:13:20.120Z'],
    [1_700_000_000_123_456, '2023-11-14T22:13:20.123456Z'],
    [1_700_000_000_000_001, '2023-11-14T22:13:20.000001Z'],
    [-1, '1969-12-31T23:59:59.999999Z'],
  ])('%i µs is %s', (at, text) => {
    expect(formatTime(at)).toBe(text);
  });
});
