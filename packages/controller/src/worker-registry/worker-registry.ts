/**
 * Use cases of workers: creation with a one-time activation token or from an approved registration request, enrolment, renewal
 * of certificates, and what hellos and heartbeats say. The cluster listener calls most of it; the API creates, changes and
 * lists. Deletion ends sessions, so it stands in session/worker-ending.ts.
 */
import { createHash, randomBytes } from 'node:crypto';
import {
  StileError,
  approvalProof,
  decodeActivationToken,
  decodeRegistrationRequest,
  encodeActivationToken,
  globalScopeId,
  newId,
  requestMessage,
} from '@stile/protocol';
import type { ActivationToken, RegistrationRequest } from '@stile/protocol';
import { enrollMessage, registerMessage, renewMessage } from '@stile/protocol/rpc';
import type {
  EnrollRequest,
  EnrollResponse,
  RegisterRequest,
  RegisterResponse,
  RenewCertificateRequest,
  RenewCertificateResponse,
} from '@stile/protocol/rpc';
import { Secret } from '@stile/runtime';
import type { Clock } from '@stile/runtime';
import type { KeyService } from '../keys/key-service.ts';
import { decodeSpki, verifyEd25519 } from '../pki/ed25519.ts';
import type { Connection, Database } from '../store/database.ts';
import { wrongVersion } from '../store/store-error.ts';
import type { ClusterAuthority } from './cluster-authority.ts';
import {
  activationLifetimeUs,
  changedTags,
  encodeTags,
  requireLegalStatement,
  requireLegalWorkerName,
} from './worker.ts';
import type { TagChange, Worker, WorkerStatement } from './worker.ts';
import { WorkerFilters } from './worker-filter.ts';
import * as repository from './worker-repository.ts';
import { WorkerSelection } from './worker-selection.ts';

/** A worker should renew its certificate when less than this is left, seconds: a third of 14 days. */
export const renewBeforeSeconds: number = Math.floor((14 * 86_400) / 3);

