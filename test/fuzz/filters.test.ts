// Property tests of filters: every text parses or is refused with a place, and every evaluation ends with yes or no.
import { parseFilter, StileError } from '@stile/protocol';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { valueOrStileError } from '../support/hostile-bytes.ts';

const words = [
  ['"/item/name"', '"/item/list"', '"/item/map"', 'item.name', 'v', 'k', '"/item/none/x"', '"/v/0"', '""'],
  ['==', '!=', 'in', 'not in', 'contains', 'not contains', 'is empty', 'is not empty', 'matches'],
  ['and', 'or', 'not', '(', ')', 'any', 'all', 'as', '{', '}', ',', '_'],
  ['"x"', '`x`', '22', '-1', '0.5', 'true', '"^a.*$"', '"(a|a)*b"', '"("', '"\\d"', '"', '`', '.', '[', ']'],
].flat();
const soup = fc
  .array(fc.tuple(fc.constantFrom(...words), fc.constantFrom(' ', ' ', ' ', '', '\n')), { maxLength: 30 })
  .map((parts) => parts.map(([word, gap]) => word + gap).join(''));

/** Filters that parse, of every kind of expression. */
const { expression } = fc.letrec<{ expression: string; term: string }>((tie) => ({
  term: fc
    .tuple(
      fc.constantFrom(
        '"/item/name"',
        '"/item/list"',
        '"/item/map"',
        '"/item/count"',
        '"/item/zzz"',
        '"/item/no/x"',
        'v',
      ),
      fc.constantFrom(
        '== x',
        '!= x',
        'contains x',
        'not contains x',
        'is empty',
        'is not empty',
        'matches `x*`',
        '== 22',
      ),
    )
    .map((parts) => parts.join(' ')),
  expression: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    tie('term'),
    fc
      .tuple(tie('expression'), fc.constantFrom('and', 'or'), tie('expression'))
      .map(([a, op, b]) => `(${a}) ${op} (${b})`),
    tie('expression').map((inner) => `not (${inner})`),
    fc
      .tuple(
        fc.constantFrom('any', 'all'),
        fc.constantFrom('"/item/list"', '"/item/map"', 'v'),
        tie('expression'),
      )
      .map(([kind, selector, body]) => `${kind} ${selector} as v { ${body} }`),
  ),
}));

const value = fc.record({
  item: fc.record(
    {
      name: fc.oneof(fc.constantFrom('x', ''), fc.jsonValue()),
      list: fc.oneof(fc.array(fc.constantFrom('x', 'y', '22')), fc.jsonValue()),
      map: fc.oneof(fc.dictionary(fc.constantFrom('x', 'y', '__proto__'), fc.jsonValue()), fc.jsonValue()),
      count: fc.oneof(fc.constantFrom(22, 0, -1), fc.jsonValue()),
    },
    { requiredKeys: [] },
  ),
});

describe('filters', () => {
  it('of any text parse or are refused with a place', () => {
    fc.assert(
      fc.property(fc.oneof(soup, fc.string({ unit: 'binary', maxLength: 100 })), value, (text, item) => {
        const filter = valueOrStileError(() => parseFilter(text));
        if (filter instanceof StileError) {
          expect(filter.code).toBe('invalidArgument');
          expect(filter.message).toMatch(/^\d+:\d+ \(\d+\): |^error parsing regexp: |^filter has more than/);
        } else {
          expect(typeof filter.matches(item)).toBe('boolean');
        }
      }),
      { numRuns: 3000 },
    );
  });

  it('that parse are answered yes or no on any value, a value or its opposite at most', () => {
    let matched = 0;
    fc.assert(
      fc.property(expression, value, (text, item) => {
        const plain = parseFilter(text).matches(item);
        const negated = parseFilter(`not (${text})`).matches(item);
        expect(plain && negated).toBe(false);
        if (plain) {
          matched += 1;
          expect(parseFilter(`(${text}) or (${text})`).matches(item)).toBe(true);
          expect(parseFilter(`(${text}) and (${text})`).matches(item)).toBe(true);
        }
      }),
      { numRuns: 2000 },
    );
    expect(matched).toBeGreaterThan(50);
  });

  it('find what JavaScript finds by regular expressions that both know', () => {
    const atom = fc.constantFrom(
      'a',
      'b',
      '.',
      '[ab]',
      '[^a]',
      '(?:a|b)',
      '(a|ab)',
      '\\w',
      '\\b',
      '^',
      '$',
      '(?:)',
    );
    const repeat = fc.constantFrom('', '', '*', '+', '?', '{2}', '{0,2}', '*?');
    const pattern = fc
      .array(fc.tuple(atom, repeat), { minLength: 1, maxLength: 6 })
      .map((parts) =>
        parts.map(([part, often]) => (/^(\\b|\^|\$)$/.test(part) ? part : part + often)).join(''),
      );
    const text = fc.string({ unit: fc.constantFrom('a', 'b', ' ', 'c', '\n'), maxLength: 12 });
    fc.assert(
      fc.property(pattern, text, (source, name) => {
        const expected = new RegExp(source, 'u').test(name);
        expect(parseFilter(`"/item/name" matches \`${source}\``).matches({ item: { name } })).toBe(expected);
      }),
      { numRuns: 3000 },
    );
  });
});
