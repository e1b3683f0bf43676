/**
 * The text by which a worker asks to be admitted (`workers create worker-led`): made by the worker, carried by people to an
 * administrator, read by the controller. It names the worker's own key and holds a secret that never crosses the network: by it
 * the controller proves to the worker that it is the one whose administrator approved the request. Whoever reads the text cannot
 * enrol with it, for lack of the key; who stands between worker and controller cannot answer it, for lack of the secret.
 */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { decodeBase58, encodeBase58 } from '../codec/base58.ts';
import { StileError } from '../errors.ts';

/** What a registration request says. */
export interface RegistrationRequest {
  /** Raw Ed25519 public key of the worker, 32 bytes. */
  readonly publicKey: Uint8Array;
  /** 32 random bytes. Secret. */
  readonly secret: Uint8Array;
  /** By the worker's key over `requestMessage`, 64 bytes. */
  readonly signature: Uint8Array;
}

const version = 1;
const keyBytes = 32;
const secretBytes = 32;
const signatureBytes = 64;
const requestBytes = 1 + keyBytes + secretBytes + signatureBytes;

/** What the worker signs in its request. */
export function requestMessage(publicKey: Uint8Array, secret: Uint8Array): Uint8Array {
  return Buffer.concat([Buffer.from('stile/registration/v1'), publicKey, secret]);
}

/**
 * The text of a request: base58 of version ‖ public key ‖ secret ‖ signature.
 * @throws {StileError} invalidArgument when a part does not have its length
 */
export function encodeRegistrationRequest(request: RegistrationRequest): string {
  const { publicKey, secret, signature } = request;
  const bytes = Buffer.concat([Buffer.of(version), publicKey, secret, signature]);
  if (publicKey.length !== keyBytes || secret.length !== secretBytes || signature.length !== signatureBytes) {
    throw new StileError('invalidArgument', 'the parts of a registration request do not have their length');
  }
  return encodeBase58(bytes);
}

/**
 * Reads a request; white space around it is cut. The signature is not checked here.
 * @throws {StileError} invalidArgument, without the text
 */
export function decodeRegistrationRequest(text: string): RegistrationRequest {
  const bytes = decodeBase58(text.trim(), requestBytes);
  if (bytes.length !== requestBytes || bytes[0] !== version) {
    throw new StileError('invalidArgument', 'this is no registration request of a worker, or it is damaged');
  }
  return {
    publicKey: bytes.slice(1, 1 + keyBytes),
    secret: bytes.slice(1 + keyBytes, 1 + keyBytes + secretBytes),
    signature: bytes.slice(1 + keyBytes + secretBytes),
  };
}

/**
 * What people compare: the first 128 bits of the key's SHA-256, in eight groups of four hexadecimal digits. Enough that nobody
 * finds another key with the same one.
 */
export function registrationFingerprint(publicKey: Uint8Array): string {
  const digits = createHash('sha256').update(publicKey).digest('hex').slice(0, 32);
  return digits.match(/.{4}/g)?.join('-') ?? '';
}

/** What the controller answers to an approved request, as far as the proof covers it. */
export interface ApprovedRegistration {
  readonly workerId: string;
  /** DER. */
  readonly certificate: Uint8Array;
  /** DER. */
  readonly caCertificates: readonly Uint8Array[];
}

/** The proof that an answer comes from whoever was given the request: HMAC-SHA-256 under its secret. `publicKey` is raw. */
export function approvalProof(
  secret: Uint8Array,
  publicKey: Uint8Array,
  answer: ApprovedRegistration,
): Buffer {
  const parts = [publicKey, Buffer.from(answer.workerId), answer.certificate, ...answer.caCertificates];
  const mac = createHmac('sha256', secret).update('stile/approval/v1');
  for (const part of parts) {
    // With its length before it, no part can pass for a piece of its neighbour.
    const length = Buffer.alloc(4);
    length.writeUInt32BE(part.length);
    mac.update(length).update(part);
  }
  return mac.digest();
}

/** Whether a proof is the right one; in constant time. */
export function isApprovalProof(expected: Uint8Array, given: Uint8Array): boolean {
  return expected.length === given.length && timingSafeEqual(expected, given);
}
