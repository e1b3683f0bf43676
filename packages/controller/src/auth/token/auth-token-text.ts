/** The text of an auth token, `at_<10>_s1<43><6>`: made, taken apart and checked without a database (tokens.md §1.2). Pure. */
import { hash } from 'node:crypto';
import { randomBase62 } from '@stile/protocol';
import { Secret } from '@stile/runtime';

/** A token text that is well formed and whose check sum is right; whether such a token exists is another question. */
export interface AuthTokenParts {
  /** `at_…`; public. */
  readonly id: string;
  /** 43 characters of [0-9A-Za-z], 256 bits. */
  readonly secret: Secret;
}

const secretLength = 43;
const checkLength = 6;
const pattern = /^(at_[0-9A-Za-z]{10})_s1([0-9A-Za-z]{43})([0-9A-Za-z]{6})$/;
/** Length of every token text. */
export const authTokenLength: number = 'at_'.length + 10 + '_s1'.length + secretLength + checkLength;

const alphabet = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
/** SHA-256 has 43 digits in base 62; the first six stand before the other 37. */
const restOfDigits = 62n ** 37n;

/**
 * The first six base62 digits of SHA-256(id ‖ 0x1f ‖ secret). It spares the database a typo or a scanner's false hit and
 * protects nothing.
 */
function checkSum(id: string, secret: string): string {
  let head = Number(BigInt(`0x${hash('sha256', `${id}\x1f${secret}`, 'hex')}`) / restOfDigits);
  let digits = '';
  for (let place = 0; place < checkLength; place++) {
    digits = alphabet.charAt(head % 62) + digits;
    head = Math.floor(head / 62);
  }
  return digits;
}

/** What an auth token's MAC is made over: id ‖ 0x1f ‖ secret, so that a MAC holds in its own row only. */
export function macInput(parts: AuthTokenParts): Buffer {
  return Buffer.from(`${parts.id}\x1f${parts.secret.reveal()}`, 'latin1');
}

/** A new random secret for the token with this id. */
export function newAuthTokenParts(id: string): AuthTokenParts {
  return { id, secret: new Secret(randomBase62(secretLength)) };
}

/** The text that is shown to its owner once. */
export function formatAuthToken(parts: AuthTokenParts): Secret {
  const secret = parts.secret.reveal();
  return new Secret(`${parts.id}_s1${secret}${checkSum(parts.id, secret)}`);
}

/** Takes a token text apart; undefined for anything else, however long. */
export function parseAuthToken(text: string): AuthTokenParts | undefined {
  if (text.length !== authTokenLength) return undefined;
  const [, id, secret, check] = pattern.exec(text) ?? [];
  if (id === undefined || secret === undefined || check !== checkSum(id, secret)) return undefined;
  return { id, secret: new Secret(secret) };
}

/**
 * The two cookies of a login of type `cookie`: the text cut at half its length (http-api.md §1.5). Only the second is out
 * of reach of scripts.
 */
export function cookieHalves(text: Secret): { readonly js: Secret; readonly http: Secret } {
  const value = text.reveal();
  const cut = Math.floor(value.length / 2);
  return { js: new Secret(value.slice(0, cut)), http: new Secret(value.slice(cut)) };
}

/** Names of the cookies with the halves. */
export const tokenCookieNames: { readonly js: string; readonly http: string } = {
  js: 'wt-js-token-cookie',
  http: 'wt-http-token-cookie',
};

/** The token text of two cookies; undefined unless both have a value. */
export function joinCookieHalves(js: string | undefined, http: string | undefined): string | undefined {
  return js === undefined || js === '' || http === undefined || http === '' ? undefined : js + http;
}
