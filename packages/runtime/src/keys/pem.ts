/** PEM text of DER bytes (RFC 7468), as TLS contexts take them: no key is decoded and encoded again on the way, which costs a millisecond. */

/** PKCS#8 before the seed of an Ed25519 key (RFC 8410 §7). */
const pkcs8Prefix = Buffer.from('302e020100300506032b657004220420', 'hex');

function pemOf(label: 'CERTIFICATE' | 'PRIVATE KEY', der: Uint8Array): string {
  const lines =
    Buffer.from(der)
      .toString('base64')
      .match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
}

/** The PEM of a certificate's DER. */
export function certificatePem(der: Uint8Array): string {
  return pemOf('CERTIFICATE', der);
}

/** The PEM of the Ed25519 key of a seed of 32 bytes. Secret. */
export function ed25519Pem(seed: Uint8Array): string {
  return pemOf('PRIVATE KEY', Buffer.concat([pkcs8Prefix, seed]));
}
