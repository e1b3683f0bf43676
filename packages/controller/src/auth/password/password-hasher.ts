/**
 * Argon2id with a bound on how much of it runs and waits: a hash takes 64 MiB and a good part of a core for some 100 ms,
 * so what attackers may ask for must be limited before it is begun.
 */
import { randomBytes } from 'node:crypto';
import { hash, verify } from '@node-rs/argon2';
import { StileError } from '@stile/protocol';
import type { Secret } from '@stile/runtime';

/** How much may run and wait. */
export interface PasswordHasherOptions {
  /** Hashes at a time (`concurrent_password_hash_workers`). Default 2; each keeps a thread of the pool busy. */
  readonly workers?: number;
  /** Hashes waiting; one more is refused. Default 64, some 4 s of work. */
  readonly maxWaiting?: number;
  /** Memory of a hash, KiB. Default 64 MiB; less only where time matters more than safety, as in tests. */
  readonly memoryKiB?: number;
}

/** http-api.md §2.2; RFC 9106 §4 explains the parameters. */
const defaultMemoryKiB = 64 * 1024;
const fixedParameters = {
  timeCost: 3,
  parallelism: 1,
  /** Bytes. */
  outputLen: 32,
} as const;
const saltBytes = 32;

/** A hash that no password has (finding one means inverting Argon2id): what is verified when there is no account. */
function nobodysHash(memoryKiB: number): string {
  const zeros = Buffer.alloc(saltBytes).toString('base64').replace(/=+$/, '');
  const { timeCost, parallelism } = fixedParameters;
  return `$argon2id$v=19$m=${memoryKiB},t=${timeCost},p=${parallelism}$${zeros}$${zeros}`;
}

const defaultWorkers = 2;
const defaultMaxWaiting = 64;

/** Hashes and verifies passwords. */
export class PasswordHasher {
  readonly #maxWaiting: number;
  readonly #memoryKiB: number;
  readonly #nobodysHash: string;
  readonly #waiting: (() => void)[] = [];
  #free: number;

  constructor(options: PasswordHasherOptions = {}) {
    this.#free = options.workers ?? defaultWorkers;
    this.#maxWaiting = options.maxWaiting ?? defaultMaxWaiting;
    this.#memoryKiB = options.memoryKiB ?? defaultMemoryKiB;
    this.#nobodysHash = nobodysHash(this.#memoryKiB);
  }

  /** A PHC string with a new random salt. @throws {StileError} tooManyRequests */
  hash(password: Secret): Promise<string> {
    const options = { ...fixedParameters, memoryCost: this.#memoryKiB, salt: randomBytes(saltBytes) };
    return this.#inTurn(() => hash(password.reveal(), options));
  }

  /**
   * Whether the password is the one of the hash. Without a hash the answer is no, and takes as long.
   * @throws {StileError} tooManyRequests
   */
  async verify(password: Secret, phc: string | null | undefined): Promise<boolean> {
    const isRight = await this.#inTurn(() => verify(phc ?? this.#nobodysHash, password.reveal()));
    return isRight && phc !== null && phc !== undefined;
  }

  async #inTurn<T>(work: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free -= 1;
    else await this.#turn();
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#free += 1;
      else next();
    }
  }

  #turn(): Promise<void> {
    if (this.#waiting.length >= this.#maxWaiting) {
      throw new StileError('tooManyRequests', 'too many logins at once; try again in a few seconds', {
        details: { retryAfterSeconds: 5 },
      });
    }
    return new Promise((resolve) => this.#waiting.push(resolve));
  }
}
