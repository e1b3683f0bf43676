/**
 * The envelope of OpenSSH private keys (openssh/PROTOCOL.key): says whether a key is whole, whether it is encrypted, and whether a
 * passphrase opens it. node:crypto reads every other format of private keys but this one. Input is hostile.
 */
import { createDecipheriv } from 'node:crypto';
import { deriveKey } from './key-derivation.ts';

const magic = Buffer.from('openssh-key-v1\0', 'latin1');

/** Cipher of the private part, bytes of its key; every one has blocks and initial vectors of 16 bytes. */
const ciphers: Readonly<Record<string, { readonly name: string; readonly keyBytes: number }>> = {
  'aes128-ctr': { name: 'aes-128-ctr', keyBytes: 16 },
  'aes192-ctr': { name: 'aes-192-ctr', keyBytes: 24 },
  'aes256-ctr': { name: 'aes-256-ctr', keyBytes: 32 },
  'aes128-cbc': { name: 'aes-128-cbc', keyBytes: 16 },
  'aes192-cbc': { name: 'aes-192-cbc', keyBytes: 24 },
  'aes256-cbc': { name: 'aes-256-cbc', keyBytes: 32 },
};
const blockBytes = 16;
const ivBytes = 16;

/** How many texts the private part of each key type has before its comment. */
const fieldCounts: Readonly<Record<string, number>> = {
  'ssh-ed25519': 2,
  'ssh-rsa': 6,
  'ecdsa-sha2-nistp256': 3,
  'ecdsa-sha2-nistp384': 3,
  'ecdsa-sha2-nistp521': 3,
};

/** Most rounds that are run: ssh-keygen uses 24 unless told otherwise, and each costs some 20 ms of work here. */
const mostRounds = 1024;

/** Why a text is no private key, in words for its owner; nothing of the key itself. */
export class KeyProblem extends Error {}

/** What the envelope says. */
export interface OpenSshKey {
  readonly isEncrypted: boolean;
  /** Private part, perhaps encrypted. */
  readonly blob: Buffer;
  readonly encryption?: {
    readonly cipher: string;
    readonly keyBytes: number;
    readonly salt: Buffer;
    readonly rounds: number;
  };
}

/** Reads lengths and texts in order; never beyond the end. */
class Reader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get rest(): Buffer {
    return this.#bytes.subarray(this.#at);
  }

  number(): number {
    if (this.rest.length < 4) throw new KeyProblem('the key is cut off');
    const value = this.#bytes.readUInt32BE(this.#at);
    this.#at += 4;
    return value;
  }

  text(): Buffer {
    const length = this.number();
    if (this.rest.length < length) throw new KeyProblem('the key is cut off');
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }
}

/**
 * Reads the envelope, and the key in it when it is not encrypted.
 * @throws {KeyProblem}
 */
export function readOpenSshKey(bytes: Buffer): OpenSshKey {
  if (!bytes.subarray(0, magic.length).equals(magic)) throw new KeyProblem('it is not in the OpenSSH format');
  const reader = new Reader(bytes.subarray(magic.length));
  const cipher = reader.text().toString('latin1');
  const kdf = reader.text().toString('latin1');
  const kdfOptions = reader.text();
  if (reader.number() !== 1) throw new KeyProblem('files with several keys are not supported');
  reader.text();
  const blob = reader.text();
  if (cipher === 'none' && kdf === 'none') {
    if (!isWhole(blob)) throw new KeyProblem('the private part of the key is damaged or of an unknown type');
    return { isEncrypted: false, blob };
  }
  return { isEncrypted: true, blob, encryption: encryptionOf(cipher, kdf, kdfOptions) };
}

function encryptionOf(cipher: string, kdf: string, options: Buffer): NonNullable<OpenSshKey['encryption']> {
  const known = Object.hasOwn(ciphers, cipher) ? ciphers[cipher] : undefined;
  if (known === undefined || kdf !== 'bcrypt') {
    throw new KeyProblem(
      'its encryption is not supported: use aes256-ctr with bcrypt, the default of ssh-keygen',
    );
  }
  const reader = new Reader(options);
  const salt = reader.text();
  const rounds = reader.number();
  if (salt.length === 0 || rounds < 1) throw new KeyProblem('the encryption of the key is damaged');
  if (rounds > mostRounds) throw new KeyProblem(`it has more than ${mostRounds} rounds of key derivation`);
  return { cipher: known.name, keyBytes: known.keyBytes, salt, rounds };
}

/** Two equal numbers, a type, its texts, a comment, and padding 1, 2, 3 …: what decryption with a wrong key does not give. */
function isWhole(blob: Buffer): boolean {
  try {
    const reader = new Reader(blob);
    if (reader.number() !== reader.number()) return false;
    const type = reader.text().toString('latin1');
    const count = Object.hasOwn(fieldCounts, type) ? fieldCounts[type] : undefined;
    if (count === undefined) return false;
    for (let field = 0; field <= count; field += 1) reader.text();
    const padding = reader.rest;
    return padding.length < blockBytes && padding.every((byte, at) => byte === at + 1);
  } catch (error) {
    if (error instanceof KeyProblem) return false;
    throw error;
  }
}

/** Whether the passphrase opens the key. Takes some 20 ms of work a round, in a thread of its own. @throws {StileError} internal */
export async function opensWith(key: OpenSshKey, passphrase: string): Promise<boolean> {
  const { blob, encryption } = key;
  if (encryption === undefined || blob.length === 0 || blob.length % blockBytes !== 0) return false;
  const { cipher, keyBytes, salt, rounds } = encryption;
  const derived = await deriveKey({ passphrase, salt, rounds, length: keyBytes + ivBytes });
  const decipher = createDecipheriv(cipher, derived.subarray(0, keyBytes), derived.subarray(keyBytes));
  decipher.setAutoPadding(false);
  return isWhole(Buffer.concat([decipher.update(blob), decipher.final()]));
}
