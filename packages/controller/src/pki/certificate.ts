/**
 * X.509 v3 certificates with Ed25519 signatures, written with node-forge's ASN.1 tools and signed by node:crypto: forge
 * cannot sign Ed25519 and node cannot write certificates. What stands inside a certificate is chosen by the callers
 * (session-certificate.ts, cluster-certificate.ts).
 */
import { createHash, randomBytes, sign } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import forge from 'node-forge';

const { asn1 } = forge;
type Asn1 = forge.asn1.Asn1;
const universal = asn1.Class.UNIVERSAL;
const context = asn1.Class.CONTEXT_SPECIFIC;
const types = asn1.Type;

/** Object identifiers (RFC 5280, RFC 8410). */
const oids = {
  ed25519: '1.3.101.112',
  commonName: '2.5.4.3',
  keyUsage: '2.5.29.15',
  extendedKeyUsage: '2.5.29.37',
  basicConstraints: '2.5.29.19',
  subjectKeyIdentifier: '2.5.29.14',
  authorityKeyIdentifier: '2.5.29.35',
  subjectAlternativeName: '2.5.29.17',
  serverAuth: '1.3.6.1.5.5.7.3.1',
  clientAuth: '1.3.6.1.5.5.7.3.2',
} as const;

/** What a key may be used for, by its bit in KeyUsage (RFC 5280 §4.2.1.3). */
export const keyUsageBits = {
  digitalSignature: 0,
  keyEncipherment: 2,
  keyAgreement: 4,
  keyCertSign: 5,
  crlSign: 6,
} as const;

/** A name in the SAN extension: DNS text, or 4 or 16 address bytes. */
export type AlternativeName = { readonly dns: string } | { readonly ip: Uint8Array };

/** What a certificate says. Times are epoch microseconds and are cut to whole seconds. */
export interface CertificateContent {
  /** Big-endian, positive; the first byte below 0x80. */
  readonly serial: Uint8Array;
  /** Common name; empty = an empty RDN sequence. */
  readonly issuer: string;
  readonly subject: string;
  readonly notBefore: number;
  readonly notAfter: number;
  /** Raw Ed25519 key of the subject. */
  readonly publicKey: Uint8Array;
  readonly keyUsage: readonly (keyof typeof keyUsageBits)[];
  readonly extendedKeyUsage: readonly ('serverAuth' | 'clientAuth')[];
  readonly isAuthority: boolean;
  /** Raw public key of the issuer for the AuthorityKeyIdentifier; absent = no such extension. */
  readonly issuerPublicKey?: Uint8Array;
  readonly alternativeNames: readonly AlternativeName[];
}

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');
const sequence = (...items: Asn1[]): Asn1 => asn1.create(universal, types.SEQUENCE, true, items);
const primitive = (type: forge.asn1.Type, bytes: string): Asn1 => asn1.create(universal, type, false, bytes);
// The identifiers are few and fixed: encode each once.
const oidBytes = new Map(Object.values(oids).map((oid) => [oid, asn1.oidToDer(oid).getBytes()]));
const oid = (value: (typeof oids)[keyof typeof oids]): Asn1 =>
  primitive(types.OID, oidBytes.get(value) ?? '');
const der = (value: Asn1): string => asn1.toDer(value).getBytes();

function extension(id: Parameters<typeof oid>[0], isCritical: 'critical' | 'plain', value: Asn1): Asn1 {
  const critical = isCritical === 'critical' ? [primitive(types.BOOLEAN, '\xff')] : [];
  return sequence(oid(id), ...critical, primitive(types.OCTETSTRING, der(value)));
}

function name(commonName: string): Asn1 {
  if (commonName === '') return sequence();
  const attribute = sequence(
    oid(oids.commonName),
    primitive(types.UTF8, text(Buffer.from(commonName, 'utf8'))),
  );
  return sequence(asn1.create(universal, types.SET, true, [attribute]));
}

/** UTCTime through 2049, GeneralizedTime from 2050 on (RFC 5280 §4.1.2.5). */
function time(epochUs: number): Asn1 {
  const date = new Date(Math.floor(epochUs / 1_000_000) * 1000);
  return date.getUTCFullYear() < 2050
    ? primitive(types.UTCTIME, asn1.dateToUtcTime(date))
    : primitive(types.GENERALIZEDTIME, asn1.dateToGeneralizedTime(date));
}

