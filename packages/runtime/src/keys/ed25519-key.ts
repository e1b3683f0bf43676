/**
 * Ed25519 keys from their seeds. Never by `generateKeyPair`: as long as the object that made a key waits for the garbage collector, whatever holds
 * the key's lock while it allocates, as an export to JWK does, can be interrupted by a collection that waits for the same lock, and the process
 * stands still for ever (Node 20; `KeyPairGenConfig::~KeyPairGenConfig`). A seed is 32 random bytes (RFC 8032 §5.1.5).
 */
import { createPrivateKey, randomBytes, type KeyObject } from 'node:crypto';

/**
 * The private key of a seed of 32 bytes, which is secret. As a JWK (RFC 8037), which takes 50 µs where DER takes 500 on OpenSSL 3; its `x` must be
 * there, and follows from the seed.
 * @throws {Error} when the seed has another length
 */
export function ed25519KeyOf(seed: Uint8Array): KeyObject {
  const key = { kty: 'OKP', crv: 'Ed25519', d: Buffer.from(seed).toString('base64url'), x: '' };
  return createPrivateKey({ key, format: 'jwk' });
}

/** A fresh private key. */
export function newEd25519Key(): KeyObject {
  return ed25519KeyOf(randomBytes(32));
}
