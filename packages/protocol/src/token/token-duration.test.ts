import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { formatDuration, longestDurationSeconds, parseTokenDuration } from './token-duration.ts';

describe('durations', () => {
  test.each([
    ['0', 0],
    ['3600', 3600],
    ['8h', 28_800],
    ['30d', 2_592_000],
    ['1y', 31_536_000],
    ['1d12h30m', 131_400],
    ['1.5h', 5400],
    ['0.5m', 30],
    ['1000ms', 1],
    ['500ms500ms', 1],
    ['1000000us', 1],
    ['1000000µs', 1],
    ['1000000000ns', 1],
    ['4h30m', 16_200],
    ['0s', 0],
    ['100y', longestDurationSeconds],
  ])('case 49: %s are %d seconds', (text, seconds) => {
    expect(parseTokenDuration(text)).toBe(seconds);
  });

  test.each([
    '',
    '-1h',
    '+1h',
    '-0',
    '1.5',
    '1.5s',
    '999ms',
    '1e9y',
    '1e3',
    '9007199254740993s',
    '9007199254740993',
    '101y',
    '99999999999999999999y',
    'null',
    'forever',
    'h',
    '1 h',
    ' 1h',
    '1h ',
    '1H',
    '1w',
    '1h-1m',
    '.5h',
    '1.h',
    '١h',
    '1h\n',
    '1toString',
    '1constructor',
    `${'1h'.repeat(40)}`,
  ])('case 49: %j is none', (text) => {
    expect(parseTokenDuration(text)).toBeUndefined();
  });

  it('are read back from what is written', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: longestDurationSeconds }), (seconds) => {
        expect(parseTokenDuration(formatDuration(seconds))).toBe(seconds);
        expect(parseTokenDuration(String(seconds))).toBe(seconds);
      }),
    );
  });

  it('are whole seconds within a hundred years, or nothing, whatever the text', () => {
    const piece = fc.oneof(
      fc.constantFrom('1', '.', '0', '999999999999999999', 'y', 'd', 'h', 'm', 's', 'ms', 'µs', '-', ' '),
      fc.string({ unit: fc.constantFrom(...'5e,_\u0000é\uD800'.split('')), maxLength: 2 }),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
        const seconds = parseTokenDuration(pieces.join(''));
        if (seconds === undefined) return;
        expect(Number.isSafeInteger(seconds) && seconds >= 0 && seconds <= longestDurationSeconds).toBe(true);
      }),
      { numRuns: 1000 },
    );
  });
});
