/** Addresses as text, and listening on one with an error that a person can act on. */
import type { Server } from 'node:net';
import { isIPv6 } from 'node:net';
import { StileError } from '@stile/protocol/errors';

/** A place to listen on or to dial. `host` is a name or an IP literal without brackets. */
export interface HostPort {
  readonly host: string;
  readonly port: number;
}

const highestPort = 65535;

function parsePort(text: string, whole: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : NaN;
  if (!(port <= highestPort)) throw new StileError('invalidArgument', `invalid port in address "${whole}"`);
  return port;
}

/**
 * Parses `host:port`, `[v6]:port`, and, where `defaultPort` is given, also `host`, `[v6]` and a bare v6 literal.
 * @throws {StileError} invalidArgument
 */
export function parseHostPort(text: string, defaultPort?: number): HostPort {
  const missing = (): number => {
    if (defaultPort === undefined) throw new StileError('invalidArgument', `no port in address "${text}"`);
    return defaultPort;
  };
  if (isIPv6(text)) return { host: text, port: missing() };
  const bracketed = /^\[([^\]]*)\](?::(.*))?$/s.exec(text);
  if (bracketed) {
    const host = bracketed[1] ?? '';
    if (!isIPv6(host)) throw new StileError('invalidArgument', `invalid IPv6 address "${text}"`);
    return { host, port: bracketed[2] === undefined ? missing() : parsePort(bracketed[2], text) };
  }
  const [host = '', port, ...rest] = text.split(':');
  if (rest.length > 0 || !/^[^\s/@?#]+$/.test(host)) {
    throw new StileError('invalidArgument', `invalid address "${text}"`);
  }
  return { host, port: port === undefined ? missing() : parsePort(port, text) };
}

/** `host:port`, with brackets around an IPv6 literal. */
export function formatHostPort(host: string, port: number): string {
  return isIPv6(host) ? `[${host}]:${port}` : `${host}:${port}`;
}

const listenProblems: Readonly<Record<string, string>> = {
  EADDRINUSE: 'the address is already in use',
  EACCES: 'permission denied (ports below 1024 need privileges)',
  EADDRNOTAVAIL: 'the address does not belong to this machine',
  ENOTFOUND: 'the host name does not resolve',
};

/**
 * Listens and gives the bound address (the real port where 0 was asked for). The server stays the caller's.
 * `backlog` = connections the kernel keeps until they are accepted; default Node's 511.
 * @throws {StileError} listenFailed, naming the address and why; aborted when the server was closed meanwhile
 */
export async function listen(server: Server, address: HostPort, backlog?: number): Promise<HostPort> {
  await new Promise<void>((resolve, reject) => {
    const onError = (error: NodeJS.ErrnoException): void => {
      const where = formatHostPort(address.host, address.port);
      const why = listenProblems[error.code ?? ''] ?? error.code ?? 'unknown error';
      server.off('close', onClose);
      reject(new StileError('listenFailed', `cannot listen on ${where}: ${why}`, { cause: error }));
    };
    const onClose = (): void => {
      server.off('error', onError);
      reject(new StileError('aborted', 'the listener was closed before it was open'));
    };
    server.once('error', onError);
    server.once('close', onClose);
    const pending = backlog === undefined ? {} : { backlog };
    server.listen({ host: address.host, port: address.port, ...pending }, () => {
      server.off('error', onError);
      server.off('close', onClose);
      resolve();
    });
  });
  const bound = server.address();
  if (bound === null || typeof bound === 'string') return address;
  return { host: bound.address, port: bound.port };
}
