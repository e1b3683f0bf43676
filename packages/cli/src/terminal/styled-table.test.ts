/** The three styles of tables and the box of keys and values, character by character; times in them. */
import { describe, expect, test } from 'vitest';
import { displayWidth, keyValueBox, lineTime, secondTime, styledTable } from './styled-table.ts';

describe('a table', () => {
  test('style lines: header centred, first and last column one place wider in the rule, rows counted', () => {
    const cookie = `__Host-stile-session=at_9cPq2LxT7e_s1x; Path=/; HttpOnly; Secure; SameSite=Strict`;
    const header = ['username', 'session ID', 'authentication cookie'];
    expect(styledTable('lines', { header, rows: [['user', 'at_9cPq2LxT7e', cookie]] })).toEqual([
      '  username |  session ID   |                               authentication cookie',
      `-----------+---------------+${'-'.repeat(cookie.length + 3)}`,
      `  user     | at_9cPq2LxT7e | ${cookie}`,
      '(1 row)',
    ]);
  });

  test('style lines: rows that are shorter, longer, or none', () => {
    expect(styledTable('lines', { header: ['username', 'revoked'], rows: [] }).at(-1)).toBe('(0 rows)');
    expect(
      styledTable('lines', { header: ['a', 'b'], rows: [['a-name-that-is-long'], ['x', 'y', 'z']] }),
    ).toEqual([
      '           a          | b',
      '----------------------+----',
      '  a-name-that-is-long |',
      '  x                   | y',
      '(2 rows)',
    ]);
  });

  test('style columns: capitals, two spaces between, nothing behind the last', () => {
    const header = ['id', 'name', 'last used'];
    expect(
      styledTable('columns', {
        header,
        rows: [
          ['at_1', 'deploy', ''],
          ['at_2', 'ci', 'never'],
        ],
      }),
    ).toEqual(['ID    NAME    LAST USED', 'at_1  deploy', 'at_2  ci      never']);
  });

  test('style box: frame, left-aligned header', () => {
    expect(styledTable('box', { header: ['credentials'], rows: [['LOGIN_PASSWORD'], ['API_KEY']] })).toEqual([
      '+----------------+',
      '| credentials    |',
      '+----------------+',
      '| LOGIN_PASSWORD |',
      '| API_KEY        |',
      '+----------------+',
    ]);
  });

  test('keys and values: keys to the right', () => {
    const entries = [
      ['enabled', 'false'],
      ['recovery_codes_left', '0'],
    ] as const;
    expect(keyValueBox(entries)).toEqual([
      '+---------------------+-------+',
      '|             enabled | false |',
      '| recovery_codes_left | 0     |',
      '+---------------------+-------+',
    ]);
  });

  test('case 65: escapes, right-to-left marks and line breaks in a cell are written out', () => {
    const hostile = '\u001b[2J\u202Eevil\r\n=HYPERLINK("x")';
    for (const style of ['lines', 'columns', 'box'] as const) {
      const text = styledTable(style, { header: ['name'], rows: [[hostile]] });
      expect(text).toHaveLength({ lines: 4, columns: 2, box: 5 }[style]);
      expect(text.join('')).toContain('\\u001b[2J\\u202eevil\\u000d\\n=HYPERLINK("x")');
    }
    expect(keyValueBox([['a\u0007', hostile]])).toHaveLength(3);
  });
});

describe('the width of a text', () => {
  test.each([
    ['abc', 3],
    ['Größe', 5],
    ['e\u0301', 1],
    ['日本語', 6],
    ['ｆｕｌｌ', 8],
    ['한글', 4],
    ['🙂', 2],
    ['a\u200Db', 2],
    ['…', 1],
  ])('%j takes %i places', (text, width) => {
    expect(displayWidth(text)).toBe(width);
  });
});

describe('times', () => {
  test.each([
    ['2026-11-21T18:24:26.37664Z', '2026-11-21 18:24:26.37664', '2026-11-21T18:24:26Z'],
    ['2026-11-21T18:24:26.376640Z', '2026-11-21 18:24:26.37664', '2026-11-21T18:24:26Z'],
    ['2026-11-21T18:24:26.123456789Z', '2026-11-21 18:24:26.123456', '2026-11-21T18:24:26Z'],
    ['2026-11-21T18:24:26Z', '2026-11-21 18:24:26', '2026-11-21T18:24:26Z'],
    ['2026-11-21T18:24:26.000Z', '2026-11-21 18:24:26', '2026-11-21T18:24:26Z'],
    ['no time', 'no time', 'no time'],
  ])('%s', (text, inLines, elsewhere) => {
    expect(lineTime(text)).toBe(inLines);
    expect(secondTime(text)).toBe(elsewhere);
  });
});
