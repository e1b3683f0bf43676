/** Our cookie: set, cleared and read (tokens.md §1.9). Whether one may be set at all is decided here too. */
import { invalidField, StileError } from '@stile/protocol/errors';

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
function clearedSessionCookie(isInsecure = false): string {
  return `${sessionCookie('', isInsecure)}; Max-Age=0`;
}

/** Headers that take away the cookie which presented the token that has just ended; none where it was no cookie of ours. */
export function withoutSessionCookie(cookieName: string | undefined): { readonly 'Set-Cookie'?: string } {
  if (cookieName === undefined) return {};
  return { 'Set-Cookie': clearedSessionCookie(cookieName === sessionCookieName(true)) };
}

/** What RFC 6265 §5.4 lets stand around a pair. Not more: a browser takes U+00A0 for a part of the name, and its prefix then binds nothing. */
const around = /^[ \t]+|[ \t]+$/g;

/**
 * Value of one cookie; undefined when absent.
 * @throws {StileError} invalidArgument when one name has two values
 */
export function cookieOf(header: string, name: string): string | undefined {
  let found: string | undefined;
  for (const pair of header.split(';')) {
    const cut = pair.indexOf('=');
    if (cut < 0 || pair.slice(0, cut).replace(around, '') !== name) continue;
    const value = pair.slice(cut + 1).replace(around, '');
    if (found !== undefined && found !== value) {
      throw invalidField('cookie', `The cookie ${name} was given twice.`);
    }
    found = value;
  }
  return found;
}

/** Where a request comes from, as far as cookies look at it. */
export interface CookieRequest {
  /** It comes from our own pages, or from no page at all. */
  readonly isSameOrigin: boolean;
  /** Address of the socket's peer, whatever a proxy says of the client: the cookie goes to it in the clear. */
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
  if (!request.isSameOrigin) {
    throw new StileError('permissionDenied', 'Cross-origin request refused.');
  }
  if (request.isTls || isLoopback(request.peerAddress)) return { isInsecure: false };
  if (request.insecureCookies) return { isInsecure: true };
  throw new StileError(
    'failedPrecondition',
    'Cookies are given over TLS only: set tls_cert_file and tls_key_file on the api listener, or use type "token".',
  );
}
