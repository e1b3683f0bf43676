import { newId } from '@stile/protocol';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  formatAuthToken,
  newAuthTokenParts,
  parseAuthToken,
} from '../../packages/controller/src/auth/token/auth-token-text.ts';

const base62 = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const characters = (length: number): fc.Arbitrary<string> =>
  fc.string({ unit: fc.constantFrom(...base62.split('')), minLength: length, maxLength: length });

describe('auth token text', () => {
  it('comes back as it was made, whatever the id', () => {
    fc.assert(
      fc.property(characters(10), (tail) => {
        const parts = newAuthTokenParts(`at_${tail}`);
        const again = parseAuthToken(formatAuthToken(parts).reveal());
        expect(again?.id).toBe(parts.id);
        expect(again?.secret.reveal()).toBe(parts.secret.reveal());
      }),
    );
  });

  it('is refused unless it is well formed, and never throws', () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.string(), fc.string({ unit: 'binary', minLength: 60, maxLength: 70 })),
        (text) => {
          expect(parseAuthToken(text)).toBeUndefined();
        },
      ),
    );
  });

  it('of the right form with a check sum made up is refused', () => {
    fc.assert(
      fc.property(characters(10), characters(43), characters(6), (tail, secret, check) => {
        // One in 62^6 would be right by chance.
        expect(parseAuthToken(`at_${tail}_s1${secret}${check}`)).toBeUndefined();
      }),
    );
  });

  it('with any one change is refused', () => {
    fc.assert(
      fc.property(fc.nat(64), fc.string({ minLength: 0, maxLength: 3 }), fc.nat(2), (at, put, cut) => {
        const text = formatAuthToken(newAuthTokenParts(newId('authToken'))).reveal();
        const changed = text.slice(0, at) + put + text.slice(at + cut);
        fc.pre(changed !== text);
        expect(parseAuthToken(changed)).toBeUndefined();
      }),
    );
  });
});
