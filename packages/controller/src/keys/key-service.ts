/**
 * Seals what the database must not show and makes keyed MACs, with data keys held in memory. Keys have versions: the newest
 * seals, all of them open. Everything that is stored sealed or MACed goes through here.
 */
import { randomBytes } from 'node:crypto';
import { newId, StileError, toStileError } from '@stile/protocol';
import { type Clock, type Logger, silentLogger, type Timer } from '@stile/runtime';
import type { Connection, Database } from '../store/database.ts';
import type { DataKeyTable } from '../store/schema.ts';
import { DataKey, dataKeyBytes, sealedHeader, sealedKeyVersion } from './data-key.ts';
import { addDataKey, deleteDataKey, listDataKeys, rewrapDataKey } from './key-repository.ts';
import type { RootKey } from './root-key.ts';
import { listSealed, replaceSealed, type SealedPlace } from './sealed-place-repository.ts';

/** What the service stands on; it owns none of these. */
export interface KeyServiceOptions {
  readonly database: Database;
  readonly rootKey: RootKey;
  readonly clock: Clock;
  readonly log?: Logger;
}

/** How often a controller looks for keys that another one made. */
const refreshEveryMs = 30_000;
/**
 * Where several controllers share a database, a new key seals only after this long, when each has loaded it: twice the
 * refresh interval, and as much again for clocks that differ.
 */
const settleUs = 120_000_000;

/** Values that are sealed anew in one unit of work. */
const resealedRows = 200;

/** A data key as an administrator sees it. */
export interface KeyVersion {
  /** `kdk_…`. */
  readonly id: string;
  readonly version: number;
  /** Epoch microseconds. */
  readonly createdAtUs: number;
  /** A controller may still seal with it: such a key cannot be destroyed. */
  readonly isInUse: boolean;
}

interface LoadedKey {
  readonly key: DataKey;
  readonly createdAtUs: number;
}

/** The data keys of the installation. `close` once; it stops the refresh. */
export class KeyService {
  readonly #options: KeyServiceOptions;
  readonly #log: Logger;
  readonly #keys = new Map<number, LoadedKey>();
  #timer: Timer | undefined;
  #isClosed = false;

  private constructor(options: KeyServiceOptions) {
    this.#options = options;
    this.#log = options.log ?? silentLogger;
  }

  /**
   * Loads the data keys, making the first one in an empty database.
   * @throws {StileError} failedPrecondition when the root key is not the one of this database; unavailable
   */
  static async open(options: KeyServiceOptions): Promise<KeyService> {
    const service = new KeyService(options);
    await service.refresh();
    if (service.#keys.size === 0) {
      await service.#addKey();
      await service.refresh();
    }
    if (options.database.engine === 'postgres') service.#arm();
    return service;
  }

  /**
   * Seals `plain` with AES-256-GCM. `context` names the place it is stored, as `session/private_key/s_123`: it is
   * authenticated, so that a sealed value cannot be moved to another row or column.
   */
  seal(plain: Uint8Array, context: string): Uint8Array {
    return this.#sealing().seal(plain, context);
  }

  /** @throws {StileError} internal when it was altered, moved, or sealed by a key that is gone */
  open(sealed: Uint8Array, context: string): Uint8Array {
    return this.#keyOf(sealedKeyVersion(sealed)).open(sealed, context);
  }

  /** HMAC-SHA-256 under the newest key, derived for `label` (a constant, as `stile/auth-token/v1`). */
  mac(label: string, data: Uint8Array): { mac: Uint8Array; keyVersion: number } {
    const key = this.#sealing();
    return { mac: key.mac(label, data), keyVersion: key.version };
  }

  /** The same under the key of a version. @throws {StileError} internal when that key is gone */
  macWith(keyVersion: number, label: string, data: Uint8Array): Uint8Array {
    return this.#keyOf(keyVersion).mac(label, data);
  }

  /** Whether a version is loaded; values of one that is not can neither be opened nor checked. */
  hasVersion(keyVersion: number): boolean {
    return this.#keys.has(keyVersion);
  }

  /** Makes a new data key; the old ones go on opening what they sealed. @throws {StileError} unavailable, storageFull */
  async rotate(): Promise<void> {
    await this.refresh();
    await this.#addKey();
    await this.refresh();
  }

  /** Id of the root key that wraps the data keys. */
  get rootKeyId(): string {
    return this.#options.rootKey.id;
  }

