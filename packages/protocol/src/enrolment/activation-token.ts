/**
 * The one-time text by which a worker enrols: made by the controller (`workers create controller-led`), read by the worker.
 * It names the worker, proves it by a secret, and pins the cluster CA, so that the first dial needs no other trust.
 */
import { decodeBase58, encodeBase58 } from '../codec/base58.ts';
import { StileError } from '../errors.ts';

/** What an activation token says. */
export interface ActivationToken {
  /** `w_…` */
  readonly workerId: string;
  /** 32 random bytes. Secret. */
  readonly secret: Uint8Array;
  /** SHA-256 of the DER of the cluster CA's certificate, 32 bytes. */
  readonly caFingerprint: Uint8Array;
}

/** Marks the kind of secret for people and secret scanners. */
const prefix = 'stwa_';
const version = 1;
const partBytes = 32;
/** Version, secret, fingerprint; then the id. */
const fixedBytes = 1 + 2 * partBytes;
const longestIdBytes = 64;
const workerIdPattern = /^w_[0-9A-Za-z]{1,60}$/;

/**
 * The text of a token: `stwa_` and base58 of version ‖ secret ‖ fingerprint ‖ worker id.
 * @throws {StileError} invalidArgument when a part does not have its form
 */
export function encodeActivationToken(token: ActivationToken): string {
  const isWellFormed = token.secret.length === partBytes && token.caFingerprint.length === partBytes;
  if (!isWellFormed || !workerIdPattern.test(token.workerId)) {
    throw new StileError('invalidArgument', 'the parts of an activation token do not have their form');
  }
  const id = new TextEncoder().encode(token.workerId);
  const bytes = new Uint8Array(fixedBytes + id.length);
  bytes[0] = version;
  bytes.set(token.secret, 1);
  bytes.set(token.caFingerprint, 1 + partBytes);
  bytes.set(id, fixedBytes);
  return prefix + encodeBase58(bytes);
}

/**
 * Reads a token; white space around it is cut (files end in a line break).
 * @throws {StileError} invalidArgument, without the token's text
 */
export function decodeActivationToken(text: string): ActivationToken {
  const trimmed = text.trim();
  if (!trimmed.startsWith(prefix))
    throw new StileError('invalidArgument', 'this is no worker activation token');
  const bytes = decodeBase58(trimmed.slice(prefix.length), fixedBytes + longestIdBytes);
  const workerId = new TextDecoder().decode(bytes.subarray(fixedBytes));
  if (bytes.length <= fixedBytes || bytes[0] !== version || !workerIdPattern.test(workerId)) {
    throw new StileError('invalidArgument', 'the worker activation token is damaged');
  }
  return {
    workerId,
    secret: bytes.slice(1, 1 + partBytes),
    caFingerprint: bytes.slice(1 + partBytes, fixedBytes),
  };
}
