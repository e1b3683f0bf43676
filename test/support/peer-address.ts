/**
 * Requests from addresses that a test on loopback cannot have: the socket of a server in this process says what the request asks for. Only
 * what the operating system would tell is replaced; the whole pipeline is the real one.
 */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { IncomingMessage } from 'node:http';

/** Header in which a request names the address that its socket shall have. */
export const peerHeader = 'x-test-peer';

/** `node:http` tells of every request here, before the server sees it. */
const channel = 'http.server.request.start';

function setPeer(message: unknown): void {
  // The shape is documented in node's diagnostics_channel page.
  const { request } = message as { readonly request: IncomingMessage };
  const address = request.headers[peerHeader];
  if (typeof address !== 'string') return;
  Object.defineProperty(request.socket, 'remoteAddress', { value: address, configurable: true });
}

/** From now on, until the function that it gives is called. */
export function letPeersBeNamed(): () => void {
  subscribe(channel, setPeer);
  return () => {
    unsubscribe(channel, setPeer);
  };
}
