/**
 * The root key: it wraps the data keys in the database and nothing else, so that the database alone opens nothing. Here it
 * is 32 bytes from a file or the environment; a key service outside would stand behind the same interface.
 */
import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';
import { encodeBase58, StileError } from '@stile/protocol';
import { Secret } from '@stile/runtime';

/** Wraps data keys. `id` says which root key wrapped a data key, without telling anything about it. */
export interface RootKey {
  /** `krk_…`. */
  readonly id: string;
  wrap(key: Uint8Array): Promise<Uint8Array>;
  /** @throws {StileError} failedPrecondition when it was wrapped by another root key, or altered */
  unwrap(wrapped: Uint8Array): Promise<Uint8Array>;
}

const keyBytes = 32;
/** NIST SP 800-38D §8.2: a random nonce of 96 bits and a tag of 128. */
const nonceBytes = 12;
const tagBytes = 16;
const additionalData = Buffer.from('stile/data-key/v1');

/** A new root key, as the text that configuration holds. */
export function generateRootKey(): Secret {
  return new Secret(randomBytes(keyBytes).toString('base64'));
}

/**
 * The root key of a configured text: base64 (standard or URL alphabet, padded or not) of exactly 32 bytes.
 * @throws {StileError} invalidConfig
 */
export function rootKeyOf(text: Secret): RootKey {
  const given = text.reveal().trim();
  const bytes = /^[A-Za-z0-9+/_-]{43}=?$/.test(given) ? Buffer.from(given, 'base64') : undefined;
  if (bytes?.length !== keyBytes) {
    throw new StileError(
      'invalidConfig',
      'the root key must be 32 random bytes in base64 (openssl rand -base64 32)',
    );
  }
  return new AeadRootKey(bytes);
}

/** AES-256-GCM. */
class AeadRootKey implements RootKey {
  readonly id: string;
  readonly #key: Secret<Buffer>;

  constructor(bytes: Buffer) {
    const derive = (label: string, length: number): Buffer =>
      Buffer.from(hkdfSync('sha256', bytes, '', `stile/root-key/${label}/v1`, length));
    this.#key = new Secret(derive('wrap', keyBytes));
    this.id = `krk_${encodeBase58(derive('id', 16)).slice(0, 10)}`;
  }

  wrap(key: Uint8Array): Promise<Uint8Array> {
    const nonce = randomBytes(nonceBytes);
    const cipher = createCipheriv('aes-256-gcm', this.#key.reveal(), nonce);
    cipher.setAAD(additionalData);
    const sealed = Buffer.concat([cipher.update(key), cipher.final()]);
    return Promise.resolve(Buffer.concat([nonce, sealed, cipher.getAuthTag()]));
  }

  unwrap(wrapped: Uint8Array): Promise<Uint8Array> {
    try {
      const decipher = createDecipheriv('aes-256-gcm', this.#key.reveal(), wrapped.subarray(0, nonceBytes), {
        authTagLength: tagBytes,
      });
      decipher.setAAD(additionalData);
      decipher.setAuthTag(wrapped.subarray(-tagBytes));
      const key = Buffer.concat([decipher.update(wrapped.subarray(nonceBytes, -tagBytes)), decipher.final()]);
      return Promise.resolve(key);
    } catch (error) {
      return Promise.reject(
        new StileError(
          'failedPrecondition',
          'a data key cannot be unwrapped: it was wrapped by another root key',
          {
            cause: error,
          },
        ),
      );
    }
  }
}
