/**
 * Which auth token a request presents (tokens.md §1.9): the first source that is not empty decides alone. Also the rules that
 * keep foreign web pages from riding on a cookie. First step of the request pipeline.
 */
import type { IncomingHttpHeaders } from 'node:http';
import { StileError } from '@stile/protocol/errors';

/** Names of Boundary's two cookies, in the order in which their values join to the token (http-api.md §1.5). */
export const cookieNames: { readonly script: string; readonly http: string } = {
  script: 'wt-js-token-cookie',
  http: 'wt-http-token-cookie',
};

/** What a request presents. */
export interface Credential {
  readonly text: string | undefined;
  readonly source: 'none' | 'bearer' | 'cookie';
}

const noCredential: Credential = { text: undefined, source: 'none' };

/** Headers that decide who calls or what is allowed: given twice, a proxy and we might read different ones. */
const singleHeaders = new Set(['authorization', 'origin', 'x-correlation-id', 'sec-fetch-site']);

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
    if (seen.has(name)) {
      throw new StileError('invalidArgument', 'Error in provided request.', {
        details: { requestFields: [{ name, description: 'This header was given more than once.' }] },
      });
    }
    seen.add(name);
  }
}

/** Value of one cookie; undefined when absent. Two different values of one name are refused. */
function cookieValue(header: string, name: string): string | undefined {
  let found: string | undefined;
  for (const pair of header.split(';')) {
    const cut = pair.indexOf('=');
    if (cut < 0 || pair.slice(0, cut).trim() !== name) continue;
    const value = pair.slice(cut + 1).trim();
    if (found !== undefined && found !== value) {
      throw new StileError('invalidArgument', 'Error in provided request.', {
        details: { requestFields: [{ name: 'cookie', description: `The cookie ${name} was given twice.` }] },
      });
    }
    found = value;
  }
  return found;
}

/**
 * What the headers present: `Authorization: Bearer` (scheme in any case), else the cookie pair, both halves of it.
 * @throws {StileError} invalidArgument when one cookie has two values
 */
export function credentialOf(headers: IncomingHttpHeaders): Credential {
  const bearer = /^bearer +(\S.*)$/i.exec(headers.authorization ?? '')?.[1]?.trim();
  if (bearer !== undefined && bearer !== '') return { text: bearer, source: 'bearer' };
  const cookies = headers.cookie;
  if (cookies === undefined || !cookies.includes(cookieNames.script)) return noCredential;
  const script = cookieValue(cookies, cookieNames.script) ?? '';
  const http = cookieValue(cookies, cookieNames.http) ?? '';
  return script === '' || http === '' ? noCredential : { text: script + http, source: 'cookie' };
}

/**
 * Whether a request that acts by a cookie, or wants one, comes from our own pages or from no page at all: `Sec-Fetch-Site`
 * same-origin or none; without that header `Origin` equal to `Host`; without both (curl) yes.
 */
export function isSameOrigin(headers: IncomingHttpHeaders): boolean {
  const site = headers['sec-fetch-site'];
  if (site !== undefined) return site === 'same-origin' || site === 'none';
  const origin = headers.origin;
  if (origin === undefined) return true;
  const host = headers.host;
  return host !== undefined && (origin === `http://${host}` || origin === `https://${host}`);
}

/**
 * Refuses a changing request that acts by a cookie and comes from another origin.
 * @throws {StileError} permissionDenied
 */
export function refuseForeignCookieUse(
  method: string,
  source: Credential['source'],
  headers: IncomingHttpHeaders,
): void {
  if (source !== 'cookie' || method === 'GET' || method === 'HEAD' || method === 'OPTIONS') return;
  if (!isSameOrigin(headers)) throw new StileError('permissionDenied', 'Cross-origin request refused.');
}

/** The two `Set-Cookie` values that carry a token: its halves, one readable by scripts and one not (http-api.md §1.5). */
export function tokenCookies(token: string): string[] {
  const middle = Math.floor(token.length / 2);
  return [
    `${cookieNames.script}=${token.slice(0, middle)}; Path=/; Secure`,
    `${cookieNames.http}=${token.slice(middle)}; Path=/; HttpOnly; Secure`,
  ];
}
