/**
 * Private keys in the formats of OpenSSL: PKCS #1, SEC 1 and PKCS #8, the first two perhaps encrypted (RFC 1421 headers). Input is
 * hostile: node:crypto computes the public key of some algorithms (DSA, DH) while it reads a key, with numbers as long as the key's
 * maker likes, and everybody waits. So it gets to see only what was looked at before.
 */
import { createDecipheriv, createHash, createPrivateKey } from 'node:crypto';
import { KeyProblem } from './openssh-key.ts';

/** Of PEM blocks; encrypted PKCS #8 is not among them: how long its decryption takes is its maker's choice. */
export const pemLabels: ReadonlySet<string> = new Set([
  'RSA PRIVATE KEY',
  'EC PRIVATE KEY',
  'DSA PRIVATE KEY',
  'PRIVATE KEY',
]);

/** A block that was read. */
export interface PemKey {
  readonly isEncrypted: boolean;
  /** Whether the passphrase opens it; false where it is not encrypted. */
  readonly opens: (passphrase: string) => boolean;
}

/** Ciphers of `DEK-Info`: the name that node:crypto has, bytes of the key and of the initial vector. */
const ciphers: Readonly<Record<string, readonly [name: string, keyBytes: number, ivBytes: number]>> = {
  'AES-128-CBC': ['aes-128-cbc', 16, 16],
  'AES-192-CBC': ['aes-192-cbc', 24, 16],
  'AES-256-CBC': ['aes-256-cbc', 32, 16],
  'DES-EDE3-CBC': ['des-ede3-cbc', 24, 8],
};

/** Algorithms of PKCS #8 keys, as the bytes of their ids: RSA, EC, Ed25519, Ed448. Reading one costs no more than its length. */
const algorithms: ReadonlySet<string> = new Set(['2a864886f70d010101', '2a8648ce3d0201', '2b6570', '2b6571']);

const tags = { integer: 0x02, octets: 0x04, objectId: 0x06, sequence: 0x30 } as const;

/**
 * Reads what stands between the lines of a block; of an unencrypted key also that it is whole.
 * @throws {KeyProblem}
 */
export function readPemKey(label: string, body: string): PemKey {
  const headers =
    /^\s*Proc-Type: *4, *ENCRYPTED *\r?\n(?:DEK-Info: *([A-Z0-9-]+), *([0-9A-Fa-f]+) *\r?\n)?/.exec(body);
  if (headers === null) {
    const isReadable = canRead(label, Buffer.from(body, 'base64'));
    if (!isReadable) throw new KeyProblem('the key is damaged');
    return { isEncrypted: false, opens: () => false };
  }
  const [all, cipherName = '', ivText = ''] = headers;
  const cipher = Object.hasOwn(ciphers, cipherName) ? ciphers[cipherName] : undefined;
  const iv = Buffer.from(ivText, 'hex');
  if (cipher === undefined || iv.length !== cipher[2])
    throw new KeyProblem('its encryption is not supported');
  const sealed = Buffer.from(body.slice(all.length), 'base64');
  return {
    isEncrypted: true,
    opens: (passphrase) => {
      const der = decrypted(sealed, { cipher, iv, passphrase });
      return der !== undefined && canRead(label, der);
    },
  };
}

function decrypted(
  sealed: Buffer,
  by: {
    readonly cipher: readonly [name: string, keyBytes: number, ivBytes: number];
    readonly iv: Buffer;
    readonly passphrase: string;
  },
): Buffer | undefined {
  const [name, keyBytes] = by.cipher;
  try {
    const decipher = createDecipheriv(name, derivedKey(by.passphrase, by.iv, keyBytes), by.iv);
    return Buffer.concat([decipher.update(sealed), decipher.final()]);
  } catch {
    // The padding is wrong: another passphrase.
    return undefined;
  }
}

/** EVP_BytesToKey of OpenSSL with MD5, one round, and the first half of the initial vector as salt: what `DEK-Info` stands for. */
function derivedKey(passphrase: string, iv: Buffer, bytes: number): Buffer {
  let key = Buffer.alloc(0);
  let last = Buffer.alloc(0);
  while (key.length < bytes) {
    last = createHash('md5').update(last).update(passphrase, 'utf8').update(iv.subarray(0, 8)).digest();
    key = Buffer.concat([key, last]);
  }
  return key.subarray(0, bytes);
}

/** Written anew from the bytes that were looked at, so that nothing else is read. */
function canRead(label: string, der: Buffer): boolean {
  if (!isHarmless(der)) return false;
  const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
  try {
    createPrivateKey([`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ''].join('\n'));
    return true;
  } catch {
    // Whatever OpenSSL has against it: it is no key.
    return false;
  }
}

/** A version, then the numbers of PKCS #1, the octets of SEC 1, or one of our algorithms. */
function isHarmless(der: Buffer): boolean {
  const outer = elementAt(der, 0);
  if (outer?.tag !== tags.sequence || outer.to !== der.length) return false;
  const version = elementAt(der, outer.from);
  if (version?.tag !== tags.integer) return false;
  const next = elementAt(der, version.to);
  if (next?.tag === tags.integer || next?.tag === tags.octets) return true;
  if (next?.tag !== tags.sequence) return false;
  const algorithm = elementAt(der, next.from);
  if (algorithm?.tag !== tags.objectId) return false;
  return algorithms.has(der.toString('hex', algorithm.from, algorithm.to));
}

/** Tag and content of the DER element at an offset (X.690 §10.1: lengths are definite and short); undefined when there is none. */
function elementAt(
  der: Buffer,
  at: number,
): { readonly tag: number; readonly from: number; readonly to: number } | undefined {
  const tag = der[at];
  const first = der[at + 1];
  if (tag === undefined || first === undefined) return undefined;
  const lengthBytes = first < 0x80 ? 0 : first - 0x80;
  const from = at + 2 + lengthBytes;
  if (first === 0x80 || lengthBytes > 3 || from > der.length) return undefined;
  const length = lengthBytes === 0 ? first : der.readUIntBE(at + 2, lengthBytes);
  return from + length > der.length ? undefined : { tag, from, to: from + length };
}
