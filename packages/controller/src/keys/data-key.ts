/** One data key in memory: what it seals, opens and authenticates, and the bytes of a sealed value. Pure. */
import { createCipheriv, createDecipheriv, createHmac, hkdfSync, randomBytes } from 'node:crypto';
import { StileError } from '@stile/protocol';
import { Secret } from '@stile/runtime';

/**
 * Sealed value: format (1 byte, 1) ‖ key version (4 bytes, big endian) ‖ nonce (12) ‖ ciphertext ‖ tag (16).
 * The header and the context are authenticated with it.
 */
const sealedFormat = 1;
const headerBytes = 5;
const nonceBytes = 12;
const tagBytes = 16;

/** Random bytes of a new data key. */
export const dataKeyBytes = 32;

/**
 * Labels are constants of this code, a handful; a caller who made them up would fill the cache.
 * HKDF costs some microseconds, the MAC of a token check one.
 */
const maxLabels = 64;

/** A versioned key. Sealing uses one derived key, each MAC label another (HKDF-SHA-256, RFC 5869). */
export class DataKey {
  readonly version: number;
  readonly #key: Secret<Uint8Array>;
  readonly #sealKey: Secret<Buffer>;
  readonly #macKeys = new Map<string, Secret<Buffer>>();

  constructor(version: number, key: Uint8Array) {
    this.version = version;
    this.#key = new Secret(key);
    this.#sealKey = this.#derive('stile/seal/v1');
  }

  /** Seals `plain` for one place, named by `context`. */
  seal(plain: Uint8Array, context: string): Uint8Array {
    const header = sealedHeader(this.version);
    const nonce = randomBytes(nonceBytes);
    const cipher = createCipheriv('aes-256-gcm', this.#sealKey.reveal(), nonce);
    cipher.setAAD(additionalDataOf(header, context));
    const body = Buffer.concat([cipher.update(plain), cipher.final()]);
    return Buffer.concat([header, nonce, body, cipher.getAuthTag()]);
  }

  /** @throws {StileError} internal when it was altered or sealed for another context */
  open(sealed: Uint8Array, context: string): Uint8Array {
    const nonceEnd = headerBytes + nonceBytes;
    try {
      const nonce = sealed.subarray(headerBytes, nonceEnd);
      const decipher = createDecipheriv('aes-256-gcm', this.#sealKey.reveal(), nonce, {
        authTagLength: tagBytes,
      });
      decipher.setAAD(additionalDataOf(sealed.subarray(0, headerBytes), context));
      decipher.setAuthTag(sealed.subarray(-tagBytes));
      return Buffer.concat([decipher.update(sealed.subarray(nonceEnd, -tagBytes)), decipher.final()]);
    } catch (error) {
      throw new StileError('internal', `a sealed value cannot be opened for ${context}`, { cause: error });
    }
  }

  /** HMAC-SHA-256 of `data` under the key derived for `label`; 32 bytes. */
  mac(label: string, data: Uint8Array): Buffer {
    let key = this.#macKeys.get(label);
    if (key === undefined) {
      if (this.#macKeys.size >= maxLabels) throw new StileError('internal', 'too many labels for MAC keys');
      key = this.#derive(label);
      this.#macKeys.set(label, key);
    }
    return createHmac('sha256', key.reveal()).update(data).digest();
  }

  #derive(label: string): Secret<Buffer> {
    return new Secret(Buffer.from(hkdfSync('sha256', this.#key.reveal(), '', label, dataKeyBytes)));
  }
}

function additionalDataOf(header: Uint8Array, context: string): Buffer {
  return Buffer.concat([header, Buffer.from(context, 'utf8')]);
}

/** Version of the key that sealed a value. @throws {StileError} internal when it is no sealed value */
export function sealedKeyVersion(sealed: Uint8Array): number {
  if (sealed.length < headerBytes + nonceBytes + tagBytes || sealed[0] !== sealedFormat) {
    throw new StileError('internal', 'a value in the database is not sealed as this version does it');
  }
  return Buffer.from(sealed.buffer, sealed.byteOffset, sealed.byteLength).readUInt32BE(1);
}

/** The bytes with which every value begins that the key of a version has sealed. */
export function sealedHeader(keyVersion: number): Uint8Array {
  const header = Buffer.alloc(headerBytes);
  header.writeUInt8(sealedFormat, 0);
  header.writeUInt32BE(keyVersion, 1);
  return header;
}
