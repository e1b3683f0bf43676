/**
 * bcrypt_pbkdf of OpenBSD, by which OpenSSH encrypts private keys. Pure JavaScript takes seconds for it, so it runs in a thread of
 * its own: nothing else in the process waits.
 */
import { createRequire } from 'node:module';
import { Worker } from 'node:worker_threads';
import { StileError } from '@stile/protocol';

/** What a key is made of. */
export interface Derivation {
  /** Not empty. */
  readonly passphrase: string;
  readonly salt: Uint8Array;
  /** At least 1. */
  readonly rounds: number;
  /** Bytes wanted. */
  readonly length: number;
}

/** All that the thread does. A text, because a file would have another name in the build than in the sources. */
const threadSource = `
  const { parentPort, workerData } = require('node:worker_threads');
  const { library, passphrase, salt, rounds, length } = workerData;
  const derived = new Uint8Array(length);
  const failed = require(library).pbkdf(passphrase, passphrase.length, salt, salt.length, derived, length, rounds);
  parentPort.postMessage(failed === 0 ? derived : undefined);
`;

const library = createRequire(import.meta.url).resolve('bcrypt-pbkdf');

/** The key, `length` bytes. @throws {StileError} internal when the thread fails */
export async function deriveKey(derivation: Derivation): Promise<Uint8Array> {
  const passphrase = new TextEncoder().encode(derivation.passphrase);
  const thread = new Worker(threadSource, {
    eval: true,
    workerData: { ...derivation, library, passphrase, salt: Uint8Array.from(derivation.salt) },
    resourceLimits: { maxOldGenerationSizeMb: 32 },
  });
  // A controller that stops does not wait for it.
  thread.unref();
  return new Promise((resolve, reject) => {
    const fail = (cause?: unknown): void => {
      reject(new StileError('internal', 'the key of a private key cannot be derived', { cause }));
    };
    thread.once('message', (derived: unknown) => {
      if (derived instanceof Uint8Array) resolve(derived);
      else fail();
    });
    thread.once('error', fail);
    // Too late when there was a message: a promise settles once.
    thread.once('exit', () => fail());
  });
}
