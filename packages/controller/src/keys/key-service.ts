/**
 * Seals what the database must not show and makes keyed MACs, with data keys held in memory. Keys have versions: the newest
 * seals, all of them open. Everything that is stored sealed or MACed goes through here.
 */
import { randomBytes } from 'node:crypto';
import { newId, StileError, toStileError } from '@stile/protocol';
import { type Clock, type Logger, silentLogger, type Timer } from '@stile/runtime';
import type { Database } from '../store/database.ts';
import type { DataKeyTable } from '../store/schema.ts';
import { DataKey, dataKeyBytes, sealedKeyVersion } from './data-key.ts';
import { addDataKey, listDataKeys } from './key-repository.ts';
import type { RootKey } from './root-key.ts';

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

  /** Loads keys that another controller has made. @throws {StileError} failedPrecondition, unavailable */
  async refresh(): Promise<void> {
    for (const row of await listDataKeys(this.#options.database.reader)) {
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
