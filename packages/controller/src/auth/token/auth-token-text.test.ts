import { createHash } from 'node:crypto';
import { inspect } from 'node:util';
import { newId } from '@stile/protocol';
import { describe, expect, it } from 'vitest';
import {
  authTokenLength,
  cookieHalves,
  formatAuthToken,
  joinCookieHalves,
  macInput,
  newAuthTokenParts,
  parseAuthToken,
} from './auth-token-text.ts';

/** Base62 of a number, by the plainest way there is. */
function base62(value: bigint, digits: number): string {
  const alphabet = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
  let text = '';
  let rest = value;
  for (let place = 0; place < digits; place++) {
    text = alphabet.charAt(Number(rest % 62n)) + text;
    rest /= 62n;
  }
  return text;
}

describe('auth token text', () => {
  it('has the form that foreign clients check, and comes apart again', () => {
    const parts = newAuthTokenParts(newId('authToken'));
    const text = formatAuthToken(parts).reveal();
    expect(text).toMatch(/^at_[0-9A-Za-z]{10}_s1[0-9A-Za-z]{49}$/);
    expect(text).toHaveLength(authTokenLength);
    expect(text.split('_')).toHaveLength(3);
    const again = parseAuthToken(text);
    expect(again?.id).toBe(parts.id);
    expect(again?.secret.reveal()).toBe(parts.secret.reveal());
  });

  it('ends in the head of base62 of SHA-256 over id and secret', () => {
    const parts = newAuthTokenParts('at_0123456789');
    const digest = createHash('sha256').update(`at_0123456789\x1f${parts.secret.reveal()}`).digest('hex');
    const expected = base62(BigInt(`0x${digest}`), 43).slice(0, 6);
    expect(formatAuthToken(parts).reveal().slice(-6)).toBe(expected);
  });

  it('gives another secret each time', () => {
    const secrets = new Set(
      Array.from({ length: 200 }, () => newAuthTokenParts('at_0123456789').secret.reveal()),
    );
    expect(secrets.size).toBe(200);
  });

  it('refuses every change of one character', () => {
    const text = formatAuthToken(newAuthTokenParts('at_0123456789')).reveal();
    for (let at = 0; at < text.length; at++) {
      const other = text[at] === 'x' ? 'y' : 'x';
      expect(parseAuthToken(text.slice(0, at) + other + text.slice(at + 1))).toBeUndefined();
    }
  });

  it.each([
    ['nothing', () => ''],
    ['white space', () => ' '],
    ['the word null', () => 'null'],
    ['a trailing space', (text: string) => `${text} `],
    ['a line break at the end', (text: string) => `${text}\n`],
    ['a line break instead of its last character', (text: string) => `${text.slice(0, -1)}\n`],
    ['a leading space', (text: string) => ` ${text}`],
    ['itself twice', (text: string) => `${text}${text}`],
    ['itself twice with a comma', (text: string) => `${text},${text}`],
    ['no third part', (text: string) => text.slice(0, 13)],
    ['an empty third part', (text: string) => text.slice(0, 14)],
    ['four parts', (text: string) => `${text.slice(0, 40)}_${text.slice(41)}`],
    ['an upper case prefix', (text: string) => text.replace('at_', 'AT_')],
    ['another prefix', (text: string) => text.replace('at_', 'r__')],
    ['a NUL', (text: string) => `${text.slice(0, 30)}\0${text.slice(31)}`],
    ['digits of another script', (text: string) => text.replace('at_0', 'at_٠')],
    ['one character', () => 'a'],
    ['a mebibyte', () => 'a'.repeat(1 << 20)],
    ['the public id alone', () => 'at_0123456789'],
  ])('refuses %s', (_name, change) => {
    const text = formatAuthToken(newAuthTokenParts('at_0123456789')).reveal();
    expect(parseAuthToken(change(text))).toBeUndefined();
  });

  it('does not print its secret', () => {
    const parts = newAuthTokenParts('at_0123456789');
    const secret = parts.secret.reveal();
    expect(inspect(parts)).not.toContain(secret);
    expect(JSON.stringify(parts)).not.toContain(secret);
    expect(String(formatAuthToken(parts))).not.toContain(secret);
  });

  it('has a MAC over id and secret with a separator between them', () => {
    const parts = newAuthTokenParts('at_0123456789');
    expect(macInput(parts).toString('latin1')).toBe(`at_0123456789\x1f${parts.secret.reveal()}`);
  });

  it('is cut at half its length into two cookies, and both are needed', () => {
    const text = formatAuthToken(newAuthTokenParts('at_0123456789'));
    const { js, http } = cookieHalves(text);
    expect(js.reveal()).toHaveLength(32);
    expect(joinCookieHalves(js.reveal(), http.reveal())).toBe(text.reveal());
    for (const missing of [undefined, '']) {
      expect(joinCookieHalves(js.reveal(), missing)).toBeUndefined();
      expect(joinCookieHalves(missing, http.reveal())).toBeUndefined();
    }
  });
});
