/**
 * One WebSocket to a controller's cluster listener over TLS 1.3. Whom we speak to is settled before a byte of ours is sent: a chain to a trusted
 * cluster authority and the fixed server name, whatever address was dialled (design.md §6).
 */
import { X509Certificate, createHash, timingSafeEqual } from 'node:crypto';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { checkServerIdentity, connect as connectTls, type ConnectionOptions, type TLSSocket } from 'node:tls';
import { StileError } from '@stile/protocol';
import { authorityServerName, controllerServerName, maxFrameBytes } from '@stile/protocol/rpc';
import { formatHostPort, type HostPort } from '@stile/runtime';
import { WebSocket } from 'ws';
import type { WorkerIdentity } from './identity-store.ts';

/** Longest time to reach a controller and to open the WebSocket, milliseconds. */
const connectTimeoutMs = 10_000;

/**
 * Whom a dial trusts: authorities known by their certificate; at enrolment the one whose fingerprint stands in the activation token;
 * for a registration request whoever answers, since the answer itself proves from whom it comes.
 */
export type ClusterTrust =
  { readonly identity: WorkerIdentity } | { readonly caFingerprint: Uint8Array } | AnybodyTrust;

/** Trust in whoever answers. */
export interface AnybodyTrust {
  /** Called with the DER that the server shows, before the WebSocket is opened. */
  readonly anybody: (serverCertificate: Buffer) => void;
}

function pemOf(der: Buffer): string {
  const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
}

function tlsOptions(address: HostPort, trust: ClusterTrust): ConnectionOptions {
  const known = authorityOf(trust);
  const shared: ConnectionOptions = {
    host: address.host,
    port: address.port,
    // Says which authority we know: while the cluster changes to a new one, a controller has a certificate of each.
    servername: known === undefined ? controllerServerName : authorityServerName(known),
    checkServerIdentity: (_name, certificate) => checkServerIdentity(controllerServerName, certificate),
    minVersion: 'TLSv1.3',
  };
  // At enrolment nothing is trusted by default; the chain is checked below against the pinned fingerprint.
  if (!('identity' in trust)) return { ...shared, rejectUnauthorized: false };
  const { identity } = trust;
  return {
    ...shared,
    cert: pemOf(identity.certificate),
    key: identity.privateKey.reveal(),
    ca: identity.caCertificates.map(pemOf),
  };
}

/** SHA-256 of the authority that the dial trusts; none before the first answer to a registration request. */
function authorityOf(trust: ClusterTrust): Uint8Array | undefined {
  if ('caFingerprint' in trust) return trust.caFingerprint;
  if (!('identity' in trust)) return undefined;
  const [newest] = trust.identity.caCertificates;
  return newest === undefined ? undefined : createHash('sha256').update(newest).digest();
}

/** The chain that the peer sent, leaf first. */
function chainOf(socket: TLSSocket): X509Certificate[] {
  const chain: X509Certificate[] = [];
  let next = socket.getPeerCertificate(true);
  // A self-signed authority names itself as its issuer.
  for (let depth = 0; depth < 4 && next?.raw !== undefined; depth += 1) {
    chain.push(new X509Certificate(next.raw));
    if (next.issuerCertificate === undefined || next.issuerCertificate === next) break;
    next = next.issuerCertificate;
  }
  return chain;
}

/** @throws {StileError} permissionDenied unless the peer's certificate was signed by the authority of the fingerprint */
function requirePinned(socket: TLSSocket, caFingerprint: Uint8Array): void {
  const refused = (why: string): StileError =>
    new StileError(
      'permissionDenied',
      `this is not a controller of the cluster that made the activation token: ${why}`,
    );
  const [leaf, ...rest] = chainOf(socket);
  const isPinned = (each: X509Certificate): boolean =>
    timingSafeEqual(createHash('sha256').update(each.raw).digest(), caFingerprint);
  const authority = rest.find(isPinned);
  if (leaf === undefined || authority === undefined) throw refused('another certificate authority');
  if (!leaf.checkIssued(authority) || !leaf.verify(authority.publicKey))
    throw refused('its certificate has a wrong signature');
  if (leaf.checkHost(controllerServerName) === undefined)
    throw refused('its certificate is for another purpose');
  const now = Date.now();
  if (Date.parse(leaf.validFrom) > now || Date.parse(leaf.validTo) < now)
    throw refused('its certificate is not valid now');
}

/**
 * An open WebSocket; the caller owns it. It has an `error` listener already.
 * @throws {StileError} controllerUnreachable, permissionDenied (not our cluster, or it refused us), aborted
 */
export async function openClusterSocket(options: {
  readonly address: HostPort;
  readonly path: string;
  readonly trust: ClusterTrust;
  readonly signal: AbortSignal;
}): Promise<WebSocket> {
  const { address, path, trust } = options;
  const signal = AbortSignal.any([options.signal, AbortSignal.timeout(connectTimeoutMs)]);
  const where = formatHostPort(address.host, address.port);
  const tlsSocket = connectTls(tlsOptions(address, trust));
  // From here on somebody listens, whatever step is under way.
  tlsSocket.on('error', () => undefined);
  try {
    await once(tlsSocket, 'secureConnect', { signal });
    if ('anybody' in trust) trust.anybody(tlsSocket.getPeerX509Certificate()?.raw ?? Buffer.alloc(0));
    if ('caFingerprint' in trust) requirePinned(tlsSocket, trust.caFingerprint);
    return await upgrade(tlsSocket, path, signal);
  } catch (cause) {
    tlsSocket.destroy();
    if (options.signal.aborted) throw new StileError('aborted', 'the worker is stopping', { cause });
    if (cause instanceof StileError) throw cause;
    throw new StileError('controllerUnreachable', `unable to reach the controller at ${where}`, { cause });
  }
}

async function upgrade(tlsSocket: TLSSocket, path: string, signal: AbortSignal): Promise<WebSocket> {
  const webSocket = new WebSocket(`ws://${controllerServerName}${path}`, {
    createConnection: () => tlsSocket,
    maxPayload: maxFrameBytes,
    perMessageDeflate: false,
    followRedirects: false,
  });
  webSocket.on('error', () => undefined);
  try {
    // `once` rejects on the error event, which stands for a refusal too; `unexpected-response` has the status.
    const refused = once(webSocket, 'unexpected-response', { signal }).then((words: unknown[]): never => {
      const status = (words[1] as IncomingMessage).statusCode;
      // Only this status is a judgement on the worker; a controller whose database is away refuses everybody for a while.
      if (status === 403) throw new StileError('permissionDenied', 'the controller refused this worker');
      throw new StileError('controllerUnreachable', `the controller answered ${status} instead of a link`);
    });
    refused.catch(() => undefined);
    await Promise.race([once(webSocket, 'open', { signal }), refused]);
    return webSocket;
  } catch (error) {
    webSocket.terminate();
    throw error;
  }
}