/** What a column of 32 bits holds; a hostile worker may say more connections or processors. */
const mostColumn = 2_147_483_647;

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
  /** Vouches for workers and controllers. */
  readonly authority: ClusterAuthority;
  readonly #database: Database;
  readonly #clock: Clock;
  readonly #keys: KeyService;

  constructor(options: {
    readonly database: Database;
    readonly clock: Clock;
    readonly keys: KeyService;
    readonly authority: ClusterAuthority;
  }) {
    this.#database = options.database;
    this.#clock = options.clock;
    this.#keys = options.keys;
    this.authority = options.authority;
    this.selection = new WorkerSelection({ ...options, filters: this.filters });
    // For as long as the database is open, as the registry is.
    this.#database.events.subscribe((event) => {
      if (event.type === 'worker-deleted') this.selection.forget();
    });
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
    const worker: Worker = {
      ...newWorkerRow(fields, this.#clock.nowUs()),
      activation_mac: activationMac(secret),
    };
    await this.#insert(worker);
    const text = encodeActivationToken({
      workerId: worker.id,
      secret,
      caFingerprint: this.authority.fingerprint,
    });
    return { worker, activationToken: new Secret(text) };
  }

  /**
   * A new worker from the registration request that it made: the approval. The worker fetches its certificate within a day.
   * @throws {StileError} invalidArgument (request damaged or not signed by its key, name not lower case, name or request taken)
   */
  async createWorkerLed(fields: NewWorker, request: RegistrationRequest): Promise<Worker> {
    requireLegalWorkerName(fields.name);
    const row = newWorkerRow(fields, this.#clock.nowUs());
    const worker: Worker = {
      ...row,
      registration_key: Buffer.from(request.publicKey),
      registration_secret_sealed: this.#keys.seal(request.secret, registrationSecretContext(row.id)),
    };
    await this.#insert(worker);
    return worker;
  }

  /**
   * Gives a worker whose registration request was approved its certificate. May be asked again until the worker has linked: an
   * answer that was lost on the way costs nothing, for only the holder of the key can use it. `serverCertificate` is the DER that
   * this connection shows: the signature is for it alone.
   * @throws {StileError} permissionDenied (not signed by its key), notFound (not approved, or longer ago than a day)
   */
  async register(request: RegisterRequest, serverCertificate: Uint8Array): Promise<RegisterResponse> {
    let publicKey: Uint8Array;
    try {
      publicKey = decodeSpki(request.publicKey);
    } catch (cause) {
      throw new StileError('permissionDenied', 'the registration has no Ed25519 key', { cause });
    }
    const message = registerMessage(request.publicKey, serverCertificate);
    if (!verifyEd25519(publicKey, message, request.signature)) {
      throw new StileError('permissionDenied', 'the registration is not signed by its own key');
    }
    const notApproved = (): StileError =>
      new StileError(
        'notFound',
        'the registration request has not been approved, or that was more than a day ago',
      );
    const worker = await repository.lookupRegistration(this.#database.reader, publicKey, this.#clock.nowUs());
    if (worker === undefined || worker.registration_secret_sealed === null) throw notApproved();
    const secret = this.#keys.open(worker.registration_secret_sealed, registrationSecretContext(worker.id));
    const issued = this.authority.issueWorker(worker.id, publicKey);
    const identity = this.#identity(worker.id, issued);
    const isRegistered = await this.#database.write((tx) =>
      repository.registerWorker(tx, identity, publicKey),
    );
    if (!isRegistered) throw notApproved();
    const answer = {
      workerId: worker.id,
      certificate: issued.certificate,
      caCertificates: this.authority.certificates,
    };
    return { ...answer, proof: approvalProof(secret, publicKey, answer) };
  }

  /**
   * Changes name and description.
   * @throws {StileError} notFound (no such worker with that version), invalidArgument (name not lower case, name taken)
   */
  async update(
    id: string,
    version: number,
    changes: { readonly name?: string | null; readonly description?: string | null },
  ): Promise<Worker> {
    requireLegalWorkerName(changes.name);
    const nowUs = this.#clock.nowUs();
    const worker = await this.#database.write((tx) => {
      this.#tell(tx, id);
      return repository.updateWorkerRow(tx, { id, version, changes, nowUs });
    });
    this.selection.forget();
    return worker ?? Promise.reject(wrongVersion('Worker', id));
  }

  /**
   * Adds, sets or removes tags that were set over the API.
   * @throws {StileError} notFound (no such worker with that version), invalidArgument (adds what is there, removes what is not)
   */
  async changeTags(id: string, version: number, change: TagChange): Promise<Worker> {
    const nowUs = this.#clock.nowUs();
    const worker = await this.#database.write(async (tx) => {
      const before = await repository.lookupWorker(tx, id);
      if (before === undefined || before.version !== version) throw wrongVersion('Worker', id);
      const changes = { api_tags: encodeTags(changedTags(before, change)) };
      this.#tell(tx, id);
      return repository.updateWorkerRow(tx, { id, version, changes, nowUs });
    });
    this.selection.forget();
    return worker ?? Promise.reject(wrongVersion('Worker', id));
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
    const issued = this.authority.issueWorker(token.workerId, publicKey);
    const identity = this.#identity(token.workerId, issued);
    const mac = activationMac(token.secret);
    const isEnrolled = await this.#database.write((tx) => repository.enrolWorker(tx, identity, mac));
    if (!isEnrolled) throw refused();
    return {
      workerId: token.workerId,
      certificate: issued.certificate,
      caCertificates: this.authority.certificates,
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
    const issued = this.authority.issueWorker(linked.workerId, publicKey);
    const identity = this.#identity(linked.workerId, issued);
    const isRenewed = await this.#database.write((tx) =>
      repository.renewWorker(tx, identity, linked.fingerprint),
    );
    if (!isRenewed) throw notThisWorker();
    return { certificate: issued.certificate, caCertificates: this.authority.certificates };
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
      started_at: statement.startedAt || null,
      cpu_count: Math.min(statement.cpuCount ?? 0, mostColumn) || null,
      memory_bytes: statement.memoryBytes || null,
    };
    const worker = await this.#database.write((tx) => {
      this.#tell(tx, linked.workerId);
      return repository.recordHello(tx, sighting, columns);
    });
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
      active_connections: Math.min(state.activeConnections, mostColumn),
      draining: state.isDraining ? 1 : 0,
    } as const;
    const worker = await this.#database.write((tx) => repository.recordHeartbeat(tx, sighting, columns));
    if (state.isDraining) this.selection.forget();
    return worker ?? Promise.reject(notThisWorker());
  }

  /** The worker's link to this controller is gone. */
  async unlinked(workerId: string, controllerId: string): Promise<void> {
    await this.#database.write((tx) => {
      this.#tell(tx, workerId);
      return repository.recordUnlinked(tx, workerId, controllerId);
    });
    this.selection.forget();
  }

  /**
   * Calls `listener` with the id of each worker that is deleted, here or on another controller, after the events of its sessions;
   * gives back how to stop it.
   */
  onDeleted(listener: (workerId: string) => void): () => void {
    return this.#database.events.subscribe((event) => {
      if (event.type === 'worker-deleted') listener(event.workerId);
    });
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

  async #insert(worker: Worker): Promise<void> {
    await this.#database.write(async (tx) => {
      await repository.insertWorker(tx, worker);
      this.#tell(tx, worker.id);
    });
  }

  /** Those who watch workers here hear of it at once; elsewhere they look every few seconds. */
  #tell(tx: Connection, workerId: string): void {
    this.#database.events.publishHere(tx, { type: 'worker-changed', workerId });
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

/** What every new worker has; neither way of enrolment is set up yet. */
function newWorkerRow(fields: NewWorker, nowUs: number): Worker {
  return {
    id: fields.id ?? newId('worker'),
    scope_id: globalScopeId,
    name: fields.name ?? null,
    description: fields.description ?? null,
    address: null,
    release_version: null,
    config_tags: '{}',
    api_tags: '{}',
    activation_mac: null,
    activation_expires_at: nowUs + activationLifetimeUs,
    registration_key: null,
    registration_secret_sealed: null,
    certificate_fingerprint: null,
    previous_fingerprint: null,
    certificate_expires_at: null,
    controller_id: null,
    last_seen_at: null,
    active_connections: 0,
    draining: 0,
    started_at: null,
    cpu_count: null,
    memory_bytes: null,
    version: 1,
    created_at: nowUs,
    updated_at: nowUs,
  };
}

/**
 * Reads a registration request as the API was given it.
 * @throws {StileError} invalidArgument (damaged, or not signed by the key it names)
 */
export function requireRegistrationRequest(text: string): RegistrationRequest {
  const request = decodeRegistrationRequest(text);
  const { publicKey, secret, signature } = request;
  if (verifyEd25519(publicKey, requestMessage(publicKey, secret), signature)) return request;
  throw new StileError('invalidArgument', 'the registration request is not signed by the key it names');
}

/** Context of the seal of a registration's secret. */
export function registrationSecretContext(workerId: string): string {
  return `worker/registration_secret/${workerId}`;
}

function notThisWorker(): StileError {
  return new StileError('permissionDenied', 'the certificate is not that of a worker any more');
}

/** What is stored of an activation secret: it has 256 random bits, so a plain hash cannot be guessed. */
function activationMac(secret: Uint8Array): Buffer {
  return createHash('sha256').update('stile/activation/v1').update(secret).digest();
}
