import { describe, expect, it } from 'vitest';
import { decodeBase58, encodeBase58 } from './base58.ts';

const alphabet = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz';

/** The definition, digit by digit, to compare with. */
function slowBase58(bytes: Uint8Array): string {
  const zeros = bytes.findIndex((byte) => byte !== 0);
  let value = 0n;
  for (const byte of bytes) value = value * 256n + BigInt(byte);
  let text = '';
  for (; value > 0n; value /= 58n) text = alphabet.charAt(Number(value % 58n)) + text;
  return '1'.repeat(zeros < 0 ? bytes.length : zeros) + text;
}

const hex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'hex'));

describe('base58', () => {
  // Vectors of the base58 draft (draft-msporny-base58) and of Bitcoin's test suite.
  it.each([
    ['48656c6c6f20576f726c6421', '2NEpo7TZRRrLZSi2U'],
    ['0000287fb4cd', '11233QC4'],
    ['61', '2g'],
    ['00000000000000000000', '1111111111'],
    ['00eb15231dfceb60925886b67d065299925915aeb172c06647', '1NS17iag9jJgTHD1VXjvLCEnZuQ3rJDE9L'],
    ['ecac89cad93923c02321', 'EJDM8drfXA6uyA'],
  ])('encodes %s and decodes it back', (bytes, text) => {
    expect(encodeBase58(hex(bytes))).toBe(text);
    expect(Buffer.from(decodeBase58(text, 100)).toString('hex')).toBe(bytes);
  });

  it('agrees with the definition for the extreme bytes of every length up to 200', () => {
    for (let length = 0; length <= 200; length += 1) {
      for (const fill of [0, 1, 57, 58, 128, 255]) {
        const bytes = new Uint8Array(length).fill(fill);
        expect(encodeBase58(bytes)).toBe(slowBase58(bytes));
        if (length > 0) expect(decodeBase58(encodeBase58(bytes), length)).toEqual(bytes);
      }
    }
  });

  it.each(['0', 'O', 'I', 'l', '+', ' ', '\n', 'é', '2g\n', '😀'])('refuses the character in %j', (text) => {
    expect(() => decodeBase58(text, 100)).toThrow('invalid base58 character');
  });

  it('refuses an empty text', () => {
    expect(() => decodeBase58('', 100)).toThrow('zero length string');
  });

  it('refuses more bytes than the caller allows, by one', () => {
    const bytes = new Uint8Array(100).fill(255);
    expect(decodeBase58(encodeBase58(bytes), 100)).toEqual(bytes);
    expect(() => decodeBase58(encodeBase58(bytes), 99)).toThrow('more than 99 bytes');
    expect(() => decodeBase58('1'.repeat(101), 100)).toThrow('more than 100 bytes');
  });
});
