/**
 * Which auth token a request presents (tokens.md §1.9): the first source that is not empty decides alone. The rules that
 * keep foreign web pages from riding on a cookie stand in same-origin.ts. First step of the request pipeline.
 */
import type { IncomingHttpHeaders } from 'node:http';
import { invalidField } from '@stile/protocol/errors';
import { cookieOf, sessionCookieName } from './session-cookie.ts';

/** Names of Boundary's two cookies, in the order in which their values join to the token (http-api.md §1.5). */
export const cookieNames: { readonly script: string; readonly http: string } = {
  script: 'wt-js-token-cookie',
  http: 'wt-http-token-cookie',
};

/** Headers of the Cluster API that carry a token; `cookie` as value means "use the cookie". */
const sessionHeaders = ['x-stile-api-session', 'x-cockroach-api-session'];

/** What a request presents. */
export interface Credential {
  readonly text: string | undefined;
  readonly source: 'none' | 'bearer' | 'header' | 'cookie';
  /** Name of our cookie, where it was that. */
  readonly cookieName?: string;
}

/** Where a request may present a token. */
export interface CredentialRules {
  readonly surface: 'v1' | 'v2';
  /** The cookie without prefix and `Secure` counts too. */
  readonly insecureCookies: boolean;
}

const noCredential: Credential = { text: undefined, source: 'none' };

/** Headers that decide who calls or what is allowed: given twice, a proxy and we might read different ones. */
const singleHeaders = new Set([
  'authorization',
  'origin',
  'x-correlation-id',
  'sec-fetch-site',
  ...sessionHeaders,
]);

/**
 * Refuses a request that repeats a header which decides something.
 * @throws {StileError} invalidArgument naming the header
 */
export function refuseRepeatedHeaders(rawHeaders: readonly string[]): void {
  let seen: Set<string> | undefined;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at]?.toLowerCase() ?? '';
    if (!singleHeaders.has(name)) continue;
    seen ??= new Set();
    if (seen.has(name)) throw invalidField(name, 'This header was given more than once.');
    seen.add(name);
  }
}

function bearerOf(headers: IncomingHttpHeaders): string | undefined {
  return /^bearer +(\S.*)$/i.exec(headers.authorization ?? '')?.[1]?.trim();
}

/** The token of the Cluster API's headers; `cookie` as it stands. @throws {StileError} invalidArgument when two headers differ */
function sessionHeaderOf(headers: IncomingHttpHeaders): string | undefined {
  const given = sessionHeaders.flatMap((name) => {
    const value = headers[name];
    return typeof value === 'string' && value.trim() !== '' ? [{ name, value: value.trim() }] : [];
  });
  const [first] = given;
  const other = given.find(({ value }) => value !== first?.value);
  if (other !== undefined) throw invalidField(other.name, 'Two headers present different auth tokens.');
  return first?.value;
}

/** Boundary's pair: both halves or none. */
function cookiePairOf(cookies: string): string | undefined {
  if (!cookies.includes(cookieNames.script)) return undefined;
  const script = cookieOf(cookies, cookieNames.script) ?? '';
  const http = cookieOf(cookies, cookieNames.http) ?? '';
  return script === '' || http === '' ? undefined : script + http;
}

function cookieCredential(headers: IncomingHttpHeaders, rules: CredentialRules): Credential {
  const { cookie: cookies } = headers;
  if (cookies === undefined) return noCredential;
  const names = [sessionCookieName(false), ...(rules.insecureCookies ? [sessionCookieName(true)] : [])];
  for (const name of names) {
    const text = cookies.includes(name) ? (cookieOf(cookies, name) ?? '') : '';
    if (text !== '') return { text, source: 'cookie', cookieName: name };
  }
  const pair = rules.surface === 'v1' ? cookiePairOf(cookies) : undefined;
  return pair === undefined ? noCredential : { text: pair, source: 'cookie' };
}

/**
 * What the headers present: `Authorization: Bearer` (scheme in any case), the session header of the Cluster API, our cookie, Boundary's pair.
 * @throws {StileError} invalidArgument when one cookie has two values, or two headers present different tokens
 */
export function credentialOf(headers: IncomingHttpHeaders, rules: CredentialRules): Credential {
  const bearer = bearerOf(headers);
  const header = rules.surface === 'v2' ? sessionHeaderOf(headers) : undefined;
  const token = header?.toLowerCase() === 'cookie' ? undefined : header;
  if (bearer !== undefined && token !== undefined && bearer !== token) {
    throw invalidField('authorization', 'Two headers present different auth tokens.');
  }
  if (bearer !== undefined) return { text: bearer, source: 'bearer' };
  if (token !== undefined) return { text: token, source: 'header' };
  return cookieCredential(headers, rules);
}

/** The two `Set-Cookie` values that carry a token: its halves, one readable by scripts and one not (http-api.md §1.5). */
export function tokenCookies(token: string): string[] {
  const middle = Math.floor(token.length / 2);
  return [
    `${cookieNames.script}=${token.slice(0, middle)}; Path=/; Secure`,
    `${cookieNames.http}=${token.slice(middle)}; Path=/; HttpOnly; Secure`,
  ];
}
