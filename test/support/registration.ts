/** A worker that asks to be admitted (worker-led enrolment), without the worker: its key, its request, and the call by which it registers. */
import { randomBytes, sign } from 'node:crypto';
import { encodeRegistrationRequest, requestMessage } from '@stile/protocol';
import { registerMessage } from '@stile/protocol/rpc';
import type { RegisterRequest } from '@stile/protocol/rpc';
import { encodeSpki, generateEd25519 } from '../../packages/controller/src/pki/ed25519.ts';
import type { Ed25519KeyPair } from '../../packages/controller/src/pki/ed25519.ts';

/** Who asks. */
export interface Applicant {
  readonly key: Ed25519KeyPair;
  readonly secret: Buffer;
  /** The registration request as the worker prints it. */
  readonly request: string;
}

/** A new applicant with a key of its own. */
export function newApplicant(): Applicant {
  const key = generateEd25519();
  const secret = randomBytes(32);
  const signature = sign(null, requestMessage(key.publicKey, secret), key.privateKey);
  return { key, secret, request: encodeRegistrationRequest({ publicKey: key.publicKey, secret, signature }) };
}

/** The certificate that the server shows in tests without a server. */
export const shownCertificate: Buffer = Buffer.from('a certificate');

/** The call that fetches the certificate of an applicant, signed by its key or by another. */
export function registerCall({ key }: Applicant, signer: Ed25519KeyPair = key): RegisterRequest {
  const publicKey = encodeSpki(key.publicKey);
  return {
    publicKey,
    signature: sign(null, registerMessage(publicKey, shownCertificate), signer.privateKey),
  };
}
