/** SQL of workers. Every change of a worker's identity is one compare-and-set statement. */
import { sql } from 'kysely';
import type { Connection } from '../store/database.ts';
import { updateVersioned } from '../store/versioned-update.ts';
import { livenessUs } from './worker.ts';
import type { Worker } from './worker.ts';

/** The worker, or undefined. */
export function lookupWorker(db: Connection, id: string): Promise<Worker | undefined> {
  return db.selectFrom('worker').selectAll().where('id', '=', id).executeTakeFirst();
}

/** The worker whose present or previous certificate has this SHA-256, or undefined. */
export function lookupWorkerByFingerprint(
  db: Connection,
  fingerprint: Uint8Array,
): Promise<Worker | undefined> {
  return db
    .selectFrom('worker')
    .selectAll()
    .where((where) =>
      where.or([
        where('certificate_fingerprint', '=', fingerprint),
        where('previous_fingerprint', '=', fingerprint),
      ]),
    )
    .executeTakeFirst();
}

/** Every worker, newest first. There are few: the list is not paged (http-api.md §1.10). */
export function listWorkers(db: Connection): Promise<Worker[]> {
  return db.selectFrom('worker').selectAll().orderBy('created_at', 'desc').orderBy('id', 'desc').execute();
}

/** Workers that may get new sessions (`isLive` in SQL). */
export function listLiveWorkers(db: Connection, nowUs: number): Promise<Worker[]> {
  return db
    .selectFrom('worker')
    .selectAll()
    .where('last_seen_at', '>', nowUs - livenessUs)
    .where('draining', '=', 0)
    .where('controller_id', 'is not', null)
    .where('address', 'is not', null)
    .execute();
}

/** Adds a worker. @throws {StileError} invalidArgument (name taken) */
export async function insertWorker(tx: Connection, row: Worker): Promise<void> {
  await tx.insertInto('worker').values(row).execute();
}

/** Deletes a worker; false when there is none. */
export async function deleteWorkerRow(tx: Connection, id: string): Promise<boolean> {
  const gone = await tx.deleteFrom('worker').where('id', '=', id).returning('id').execute();
  return gone.length > 0;
}

/** Changes a worker's fields; undefined when there is none with that version. @throws {StileError} invalidArgument (name taken) */
export function updateWorkerRow(
  tx: Connection,
  update: {
    readonly id: string;
    readonly version: number;
    readonly changes: {
      readonly name?: string | null;
      readonly description?: string | null;
      readonly api_tags?: string;
    };
    readonly nowUs: number;
  },
): Promise<Worker | undefined> {
  return updateVersioned(tx, 'worker', update);
}

/** The identity that an enrolment or a renewal gives. */
export interface WorkerIdentity {
  readonly workerId: string;
  readonly fingerprint: Uint8Array;
  /** Epoch microseconds. */
  readonly certificateExpiresAt: number;
  readonly nowUs: number;
}

/** Spends the activation token: true for exactly one caller. */
export async function enrolWorker(
  tx: Connection,
  identity: WorkerIdentity,
  activationMac: Uint8Array,
): Promise<boolean> {
  const rows = await tx
    .updateTable('worker')
    .set({
      activation_mac: null,
      activation_expires_at: null,
      certificate_fingerprint: identity.fingerprint,
      previous_fingerprint: null,
      certificate_expires_at: identity.certificateExpiresAt,
      updated_at: identity.nowUs,
    })
    .where('id', '=', identity.workerId)
    .where('activation_mac', '=', activationMac)
    .where('activation_expires_at', '>', identity.nowUs)
    .returning('id')
    .execute();
  return rows.length > 0;
}

/** The worker whose approved registration request has this raw key and still counts, or undefined. */
export function lookupRegistration(
  db: Connection,
  publicKey: Uint8Array,
  nowUs: number,
): Promise<Worker | undefined> {
  return db
    .selectFrom('worker')
    .selectAll()
    .where('registration_key', '=', publicKey)
    .where('registration_secret_sealed', 'is not', null)
    .where('activation_expires_at', '>', nowUs)
    .executeTakeFirst();
}

