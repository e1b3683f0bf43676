/**
 * Keeps a registration request that waits for an administrator, with the key it is about, in one file (0600): a worker that is
 * started again asks with the same request, so that one which was approved meanwhile is not lost.
 */
import { createPrivateKey, randomBytes, sign, type KeyObject } from 'node:crypto';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import {
  StileError,
  encodeRegistrationRequest,
  registrationFingerprint,
  requestMessage,
} from '@stile/protocol';
import { newEd25519Key, Secret } from '@stile/runtime';
import { writePrivateFile } from '../cluster/private-file.ts';

/** A request that waits. */
export interface PendingRegistration {
  readonly privateKey: KeyObject;
  /** Raw, 32 bytes. */
  readonly publicKey: Uint8Array;
  /** Never sent by the worker itself; who approves the request proves by it that they were given it. */
  readonly secret: Secret;
  /** The text for the administrator. */
  readonly request: string;
  /** For people to compare. */
  readonly fingerprint: string;
}

const fileName = 'registration.json';
/** The request's text alone, for scripts that carry it; under the name that Boundary's workers use. */
const requestFileName = 'auth_request_token';

/** Reads, makes and forgets the request of one folder. */
export class RegistrationStore {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** The request of the folder, made when there is none. @throws {StileError} invalidConfig (folder cannot be read or written) */
  open(): PendingRegistration {
    const known = this.#read();
    if (known !== undefined) return known;
    const privateKey = newEd25519Key();
    const made = pendingOf(privateKey, randomBytes(32));
    const stored = {
      version: 1,
      private_key: privateKey.export({ format: 'pem', type: 'pkcs8' }).toString(),
      secret: made.secret.reveal(),
    };
    try {
      writePrivateFile(this.#folder, fileName, JSON.stringify(stored));
      writePrivateFile(this.#folder, requestFileName, `${made.request}\n`);
    } catch (cause) {
      throw new StileError(
        'invalidConfig',
        `the worker's registration request cannot be written to ${this.#folder}`,
        { cause },
      );
    }
    return made;
  }

  /** Takes the request away: it was approved, or the worker has an identity by other means. */
  forget(): void {
    rmSync(join(this.#folder, fileName), { force: true });
    rmSync(join(this.#folder, requestFileName), { force: true });
  }

  #read(): PendingRegistration | undefined {
    const path = join(this.#folder, fileName);
    let text: string;
    try {
      text = readFileSync(path, 'utf8');
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw new StileError('invalidConfig', `the worker's registration request in ${path} cannot be read`, {
        cause,
      });
    }
    try {
      const stored = JSON.parse(text) as { readonly private_key: string; readonly secret: string };
      return pendingOf(createPrivateKey(stored.private_key), Buffer.from(stored.secret, 'base64'));
    } catch {
      // Whatever is wrong with it: the parser's message could show a part of the key.
      throw new StileError(
        'invalidConfig',
        `the worker's registration request in ${path} is damaged; delete the file, and a new request is made`,
      );
    }
  }
}

/** @throws {Error} when the key is no Ed25519 key, {StileError} invalidArgument when the secret has another length */
function pendingOf(privateKey: KeyObject, secret: Buffer): PendingRegistration {
  const { x } = privateKey.export({ format: 'jwk' });
  const publicKey = Buffer.from(x ?? '', 'base64url');
  const signature = sign(null, requestMessage(publicKey, secret), privateKey);
  return {
    privateKey,
    publicKey,
    secret: new Secret(secret.toString('base64')),
    request: encodeRegistrationRequest({ publicKey, secret, signature }),
    fingerprint: registrationFingerprint(publicKey),
  };
}
