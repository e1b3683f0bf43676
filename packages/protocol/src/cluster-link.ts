/** Where the cluster link is found and what a worker signs on it: facts that controller and worker must agree on. */
import { createHash } from 'node:crypto';

/** The name in every controller's cluster certificate; a worker checks this one, whatever address it dialled. */
export const controllerServerName = 'controller.stile.internal';
/** Hexadecimal digits of an authority's fingerprint in a server name; a DNS label has 63 at most. */
const authorityLabelLength = 32;
/** WebSocket path for workers with a cluster certificate. */
export const clusterPath = '/cluster';
/** WebSocket path for workers that enrol; no client certificate. */
export const enrollPath = '/enroll';

/** What a worker signs when it enrols: it has the key that the certificate will name. `publicKey` is SPKI DER. */
export function enrollMessage(activationToken: string, publicKey: Uint8Array): Uint8Array {
  const tokenHash = createHash('sha256').update(activationToken).digest();
  return Buffer.concat([Buffer.from('stile/enroll/v1'), tokenHash, publicKey]);
}

/**
 * What a worker signs when it asks whether its registration request was approved. `publicKey` is SPKI DER, `serverCertificate` the
 * DER that the server shows on this connection: a signature that another server was given is worth nothing here.
 */
export function registerMessage(publicKey: Uint8Array, serverCertificate: Uint8Array): Uint8Array {
  const server = createHash('sha256').update(serverCertificate).digest();
  return Buffer.concat([Buffer.from('stile/register/v1'), publicKey, server]);
}

/**
 * The server name that a worker sends in its TLS hello: it says which cluster authority the worker knows, so that a controller
 * shows a certificate of that one while an older authority gives way to a newer. The certificate's own name stays
 * `controllerServerName`. `caFingerprint` is the SHA-256 of the authority's DER.
 */
export function authorityServerName(caFingerprint: Uint8Array): string {
  return `${Buffer.from(caFingerprint).toString('hex').slice(0, authorityLabelLength)}.${controllerServerName}`;
}

/** What a worker signs, with its next key, when it renews. `publicKey` is SPKI DER. */
export function renewMessage(publicKey: Uint8Array): Uint8Array {
  return Buffer.concat([Buffer.from('stile/renew/v1'), publicKey]);
}
