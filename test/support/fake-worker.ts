/** A worker as a client sees it: TLS with a session certificate, WebSocket upgrade, scripted answers. Real sockets, port 0. */
import { once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { createSecureContext, TLSSocket } from 'node:tls';
import {
  closeReasons,
  decodeClientHandshake,
  encodeHandshakeResult,
  proxyPath,
  proxySubprotocol,
  type ClientHandshakeMessage,
  type SessionAuthorization,
} from '@stile/protocol';
import { acceptUpgrade, StreamBuffers, WebSocketStream, type CloseFrame } from '@stile/runtime';
import { makeCertificate, type TestCertificate } from './certificates.ts';

/** What the worker does after the first message. `echo` sends a result and then every byte back; `refuse` has no endpoint. */
export type WorkerScript =
  | { readonly do: 'echo'; readonly connectionsLeft?: number; readonly closeAfterBytes?: number }
  | { readonly do: 'close'; readonly close: CloseFrame }
  | { readonly do: 'refuse' }
  | { readonly do: 'message'; readonly bytes: Uint8Array }
  | { readonly do: 'nothing' };

/** What the worker does with an accepted TCP connection before the WebSocket. */
export type WorkerEntry = 'serve' | 'alert' | 'hang' | 'drop' | 'not-http' | 'status-500';

/** One session that a fake worker serves, and how the client gets it. */
export function makeAuthorization(
  certificate: TestCertificate,
  change: Partial<SessionAuthorization> = {},
): SessionAuthorization {
  const nowUs = Date.now() * 1000;
  return {
    sessionId: 's_1234567890',
    targetId: 'ttcp_1234567890',
    scope: { id: 'p_1234567890', type: 'project', name: '', description: '', parentScopeId: 'o_1234567890' },
    createdAt: nowUs,
    type: 'tcp',
    connectionLimit: -1,
    endpointPort: 22,
    expiresAt: nowUs + 3_600_000_000,
    certificate: certificate.der,
    privateKey: certificate.rawKey,
    hostId: 'hst_1234567890',
    endpoint: 'tcp://127.0.0.1:22',
    workerAddresses: [],
    defaultClientPort: 0,
    ...change,
  };
}

/** A certificate for the default session. */
export function makeSessionCertificate(wish: { notAfter?: Date; sessionId?: string } = {}): TestCertificate {
  return makeCertificate({
    dnsNames: [wish.sessionId ?? 's_1234567890'],
    ...(wish.notAfter === undefined ? {} : { notAfter: wish.notAfter }),
  });
}

/** A fatal TLS alert 80, internal_error, as a worker sends it before ServerHello. */
const internalErrorAlert = Buffer.from([0x15, 0x03, 0x03, 0x00, 0x02, 0x02, 0x50]);

/** A listening fake worker. The caller closes. */
export class FakeWorker {
  readonly handshakes: ClientHandshakeMessage[] = [];
  /** ALPN protocols are not visible to a server that chose one; connections are counted instead. */
  connectionCount = 0;
  readonly address: string;
  script: (handshake: ClientHandshakeMessage, index: number) => WorkerScript = () => ({ do: 'echo' });
  entry: WorkerEntry = 'serve';
  readonly #server: Server;
  readonly #certificate: TestCertificate;
  readonly #buffers = new StreamBuffers();
  readonly #sockets = new Set<Socket>();
  readonly #streams = new Set<WebSocketStream>();

  private constructor(server: Server, certificate: TestCertificate) {
    this.#server = server;
    this.#certificate = certificate;
    this.address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    server.on('connection', (socket: Socket) => {
      this.connectionCount += 1;
      this.#sockets.add(socket);
      socket.on('error', () => undefined);
      void this.#serve(socket).catch(() => socket.destroy());
    });
  }

  /** Starts one that shows this certificate and wants the same from the client. */
  static async start(certificate: TestCertificate): Promise<FakeWorker> {
    const server = createServer({ allowHalfOpen: true });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new FakeWorker(server, certificate);
  }

  /** Cuts every live connection without a close frame, as a worker does that ends a session. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async close(): Promise<void> {
    this.cut();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #serve(socket: Socket): Promise<void> {
    if (this.entry === 'hang') return;
    if (this.entry === 'drop') {
      socket.destroy();
      return;
    }
    if (this.entry === 'alert') {
      await once(socket, 'data');
      socket.end(internalErrorAlert);
      return;
    }
    const tls = await this.#secure(socket);
    if (this.entry === 'not-http') {
      tls.end('SSH-2.0-OpenSSH_9.2\r\n');
      return;
    }
    if (this.entry === 'status-500') {
      tls.end('HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n');
      return;
    }
    const signal = AbortSignal.timeout(10_000);
    const head = await acceptUpgrade({ socket: tls, path: proxyPath, subprotocol: proxySubprotocol, signal });
    const stream = new WebSocketStream({ socket: tls, role: 'server', buffers: this.#buffers, head });
    this.#streams.add(stream);
    await this.#talk(stream);
  }

  async #secure(socket: Socket): Promise<TLSSocket> {
    const { pem, keyPem, der } = this.#certificate;
    const secureContext = createSecureContext({ cert: pem, key: keyPem, minVersion: 'TLSv1.3' });
    const tls = new TLSSocket(socket, {
      isServer: true,
      requestCert: true,
      rejectUnauthorized: false,
      ALPNProtocols: ['http/1.1'],
      secureContext,
    });
    tls.on('error', () => undefined);
    await once(tls, 'secure');
    tls.pause();
    if (!tls.getPeerX509Certificate()?.raw.equals(der))
      throw new Error('the client shows another certificate');
    return tls;
  }

  async #talk(stream: WebSocketStream): Promise<void> {
    const handshake = decodeClientHandshake(await stream.receiveMessage());
    const script = this.script(handshake, this.handshakes.push(handshake) - 1);
    if (handshake.command === 'cancel' && script.do === 'echo') {
      stream.closeWith({ code: 1000, reason: 'session canceled' });
      return;
    }
    switch (script.do) {
      case 'close':
        stream.closeWith(script.close);
        return;
      case 'refuse':
        this.#sendResult(stream, -1);
        stream.closeWith(closeReasons.proxyFailed);
        return;
      case 'message':
        stream.sendMessage(script.bytes);
        return;
      case 'echo':
        this.#echo(stream, script);
        return;
      case 'nothing':
    }
  }

  #sendResult(stream: WebSocketStream, connectionsLeft: number): void {
    stream.sendMessage(
      encodeHandshakeResult({
        expiresAt: (Date.now() + 3_600_000) * 1000,
        connectionLimit: connectionsLeft === -1 ? -1 : 10,
        connectionsLeft,
        capabilities: [],
      }),
    );
  }

  #echo(stream: WebSocketStream, script: { connectionsLeft?: number; closeAfterBytes?: number }): void {
    this.#sendResult(stream, script.connectionsLeft ?? -1);
    let bytes = 0;
    stream.start({
      onBytes: (pieces) => {
        const copies = pieces.map((piece) => Buffer.from(piece));
        bytes += copies.reduce((sum, piece) => sum + piece.length, 0);
        const result = stream.write(copies, 0);
        if (script.closeAfterBytes !== undefined && bytes >= script.closeAfterBytes) stream.close();
        if (result !== 'ready') stream.pause();
        return result === 'kept' ? 'busy' : result;
      },
      onEnd: () => stream.close(),
      onReset: () => stream.close(),
      onWritable: () => stream.resume(),
    });
  }
}
