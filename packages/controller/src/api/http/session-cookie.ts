/** Our cookie: set, cleared and read (tokens.md §1.9). Whether one may be set at all is decided here too. */
import type { IncomingHttpHeaders } from 'node:http';
import { StileError } from '@stile/protocol/errors';
import { isSameOrigin } from './same-origin.ts';

/** Name of the cookie: with the prefix, browsers keep it from other hosts and from plain http over a network. */
export function sessionCookieName(isInsecure: boolean): string {
  return isInsecure ? 'stile-session' : '__Host-stile-session';
}

const attributes = 'Path=/; HttpOnly; Secure; SameSite=Strict';

/** The `Set-Cookie` value that carries a token. */
export function sessionCookie(token: string, isInsecure = false): string {
  const fitting = isInsecure ? attributes.replace('; Secure', '') : attributes;
  return `${sessionCookieName(isInsecure)}=${token}; ${fitting}`;
}

/** The `Set-Cookie` value that takes the cookie away. */
function clearedSessionCookie(isInsecure: boolean): string {
  return `${sessionCookie('', isInsecure)}; Max-Age=0`;
}

/** The `Set-Cookie` header that takes the cookie away which presented a token that has ended; empty when none of ours was sent. */
export function withoutCookie({
  headers,
  insecureCookies,
}: Pick<CookieRequest, 'headers' | 'insecureCookies'>): { readonly 'Set-Cookie'?: string[] } {
  const names = insecureCookies ? [false, true] : [false];
  const sent = names.filter(
    (isInsecure) => cookieOf(headers.cookie ?? '', sessionCookieName(isInsecure)) !== undefined,
  );
  return sent.length === 0 ? {} : { 'Set-Cookie': sent.map(clearedSessionCookie) };
}

/**
 * Value of one cookie; undefined when absent.
 * @throws {StileError} invalidArgument when one name has two values
 */
export function cookieOf(header: string, name: string): string | undefined {
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

/** Where a request comes from, as far as cookies look at it. */
export interface CookieRequest {
  readonly headers: IncomingHttpHeaders;
  /** Address of the socket's peer: what a proxy forwards for does not change what the network sees. */
  readonly peerAddress: string;
  readonly isTls: boolean;
  /** Cookies without TLS are allowed (`insecure_cookies`). */
  readonly insecureCookies: boolean;
}

function isLoopback(address: string): boolean {
  return address === '::1' || /^(::ffff:)?127\./.test(address);
}

/**
 * Cookies go to our own pages only, and never over a network in the clear. Says whether the cookie must do without `Secure`.
 * @throws {StileError} permissionDenied, failedPrecondition
 */
export function requireCookieAllowed(request: CookieRequest): { readonly isInsecure: boolean } {
  if (!isSameOrigin(request.headers)) {
    throw new StileError('permissionDenied', 'Cross-origin request refused.');
  }
  if (request.isTls || isLoopback(request.peerAddress)) return { isInsecure: false };
  if (request.insecureCookies) return { isInsecure: true };
  throw new StileError(
    'failedPrecondition',
    'Cookies are given over TLS only: set tls_cert_file and tls_key_file on the api listener, or use type "token".',
  );
}
