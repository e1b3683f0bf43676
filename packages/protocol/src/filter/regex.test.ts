import { describe, expect, it } from 'vitest';
import { StileError } from '../errors.ts';
import { LinearRegex, maxPatternSize } from './regex.ts';

const test = (pattern: string, text: string): boolean | undefined =>
  new LinearRegex(pattern).test(text, { left: 1_000_000 });

/** Patterns that mean the same in JavaScript, to compare with its engine. */
const shared: readonly string[] = [
  'adm',
  '^adm',
  'min$',
  '^admin$',
  '',
  'a|b',
  '^(?:ab|cd)+$',
  'a.c',
  'a*b+c?',
  'x{2}',
  'x{2,}',
  '^x{1,3}$',
  '^x{0,2}y',
  '^x{0}y',
  'a*?b',
  '(a|ab)(c|bcd)(d*)',
  '[a-c]',
  '[^a-c]',
  '[-a]',
  '[a-]',
  '[.*]',
  '\\d+',
  '\\w+@\\w+',
  '\\bfoo\\b',
  '\\Boo',
  '\\.',
  '\\x41',
  '\\n',
  '(a*)*b',
  '(a|a)*b',
  '^(a?){5}a{5}$',
  '(?:)',
  'x|',
  '[\\d.]+$',
  '[\\]\\\\]',
];
const texts: readonly string[] = [
  '',
  'a',
  'b',
  'admin',
  'user admin',
  'abcd',
  'aaaaa',
  'xxx',
  'xxxy',
  'y',
  'foo bar',
  'food',
  'a\nb',
  'a.b*c',
  'A',
  'me@example',
  'ünïcödé',
  '10.0.0.5',
  ']\\',
  '-',
];

/** Meant as in RE2; JavaScript has no such syntax or another meaning. */
const others: readonly (readonly [pattern: string, text: string, matches: boolean])[] = [
  ['(?i)ADMIN', 'the admin', true],
  ['(?i)straße', 'STRAßE', true],
  ['(?i)[a-c]+$', 'ABC', true],
  ['(?i)[^a]', 'A', false],
  ['(?i)k', '\u212A', true],
  ['a(?i)b(?-i)c', 'aBc', true],
  ['a(?i)b(?-i)c', 'aBC', false],
  ['(?i:a)b', 'Ab', true],
  ['(?i:a)b', 'AB', false],
  ['(?m)^b$', 'a\nb\nc', true],
  ['^b$', 'a\nb\nc', false],
  ['a.b', 'a\nb', false],
  ['(?s)a.b', 'a\nb', true],
  ['\\Aab\\z', 'ab', true],
  ['b\\z', 'ab\n', false],
  ['(?P<name>x)(?<other>y)', 'xy', true],
  ['[[:alpha:]]', 'é', false],
  ['[[:^alpha:]]', 'é', true],
  ['[[:digit:]x]+$', '1x2', true],
  ['\\pL', 'é', true],
  ['^\\p{Greek}+$', 'αβγ', true],
  ['^\\p{Greek}+$', 'abc', false],
  ['\\PL', 'é', false],
  ['\\p{^L}', '1', true],
  ['\\Qa.b\\E', 'a.b', true],
  ['\\Qa.b\\E', 'axb', false],
  ['^\\Qab\\E+$', 'abbb', true],
  ['x{,2}', 'x{,2}', true],
  ['{', '{', true],
  ['\\x{1F600}', '😀', true],
  ['^.$', '😀', true],
  ['\\101', 'A', true],
  ['(?U)a+', 'a', true],
  ['\\w', 'é', false],
];

describe('linear regular expressions', () => {
  it.each(shared)('finds what JavaScript finds with /%s/', (pattern) => {
    for (const text of texts) {
      expect([text, test(pattern, text)]).toEqual([text, new RegExp(pattern, 'u').test(text)]);
    }
  });

  it.each(others)('/%s/ on %j is %s', (pattern, text, matches) => {
    expect(test(pattern, text)).toBe(matches);
  });

  it.each([
    ['(', 'missing closing )'],
    [')', 'unexpected )'],
    ['[a', 'missing closing ]'],
    ['[]', 'missing closing ]'],
    ['[b-a]', 'invalid character class range'],
    ['[[:foo:]]', 'invalid character class range'],
    ['*a', 'missing argument'],
    ['a**', 'nested repetition'],
    ['a+{2}', 'nested repetition'],
    ['a{2,1}', 'invalid repeat count'],
    ['a{1001}', 'invalid repeat count'],
    ['\\1', 'invalid escape sequence'],
    ['\\q', 'invalid escape sequence'],
    ['\\', 'trailing backslash'],
    ['(?=a)', 'unsupported Perl syntax'],
    ['(?<=a)b', 'unsupported Perl syntax'],
    ['(?z)', 'unsupported Perl syntax'],
    ['\\p{Nope}', 'invalid character class range'],
    ['(a{1000}){1000}', 'too large'],
    ['((((){1000}){1000}){1000}){1000}', 'too large'],
    [`[a-z]{${maxPatternSize + 1}}`, 'too large'],
    ['('.repeat(60) + ')'.repeat(60), 'nests too deeply'],
    ['a'.repeat(2000), 'longer than'],
  ])('refuses /%s/', (pattern, reason) => {
    expect(() => new LinearRegex(pattern)).toThrow(StileError);
    expect(() => new LinearRegex(pattern)).toThrow(reason);
  });

  it.each([
    ['(a|a)*b', 'a'.repeat(5000)],
    ['(a*)*b', 'a'.repeat(5000)],
    ['(.*)(.*)(.*)(.*)(.*)x', 'a'.repeat(5000)],
    ['^(a?){100}a{100}$', 'a'.repeat(150)],
  ])('decides /%s/ on a long text in steps proportional to it', (pattern, text) => {
    const budget = { left: 1_000_000 };
    expect(new LinearRegex(pattern).test(text, budget)).toBe(text.length === 150);
    expect(1_000_000 - budget.left).toBeLessThan(text.length * 512);
  });

  it('gives up when the steps it may take are spent', () => {
    expect(new LinearRegex('x').test('y'.repeat(2_000_000), { left: 1000 })).toBeUndefined();
  });
});
