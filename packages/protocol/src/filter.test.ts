import { describe, expect, it } from 'vitest';
import { StileError } from './errors.ts';
import { maxFilterLength, parseFilter } from './filter.ts';

const item = {
  id: 'u_1234567890',
  name: 'admin',
  version: 2,
  ratio: 0.5,
  is_primary: true,
  created_time: '2026-11-22T10:00:00.123456Z',
  description: '',
  bytes_up: '123',
  gone: null,
  authorized_actions: ['no-op', 'read', 'update'],
  empty_list: [],
  numbers: [1, 2, 22],
  scope: { id: 'p_1', parent_scope_id: 'o_1', 'a/b': 'slash', 'x~y': 'tilde' },
  attributes: { default_port: 22 },
  tags: { type: ['dev', 'local'], region: ['eu'] },
};
const matches = (filter: string): boolean => parseFilter(filter).matches({ item });

describe('filter evaluation', () => {
  it.each([
    // Equality, by the type of what is found.
    ['"/item/name" == "admin"', true],
    ['"/item/name" == admin', true],
    ['"/item/name" == `admin`', true],
    ['"/item/name"=="admin"', true],
    ['"/item/name" != "admin"', false],
    ['"/item/name" == "Admin"', false],
    ['"/item/attributes/default_port" == 22', true],
    ['"/item/attributes/default_port" == "22"', true],
    ['"/item/attributes/default_port" != 23', true],
    ['"/item/attributes/default_port" == ssh', false],
    ['"/item/attributes/default_port" != ssh', false],
    ['"/item/version" == -2', false],
    ['"/item/ratio" == 0.5', true],
    ['"/item/is_primary" == true', true],
    ['"/item/is_primary" == "1"', true],
    ['"/item/is_primary" != true', false],
    ['"/item/is_primary" == yes', false],
    ['"/item/bytes_up" == "123"', true],
    ['"/item/description" == ""', true],
    ['"/item/scope" == "p_1"', false],
    ['"/item/scope" != "p_1"', false],
    ['"/item/authorized_actions" == "read"', false],
    // Membership.
    ['"read" in "/item/authorized_actions"', true],
    ['read in "/item/authorized_actions"', true],
    ['"delete" in "/item/authorized_actions"', false],
    ['"delete" not in "/item/authorized_actions"', true],
    ['"/item/authorized_actions" contains "read"', true],
    ['"/item/authorized_actions" not contains read', false],
    ['22 in "/item/numbers"', true],
    ['"/item/name" contains "dmi"', true],
    ['"type" in "/item/tags"', true],
    ['"dev" in "/item/tags/type"', true],
    ['"x" in "/item/version"', false],
    ['"x" not in "/item/version"', false],
    // Emptiness.
    ['"/item/description" is empty', true],
    ['"/item/name" is not empty', true],
    ['"/item/empty_list" is empty', true],
    ['"/item/scope" is empty', false],
    ['"/item/version" is empty', false],
    ['"/item/version" is not empty', false],
    // Regular expressions.
    ['"/item/name" matches "^adm"', true],
    ['"/item/name" not matches "^adm"', false],
    ['"/item/name" matches `(?i)^ADMIN$`', true],
    ['"/item/version" matches "2"', false],
    // A key that is missing, at the end of a way that exists.
    ['"/item/zzz" == "x"', false],
    ['"/item/email" != "x"', true],
    ['"x" in "/item/zzz"', false],
    ['"x" not in "/item/zzz"', true],
    ['"/item/zzz" matches "x"', false],
    ['"/item/zzz" not matches "x"', true],
    ['"/item/zzz" is empty', true],
    ['"/item/zzz" is not empty', false],
    ['"/item/gone" != "x"', true],
    ['"/item/tags/other" is empty', true],
    // A way that leads nowhere: no match, whatever is asked.
    ['"/item/none/login_name" == "admin"', false],
    ['"/item/none/login_name" != "admin"', false],
    ['not "/item/none/login_name" == "admin"', false],
    ['"/item/name/x" != "x"', false],
    ['"/zzz" != "x"', false],
    ['name == "admin"', false],
    ['name != "admin"', false],
    ['"/item/name" == "admin" or "/item/none/x" == "x"', true],
    ['"/item/none/x" == "x" or "/item/name" == "admin"', false],
    ['"/item/constructor" is empty', true],
    ['"/item/__proto__" is empty', true],
    // Ways.
    ['item.name == "admin"', true],
    ['item.scope.id == p_1', true],
    ['item["scope"]["parent_scope_id"] == o_1', true],
    ['item.authorized_actions.1 == read', true],
    ['"/item/authorized_actions/1" == "read"', true],
    ['"/item/authorized_actions/9" == "read"', false],
    ['"/item/authorized_actions/01" == "read"', false],
    ['"/item/scope/a~1b" == "slash"', true],
    ['"/item/scope/x~0y" == "tilde"', true],
    ['"/item/tags/type/0" == "dev"', true],
    // Joining: not binds before and, and before or.
    ['"/item/name" == "x" or "/item/name" == "admin" and "/item/version" == 2', true],
    ['"/item/name" == "admin" or "/item/name" == "y" and "/item/version" == 3', true],
    ['("/item/name" == "admin" or "/item/name" == "y") and "/item/version" == 3', false],
    ['not "/item/name" == "x" and "/item/version" == 2', true],
    ['not ("/item/name" == "x" and "/item/version" == 2)', true],
    ['not not "/item/name" == "admin"', true],
    ['("authenticate" in "/item/authorized_actions")', false],
    ['  (  "/item/name" == "admin"  )  ', true],
    ['\n"/item/name"\t==\r\n"admin"\n', true],
    // Quantifiers.
    ['any "/item/authorized_actions" as a { a == "read" }', true],
    ['any "/item/authorized_actions" as a { a == "delete" }', false],
    ['all "/item/authorized_actions" as a { a matches "^[a-z-]+$" }', true],
    ['all "/item/authorized_actions" as a { a == "read" }', false],
    ['any "/item/tags" as k { k == "region" }', true],
    ['any "/item/tags" as k, v { k == "type" and "dev" in v }', true],
    ['any "/item/tags" as (k, v) { k == "type" and "eu" in v }', false],
    ['any "/item/tags" as _, v { "eu" in v }', true],
    ['any "/item/authorized_actions" as i, _ { i == 2 }', true],
    ['any "/item/tags" as _, v { any v as t { t == "local" } }', true],
    ['any "/item/tags" as _, v { "/v/0" == "eu" }', true],
    ['all "/item/empty_list" as v { v == "x" }', true],
    ['any "/item/empty_list" as v { v == "x" }', false],
    ['all "/item/zzz" as v { v == "x" }', true],
    ['any "/item/name" as v { v == "x" }', false],
    ['not any "/item/name" as v { v == "x" }', false],
    // Words of the language are names elsewhere.
    ['any == "x"', false],
    ['not == "x"', false],
    ['"/item/name" == not', false],
  ])('%s is %s', (filter, expected) => {
    expect(matches(filter)).toBe(expected);
  });

  it('takes bounded steps on a value, then does not match', () => {
    const many = { item: { list: Array.from({ length: 2000 }, (_, i) => String(i)) } };
    const nested = parseFilter(
      'any "/item/list" as a { any "/item/list" as b { any "/item/list" as c { c == "none" } } }',
    );
    const start = performance.now();
    expect(nested.matches(many)).toBe(false);
    expect(performance.now() - start).toBeLessThan(2000);
  });
});