  /** The versions, oldest first. @throws {StileError} unavailable */
  async listVersions(): Promise<KeyVersion[]> {
    const rows = await listDataKeys(this.#options.database.reader);
    const isShared = this.#options.database.engine === 'postgres';
    // Twice the time after which this controller seals with a new key: by then all of them do.
    const settledBefore = isShared ? this.#options.clock.nowUs() - 2 * settleUs : Number.POSITIVE_INFINITY;
    const settled = rows.findLast((row) => row.created_at <= settledBefore) ?? rows[0];
    return rows.map(({ id, version, created_at: createdAtUs }) => ({
      id,
      version,
      createdAtUs,
      isInUse: settled === undefined || version >= settled.version,
    }));
  }

  /** Wraps every data key anew under the root key. @throws {StileError} failedPrecondition, unavailable, storageFull */
  async rewrap(): Promise<void> {
    for (const row of await listDataKeys(this.#options.database.reader)) {
      const wrapped = await this.#options.rootKey.wrap(await this.#unwrap(row));
      await this.#options.database.write((tx) => rewrapDataKey(tx, row, wrapped));
    }
  }

  /**
   * Seals anew, with the newest key, what the key of a version has sealed in a place. Safe to repeat.
   * @throws {StileError} internal (a value cannot be opened), unavailable, storageFull
   */
  async reseal(place: SealedPlace, version: number): Promise<void> {
    const { database } = this.#options;
    const header = sealedHeader(version);
    let afterId = '';
    for (;;) {
      const rows = await listSealed(database.reader, place, { header, afterId, limit: resealedRows });
      await database.write(async (tx) => {
        for (const row of rows) {
          const context = place.context(row.id);
          await replaceSealed(tx, place, row, this.seal(this.open(row.sealed, context), context));
        }
      });
      const last = rows.at(-1);
      if (last === undefined || rows.length < resealedRows) return;
      afterId = last.id;
    }
  }

  /**
   * Deletes the key of a version within a unit of work; call `refresh` after it.
   * @throws {StileError} conflict when something is sealed with it again; notFound
   */
  async destroyVersion(tx: Connection, version: number, places: readonly SealedPlace[]): Promise<void> {
    const header = sealedHeader(version);
    for (const place of places) {
      const left = await listSealed(tx, place, { header, afterId: '', limit: 1 });
      if (left.length > 0) throw new StileError('conflict', 'the key was just used again: repeat');
    }
    if (!(await deleteDataKey(tx, version))) throw new StileError('notFound', 'Resource not found.');
  }

  /** Loads keys that another controller has made, forgets those that are gone. @throws {StileError} failedPrecondition, unavailable */
  async refresh(): Promise<void> {
    const rows = await listDataKeys(this.#options.database.reader);
    const present = new Set(rows.map((row) => row.version));
    for (const version of this.#keys.keys()) if (!present.has(version)) this.#keys.delete(version);
    for (const row of rows) {
      if (this.#keys.has(row.version)) continue;
      const key = new DataKey(row.version, await this.#unwrap(row));
      this.#keys.set(row.version, { key, createdAtUs: row.created_at });
    }
  }

  /** Stops looking for keys of others. Idempotent. */
  close(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
  }

  async #addKey(): Promise<void> {
    const version = Math.max(0, ...this.#keys.keys()) + 1;
    const wrapped = await this.#options.rootKey.wrap(randomBytes(dataKeyBytes));
    const row: DataKeyTable = {
      version,
      id: newId('dataKey'),
      root_key_id: this.#options.rootKey.id,
      wrapped,
      created_at: this.#options.clock.nowUs(),
    };
    // Two controllers at once: one adds the version, the other finds it, and both mean the same by it.
    await this.#options.database.write((tx) => addDataKey(tx, row));
  }

  async #unwrap(row: DataKeyTable): Promise<Uint8Array> {
    const { rootKey } = this.#options;
    if (row.root_key_id !== rootKey.id) {
      throw new StileError(
        'failedPrecondition',
        `the database was sealed under root key ${row.root_key_id}, the configured one is ${rootKey.id}: configure the root key with which it was initialized`,
      );
    }
    return rootKey.unwrap(row.wrapped);
  }

  #arm(): void {
    this.#timer = this.#options.clock.setTimer(refreshEveryMs, () => {
      this.refresh()
        .catch((error: unknown) => {
          this.#log.warn({ err: toStileError(error) }, 'data keys cannot be read; trying again');
        })
        .finally(() => {
          if (!this.#isClosed) this.#arm();
        });
    });
  }

  /** The key that seals: the newest that every controller knows. */
  #sealing(): DataKey {
    const isShared = this.#options.database.engine === 'postgres';
    const settledBefore = isShared ? this.#options.clock.nowUs() - settleUs : Number.POSITIVE_INFINITY;
    let best: LoadedKey | undefined;
    for (const loaded of this.#keys.values()) {
      // The first key is used at once: nothing was sealed before it.
      if (best === undefined || loaded.createdAtUs <= settledBefore) best = loaded;
    }
    if (best === undefined) throw new StileError('internal', 'no data key is loaded');
    return best.key;
  }

  #keyOf(version: number): DataKey {
    const loaded = this.#keys.get(version);
    if (loaded === undefined) throw new StileError('internal', `data key version ${version} is not loaded`);
    return loaded.key;
  }
}
