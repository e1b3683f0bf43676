/** A worker's end of the cluster link, written from the wire contract: enrols, links, and does to the controller what a test wants. */
import { createHash, sign, X509Certificate } from 'node:crypto';
import type { ConnectionOptions } from 'node:tls';
import { type Clock, type HostPort, systemClock } from '@stile/runtime';
import { StileError, decodeActivationToken } from '@stile/protocol';
import {
  RpcPeer,
  clusterPath,
  controllerServerName,
  enrollMessage,
  enrollPath,
  type ClusterHandlers,
  type EnrollResponse,
  type HelloRequest,
} from '@stile/protocol/rpc';
import WebSocket, { type ClientOptions } from 'ws';
import { certificatePem } from '../../packages/controller/src/pki/certificate.ts';
import {
  encodeSpki,
  generateEd25519,
  type Ed25519KeyPair,
} from '../../packages/controller/src/pki/ed25519.ts';

/** A client certificate with its key, both PEM. */
export interface ClientIdentity {
  readonly cert: string;
  readonly key: string;
}

/** An open link. */
export interface TestLink {
  readonly peer: RpcPeer;
  readonly socket: WebSocket;
  /** Close code of the link, once it is closed. */
  readonly closed: Promise<number>;
  close(): Promise<void>;
}

/** How a link is opened. */
export interface LinkOptions {
  readonly address: HostPort;
  readonly path?: string;
  readonly identity?: ClientIdentity;
  readonly handlers?: ClusterHandlers;
  readonly clock?: Clock;
}

/** Identity of a key pair and its certificate (DER). */
export function identityOf(key: Ed25519KeyPair, certificate: Uint8Array): ClientIdentity {
  return {
    cert: certificatePem(certificate),
    key: key.privateKey.export({ format: 'pem', type: 'pkcs8' }).toString(),
  };
}

/** Opens a link; rejects with the HTTP status when the upgrade is refused. The server's certificate is checked by the caller. */
export async function openLink(options: LinkOptions): Promise<TestLink> {
  const { host, port } = options.address;
  const tls: ClientOptions & ConnectionOptions = {
    servername: controllerServerName,
    rejectUnauthorized: false,
    minVersion: 'TLSv1.3',
    perMessageDeflate: false,
    ...options.identity,
  };
  const socket = new WebSocket(`wss://${host}:${port}${options.path ?? clusterPath}`, tls);
  const peer = new RpcPeer({
    send: (bytes) => socket.send(bytes),
    handlers: options.handlers ?? {},
    callTimeoutMs: 10_000,
    timers: options.clock ?? systemClock,
  });
  const closed = new Promise<number>((resolve) => {
    socket.on('close', (code) => {
      peer.close(new StileError('connectionReset', 'the link is closed'));
      resolve(code);
    });
  });
  socket.on('message', (data: Buffer) => peer.receive(data));
  await new Promise<void>((resolve, reject) => {
    socket.on('open', resolve);
    socket.on('error', reject);
    socket.on('unexpected-response', (_request, response) => {
      response.resume();
      reject(new Error(`refused with ${response.statusCode}`));
      socket.terminate();
    });
  });
  return {
    peer,
    socket,
    closed,
    close: async () => {
      socket.close();
      await closed;
    },
  };
}

/** Enrols with a token, checking the controller by the pinned authority as a worker must. */
export async function enrol(
  address: HostPort,
  activationToken: string,
): Promise<{
  readonly identity: ClientIdentity;
  readonly response: EnrollResponse;
  readonly key: Ed25519KeyPair;
}> {
  const { caFingerprint } = decodeActivationToken(activationToken);
  const link = await openLink({ address, path: enrollPath });
  const key = generateEd25519();
  const publicKey = encodeSpki(key.publicKey);
  const signature = sign(null, enrollMessage(activationToken, publicKey), key.privateKey);
  const response = await link.peer.call('enroll', { activationToken, publicKey, signature });
  await link.closed;
  const [authority] = response.caCertificates;
  const fingerprint = createHash('sha256')
    .update(authority ?? new Uint8Array())
    .digest();
  if (!fingerprint.equals(Buffer.from(caFingerprint)))
    throw new Error('another authority than the pinned one');
  if (!new X509Certificate(response.certificate).verify(new X509Certificate(authority ?? '').publicKey)) {
    throw new Error('the certificate is not signed by the authority');
  }
  return { identity: identityOf(key, response.certificate), response, key };
}

/** A hello as a worker says it. */
export function helloOf(port: number = 9202): HelloRequest {
  return {
    address: `127.0.0.1:${port}`,
    tags: { type: ['test'] },
    releaseVersion: 'Stile v0.1.0',
    sessions: [],
    capabilities: [],
    description: '',
    startedAt: 0,
    cpuCount: 0,
    memoryBytes: 0,
  };
}