/** A BIT STRING of named bits: trailing zero bits are not encoded (X.690 §11.2.2). */
function keyUsage(usages: CertificateContent['keyUsage']): Asn1 {
  const bits = usages.map((usage) => keyUsageBits[usage]);
  const byte = bits.reduce<number>((sum, bit) => sum | (0x80 >> bit), 0);
  const unused = 7 - Math.max(...bits);
  return primitive(types.BITSTRING, String.fromCharCode(unused, byte));
}

/** First 20 bytes of SHA-256 over the raw key (RFC 7093 §2, as Go does since 1.25). */
function keyIdentifier(publicKey: Uint8Array): string {
  return text(createHash('sha256').update(publicKey).digest().subarray(0, 20));
}

function alternativeName(entry: AlternativeName): Asn1 {
  // GeneralName: [2] dNSName, [7] iPAddress (RFC 5280 §4.2.1.6). forge types the tag as a universal type.
  if ('dns' in entry) return asn1.create(context, 2 as forge.asn1.Type, false, entry.dns);
  return asn1.create(context, 7 as forge.asn1.Type, false, text(entry.ip));
}

function extensions(content: CertificateContent): Asn1 {
  const items = [extension(oids.keyUsage, 'critical', keyUsage(content.keyUsage))];
  if (content.extendedKeyUsage.length > 0) {
    const usages = content.extendedKeyUsage.map((usage) => oid(oids[usage]));
    items.push(extension(oids.extendedKeyUsage, 'plain', sequence(...usages)));
  }
  const constraints = content.isAuthority ? [primitive(types.BOOLEAN, '\xff')] : [];
  items.push(extension(oids.basicConstraints, 'critical', sequence(...constraints)));
  const subjectKey = primitive(types.OCTETSTRING, keyIdentifier(content.publicKey));
  items.push(extension(oids.subjectKeyIdentifier, 'plain', subjectKey));
  if (content.issuerPublicKey !== undefined) {
    const issuerKey = asn1.create(
      context,
      0 as forge.asn1.Type,
      false,
      keyIdentifier(content.issuerPublicKey),
    );
    items.push(extension(oids.authorityKeyIdentifier, 'plain', sequence(issuerKey)));
  }
  if (content.alternativeNames.length > 0) {
    // Critical exactly when the subject is empty (RFC 5280 §4.2.1.6).
    const critical = content.subject === '' ? 'critical' : 'plain';
    const names = content.alternativeNames.map(alternativeName);
    items.push(extension(oids.subjectAlternativeName, critical, sequence(...names)));
  }
  return asn1.create(context, 3 as forge.asn1.Type, true, [sequence(...items)]);
}

/** The certificate, DER, signed by `issuerKey` (Ed25519). */
export function signCertificate(content: CertificateContent, issuerKey: KeyObject): Buffer {
  const algorithm = sequence(oid(oids.ed25519));
  const publicKey = primitive(types.BITSTRING, `\0${text(content.publicKey)}`);
  const version3 = primitive(types.INTEGER, '\x02');
  const unsigned = sequence(
    asn1.create(context, 0 as forge.asn1.Type, true, [version3]),
    primitive(types.INTEGER, text(content.serial)),
    algorithm,
    name(content.issuer),
    sequence(time(content.notBefore), time(content.notAfter)),
    name(content.subject),
    sequence(algorithm, publicKey),
    extensions(content),
  );
  const signature = sign(null, Buffer.from(der(unsigned), 'latin1'), issuerKey);
  const signed = sequence(unsigned, algorithm, primitive(types.BITSTRING, `\0${text(signature)}`));
  return Buffer.from(der(signed), 'latin1');
}

/** A random positive serial of 8 bytes, as session certificates carry (63 bits, from the CSPRNG). */
export function randomSerial(): Buffer {
  const serial = randomBytes(8);
  // A positive INTEGER has its top bit clear; its first byte may not be zero padding either (X.690 §8.3.2).
  serial[0] = ((serial[0] ?? 0) & 0x7f) | 0x40;
  return serial;
}

/** SHA-256 of a certificate (DER): what a worker row pins. */
export function certificateFingerprint(certificate: Uint8Array): Buffer {
  return createHash('sha256').update(certificate).digest();
}

/** PEM of a certificate, as node's TLS options want it. */
export function certificatePem(certificate: Uint8Array): string {
  const lines = Buffer.from(certificate)
    .toString('base64')
    .replace(/.{64}(?=.)/g, '$&\n');
  return `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`;
}
