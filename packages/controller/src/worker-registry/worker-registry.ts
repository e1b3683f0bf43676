/**
 * Use cases of workers: creation with a one-time activation token, enrolment, renewal of certificates, and what hellos and
 * heartbeats say. The cluster listener calls most of it; the API creates and lists.
 */
import { createHash, randomBytes } from 'node:crypto';
import {
  StileError,
  decodeActivationToken,
  encodeActivationToken,
  globalScopeId,
  newId,
} from '@stile/protocol';
import type { ActivationToken } from '@stile/protocol';
import { enrollMessage, renewMessage } from '@stile/protocol/rpc';
import type {
  EnrollRequest,
  EnrollResponse,
  RenewCertificateRequest,
  RenewCertificateResponse,
} from '@stile/protocol/rpc';
import { Secret } from '@stile/runtime';
import type { Clock } from '@stile/runtime';
import { decodeSpki, verifyEd25519 } from '../pki/ed25519.ts';
import type { Database } from '../store/database.ts';
import type { ClusterAuthority, ControllerTlsIdentity } from './cluster-authority.ts';
import { activationLifetimeUs, encodeTags, requireLegalStatement, requireLegalWorkerName } from './worker.ts';
import type { Worker, WorkerStatement } from './worker.ts';
import { WorkerFilters } from './worker-filter.ts';
import * as repository from './worker-repository.ts';
import { WorkerSelection } from './worker-selection.ts';

/** A worker should renew its certificate when less than this is left, seconds: a third of 14 days. */
export const renewBeforeSeconds: number = Math.floor((14 * 86_400) / 3);

/** What the column of a worker's connections holds, 31 bits; a hostile worker may say more. */
const mostConnections = 2_147_483_647;

/** A worker as its link knows it. */
export interface LinkedWorker {
  readonly workerId: string;
  /** SHA-256 of the certificate the link was opened with. */
  readonly fingerprint: Uint8Array;
}

/** Fields of a new worker. `id` is given by bootstrap only. */
export interface NewWorker {
  readonly id?: string;
  readonly name?: string | null;
  readonly description?: string | null;
}

/** Workers of the installation. */
export class WorkerRegistry {
  /** Evaluates worker filters. */
  readonly filters: WorkerFilters = new WorkerFilters();
  /** Chooses workers for new sessions. */
  readonly selection: WorkerSelection;
  readonly #database: Database;
  readonly #clock: Clock;
  readonly #authority: ClusterAuthority;

  constructor(options: {
    readonly database: Database;
    readonly clock: Clock;
    readonly authority: ClusterAuthority;
  }) {
    this.#database = options.database;
    this.#clock = options.clock;
    this.#authority = options.authority;
    this.selection = new WorkerSelection({ ...options, filters: this.filters });
  }

  /**
   * A new worker and the token with which it enrols, within a day and once; the token is shown this one time.
   * @throws {StileError} invalidArgument (name not lower case, name taken)
   */
  async createControllerLed(
    fields: NewWorker,
  ): Promise<{ readonly worker: Worker; readonly activationToken: Secret }> {
    requireLegalWorkerName(fields.name);
    const secret = randomBytes(32);
    const nowUs = this.#clock.nowUs();
    const worker: Worker = {
      id: fields.id ?? newId('worker'),
      scope_id: globalScopeId,
      name: fields.name ?? null,
      description: fields.description ?? null,
      address: null,
      release_version: null,
      config_tags: '{}',
      api_tags: '{}',
      activation_mac: activationMac(secret),
      activation_expires_at: nowUs + activationLifetimeUs,
      certificate_fingerprint: null,
      previous_fingerprint: null,
      certificate_expires_at: null,
      controller_id: null,
      last_seen_at: null,
      active_connections: 0,
      draining: 0,
      version: 1,
      created_at: nowUs,
      updated_at: nowUs,
    };
    await this.#database.write((tx) => repository.insertWorker(tx, worker));
    const text = encodeActivationToken({
      workerId: worker.id,
      secret,
      caFingerprint: this.#authority.fingerprint,
    });
    return { worker, activationToken: new Secret(text) };
  }

  /**
   * Turns an activation token into a certificate for the caller's key. Every refusal reads the same: what was wrong with a
   * token is nobody's business.
   * @throws {StileError} permissionDenied
   */
  async enrol(request: EnrollRequest): Promise<EnrollResponse> {
    const refused = (cause?: unknown): StileError =>
      new StileError('permissionDenied', 'the activation token is unknown, used or expired', { cause });
    let token: ActivationToken;
    let publicKey: Uint8Array;
    try {
      token = decodeActivationToken(request.activationToken);
      publicKey = decodeSpki(request.publicKey);
    } catch (error) {
      throw refused(error);
    }
    const message = enrollMessage(request.activationToken, request.publicKey);
    if (!verifyEd25519(publicKey, message, request.signature)) throw refused();
    const issued = this.#authority.issueWorker(token.workerId, publicKey);
    const identity = this.#identity(token.workerId, issued);
    const mac = activationMac(token.secret);
    const isEnrolled = await this.#database.write((tx) => repository.enrolWorker(tx, identity, mac));
    if (!isEnrolled) throw refused();
    return {
      workerId: token.workerId,
      certificate: issued.certificate,
      caCertificates: this.#authority.certificates,
    };
  }

