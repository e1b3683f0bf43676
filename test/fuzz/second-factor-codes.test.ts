/** Property tests: what counts as a code, and where one stands behind a password, for whatever texts. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  newRecoveryCode,
  parseRecoveryCode,
} from '../../packages/controller/src/auth/second-factor/recovery-code.ts';
import {
  mayHoldCode,
  parseCode,
  splitOtp,
  splitRecoveryCode,
} from '../../packages/controller/src/auth/second-factor/second-factor.ts';

const anyText = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 60 }),
  fc.string({ unit: 'grapheme', maxLength: 40 }),
  // Digits of every script, letters that fold to ASCII ones, hyphens and blanks.
  fc.string({ unit: fc.constantFrom(...'0123456789０１２٣४ABZabz27-– \t\nſK'.split('')), maxLength: 30 }),
);
const otp = fc.string({ unit: fc.constantFrom(...'0123456789'.split('')), minLength: 6, maxLength: 8 });
const recovery = fc.string({
  unit: fc.constantFrom(...'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.split('')),
  minLength: 20,
  maxLength: 20,
});

/** A recovery code as people may type it: any case, any of its hyphens. */
const typedRecovery = fc
  .tuple(
    recovery,
    fc.array(fc.boolean(), { minLength: 20, maxLength: 20 }),
    fc.tuple(fc.boolean(), fc.boolean(), fc.boolean()),
  )
  .map(([code, lower, hyphens]) => ({
    code,
    typed: Array.from(code, (character, at) => {
      const hyphen = at % 5 === 0 && at > 0 && hyphens[at / 5 - 1] === true ? '-' : '';
      return hyphen + (lower[at] === true ? character.toLowerCase() : character);
    }).join(''),
  }));

describe('codes of a second factor', () => {
  it('are ASCII digits alone, or a recovery code; nothing else is one, and nothing throws', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        const code = parseCode(text);
        if (/^[0-9]{6,8}$/.test(text) && !text.includes('\n')) expect(code).toEqual({ kind: 'otp', text });
        else if (code !== undefined) {
          expect(code.kind).toBe('recovery');
          expect(text.toUpperCase().replaceAll('-', '')).toBe(code.text);
          // eslint-disable-next-line no-control-regex -- every character is ASCII
          expect(text).toMatch(/^[\x00-\x7f]*$/);
        }
      }),
    );
  });

  it('are wrong when anything is put before, behind or between their characters', () => {
    const junk = fc.constantFrom(
      ' ',
      '\t',
      '\n',
      '\r',
      '\0',
      '\u00a0',
      '\u200b',
      '０',
      '+',
      '.',
      ',',
      '_',
      '/',
      "'",
      '"',
    );
    fc.assert(
      fc.property(otp, junk, fc.nat(8), (text, character, at) => {
        const where = Math.min(at, text.length);
        expect(parseCode(text.slice(0, where) + character + text.slice(where))).toBeUndefined();
      }),
    );
  });

  it('are wrong when given twice, but for digits that make one longer code', () => {
    fc.assert(
      fc.property(fc.oneof(otp, recovery), (text) => {
        expect(parseCode(text + text)).toBeUndefined();
      }),
    );
  });

  it('for recovery are the same in every spelling, and different from every other one', () => {
    fc.assert(
      fc.property(typedRecovery, recovery, ({ code, typed }, other) => {
        expect(parseRecoveryCode(typed)).toBe(code);
        if (other !== code) expect(parseRecoveryCode(other)).not.toBe(code);
      }),
    );
    fc.assert(
      fc.property(fc.constant(null), () => {
        const shown = newRecoveryCode();
        expect(parseRecoveryCode(shown)).toBe(shown.replaceAll('-', ''));
      }),
    );
  });

  it('behind a password are found again, whatever the password', () => {
    const anyPassword = anyText.filter((text) => text !== '');
    fc.assert(
      fc.property(anyPassword, otp, (password, code) => {
        expect(splitOtp(password + code, code.length)).toEqual({ password, code });
        expect(mayHoldCode(password + code)).toBe(true);
      }),
    );
    fc.assert(
      fc.property(anyPassword, typedRecovery, (password, { typed }) => {
        expect(splitRecoveryCode(password + typed)).toEqual({ password, code: typed });
        expect(mayHoldCode(password + typed)).toBe(true);
      }),
    );
  });

  it('are split off so that password and code together are the text, and neither is empty', () => {
    fc.assert(
      fc.property(anyText, fc.integer({ min: 6, max: 8 }), (text, digits) => {
        for (const split of [splitOtp(text, digits), splitRecoveryCode(text)]) {
          if (split === undefined) continue;
          expect(split.password + split.code).toBe(text);
          expect(split.password).not.toBe('');
          expect(parseCode(split.code)).toBeDefined();
          expect(mayHoldCode(text)).toBe(true);
        }
      }),
    );
  });
});
