/** The rules that keep foreign web pages from riding on a cookie (tokens.md §1.9). Pure. */
import type { IncomingHttpHeaders } from 'node:http';
import { StileError } from '@stile/protocol/errors';

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
 * Refuses a request that acts by a cookie and comes from another origin, where it changes something or stays open.
 * @throws {StileError} permissionDenied
 */
export function refuseForeignCookieUse(
  request: { readonly method: string; readonly staysOpen: boolean },
  source: string,
  headers: IncomingHttpHeaders,
): void {
  const { method, staysOpen } = request;
  const isHarmless = method === 'GET' || method === 'HEAD' || method === 'OPTIONS';
  if (source !== 'cookie' || (isHarmless && !staysOpen)) return;
  if (!isSameOrigin(headers)) throw new StileError('permissionDenied', 'Cross-origin request refused.');
}
