import { X509Certificate, sign } from 'node:crypto';
import { controllerServerName } from '@stile/protocol/rpc';
import { expect, test } from 'vitest';
import {
  createClusterAuthority,
  issueControllerCertificate,
  issueWorkerCertificate,
  restoreClusterAuthority,
  workerCertificateLifetimeUs,
} from './cluster-certificate.ts';
import { decodeSpki, encodeSpki, generateEd25519, verifyEd25519 } from './ed25519.ts';

const nowUs = Date.parse('2026-11-22T00:00:00Z') * 1000;

test('a worker certificate is vouched for by the authority that made it and by no other', () => {
  const authority = createClusterAuthority('Stile cluster a', nowUs);
  const other = createClusterAuthority('Stile cluster a', nowUs);
  const worker = generateEd25519();
  const issued = issueWorkerCertificate(
    authority,
    { workerId: 'w_1234567890', publicKey: worker.publicKey },
    nowUs,
  );
  const certificate = new X509Certificate(issued.certificate);
  expect(certificate.checkIssued(new X509Certificate(authority.certificate))).toBe(true);
  expect(certificate.verify(new X509Certificate(authority.certificate).publicKey)).toBe(true);
  expect(certificate.verify(new X509Certificate(other.certificate).publicKey)).toBe(false);
  expect(certificate.subject).toBe('CN=w_1234567890');
  expect(certificate.ca).toBe(false);
  expect(certificate.keyUsage).toEqual(['1.3.6.1.5.5.7.3.2']);
  expect(issued.expiresAt - nowUs).toBe(workerCertificateLifetimeUs);
  expect(issued.fingerprint.toString('hex')).toBe(
    certificate.fingerprint256.replaceAll(':', '').toLowerCase(),
  );
});

test('an authority restored from its stored parts signs what the first one is trusted for', () => {
  const authority = createClusterAuthority('Stile cluster b', nowUs);
  const restored = restoreClusterAuthority(authority.name, authority.certificate, authority.keyPair.seed);
  const server = new X509Certificate(issueControllerCertificate(restored, nowUs).certificate);
  expect(server.verify(new X509Certificate(authority.certificate).publicKey)).toBe(true);
  expect(server.checkHost(controllerServerName)).toBe(controllerServerName);
  expect(server.keyUsage).toEqual(['1.3.6.1.5.5.7.3.1']);
});

test('a public key in any other encoding than RFC 8410 is refused', () => {
  const { publicKey } = generateEd25519();
  const spki = encodeSpki(publicKey);
  expect(decodeSpki(spki).equals(publicKey)).toBe(true);
  for (const bytes of [
    publicKey,
    spki.subarray(1),
    Buffer.concat([spki, Buffer.from([0])]),
    Buffer.alloc(44),
  ]) {
    expect(() => decodeSpki(bytes)).toThrow(expect.objectContaining({ code: 'invalidArgument' }));
  }
});

test('a signature counts for its own message and key only, and nothing malformed throws', () => {
  const pair = generateEd25519();
  const message = Buffer.from('stile/renew/v1');
  const signature = sign(null, message, pair.privateKey);
  expect(verifyEd25519(pair.publicKey, message, signature)).toBe(true);
  expect(verifyEd25519(generateEd25519().publicKey, message, signature)).toBe(false);
  expect(verifyEd25519(pair.publicKey, Buffer.from('other'), signature)).toBe(false);
  expect(verifyEd25519(pair.publicKey, message, signature.subarray(1))).toBe(false);
  expect(verifyEd25519(Buffer.alloc(3), message, signature)).toBe(false);
});