  /**
   * A certificate for a linked worker's next key; the one in use stays good until the new one is first used.
   * @throws {StileError} permissionDenied
   */
  async renew(linked: LinkedWorker, request: RenewCertificateRequest): Promise<RenewCertificateResponse> {
    const publicKey = decodeSpki(request.publicKey);
    if (!verifyEd25519(publicKey, renewMessage(request.publicKey), request.signature)) {
      throw new StileError('permissionDenied', 'the renewal is not signed by its own key');
    }
    const issued = this.#authority.issueWorker(linked.workerId, publicKey);
    const identity = this.#identity(linked.workerId, issued);
    const isRenewed = await this.#database.write((tx) =>
      repository.renewWorker(tx, identity, linked.fingerprint),
    );
    if (!isRenewed) throw notThisWorker();
    return { certificate: issued.certificate, caCertificates: this.#authority.certificates };
  }

  /** The worker to which a client certificate belongs, by its exact SHA-256; undefined when it is nobody's. */
  lookupByFingerprint(fingerprint: Uint8Array): Promise<Worker | undefined> {
    return repository.lookupWorkerByFingerprint(this.#database.reader, fingerprint);
  }

  /** Takes note of a hello. @throws {StileError} invalidArgument, permissionDenied (certificate replaced, worker deleted) */
  async hello(linked: LinkedWorker, statement: WorkerStatement, controllerId: string): Promise<Worker> {
    requireLegalStatement(statement);
    const sighting = { ...linked, controllerId, nowUs: this.#clock.nowUs() };
    const columns = {
      address: statement.address,
      config_tags: encodeTags(statement.tags),
      release_version: statement.releaseVersion === '' ? null : statement.releaseVersion,
      ...(statement.description === '' ? {} : { description: statement.description }),
    };
    const worker = await this.#database.write((tx) => repository.recordHello(tx, sighting, columns));
    this.selection.forget();
    return worker ?? Promise.reject(notThisWorker());
  }

  /** Takes note of a heartbeat. @throws {StileError} permissionDenied (certificate replaced, worker deleted) */
  async heartbeat(
    linked: LinkedWorker,
    state: { readonly activeConnections: number; readonly isDraining: boolean },
    controllerId: string,
  ): Promise<Worker> {
    const sighting = { ...linked, controllerId, nowUs: this.#clock.nowUs() };
    const columns = {
      active_connections: Math.min(state.activeConnections, mostConnections),
      draining: state.isDraining ? 1 : 0,
    } as const;
    const worker = await this.#database.write((tx) => repository.recordHeartbeat(tx, sighting, columns));
    if (state.isDraining) this.selection.forget();
    return worker ?? Promise.reject(notThisWorker());
  }

  /** The worker's link to this controller is gone. */
  async unlinked(workerId: string, controllerId: string): Promise<void> {
    await this.#database.write((tx) => repository.recordUnlinked(tx, workerId, controllerId));
    this.selection.forget();
  }

  /** The worker, or undefined. */
  lookup(id: string): Promise<Worker | undefined> {
    return repository.lookupWorker(this.#database.reader, id);
  }

  /** Every worker, newest first. */
  list(): Promise<Worker[]> {
    return repository.listWorkers(this.#database.reader);
  }

  /** Workers that may get new sessions now. */
  listLive(): Promise<Worker[]> {
    return repository.listLiveWorkers(this.#database.reader, this.#clock.nowUs());
  }

  /** A fresh server certificate for the cluster listener of this process. */
  issueControllerIdentity(): ControllerTlsIdentity {
    return this.#authority.issueController();
  }

  #identity(
    workerId: string,
    issued: { readonly fingerprint: Uint8Array; readonly expiresAt: number },
  ): repository.WorkerIdentity {
    return {
      workerId,
      fingerprint: issued.fingerprint,
      certificateExpiresAt: issued.expiresAt,
      nowUs: this.#clock.nowUs(),
    };
  }
}

function notThisWorker(): StileError {
  return new StileError('permissionDenied', 'the certificate is not that of a worker any more');
}

/** What is stored of an activation secret: it has 256 random bits, so a plain hash cannot be guessed. */
function activationMac(secret: Uint8Array): Buffer {
  return createHash('sha256').update('stile/activation/v1').update(secret).digest();
}
