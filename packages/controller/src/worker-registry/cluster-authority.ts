/**
 * The cluster's certificate authority: made at the first start of the first controller, its key sealed in the database, the
 * same for all controllers. Vouches for workers and for the controllers' own server certificates (design.md §6).
 */
import { X509Certificate } from 'node:crypto';
import { StileError, randomBase62 } from '@stile/protocol';
import type { Clock } from '@stile/runtime';
import type { KeyService } from '../keys/key-service.ts';
import { certificateFingerprint, certificatePem } from '../pki/certificate.ts';
import {
  authorityLifetimeUs,
  createClusterAuthority,
  issueControllerCertificate,
  issueWorkerCertificate,
  restoreClusterAuthority,
} from '../pki/cluster-certificate.ts';
import type { ClusterAuthorityKey, IssuedCertificate } from '../pki/cluster-certificate.ts';
import type { Database } from '../store/database.ts';
import type { ClusterAuthorityTable } from '../store/schema.ts';
import { insertAuthority, listAuthorities } from './authority-repository.ts';

/** Id of the first authority: fixed, so that the database lets only one be the first. */
const firstAuthorityId = 'ca_1';

/** What a TLS server or client needs of the authority. */
export interface ControllerTlsIdentity {
  /** PEM. */
  readonly certificate: string;
  /** PEM of a PKCS#8 key. Secret. */
  readonly privateKey: string;
  /** PEM of every trusted authority. */
  readonly authorities: readonly string[];
}

/** Signs with the newest authority and trusts all. */
export class ClusterAuthority {
  readonly #clock: Clock;
  readonly #signing: ClusterAuthorityKey;
  readonly #trusted: readonly Buffer[];

  private constructor(clock: Clock, signing: ClusterAuthorityKey, trusted: readonly Buffer[]) {
    this.#clock = clock;
    this.#signing = signing;
    this.#trusted = trusted;
  }

  /** Opens the authority, making it when there is none yet. @throws {StileError} internal (the sealed key cannot be opened) */
  static async open(options: {
    readonly database: Database;
    readonly keys: KeyService;
    readonly clock: Clock;
  }): Promise<ClusterAuthority> {
    const { database, keys, clock } = options;
    let rows = await listAuthorities(database.reader);
    if (rows.length === 0) {
      const row = newAuthorityRow(keys, clock.nowUs());
      await database.write((tx) => insertAuthority(tx, row));
      rows = await listAuthorities(database.reader);
    }
    const [newest] = rows;
    if (newest === undefined) throw new StileError('internal', 'the cluster authority is missing');
    const seed = keys.open(newest.private_key_sealed, sealContext(newest.id));
    const name = new X509Certificate(newest.certificate).subject.replace(/^CN=/, '');
    const signing = restoreClusterAuthority(name, newest.certificate, seed);
    return new ClusterAuthority(
      clock,
      signing,
      rows.map((row) => Buffer.from(row.certificate)),
    );
  }

  /** Certificates that a worker must trust, DER, the signing one first. */
  get certificates(): readonly Uint8Array[] {
    return this.#trusted;
  }

  /** SHA-256 of the signing authority's certificate: what an activation token pins. */
  get fingerprint(): Buffer {
    return certificateFingerprint(this.#signing.certificate);
  }

  /** A client certificate for a worker's own raw public key. */
  issueWorker(workerId: string, publicKey: Uint8Array): IssuedCertificate {
    return issueWorkerCertificate(this.#signing, { workerId, publicKey }, this.#clock.nowUs());
  }

  /** A fresh server certificate and key for this process. */
  issueController(): ControllerTlsIdentity {
    const issued = issueControllerCertificate(this.#signing, this.#clock.nowUs());
    const privateKey = issued.keyPair.privateKey.export({ format: 'pem', type: 'pkcs8' });
    return {
      certificate: certificatePem(issued.certificate),
      privateKey: privateKey.toString(),
      authorities: this.#trusted.map(certificatePem),
    };
  }
}

/** Context of the seal of an authority's private key. */
export function sealContext(authorityId: string): string {
  return `cluster_authority/private_key/${authorityId}`;
}

function newAuthorityRow(keys: KeyService, nowUs: number): ClusterAuthorityTable {
  const authority = createClusterAuthority(`Stile cluster ${randomBase62(10)}`, nowUs);
  return {
    id: firstAuthorityId,
    certificate: authority.certificate,
    private_key_sealed: keys.seal(authority.keyPair.seed, sealContext(firstAuthorityId)),
    expires_at: nowUs + authorityLifetimeUs,
    created_at: nowUs,
  };
}
