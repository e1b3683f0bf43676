/** Where a request comes from, as tokens remember and compare it (tokens.md §1.6). Pure. */
import { scrubAuthTokens } from '@stile/runtime';

/** A client as the request pipeline knows it. */
export interface ClientOrigin {
  /** IP address without port, or `unix:uid=N`. */
  readonly address: string;
  /** Absent when a proxy forwarded the request. */
  readonly port?: number | undefined;
  /** As sent; cut and cleaned before it is kept. */
  readonly userAgent?: string | undefined;
}

/** Longest user agent that is kept, characters. */
const longestAgent = 256;
const mappedPrefix = /^::ffff:(?=\d+\.\d+\.\d+\.\d+$)/i;

/** The address in the one form that is compared: an IPv4 address within IPv6 is that IPv4 address. */
export function plainAddress(address: string): string {
  return address.replace(mappedPrefix, '').toLowerCase();
}

/** `ip:port`, `[v6]:port`, the address alone where there is no port, or `unix:uid=N`. */
export function originText({ address, port }: ClientOrigin): string {
  const plain = plainAddress(address);
  if (port === undefined || plain.startsWith('unix:')) return plain;
  return plain.includes(':') ? `[${plain}]:${port}` : `${plain}:${port}`;
}

/** The address of an origin as it was kept. */
export function addressOfOrigin(origin: string): string {
  if (origin.startsWith('unix:')) return origin;
  const bracketed = /^\[(.*)\]:\d+$/.exec(origin)?.[1];
  if (bracketed !== undefined) return bracketed;
  // One colon parts an IPv4 address from its port; more of them are an IPv6 address alone.
  const parts = origin.split(':');
  return parts.length === 2 ? (parts[0] ?? origin) : origin;
}

/** Whether a client has the address that a token was made from. */
export function isFromOrigin(origin: string | null, client: ClientOrigin): boolean {
  return origin !== null && addressOfOrigin(origin) === plainAddress(client.address);
}

/**
 * A user agent as it is kept: printable characters, at most 256; null when there is none. Whoever names itself by its auth token has made
 * a mistake that the database must not keep.
 */
export function keptAgent(userAgent: string | undefined): string | null {
  const printable = scrubAuthTokens((userAgent ?? '').replaceAll(/[^\x20-\x7e]/g, '')).slice(0, longestAgent);
  return printable === '' ? null : printable;
}
