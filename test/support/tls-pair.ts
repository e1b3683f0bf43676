/** Two ends of a TLS 1.3 connection over loopback, the server's made over an accepted socket as the worker does it. */
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { TLSSocket, connect, createSecureContext } from 'node:tls';
import { makeCertificate } from './certificates.ts';

/** A connected pair; both ends are paused. */
export interface TlsPair {
  readonly client: TLSSocket;
  readonly server: TLSSocket;
}

/** Connects two ends. The caller destroys them. */
export async function tlsPair(): Promise<TlsPair> {
  const certificate = makeCertificate({ dnsNames: ['s_1234567890'] });
  const listener = createServer();
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const secureContext = createSecureContext({ cert: certificate.pem, key: certificate.keyPem });
  const accepted = new Promise<TLSSocket>((resolve) => {
    listener.once('connection', (socket) => {
      socket.on('error', () => undefined);
      const tls = new TLSSocket(socket, { isServer: true, secureContext });
      tls.on('error', () => undefined);
      tls.pause();
      tls.once('secure', () => resolve(tls));
    });
  });
  const { port } = listener.address() as AddressInfo;
  const client = connect({ host: '127.0.0.1', port, rejectUnauthorized: false });
  client.on('error', () => undefined);
  client.pause();
  const [server] = await Promise.all([accepted, once(client, 'secureConnect')]);
  listener.close();
  return { client, server };
}
