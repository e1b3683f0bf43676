/**
 * Certificates of the cluster link: the authority, the workers it vouches for and the controllers' own server certificates.
 * Pure; where the authority is kept is worker-registry/cluster-authority.ts.
 */
import { controllerServerName } from '@stile/protocol/rpc';
import { certificateFingerprint, randomSerial, signCertificate } from './certificate.ts';
import { ed25519FromSeed, generateEd25519 } from './ed25519.ts';
import type { Ed25519KeyPair } from './ed25519.ts';

/** How long the authority is good: 20 years, in microseconds. */
export const authorityLifetimeUs: number = 20 * 365 * 86_400_000_000;
/** How long a worker certificate is good: 14 days, in microseconds. */
export const workerCertificateLifetimeUs: number = 14 * 86_400_000_000;
/** How long a controller's server certificate is good: 30 days, in microseconds; a process makes a new one every day. */
export const controllerCertificateLifetimeUs: number = 30 * 86_400_000_000;
/** Machines of one cluster may disagree by an hour, microseconds. */
const clockSkewUs = 3_600_000_000;

/** The authority of one cluster, with its key. */
export interface ClusterAuthorityKey {
  /** DER. */
  readonly certificate: Buffer;
  readonly keyPair: Ed25519KeyPair;
  /** Common name; unique to the authority, so that a successor is told apart. */
  readonly name: string;
}

/** A new authority. `name` becomes its common name. `nowUs` is epoch microseconds. */
export function createClusterAuthority(name: string, nowUs: number): ClusterAuthorityKey {
  const keyPair = generateEd25519();
  const certificate = signCertificate(
    {
      serial: randomSerial(),
      issuer: name,
      subject: name,
      notBefore: nowUs - clockSkewUs,
      notAfter: nowUs + authorityLifetimeUs,
      publicKey: keyPair.publicKey,
      keyUsage: ['digitalSignature', 'keyCertSign', 'crlSign'],
      extendedKeyUsage: [],
      isAuthority: true,
      issuerPublicKey: keyPair.publicKey,
      alternativeNames: [],
    },
    keyPair.privateKey,
  );
  return { certificate, keyPair, name };
}

/** The authority from what was stored: certificate (DER) and the 32-byte seed of its key. */
export function restoreClusterAuthority(
  name: string,
  certificate: Uint8Array,
  seed: Uint8Array,
): ClusterAuthorityKey {
  return { name, certificate: Buffer.from(certificate), keyPair: ed25519FromSeed(seed) };
}

/** A certificate with its end. */
export interface IssuedCertificate {
  /** DER. */
  readonly certificate: Buffer;
  /** SHA-256 of the DER. */
  readonly fingerprint: Buffer;
  /** Epoch microseconds. */
  readonly expiresAt: number;
}

/** A client certificate for the worker's own raw public key; 14 days. */
export function issueWorkerCertificate(
  authority: ClusterAuthorityKey,
  worker: { readonly workerId: string; readonly publicKey: Uint8Array },
  nowUs: number,
): IssuedCertificate {
  const expiresAt = nowUs + workerCertificateLifetimeUs;
  const certificate = signCertificate(
    {
      serial: randomSerial(),
      issuer: authority.name,
      subject: worker.workerId,
      notBefore: nowUs - clockSkewUs,
      notAfter: expiresAt,
      publicKey: worker.publicKey,
      keyUsage: ['digitalSignature'],
      extendedKeyUsage: ['clientAuth'],
      isAuthority: false,
      issuerPublicKey: authority.keyPair.publicKey,
      alternativeNames: [{ dns: worker.workerId }],
    },
    authority.keyPair.privateKey,
  );
  return { certificate, fingerprint: certificateFingerprint(certificate), expiresAt };
}

/** A server certificate for one controller process, with a fresh key. */
export function issueControllerCertificate(
  authority: ClusterAuthorityKey,
  nowUs: number,
): { readonly certificate: Buffer; readonly keyPair: Ed25519KeyPair; readonly expiresAt: number } {
  const keyPair = generateEd25519();
  const expiresAt = nowUs + controllerCertificateLifetimeUs;
  const certificate = signCertificate(
    {
      serial: randomSerial(),
      issuer: authority.name,
      subject: controllerServerName,
      notBefore: nowUs - clockSkewUs,
      notAfter: expiresAt,
      publicKey: keyPair.publicKey,
      keyUsage: ['digitalSignature'],
      extendedKeyUsage: ['serverAuth'],
      isAuthority: false,
      issuerPublicKey: authority.keyPair.publicKey,
      alternativeNames: [{ dns: controllerServerName }],
    },
    authority.keyPair.privateKey,
  );
  return { certificate, keyPair, expiresAt };
}
