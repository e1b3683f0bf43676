/** Property tests of the shell's line parser: words survive quoting, JSON survives as it is, /bin/sh reads the same words, no line does harm. */
import { spawnSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { StileError } from '@stile/protocol/errors';
import { parseLine, scanLine, spellWord } from '../../packages/cli/src/shell/line-parser.ts';

const textsOf = (line: string): string[] => parseLine(line).map(({ text }) => text);

/** Pieces out of which lines are made that come near every rule. */
const lineText = fc
  .array(
    fc.oneof(
      fc.string({ unit: 'binary', maxLength: 4 }),
      fc.constantFrom(
        ' ',
        '\t',
        "'",
        '"',
        '\\',
        '{',
        '}',
        '[',
        ']',
        '{"a":',
        '="',
        '#',
        '..',
        '/',
        'key=',
        '-',
      ),
    ),
    { maxLength: 12 },
  )
  .map((pieces) => pieces.join(''));

const quotes = fc.constantFrom("'" as const, '"' as const, '' as const);

describe('the words of a line', () => {
  test('any texts are the same after quoting, in every way and whatever stands between them', () => {
    const part = fc.tuple(fc.string({ unit: 'binary' }), quotes, fc.constantFrom(' ', '\t', '   '));
    fc.assert(
      fc.property(fc.array(part), (parts) => {
        const line = parts.map(([text, quote, gap]) => spellWord(text, quote) + gap).join('');
        expect(textsOf(line)).toEqual(parts.map(([text]) => text));
      }),
    );
  });

  test('a word is bare only when nothing of it was quoted', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', minLength: 1 }), quotes, (text, quote) => {
        const [word] = parseLine(spellWord(text, quote));
        expect(word?.isBare).toBe(spellWord(text, quote) === text);
      }),
    );
  });

  test.each([0, 1])('JSON is taken as it stands, alone and behind a key, indented by %i', (indent) => {
    fc.assert(
      fc.property(fc.oneof(fc.array(fc.jsonValue()), fc.dictionary(fc.string(), fc.jsonValue())), (value) => {
        const json = JSON.stringify(value, null, indent);
        expect(textsOf(`set attrs=${json} ${json} -x=${json} end`)).toEqual([
          'set',
          `attrs=${json}`,
          json,
          `-x=${json}`,
          'end',
        ]);
      }),
    );
  });

  test('/bin/sh reads the same words', () => {
    const shellText = fc
      .array(fc.constantFrom('a', 'b-', ' ', "'", '"', '\\', '=', 'é', '.', '  ', '\t', '#x', '""', "''"), {
        maxLength: 14,
      })
      .map((pieces) => pieces.join(''));
    fc.assert(
      fc.property(shellText, (line) => {
        const { words, problem } = scanLine(line);
        fc.pre(problem === undefined);
        // Its own first word keeps printf from printing once where there is nothing to print.
        const { stdout } = spawnSync('/bin/sh', ['-c', `printf '%s\\0' . ${line}`], { encoding: 'utf8' });
        expect(['.', ...words.map(({ text }) => text)]).toEqual(stdout.split('\0').slice(0, -1));
      }),
      { numRuns: 200 },
    );
  });

  test('any line gives words or an invalidFlag error, and words lie in the line one after the other', () => {
    fc.assert(
      fc.property(lineText, (line) => {
        const { words, problem } = scanLine(line);
        let end = 0;
        for (const word of words) {
          expect(word.start).toBeGreaterThanOrEqual(end);
          expect(word.end).toBeGreaterThan(word.start);
          if (word.isBare) expect(line.slice(word.start, word.end)).toBe(word.text);
          end = word.end;
        }
        expect(end).toBeLessThanOrEqual(line.length);
        if (problem === undefined) return;
        expect(() => parseLine(line)).toThrow(StileError);
        expect(() => parseLine(line)).toThrow(problem);
      }),
    );
  });
});

describe('lines', () => {
  test.each([
    ['', []],
    ['   ', []],
    ['# a note', []],
    ['auth sessions # all', ['auth', 'sessions']],
    ['a#b', ['a#b']],
    [`'it'"'"'s' a\\ b`, ["it's", 'a b']],
    ['"a\\n$HOME`id`" $(id) !! *', ['a\\n$HOME`id`', '$(id)', '!!', '*']],
    ['"\\$ \\" \\\\"', ['$ " \\']],
    ['name="my target" x', ['name=my target', 'x']],
    ['[::1]:22 {{stile.port}} [a-z]*', ['[::1]:22', '{{stile.port}}', '[a-z]*']],
    ['attrs={} allow=[ "a b" ]', ['attrs={}', 'allow=[ "a b" ]']],
    ['x={"a":"}"}', ['x={"a":"}"}']],
  ])('%j', (line, expected) => {
    expect(textsOf(line)).toEqual(expected);
  });

  test.each([
    ["a 'b", "the quote ' at column 3 is never closed"],
    ['a "b', 'the quote " at column 3 is never closed'],
    ['a\\', 'the line ends in a backslash'],
    ['x={"a":1', 'what begins at column 3 is no JSON'],
    ['x={"a":1}b', 'what begins at column 3 is no JSON'],
    ['["a" "b"]', 'what begins at column 1 is no JSON'],
  ])('%j is refused, and the place is named', (line, message) => {
    expect(() => parseLine(line)).toThrow(message);
  });
});
