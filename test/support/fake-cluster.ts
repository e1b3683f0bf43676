/** A controller's cluster listener in the hands of a test: real TLS and WebSocket, answers by handlers. Not the product's own code. */
import { createHash, type X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { StileError } from '@stile/protocol';
import {
  RpcPeer,
  controllerServerName,
  enrollPath,
  type ClusterHandlers,
  type EnrollRequest,
  type HelloRequest,
} from '@stile/protocol/rpc';
import { systemClock, type HostPort } from '@stile/runtime';
import { WebSocketServer, type WebSocket } from 'ws';
import { makeCertificate, type TestCertificate } from './certificates.ts';

/** How a fake departs from a well-behaved controller. */
export interface FakeClusterOptions {
  readonly authority?: TestCertificate;
  /** Name in the server's certificate. */
  readonly serverName?: string;
  readonly handlers?: ClusterHandlers;
  /** Status for every upgrade, instead of a link. */
  readonly refuseWith?: number;
  readonly renewBeforeSeconds?: number;
  readonly controllerAddresses?: readonly string[];
}

/** One link that a worker has opened. */
export interface FakeLink {
  readonly peer: RpcPeer;
  readonly socket: WebSocket;
  readonly path: string;
  /** Certificate that the worker showed, DER. */
  readonly shown: Buffer | undefined;
}

/** The cluster authority of a test. */
export function makeAuthority(name = 'cluster'): TestCertificate {
  return makeCertificate({ dnsNames: [], commonName: name });
}

/** SHA-256 of an authority, as an activation token carries it. */
export function fingerprintOf(authority: TestCertificate): Buffer {
  return createHash('sha256').update(authority.der).digest();
}

/** Listens until `close`. */
export class FakeCluster {
  readonly authority: TestCertificate;
  readonly links: FakeLink[] = [];
  readonly hellos: HelloRequest[] = [];
  readonly enrolments: EnrollRequest[] = [];
  /** Upgrades that were refused. */
  refusals = 0;
  /** Server names that workers sent, in order. */
  readonly serverNames: string[] = [];
  heartbeats = 0;
  address: HostPort = { host: '127.0.0.1', port: 0 };
  readonly #server: Server;
  readonly #options: FakeClusterOptions;

  private constructor(options: FakeClusterOptions) {
    this.#options = options;
    this.authority = options.authority ?? makeAuthority();
    const own = makeCertificate({
      dnsNames: [options.serverName ?? controllerServerName],
      issuer: this.authority,
      isCa: false,
      commonName: 'controller',
    });
    this.#server = createServer({
      cert: own.pem + this.authority.pem,
      key: own.keyPem,
      ca: [this.authority.pem],
      minVersion: 'TLSv1.3',
      requestCert: true,
      rejectUnauthorized: false,
      SNICallback: (serverName, callback) => {
        this.serverNames.push(serverName);
        callback(null);
      },
    });
    this.#server.on('tlsClientError', () => undefined);
    this.#acceptLinks();
  }

  /** Starts one. */
  static async start(options: FakeClusterOptions = {}): Promise<FakeCluster> {
    const cluster = new FakeCluster(options);
    cluster.#server.listen(0, '127.0.0.1');
    await once(cluster.#server, 'listening');
    cluster.address = { host: '127.0.0.1', port: (cluster.#server.address() as AddressInfo).port };
    return cluster;
  }

  /** A worker's certificate of this cluster. */
  issue(workerId: string, change: { readonly notAfter?: Date } = {}): TestCertificate {
    return makeCertificate({
      dnsNames: [workerId],
      issuer: this.authority,
      isCa: false,
      commonName: workerId,
      ...change,
    });
  }

  /** Ends every link; the listener stays. */
  dropLinks(): void {
    for (const { socket } of this.links) socket.terminate();
  }

  /** Ends listener and links. */
  async close(): Promise<void> {
    this.dropLinks();
    this.#server.close();
    this.#server.closeAllConnections();
    if (this.#server.listening) await once(this.#server, 'close');
  }

  #acceptLinks(): void {
    const acceptor = new WebSocketServer({ noServer: true, perMessageDeflate: false });
    this.#server.on('upgrade', (request, socket, head) => {
      socket.on('error', () => undefined);
      if (this.#options.refuseWith !== undefined) {
        this.refusals += 1;
        socket.end(
          `HTTP/1.1 ${this.#options.refuseWith} No\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`,
        );
        return;
      }
      acceptor.handleUpgrade(request, socket, head, (webSocket) => {
        const certificate = (request.socket as TLSSocket).getPeerX509Certificate();
        this.#link(webSocket, request.url ?? '', certificate);
      });
    });
  }

  #link(socket: WebSocket, path: string, certificate: X509Certificate | undefined): void {
    const peer = new RpcPeer({
      send: (bytes) => socket.send(bytes),
      handlers: { ...this.#defaults(path), ...this.#options.handlers },
      callTimeoutMs: 5000,
      timers: systemClock,
    });
    socket.on('message', (data: Buffer) => peer.receive(data));
    socket.on('error', () => undefined);
    socket.on('close', () => peer.close(new StileError('connectionReset', 'gone')));
    this.links.push({ peer, socket, path, shown: certificate?.raw });
  }

  #defaults(path: string): ClusterHandlers {
    if (path === enrollPath) {
      return {
        enroll: (request) => {
          this.enrolments.push(request);
          return Promise.reject(new StileError('permissionDenied', 'no such token'));
        },
      };
    }
    const controllerAddresses = this.#options.controllerAddresses ?? [];
    return {
      hello: (request) => {
        this.hellos.push(request);
        return Promise.resolve({
          workerId: 'w_1234567890',
          heartbeatIntervalMs: 30,
          revocations: [],
          renewBeforeSeconds: this.#options.renewBeforeSeconds ?? 0,
          controllerAddresses,
        });
      },
      heartbeat: () => {
        this.heartbeats += 1;
        return Promise.resolve({ revocations: [], controllerAddresses, renewNow: false });
      },
    };
  }
}
