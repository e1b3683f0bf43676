/** CORS of the API (http-api.md §1.12): which origins of web pages may call, and what the preflight says. */
import type { IncomingHttpHeaders } from 'node:http';
import { StileError } from '@stile/protocol/errors';

/** CORS settings of a listener. */
export interface CrossOriginOptions {
  /** False: no CORS headers, and no origin is refused. */
  readonly enabled: boolean;
  /** Origins, or `*`. Boundary's desktop client `serve://boundary` is always allowed too. */
  readonly allowedOrigins: readonly string[];
  /** Request headers allowed besides the usual ones. */
  readonly allowedHeaders: readonly string[];
}

/** Origin of Boundary's desktop client. */
const desktopOrigin = 'serve://boundary';
const methods = ['DELETE', 'GET', 'OPTIONS', 'POST', 'PATCH'];
const standardHeaders = ['Content-Type', 'X-Requested-With', 'Authorization'];

/** What to answer: headers to add, and whether this is a preflight that is answered by them alone. */
export interface CrossOriginAnswer {
  readonly headers: Readonly<Record<string, string>>;
  readonly isPreflight: boolean;
}

const noAnswer: CrossOriginAnswer = { headers: {}, isPreflight: false };

function isOwnOrigin(origin: string, host: string | undefined): boolean {
  return host !== undefined && (origin === `http://${host}` || origin === `https://${host}`);
}

/**
 * Decides about the origin of a request. Credentials are never allowed across origins: no `Access-Control-Allow-Credentials`.
 * @throws {StileError} permissionDenied for a foreign origin, methodNotAllowed for a preflight of a method that does not exist
 */
export function crossOriginAnswer(
  method: string,
  headers: IncomingHttpHeaders,
  options: CrossOriginOptions,
): CrossOriginAnswer {
  const origin = headers.origin;
  if (!options.enabled || origin === undefined) return noAnswer;
  const isAnyAllowed = options.allowedOrigins.includes('*');
  const isAllowed = isAnyAllowed || origin === desktopOrigin || options.allowedOrigins.includes(origin);
  const wanted = headers['access-control-request-method'];
  const isPreflight = method === 'OPTIONS' && wanted !== undefined;
  if (!isAllowed) {
    if (!isPreflight && isOwnOrigin(origin, headers.host)) return noAnswer;
    throw new StileError('permissionDenied', 'origin forbidden');
  }
  if (isPreflight && !methods.includes(wanted)) throw new StileError('methodNotAllowed', 'no such method');
  const common = { 'Access-Control-Allow-Origin': isAnyAllowed ? '*' : origin, Vary: 'Origin' };
  if (!isPreflight) {
    return {
      headers: { ...common, 'Access-Control-Expose-Headers': 'Retry-After, RateLimit, RateLimit-Policy' },
      isPreflight,
    };
  }
  return {
    headers: {
      ...common,
      'Access-Control-Allow-Methods': methods.join(', '),
      'Access-Control-Allow-Headers': [...standardHeaders, ...options.allowedHeaders].join(', '),
      'Access-Control-Max-Age': '300',
    },
    isPreflight,
  };
}
