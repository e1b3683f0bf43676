/**
 * The cluster's certificate authority: made at the first start of the first controller, its key sealed in the database, the
 * same for all controllers. Vouches for workers and for the controllers' own server certificates (design.md §6). When it is
 * replaced, the old one is trusted for a while beside the new one, so that workers move over.
 */
import { X509Certificate, createHash } from 'node:crypto';
import { StileError, randomBase62 } from '@stile/protocol';
import { authorityServerName } from '@stile/protocol/rpc';
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
import { deleteRetired, insertAuthority, listAuthorities, replaceAuthority } from './authority-repository.ts';

/** Id of the first authority: fixed, so that the database lets only one be the first. */
const firstAuthorityId = 'ca_1';
/**
 * How long a replaced authority is still trusted, microseconds: a week. Workers that are linked move over within seconds; one that
 * was away longer than this must be made known anew.
 */
export const authorityOverlapUs: number = 7 * 86_400_000_000;

/** What a TLS server or client needs of the authority. */
export interface ControllerTlsIdentity {
  /** PEM. */
  readonly certificate: string;
  /** PEM of a PKCS#8 key. Secret. */
  readonly privateKey: string;
  /** PEM of every authority that worker certificates may be of. */
  readonly authorities: readonly string[];
}

/** An authority as administrators see it. Times are epoch microseconds. */
export interface AuthorityView {
  readonly id: string;
  /** Hexadecimal SHA-256 of its SubjectPublicKeyInfo. */
  readonly publicKeySha256: string;
  readonly notBefore: number;
  /** The end of its certificate, or of the overlap when it was replaced. */
  readonly notAfter: number;
}

/** An authority that is trusted now. */
interface Authority {
  readonly row: ClusterAuthorityTable;
  readonly key: ClusterAuthorityKey;
  /** The name under which workers that know this authority dial. */
  readonly serverName: string;
}

/** What the authority stands on; it owns none of these. */
export interface ClusterAuthorityOptions {
  readonly database: Database;
  readonly keys: KeyService;
  readonly clock: Clock;
}

/** Signs with the current authority; trusts it and the one before while their overlap lasts. */
export class ClusterAuthority {
  readonly #options: ClusterAuthorityOptions;
  #current: Authority;
  /** The current one first. */
  #trusted: readonly Authority[];
  readonly #listeners = new Set<() => void>();

  private constructor(options: ClusterAuthorityOptions, trusted: readonly [Authority, ...Authority[]]) {
    this.#options = options;
    this.#current = trusted[0];
    this.#trusted = trusted;
  }

  /** Opens the authority, making it when there is none yet. @throws {StileError} internal (the sealed key cannot be opened) */
  static async open(options: ClusterAuthorityOptions): Promise<ClusterAuthority> {
    const { database, keys, clock } = options;
    const rows = await listAuthorities(database.reader, clock.nowUs());
    if (rows.length === 0) {
      const row = newAuthorityRow(keys, firstAuthorityId, clock.nowUs());
      await database.write((tx) => insertAuthority(tx, row));
    }
    return new ClusterAuthority(options, await readTrusted(options, []));
  }

  /**
   * Reads again what another controller may have changed; true when it was. Cheap: nearly always one statement.
   * @throws {StileError} unavailable, internal
   */
  async refresh(): Promise<boolean> {
    const { database, clock } = this.#options;
    const before = this.#trusted;
    const trusted = await readTrusted(this.#options, before);
    this.#current = trusted[0];
    this.#trusted = trusted;
    const nowUs = clock.nowUs();
    const hasEnded = before.some(({ row }) => row.retired_at !== null && row.retired_at <= nowUs);
    if (hasEnded) await database.write((tx) => deleteRetired(tx, nowUs));
    const namesOf = (authorities: readonly Authority[]): string =>
      authorities.map(({ row }) => `${row.id} ${row.retired_at}`).join();
    const isChanged = namesOf(before) !== namesOf(trusted);
    if (isChanged) for (const listener of this.#listeners) listener();
    return isChanged;
  }

  /** Calls `listener` when a refresh has found another set of authorities; gives back how to stop it. It must not throw. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /**
   * Puts a new authority in the place of the current one. That one is trusted for a week more, so that workers move over to the
   * new one; the one before it, if its overlap has not ended yet, is not trusted from now on.
   * @throws {StileError} conflict (another caller did it at the same time), unavailable, storageFull
   */
  async reinitialize(): Promise<void> {
    const { database, keys, clock } = this.#options;
    await this.refresh();
    const nowUs = clock.nowUs();
    const current = this.#current.row.id;
    const number = Number(current.slice('ca_'.length)) + 1;
    const next = newAuthorityRow(keys, `ca_${number}`, nowUs);
    const isReplaced = await database.write((tx) =>
      replaceAuthority(tx, current, next, nowUs + authorityOverlapUs),
    );
    await this.refresh();
    if (isReplaced) return;
    throw new StileError('conflict', 'The certificate authority was replaced by another call just now.');
  }

  /** Every authority that is trusted now, the current one first. */
  list(): readonly AuthorityView[] {
    return this.#trusted.map(({ row, key }) => {
      const certificate = new X509Certificate(key.certificate);
      const spki = certificate.publicKey.export({ format: 'der', type: 'spki' });
      return {
        id: row.id,
        publicKeySha256: createHash('sha256').update(spki).digest('hex'),
        notBefore: Date.parse(certificate.validFrom) * 1000,
        notAfter: row.retired_at ?? Date.parse(certificate.validTo) * 1000,
      };
    });
  }

