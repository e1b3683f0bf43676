/** Property tests of the command line's parser: any value survives every spelling, any words end in values or an error with code invalidFlag. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { StileError } from '@stile/protocol/errors';
import { parseArguments } from '../../packages/cli/src/arguments/argv.ts';
import { Environment } from '../../packages/cli/src/arguments/environment.ts';
import { parseDuration, parseInteger } from '../../packages/cli/src/arguments/go-values.ts';
import { expandShortcut } from '../../packages/cli/src/arguments/shortcuts.ts';
import type { Command } from '../../packages/cli/src/command.ts';
import { printable, wrap } from '../../packages/cli/src/terminal/layout.ts';
import { toJsonLine } from '../../packages/cli/src/terminal/output.ts';

const command: Command = {
  path: 'things',
  summary: 'Things',
  description: 'Things.',
  examples: ['stile things'],
  groups: [
    {
      title: 'Command Options',
      flags: [
        { name: 'name', type: 'string', help: 'A text.' },
        { name: 'version', type: 'uint', help: 'A number.' },
        { name: 'wait', type: 'duration', help: 'A duration.' },
        { name: 'recursive', type: 'boolean', help: 'A switch.' },
        { name: 'host', type: 'string', repeat: true, help: 'A list.' },
      ],
    },
  ],
  run: () => Promise.resolve(0),
};

const nothing = new Environment({});

describe('flags', () => {
  test('a text value is the same behind one dash or two, attached or not', async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'binary' }), async (value) => {
        for (const words of [['-name', value], ['--name', value], [`-name=${value}`], [`--name=${value}`]]) {
          const { flags, leftover } = await parseArguments(command, words, nothing);
          expect(flags.text('name')).toBe(value);
          expect(leftover).toEqual([]);
        }
      }),
    );
  });

  test('a list keeps every value in order, trimmed', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.string(), { maxLength: 5 }), async (values) => {
        const { flags } = await parseArguments(
          command,
          values.flatMap((value) => ['-host', value]),
          nothing,
        );
        expect(flags.list('host')).toEqual(values.map((value) => value.trim()));
      }),
    );
  });

  test('the last of a repeated flag wins', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.string(), { minLength: 1, maxLength: 5 }), async (values) => {
        const { flags } = await parseArguments(
          command,
          values.flatMap((value) => ['-name', value]),
          nothing,
        );
        expect(flags.text('name')).toBe(values.at(-1));
      }),
    );
  });

  test('any words give values or an invalidFlag error, and nothing outside the table is set', async () => {
    const word = fc.oneof(
      fc.string(),
      fc.constantFrom(
        '-',
        '--',
        '---',
        '-=',
        '--=x',
        '-name',
        '--name=',
        '-recursive',
        '-recursive=maybe',
        '-version',
        '-wait=1h',
        '-__proto__=x',
        '-constructor',
        '--no-recursive',
        '-abc',
        '-name.x=1',
        '-host=a,b',
      ),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(word, { maxLength: 8 }), async (words) => {
        const error = await parseArguments(command, words, nothing).then(
          () => undefined,
          (reason: unknown) => reason,
        );
        if (error === undefined) return;
        expect(error).toBeInstanceOf(StileError);
        expect(error).toMatchObject({ code: 'invalidFlag' });
      }),
    );
    expect(Object.hasOwn(Object.prototype, 'x')).toBe(false);
  });
});

/** A command of the `auth` namespace: assignments, short flags and plain words. */
const assigning: Command = {
  ...command,
  assignments: true,
  operands: { name: 'PROPERTY', max: 3 },
  groups: [
    {
      title: 'Command Options',
      flags: [
        { name: 'match-origin', type: 'boolean', help: 'A switch.' },
        { name: 'name', alias: 'n', type: 'string', help: 'A text.' },
        { name: 'scope', type: 'string', repeat: true, help: 'A list.' },
      ],
    },
  ],
};

