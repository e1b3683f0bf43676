/** The far side of a connection: which endpoint a session names, and dialing it. Copying is the runtime's CopyLoop. */
import { StileError } from '@stile/protocol';
import { TcpStream, parseHostPort, type HostPort, type StreamBuffers } from '@stile/runtime';

const scheme = 'tcp://';

/**
 * Where an endpoint URL (`tcp://host:port`) leads.
 * @throws {StileError} unsupported: another scheme, or no address
 */
export function parseEndpoint(endpoint: string): HostPort {
  try {
    if (endpoint.startsWith(scheme)) {
      const place = parseHostPort(endpoint.slice(scheme.length));
      if (place.port > 0) return place;
    }
  } catch (cause) {
    throw new StileError('unsupported', 'the endpoint of the session cannot be read', { cause });
  }
  throw new StileError('unsupported', 'the endpoint of the session is no tcp://host:port');
}

/** What dialing needs. */
export interface DialEndpointOptions {
  readonly endpoint: HostPort;
  readonly buffers: StreamBuffers;
  /** Name resolution and connection together, milliseconds. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/**
 * Dials the endpoint; the caller owns the stream.
 * @throws {StileError} endpointRefused, endpointUnreachable, aborted
 */
export function dialEndpoint(options: DialEndpointOptions): Promise<TcpStream> {
  const { endpoint, buffers, timeoutMs, signal } = options;
  return TcpStream.dial({ host: endpoint.host, port: endpoint.port, buffers, timeoutMs, signal });
}
