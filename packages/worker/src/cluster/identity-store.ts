/** Keeps the worker's own key and certificate in one file (0600), replaced atomically: a crash leaves the old or the new, never half. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { StileError } from '@stile/protocol';
import { Secret } from '@stile/runtime';
import { writePrivateFile } from './private-file.ts';

/** Who the worker is to its cluster. */
export interface WorkerIdentity {
  readonly workerId: string;
  /** PEM (PKCS#8) of its Ed25519 key. */
  readonly privateKey: Secret;
  /** DER. */
  readonly certificate: Buffer;
  /** DER of every cluster authority that is trusted. */
  readonly caCertificates: readonly Buffer[];
}

interface StoredIdentity {
  readonly version: 1;
  readonly worker_id: string;
  readonly private_key: string;
  readonly certificate: string;
  readonly ca_certificates: readonly string[];
}

const fileName = 'identity.json';

function isStored(value: unknown): value is StoredIdentity {
  if (typeof value !== 'object' || value === null) return false;
  const fields = value as Partial<Record<keyof StoredIdentity, unknown>>;
  const texts = [fields.worker_id, fields.private_key, fields.certificate];
  const authorities = fields.ca_certificates;
  return (
    fields.version === 1 &&
    texts.every((text) => typeof text === 'string') &&
    Array.isArray(authorities) &&
    authorities.every((text) => typeof text === 'string')
  );
}

/** Reads and writes the identity of one folder. */
export class IdentityStore {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /**
   * The identity, or undefined when the folder holds none.
   * @throws {StileError} invalidConfig when the file cannot be read or is damaged: deleting it is the operator's decision
   */
  read(): WorkerIdentity | undefined {
    const path = join(this.#folder, fileName);
    let text: string;
    try {
      text = readFileSync(path, 'utf8');
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw new StileError('invalidConfig', `the worker's identity in ${path} cannot be read`, { cause });
    }
    const stored = parse(text, path);
    const der = (base64: string): Buffer => Buffer.from(base64, 'base64');
    return {
      workerId: stored.worker_id,
      privateKey: new Secret(stored.private_key),
      certificate: der(stored.certificate),
      caCertificates: stored.ca_certificates.map(der),
    };
  }

  /** Makes the identity durable. @throws {StileError} invalidConfig when the folder cannot be written */
  write(identity: WorkerIdentity): void {
    const base64 = (bytes: Buffer): string => bytes.toString('base64');
    const stored: StoredIdentity = {
      version: 1,
      worker_id: identity.workerId,
      private_key: identity.privateKey.reveal(),
      certificate: base64(identity.certificate),
      ca_certificates: identity.caCertificates.map(base64),
    };
    try {
      writePrivateFile(this.#folder, fileName, JSON.stringify(stored));
    } catch (cause) {
      throw new StileError('invalidConfig', `the worker's identity cannot be written to ${this.#folder}`, {
        cause,
      });
    }
  }
}

function parse(text: string, path: string): StoredIdentity {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // Not JSON: the same fault as JSON of another shape. The parser's message could show a part of the key.
    value = undefined;
  }
  if (isStored(value)) return value;
  throw new StileError(
    'invalidConfig',
    `the worker's identity in ${path} is damaged; delete it and enrol the worker again`,
  );
}
