/** Whose address counts as the client's: the socket's peer, or what proxies say that the listener trusts (tokens.md §1.6). */
import { BlockList, isIP, isIPv6, SocketAddress } from 'node:net';
import type { IncomingHttpHeaders } from 'node:http';
import { StileError } from '@stile/protocol/errors';
import { plainAddress, type ClientOrigin } from '../../auth/token/origin.ts';

/** Addresses of the proxies whose `X-Forwarded-For` counts. */
export class TrustedProxies {
  readonly #list = new BlockList();
  readonly #isEmpty: boolean;

  /**
   * @param addresses IP addresses and networks, as `10.0.0.7` or `10.0.0.0/8`
   * @throws {StileError} invalidConfig naming one that is neither
   */
  constructor(addresses: readonly string[]) {
    this.#isEmpty = addresses.length === 0;
    for (const text of addresses) {
      if (!this.#add(text)) {
        throw new StileError(
          'invalidConfig',
          `x_forwarded_for_authorized_addrs: ${JSON.stringify(text)} is no IP address or network, as 10.0.0.7 or 10.0.0.0/8`,
        );
      }
    }
  }

  #add(text: string): boolean {
    const [address = '', bits, ...more] = text.split('/');
    const family = isIPv6(address) ? 'ipv6' : 'ipv4';
    const longest = family === 'ipv6' ? 128 : 32;
    // A zone is a name of this machine alone, and the list would leave it out.
    if (isIP(address) === 0 || address.includes('%') || more.length > 0) return false;
    if (bits === undefined) {
      this.#list.addAddress(address, family);
      return true;
    }
    if (!/^\d{1,3}$/.test(bits) || Number(bits) > longest) return false;
    this.#list.addSubnet(address, Number(bits), family);
    return true;
  }

  /** Whether the peer of this address is such a proxy. */
  has(address: string): boolean {
    if (this.#isEmpty || isIP(address) === 0) return false;
    return this.#list.check(address, isIPv6(address) ? 'ipv6' : 'ipv4');
  }
}

/** The address in the one form that is compared (RFC 5952), whichever way it was written; what is no address stays as it is. */
export function canonicalAddress(text: string): string {
  const plain = plainAddress(text);
  if (!isIPv6(plain)) return plain;
  const [address = '', ...zone] = plain.split('%');
  const written = plainAddress(new SocketAddress({ address, family: 'ipv6' }).address);
  return [written, ...zone].join('%');
}

/** The address without a port, as proxies write both. */
function forwardedAddress(text: string): string {
  const trimmed = text.trim();
  const bare = /^\[([0-9a-fA-F:.]+)\](?::\d+)?$/.exec(trimmed)?.[1] ?? trimmed;
  return /^\d+\.\d+\.\d+\.\d+:\d+$/.test(bare) ? bare.slice(0, bare.indexOf(':')) : bare;
}

/**
 * The client of a request. Of the addresses that proxies have added, the rightmost that is no trusted proxy is the client; a peer that is
 * none is the client itself, whatever it claims.
 */
export function clientOf(
  socket: { readonly remoteAddress?: string | undefined; readonly remotePort?: number | undefined },
  headers: IncomingHttpHeaders,
  proxies: TrustedProxies,
): ClientOrigin {
  const agent = headers['user-agent'];
  const userAgent = agent === undefined ? {} : { userAgent: agent };
  const peer = canonicalAddress(socket.remoteAddress ?? '');
  const direct: ClientOrigin = { address: peer, port: socket.remotePort, ...userAgent };
  if (!proxies.has(peer)) return direct;
  const header = headers['x-forwarded-for'];
  const chain = (typeof header === 'string' ? header : (header ?? []).join(',')).split(',').toReversed();
  for (const entry of chain) {
    const address = canonicalAddress(forwardedAddress(entry));
    if (isIP(address) === 0) return direct;
    if (!proxies.has(address)) return { address, ...userAgent };
  }
  return direct;
}