  /** What a worker must trust from now on, DER: the current authority alone. */
  get certificates(): readonly Uint8Array[] {
    return [this.#current.key.certificate];
  }

  /** SHA-256 of the current authority's certificate: what an activation token pins. */
  get fingerprint(): Buffer {
    return certificateFingerprint(this.#current.key.certificate);
  }

  /** Server names under which workers dial, one for each trusted authority. */
  get serverNames(): readonly string[] {
    return this.#trusted.map(({ serverName }) => serverName);
  }

  /** Whether a certificate's issuer, as X509Certificate has it, is the current authority. */
  isCurrent(issuer: string): boolean {
    return issuer === `CN=${this.#current.key.name}`;
  }

  /** Whether it is an authority that is trusted now. */
  isTrusted(issuer: string): boolean {
    const nowUs = this.#options.clock.nowUs();
    return this.#trusted.some(
      ({ row, key }) => issuer === `CN=${key.name}` && (row.retired_at === null || row.retired_at > nowUs),
    );
  }

  /** Whether an authority that is trusted now has signed a certificate, whatever names stand in it. */
  hasSigned(certificate: X509Certificate): boolean {
    return this.#trusted.some(({ key }) =>
      certificate.verify(new X509Certificate(key.certificate).publicKey),
    );
  }

  /** A client certificate for a worker's own raw public key, by the current authority. */
  issueWorker(workerId: string, publicKey: Uint8Array): IssuedCertificate {
    return issueWorkerCertificate(this.#current.key, { workerId, publicKey }, this.#options.clock.nowUs());
  }

  /** A fresh server certificate and key for this process, by the authority of that server name; by the current one for others. */
  issueController(serverName?: string): ControllerTlsIdentity {
    const signing = this.#trusted.find((each) => each.serverName === serverName) ?? this.#current;
    const issued = issueControllerCertificate(signing.key, this.#options.clock.nowUs());
    const privateKey = issued.keyPair.privateKey.export({ format: 'pem', type: 'pkcs8' });
    return {
      // The authority goes along: a worker that enrols knows its fingerprint only.
      certificate: certificatePem(issued.certificate) + certificatePem(signing.key.certificate),
      privateKey: privateKey.toString(),
      authorities: this.#trusted.map(({ key }) => certificatePem(key.certificate)),
    };
  }
}

/** The rows that are trusted now, with their keys; keys opened before are kept. */
async function readTrusted(
  { database, keys, clock }: ClusterAuthorityOptions,
  known: readonly Authority[],
): Promise<[Authority, ...Authority[]]> {
  const rows = await listAuthorities(database.reader, clock.nowUs());
  const [first, ...others] = rows.map((row): Authority => {
    const opened = known.find((each) => each.row.id === row.id);
    if (opened !== undefined) return { ...opened, row };
    const seed = keys.open(row.private_key_sealed, sealContext(row.id));
    const name = new X509Certificate(row.certificate).subject.replace(/^CN=/, '');
    const key = restoreClusterAuthority(name, row.certificate, seed);
    return { row, key, serverName: authorityServerName(certificateFingerprint(row.certificate)) };
  });
  if (first === undefined || first.row.retired_at !== null) {
    throw new StileError('internal', 'the cluster authority is missing');
  }
  return [first, ...others];
}

/** Context of the seal of an authority's private key. */
export function sealContext(authorityId: string): string {
  return `cluster_authority/private_key/${authorityId}`;
}

function newAuthorityRow(keys: KeyService, id: string, nowUs: number): ClusterAuthorityTable {
  const authority = createClusterAuthority(`Stile cluster ${randomBase62(10)}`, nowUs);
  return {
    id,
    certificate: authority.certificate,
    private_key_sealed: keys.seal(authority.keyPair.seed, sealContext(id)),
    expires_at: nowUs + authorityLifetimeUs,
    retired_at: null,
    created_at: nowUs,
  };
}
