/** A TCP relay in front of a server that keeps the bytes of both directions and may change what the client sent first. */
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { whenClosed } from './when-closed.ts';

/** Bytes of one relayed connection. */
export interface TappedConnection {
  readonly fromClient: () => Buffer;
  readonly fromServer: () => Buffer;
  /** Resolves when both sides are closed. */
  readonly closed: Promise<void>;
}

/** A running relay. Close it once. */
export interface WireTap {
  readonly address: string;
  readonly connections: readonly TappedConnection[];
  readonly close: () => Promise<void>;
}

/** What the relay does to the bytes of a client; default nothing. */
export interface TapOptions {
  /** Written to the server before anything of the client. */
  readonly prefix?: Buffer;
  /** Send the first bytes of the client one by one, so that no record arrives whole. */
  readonly splitFirst?: number;
}

/** Starts a relay on a free port. */
export async function startWireTap(
  to: { readonly host: string; readonly port: number },
  options: TapOptions = {},
): Promise<WireTap> {
  const connections: TappedConnection[] = [];
  const sockets: Socket[] = [];
  const server = createServer((client) => {
    const upstream = connect({ ...to, noDelay: true });
    sockets.push(client, upstream);
    connections.push(relay(client, upstream, options));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    address: `127.0.0.1:${port}`,
    connections,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

function relay(client: Socket, upstream: Socket, options: TapOptions): TappedConnection {
  const kept: { client: Buffer[]; server: Buffer[] } = { client: [], server: [] };
  let left = options.splitFirst ?? 0;
  if (options.prefix !== undefined) upstream.write(options.prefix);
  client.on('data', (part: Buffer) => {
    kept.client.push(part);
    const single = Math.min(left, part.length);
    left -= single;
    // Without Nagle's algorithm each write of one byte is a segment of its own.
    for (let at = 0; at < single; at += 1) upstream.write(part.subarray(at, at + 1));
    if (part.length > single) upstream.write(part.subarray(single));
  });
  upstream.on('data', (part: Buffer) => {
    kept.server.push(part);
    client.write(part);
  });
  for (const socket of [client, upstream]) socket.on('error', () => undefined);
  client.once('end', () => upstream.end());
  upstream.once('end', () => client.end());
  client.once('close', () => upstream.destroy());
  upstream.once('close', () => client.end());
  return {
    fromClient: () => Buffer.concat(kept.client),
    fromServer: () => Buffer.concat(kept.server),
    closed: Promise.all([whenClosed(client), whenClosed(upstream)]).then(() => undefined),
  };
}
