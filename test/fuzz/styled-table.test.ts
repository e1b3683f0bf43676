/** Property tests of tables: whatever a server writes into cells, every row is one line and the columns line up. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { displayWidth, keyValueBox, styledTable } from '../../packages/cli/src/terminal/styled-table.ts';

const nasty = fc.constantFrom(
  '\n',
  '\r',
  '\t',
  '\u001b[31m',
  '\u202e',
  '\u2066',
  '\u2028',
  '\u0085',
  '日本',
  'é',
  '🙂',
  '|',
  '+',
  ' ',
);
const cell = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 12 }),
  fc.array(nasty, { maxLength: 6 }).map((parts) => parts.join('')),
);
const header = fc.array(fc.string({ unit: 'grapheme-ascii', minLength: 1, maxLength: 8 }), {
  minLength: 1,
  maxLength: 5,
});
const table = header.chain((names) =>
  fc.record({
    header: fc.constant(names),
    rows: fc.array(fc.array(cell, { maxLength: names.length }), { maxLength: 6 }),
  }),
);

const steering = /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/u;

describe('a table of any cells', () => {
  test('has one line a row and nothing in it that steers a terminal, in every style', () => {
    fc.assert(
      fc.property(table, (each) => {
        const more = { lines: 3, columns: 1, box: 4 };
        for (const style of ['lines', 'columns', 'box'] as const) {
          const lines = styledTable(style, each);
          expect(lines).toHaveLength(each.rows.length + more[style]);
          expect(lines.filter((line) => steering.test(line))).toEqual([]);
        }
      }),
    );
  });

  test('in a box has lines of one width, its corners above each other', () => {
    fc.assert(
      fc.property(table, (each) => {
        const lines = styledTable('box', each);
        expect(new Set(lines.map(displayWidth)).size).toBe(1);
        expect(lines[0]).toBe(lines.at(-1));
      }),
    );
  });

  test('in lines has no row wider than its rule, and every bar under a cross', () => {
    fc.assert(
      fc.property(table, ({ header: names, rows }) => {
        const clean = rows.map((row) => row.map((text) => text.replaceAll('|', '/')));
        const titles = names.map((name) => name.replaceAll('|', '/'));
        const [head = '', rule = '', ...body] = styledTable('lines', { header: titles, rows: clean }).slice(
          0,
          -1,
        );
        const crosses = placesOf(rule, '+');
        for (const line of [head, ...body]) {
          expect(displayWidth(line)).toBeLessThanOrEqual(rule.length);
          expect(placesOf(line, '|')).toEqual(crosses.slice(0, placesOf(line, '|').length));
        }
      }),
    );
  });

  test('keys and values line up', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(cell, cell), { maxLength: 6 }), (entries) => {
        const lines = keyValueBox(entries);
        expect(lines).toHaveLength(entries.length + 2);
        expect(new Set(lines.map(displayWidth)).size).toBe(1);
        expect(lines.filter((line) => steering.test(line))).toEqual([]);
      }),
    );
  });
});

/** The places at which a character stands. */
function placesOf(line: string, wanted: string): number[] {
  const places: number[] = [];
  let place = 0;
  for (const character of line) {
    if (character === wanted) places.push(place);
    place += displayWidth(character);
  }
  return places;
}