/** Gives a worker with an approved registration request its certificate; false when the approval counts no longer. */
export async function registerWorker(
  tx: Connection,
  identity: WorkerIdentity,
  publicKey: Uint8Array,
): Promise<boolean> {
  const rows = await tx
    .updateTable('worker')
    .set({
      certificate_fingerprint: identity.fingerprint,
      previous_fingerprint: null,
      certificate_expires_at: identity.certificateExpiresAt,
      updated_at: identity.nowUs,
    })
    .where('id', '=', identity.workerId)
    .where('registration_key', '=', publicKey)
    .where('registration_secret_sealed', 'is not', null)
    .where('activation_expires_at', '>', identity.nowUs)
    .returning('id')
    .execute();
  return rows.length > 0;
}

/**
 * Gives a worker its next certificate; the one it is linked with stays good until the new one is first used. False when the
 * link's certificate is not the worker's any more.
 */
export async function renewWorker(
  tx: Connection,
  identity: WorkerIdentity,
  linkFingerprint: Uint8Array,
): Promise<boolean> {
  const rows = await tx
    .updateTable('worker')
    .set({
      certificate_fingerprint: identity.fingerprint,
      previous_fingerprint: linkFingerprint,
      certificate_expires_at: identity.certificateExpiresAt,
      updated_at: identity.nowUs,
    })
    .where('id', '=', identity.workerId)
    .where((where) =>
      where.or([
        where('certificate_fingerprint', '=', linkFingerprint),
        where('previous_fingerprint', '=', linkFingerprint),
      ]),
    )
    .returning('id')
    .execute();
  return rows.length > 0;
}

/** What a hello or a heartbeat stores. */
export interface WorkerSighting {
  readonly workerId: string;
  readonly fingerprint: Uint8Array;
  readonly controllerId: string;
  readonly nowUs: number;
}

/** Columns that a hello sets. */
export type HelloColumns = Pick<
  Worker,
  'address' | 'config_tags' | 'release_version' | 'started_at' | 'cpu_count' | 'memory_bytes'
> &
  Partial<Pick<Worker, 'description'>>;

/**
 * Takes note of a worker's hello. When it came with the newest certificate, the previous one is good no longer.
 * Undefined when the certificate is not the worker's any more.
 */
export async function recordHello(
  tx: Connection,
  sighting: WorkerSighting,
  columns: HelloColumns,
): Promise<Worker | undefined> {
  return tx
    .updateTable('worker')
    .set({
      ...columns,
      // It is in: the request by which it was admitted has done its work.
      registration_secret_sealed: null,
      activation_expires_at: null,
      previous_fingerprint: sql`case when certificate_fingerprint = ${sighting.fingerprint} then null else previous_fingerprint end`,
      controller_id: sighting.controllerId,
      last_seen_at: sighting.nowUs,
      draining: 0,
    })
    .where('id', '=', sighting.workerId)
    .where((where) =>
      where.or([
        where('certificate_fingerprint', '=', sighting.fingerprint),
        where('previous_fingerprint', '=', sighting.fingerprint),
      ]),
    )
    .returningAll()
    .executeTakeFirst();
}

/** Takes note of a heartbeat; undefined when the certificate is not the worker's any more, or the worker is gone. */
export async function recordHeartbeat(
  tx: Connection,
  sighting: WorkerSighting,
  state: Pick<Worker, 'active_connections' | 'draining'>,
): Promise<Worker | undefined> {
  return tx
    .updateTable('worker')
    .set({ ...state, controller_id: sighting.controllerId, last_seen_at: sighting.nowUs })
    .where('id', '=', sighting.workerId)
    .where((where) =>
      where.or([
        where('certificate_fingerprint', '=', sighting.fingerprint),
        where('previous_fingerprint', '=', sighting.fingerprint),
      ]),
    )
    .returningAll()
    .executeTakeFirst();
}

/** The link between the worker and this controller is gone; nothing changes when another controller has it by now. */
export async function recordUnlinked(tx: Connection, workerId: string, controllerId: string): Promise<void> {
  await tx
    .updateTable('worker')
    .set({ controller_id: null })
    .where('id', '=', workerId)
    .where('controller_id', '=', controllerId)
    .execute();
}
