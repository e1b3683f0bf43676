import fc from 'fast-check';
import { expect, test } from 'vitest';
import { aliasKey, aliasProblem } from './alias.ts';

test.each(['db', 'db.example', 'A-b.c9', 'x'.repeat(63), '9.x'])('alias value %s is legal', (value) => {
  expect(aliasProblem(value)).toBeUndefined();
});

test.each([
  '',
  '.',
  'a..b',
  '-a',
  'a-',
  'a_b',
  'a b',
  'db.123',
  '123',
  'x'.repeat(64),
  `${'a.'.repeat(127)}a`,
])('alias value "%s" is refused', (value) => {
  expect(aliasProblem(value)).toBeDefined();
});

/** The rule once more, character by character: no regular expression of the code under test. */
function isLegal(value: string): boolean {
  const allowed = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-';
  const labels = value.split('.');
  const isLabel = (label: string): boolean =>
    label.length >= 1 &&
    label.length <= 63 &&
    label.split('').every((character) => allowed.includes(character)) &&
    label[0] !== '-' &&
    label[label.length - 1] !== '-';
  const last = labels[labels.length - 1] ?? '';
  return (
    value.length < 254 &&
    labels.every(isLabel) &&
    !last.split('').every((character) => '0123456789'.includes(character))
  );
}

test('a text is a legal alias exactly when its labels are, whatever it is made of', () => {
  const label = fc.string({ unit: fc.constantFrom(...'abzAZ059-_ .\u0000é'.split('')), maxLength: 70 });
  const value = fc.oneof(
    fc.array(label, { maxLength: 6 }).map((labels) => labels.join('.')),
    fc.domain(),
    fc.string(),
  );
  fc.assert(
    fc.property(value, (text) => {
      expect(aliasProblem(text) === undefined).toBe(isLegal(text));
    }),
    { numRuns: 2000 },
  );
});

test('texts that differ in case only are the same alias', () => {
  fc.assert(
    fc.property(fc.domain(), (text) => {
      expect(aliasKey(text.toUpperCase())).toBe(aliasKey(text));
    }),
  );
});
