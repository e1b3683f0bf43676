import fc from 'fast-check';
import { expect, test } from 'vitest';
import { canonicalJson, credentialKinds, credentialTypeOf } from './credential.ts';

test('equal objects have equal texts, however their keys were ordered', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (object) => {
      const turned = Object.fromEntries(Object.entries(object).reverse());
      expect(canonicalJson(turned)).toBe(canonicalJson(object));
      expect(JSON.parse(canonicalJson(object))).toEqual(JSON.parse(JSON.stringify(object)));
    }),
  );
});

test('keys that JavaScript knows stay keys', () => {
  const text = '{"__proto__":{"a":1},"constructor":2}';
  expect(canonicalJson(JSON.parse(text))).toBe(text);
});

test('the id tells the type, also by the older prefix', () => {
  for (const [type, kind] of Object.entries(credentialKinds)) {
    for (const prefix of kind.prefixes) expect(credentialTypeOf(`${prefix}_1234567890`)).toBe(type);
  }
  expect(credentialTypeOf('cred_1')).toBe('username_password');
  expect(credentialTypeOf('csst_1')).toBeUndefined();
  expect(credentialTypeOf('credup')).toBeUndefined();
});