describe('filter syntax', () => {
  const describeError = (filter: string): string => {
    try {
      parseFilter(filter);
    } catch (error) {
      if (error instanceof StileError && error.code === 'invalidArgument') {
        const [field] = error.details?.requestFields ?? [];
        expect(field).toEqual({
          name: 'filter',
          description: `This field could not be parsed. ${error.message}`,
        });
        return error.message;
      }
      throw error;
    }
    return 'no error';
  };
  const operators = '"!=", "==", "contains", "in", "is", "matches", "not" or [ \\t\\r\\n]';

  // Recorded: filter-bad-operator, filter-bad-syntax, filter-bad-words, targets-list-bad-filter.
  it.each([
    ['"/item/name" ~= "x"', `1:14 (13): no match found, expected: ${operators}`],
    ['"/item/name" =', `1:14 (13): no match found, expected: ${operators}`],
    ['foo bar', `1:5 (4): no match found, expected: ${operators}`],
    [
      '"/item/name" ==',
      '1:16 (15): no match found, expected: "-", "0", "\\"", "`", [ \\t\\r\\n], [1-9] or [a-zA-Z]',
    ],
  ])('says of %s what the original says', (filter, message) => {
    expect(describeError(filter)).toBe(message);
  });

  it.each([
    ['', 'expected: '],
    ['"/item/name"', 'no match found'],
    ['"/item/name" == "x" and', 'no match found'],
    ['"/item/name" == "x" xor a == b', '"and", "or"'],
    ['("/item/name" == "x"', '")"'],
    ['"/item/name" == "x")', 'EOF'],
    ['"name" == "x"', '"in"'],
    ['"/item/name" == "x', 'Unterminated string literal'],
    ['"/item/name" == "a\\d"', 'invalid escape'],
    ['"/item/name" == 01', '")", "."'],
    ['"/item/name" == 1x', '")"'],
    ['"/item/name" matches "("', 'missing closing )'],
    ['any "/item/tags" as { a == b }', 'no match found'],
    ['any "/item/tags" as v { v == b', '"}"'],
    ['"/item/\u0000" == "x"', 'no match found'],
    ['a == b and\n c ~ d', '2:4 (14)'],
  ])('refuses %j', (filter, message) => {
    expect(describeError(filter)).toContain(message);
  });

  it('reads escapes of Go in double quotes, and none in backquotes', () => {
    const value = { item: { name: 'a\t\u00e9\\"' } };
    expect(parseFilter('"/item/name" == "a\\t\\u00e9\\\\\\x22"').matches(value)).toBe(true);
    expect(parseFilter('"/item/name" == `a\\t`').matches({ item: { name: 'a\\t' } })).toBe(true);
  });

  it('refuses a filter that is too long at once', () => {
    const filter = Array.from({ length: 10_000 }, (_, i) => `"/item/name" == "x${i}"`).join(' or ');
    const start = performance.now();
    expect(describeError(filter)).toContain(`longer than ${maxFilterLength}`);
    expect(performance.now() - start).toBeLessThan(100);
  });

  it('takes as many terms as fit without stack or time', () => {
    const filter = `a==b${' or a==b'.repeat(2000)}`;
    const times = [1, 2, 3].map(() => {
      const start = performance.now();
      expect(parseFilter(filter).matches({ item })).toBe(false);
      return performance.now() - start;
    });
    expect(Math.min(...times)).toBeLessThan(100);
  });

  it.each([
    ['parentheses', (depth: number) => `${'('.repeat(depth)}a==b${')'.repeat(depth)}`],
    ['parentheses never closed', (depth: number) => `${'('.repeat(depth)}a==b`],
    ['negations', (depth: number) => `${'not '.repeat(depth)}a==b`],
    ['quantifiers', (depth: number) => `${'any a as v {'.repeat(depth)}v == 1 ${'}'.repeat(depth)}`],
    ['quantifiers never closed', (depth: number) => 'any a as v {'.repeat(depth)],
  ])('refuses too many nested %s quickly', (_, nest) => {
    const start = performance.now();
    expect(describeError(nest(1000))).toContain('nested deeper than 100');
    describeError(nest(99));
    expect(performance.now() - start).toBeLessThan(100);
  });

  it('refuses too many regular expressions', () => {
    const filter = Array.from({ length: 17 }, () => 'a matches "b"').join(' or ');
    expect(describeError(filter)).toContain('more than 16');
  });
});
