/** Ed25519 certificates for tests, made here so that a test can have one that is wrong in exactly one way. */
import { createPublicKey, randomBytes, sign, type KeyObject } from 'node:crypto';
import { newEd25519Key } from '@stile/runtime';

/** What to put into a certificate; the rest is as in a session certificate (session-protocol.md §1.3). */
export interface CertificateWish {
  /** DNS names of the critical SAN, e.g. the session id. */
  readonly dnsNames: readonly string[];
  readonly notBefore?: Date;
  readonly notAfter?: Date;
  readonly isCa?: boolean;
  /** Who signs; default the certificate's own key. */
  readonly issuer?: TestCertificate;
  /** Common name; default an empty subject. */
  readonly commonName?: string;
}

/** A certificate with its key. */
export interface TestCertificate {
  readonly der: Buffer;
  readonly pem: string;
  readonly key: KeyObject;
  readonly keyPem: string;
  /** 64 bytes: seed ‖ public key. */
  readonly rawKey: Buffer;
  readonly subject: Buffer;
}

function tlv(tag: number, ...parts: readonly Buffer[]): Buffer {
  const body = Buffer.concat(parts);
  const { length } = body;
  const head =
    length < 128
      ? [tag, length]
      : length < 256
        ? [tag, 0x81, length]
        : [tag, 0x82, length >> 8, length & 255];
  return Buffer.concat([Buffer.from(head), body]);
}

const sequence = (...parts: readonly Buffer[]): Buffer => tlv(0x30, ...parts);
const oid = (hex: string): Buffer => tlv(0x06, Buffer.from(hex, 'hex'));
const yes = Buffer.from([0x01, 0x01, 0xff]);
const ed25519 = sequence(oid('2b6570'));

function time(date: Date): Buffer {
  return tlv(0x18, Buffer.from(`${date.toISOString().slice(0, 19).replace(/[-:T]/g, '')}Z`));
}

function nameOf(commonName: string | undefined): Buffer {
  if (commonName === undefined) return sequence();
  return sequence(tlv(0x31, sequence(oid('550403'), tlv(0x0c, Buffer.from(commonName)))));
}

/** Makes a key and a certificate for it. */
export function makeCertificate(wish: CertificateWish): TestCertificate {
  const privateKey = newEd25519Key();
  const subject = nameOf(wish.commonName);
  const names = wish.dnsNames.map((name) => tlv(0x82, Buffer.from(name)));
  const extensions = sequence(
    sequence(oid('551d0f'), yes, tlv(0x04, Buffer.from('030202ac', 'hex'))),
    sequence(oid('551d25'), tlv(0x04, sequence(oid('2b06010505070301'), oid('2b06010505070302')))),
    sequence(oid('551d13'), yes, tlv(0x04, wish.isCa === false ? sequence() : sequence(yes))),
    ...(names.length > 0 ? [sequence(oid('551d11'), yes, tlv(0x04, sequence(...names)))] : []),
  );
  const now = Date.now();
  const body = sequence(
    tlv(0xa0, tlv(0x02, Buffer.from([2]))),
    tlv(0x02, Buffer.concat([Buffer.from([1]), randomBytes(8)])),
    ed25519,
    wish.issuer?.subject ?? subject,
    sequence(
      time(wish.notBefore ?? new Date(now - 60_000)),
      time(wish.notAfter ?? new Date(now + 3_600_000)),
    ),
    subject,
    createPublicKey(privateKey).export({ type: 'spki', format: 'der' }),
    tlv(0xa3, extensions),
  );
  const signature = sign(null, body, wish.issuer?.key ?? privateKey);
  const der = sequence(body, ed25519, tlv(0x03, Buffer.from([0]), signature));
  return withKey(der, privateKey, subject);
}

function withKey(der: Buffer, key: KeyObject, subject: Buffer): TestCertificate {
  const jwk = key.export({ format: 'jwk' });
  return {
    der,
    pem: `-----BEGIN CERTIFICATE-----\n${der.toString('base64')}\n-----END CERTIFICATE-----\n`,
    key,
    keyPem: key.export({ type: 'pkcs8', format: 'pem' }).toString(),
    rawKey: Buffer.concat([Buffer.from(jwk.d ?? '', 'base64url'), Buffer.from(jwk.x ?? '', 'base64url')]),
    subject,
  };
}
