/** The rules that keep foreign web pages from riding on a cookie (tokens.md §1.9). Pure. */
import type { IncomingHttpHeaders } from 'node:http';
import { StileError } from '@stile/protocol/errors';

/** The content types that an HTML form of any page can send. */
const formType = /^\s*(?:application\/x-www-form-urlencoded|multipart\/form-data|text\/plain)\s*(?:;|$)/i;

/**
 * Whether a request that acts by a cookie, or wants one, comes from our own pages or from no page at all: `Sec-Fetch-Site`
 * same-origin or none; without that header `Origin` equal to `Host`; without both (curl) yes, but for a form: old browsers send
 * those of any page without a word about where they come from.
 *
 * @param contentType as sent; `''` where forms are what the operation takes
 */
export function isSameOrigin(headers: IncomingHttpHeaders, contentType = ''): boolean {
  const site = headers['sec-fetch-site'];
  if (site !== undefined) return site === 'same-origin' || site === 'none';
  const origin = headers.origin?.toLowerCase();
  if (origin === undefined) return !formType.test(contentType);
  const host = headers.host?.toLowerCase();
  return host !== undefined && (origin === `http://${host}` || origin === `https://${host}`);
}

/**
 * Refuses a request that acts by a cookie and comes from another origin, where it changes something or stays open.
 * @throws {StileError} permissionDenied
 */
export function refuseForeignCookieUse(request: {
  readonly method: string;
  readonly staysOpen: boolean;
  /** Where the token stands. */
  readonly source: string;
  readonly isSameOrigin: boolean;
}): void {
  const { method, staysOpen, source } = request;
  const isHarmless = method === 'GET' || method === 'HEAD' || method === 'OPTIONS';
  if (source !== 'cookie' || (isHarmless && !staysOpen) || request.isSameOrigin) return;
  throw new StileError('permissionDenied', 'Cross-origin request refused.');
}