describe('key=value words, short flags and plain words', () => {
  test('a value is the same as an assignment, behind the short flag, and with _ for -', async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'binary' }), fc.boolean(), async (value, on) => {
        for (const words of [[`name=${value}`], ['-n', value], [`-n=${value}`], [`--name=${value}`]]) {
          for (const flag of [`match_origin=${on}`, `-match_origin=${on}`, `match-origin=${on}`]) {
            const { flags, operands } = await parseArguments(assigning, ['id', ...words, flag], nothing);
            expect([flags.text('name'), flags.bool('match-origin')]).toEqual([value, on]);
            expect(operands).toEqual(['id']);
          }
        }
      }),
    );
  });

  test('plain words keep their order between flags, and every scope is taken', async () => {
    const word = fc.stringMatching(/^[a-z][a-z_]{0,8}$/);
    await fc.assert(
      fc.asyncProperty(
        fc.array(word, { maxLength: 5 }),
        fc.array(word, { maxLength: 3 }),
        async (plain, scopes) => {
          const words = [
            ...scopes.map((scope) => `scope=${scope}`),
            ...plain.flatMap((each) => [each, '-n', 'x']),
          ];
          const { flags, operands, leftover } = await parseArguments(assigning, words, nothing);
          expect(operands).toEqual(plain);
          expect(flags.list('scope')).toEqual(scopes);
          expect(leftover).toEqual([]);
        },
      ),
    );
  });

  test('an assignment to no flag names the key; without assignments the word is left over', async () => {
    await expect(parseArguments(assigning, ['color=red'], nothing)).rejects.toMatchObject({
      code: 'invalidFlag',
      message: 'there is no property "color" here',
    });
    const { leftover } = await parseArguments(command, ['name=x'], nothing);
    expect(leftover).toEqual(['name=x']);
  });
});

describe('values', () => {
  test('every integer is read back in every base', () => {
    fc.assert(
      fc.property(fc.maxSafeInteger(), (value) => {
        const sign = value < 0 ? '-' : '';
        const magnitude = Math.abs(value);
        for (const text of [
          String(magnitude),
          `0x${magnitude.toString(16)}`,
          `0o${magnitude.toString(8)}`,
          `0${magnitude.toString(8)}`,
          `0b${magnitude.toString(2)}`,
        ]) {
          const parsed = parseInteger(sign + text, { signed: true });
          expect('value' in parsed ? parsed.value + 0 : parsed).toBe(value + 0);
        }
      }),
    );
  });

  test('durations add up', () => {
    fc.assert(
      fc.property(
        fc.nat({ max: 1000 }),
        fc.nat({ max: 59 }),
        fc.nat({ max: 59 }),
        (hours, minutes, seconds) => {
          const expected = ((hours * 60 + minutes) * 60 + seconds) * 1000;
          expect(parseDuration(`${hours}h${minutes}m${seconds}s`)).toEqual({ value: expected });
          expect(parseDuration(String(seconds))).toEqual({ value: seconds * 1000 });
        },
      ),
    );
  });

  test('no text makes a value parser throw', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        parseDuration(text);
        parseInteger(text, { signed: true });
        parseInteger(text, { signed: false });
        expandShortcut(['read', text]);
      }),
    );
  });
});

describe('terminal output', () => {
  test('printable text holds no control or direction character', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(printable(text)).not.toMatch(/[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/u);
      }),
    );
  });

  test('JSON lines parse to the same value and hold no control character', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const line = toJsonLine(value);
        expect(line).not.toMatch(/[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}<>&]/u);
        expect(JSON.parse(line)).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
  });

  test('wrapping loses no word and breaks only words longer than a line', () => {
    fc.assert(
      fc.property(
        fc.array(fc.stringMatching(/^[a-z]{1,20}$/), { minLength: 1 }),
        fc.integer({ min: 20, max: 80 }),
        (words, columns) => {
          const wrapped = wrap([`    ${words.join(' ')}`], columns + 4);
          expect(wrapped.split(/\s+/).filter((word) => word !== '')).toEqual(words);
          for (const line of wrapped.split('\n')) expect(line.length).toBeLessThanOrEqual(columns + 4);
        },
      ),
    );
  });
});
