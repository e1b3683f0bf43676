/**
 * Use cases of static credential stores and credentials: create, read, list, change, delete, and giving them to sessions. The only
 * place that seals and opens them; nothing else ever holds one in the clear.
 */
import { timingSafeEqual } from 'node:crypto';
import { newId } from '@stile/protocol';
import { Secret, type Clock } from '@stile/runtime';
import type { KeyService } from '../keys/key-service.ts';
import type { Database } from '../store/database.ts';
import { record } from '../store/deleted-resource-repository.ts';
import type { PageRequest } from '../store/page.ts';
import type { ListPermissions } from '../store/list/permitted-rows.ts';
import type { CredentialTable } from '../store/schema.ts';
import { notFound, wrongVersion } from '../store/store-error.ts';
import { updateVersioned } from '../store/versioned-update.ts';
import * as repository from './credential-repository.ts';
import {
  credentialKinds,
  sealContext,
  type Credential,
  type CredentialStore,
  type CredentialType,
  type SealedColumn,
} from './credential.ts';
import { checkPrivateKey } from './private-key.ts';

/** Name and description, which every resource has; null clears, absent leaves as is. */
interface Names {
  readonly name?: string | null;
  readonly description?: string | null;
}

/** Fields of a new store. */
export interface NewCredentialStore extends Names {
  /** A project. */
  readonly scopeId: string;
}

/** Fields of a new credential; those that its type has (credential.ts). */
export interface NewCredential extends Names {
  readonly credentialStoreId: string;
  readonly type: CredentialType;
  readonly username?: string;
  readonly domain?: string;
  /** Password, PEM of a private key, or canonical JSON text. */
  readonly secret: Secret;
  readonly passphrase?: Secret;
}

/** Changes of a credential; absent = as it is. */
export interface CredentialChanges extends Names {
  readonly username?: string;
  readonly domain?: string;
  readonly secret?: Secret;
  /** Null takes it away. */
  readonly passphrase?: Secret | null;
}

/** A credential as a session gets it. */
export interface BrokeredCredential {
  readonly credential: Credential;
  /** The fields of its type by name, in the order of http-api.md §2.11; of JSON credentials the object itself. */
  readonly fields: Secret<Readonly<Record<string, unknown>>>;
}

const macLabel = 'stile/credential/hmac/v1';
/** The id and the column are part of it: that two credentials hold the same password does not show. */
const macInput = (column: SealedColumn, id: string, secret: Secret): Buffer =>
  Buffer.from(`${column} ${id} ${secret.reveal()}`, 'utf8');

/** The columns of both secrets. */
type SealedColumns = Pick<
  CredentialTable,
  'secret_sealed' | 'secret_mac' | 'passphrase_sealed' | 'passphrase_mac' | 'mac_key_version'
>;

/** Stores and credentials. */
export class CredentialService {
  readonly #database: Database;
  readonly #clock: Clock;
  readonly #keys: KeyService;

  constructor(options: { readonly database: Database; readonly clock: Clock; readonly keys: KeyService }) {
    this.#database = options.database;
    this.#clock = options.clock;
    this.#keys = options.keys;
  }

  /** A new static store. @throws {StileError} invalidArgument (name taken), notFound (no such scope) */
  async createStore(fields: NewCredentialStore): Promise<CredentialStore> {
    const row: CredentialStore = {
      id: newId('credentialStoreStatic'),
      scope_id: fields.scopeId,
      type: 'static',
      name: fields.name ?? null,
      description: fields.description ?? null,
      ...this.#stamps(),
    };
    await this.#database.write((tx) => repository.insertCredentialStore(tx, row));
    return row;
  }

  /** The store, or undefined. */
  lookupStore(id: string): Promise<CredentialStore | undefined> {
    return repository.lookupCredentialStore(this.#database.reader, id);
  }

  /** One page of the stores that the caller may see in the given scopes. */
  listStores(permissions: ListPermissions, page: PageRequest): Promise<CredentialStore[]> {
    return repository.listCredentialStores(this.#database.reader, permissions, page);
  }

  /** @throws {StileError} notFound (no such store with that version), invalidArgument (name taken) */
  async updateStore(id: string, version: number, changes: Names): Promise<CredentialStore> {
    const nowUs = this.#clock.nowUs();
    const row = await this.#database.write((tx) =>
      updateVersioned(tx, 'credential_store', { id, version, changes, nowUs }),
    );
    return row ?? Promise.reject(wrongVersion('Credential Store', id));
  }

  /** Deletes a store with its credentials, which leave their targets. @throws {StileError} notFound */
  async deleteStore(id: string): Promise<void> {
    await this.#database.write(async (tx) => {
      const nowUs = this.#clock.nowUs();
      const credentialIds = await repository.deleteCredentialRows(tx, { storeId: id });
      if (!(await repository.deleteCredentialStoreRow(tx, id))) throw notFound();
      await record(tx, 'credential', credentialIds, nowUs);
      await record(tx, 'credential-store', [id], nowUs);
    });
  }

  /**
   * A new credential.
   * @throws {StileError} invalidArgument (private key, passphrase, name taken), notFound (no such store), tooManyRequests
   */
  async create(fields: NewCredential): Promise<Credential> {
    const { type, secret, passphrase } = fields;
    if (type === 'ssh_private_key') await checkPrivateKey(secret, passphrase);
    const id = newId(credentialKinds[type].id);
    const row: CredentialTable = {
      id,
      credential_store_id: fields.credentialStoreId,
      type,
      name: fields.name ?? null,
      description: fields.description ?? null,
      username: fields.username ?? null,
      domain: fields.domain ?? null,
      ...this.#sealed(id, secret, passphrase ?? null),
      ...this.#stamps(),
    };
    await this.#database.write((tx) => repository.insertCredential(tx, row));
    return shown(row);
  }

  /** The credential without its secrets, or undefined. */
  lookup(id: string): Promise<Credential | undefined> {
    return repository.lookupCredential(this.#database.reader, id);
  }

  /** One page of a store's credentials. */
  list(storeId: string, page: PageRequest): Promise<Credential[]> {
    return repository.listCredentials(this.#database.reader, storeId, page);
  }

  /**
   * Changes fields. Secrets equal to those that are there change nothing, not even the version. Another private key without a
   * passphrase takes the one on record away.
   * @throws {StileError} notFound (no such credential with that version), invalidArgument (private key, passphrase, name taken),
   * tooManyRequests
   */
  async update(id: string, version: number, changes: CredentialChanges): Promise<Credential> {
    const before = await repository.lookupSealedCredential(this.#database.reader, id);
    // What is merged below stands on this version; the update asks for it again.
    if (before?.version !== version) throw wrongVersion('Credential', id);
    const { name, description, username, domain } = changes;
    const columns = {
      ...(name === undefined ? {} : { name }),
      ...(description === undefined ? {} : { description }),
      ...(username === undefined ? {} : { username }),
      ...(domain === undefined ? {} : { domain }),
      ...(await this.#changedSecrets(before, changes)),
    };
    const nowUs = this.#clock.nowUs();
    const row = await this.#database.write((tx) =>
      updateVersioned(tx, 'credential', { id, version, changes: columns, nowUs }),
    );
    return row === undefined ? Promise.reject(wrongVersion('Credential', id)) : shown(row);
  }

  /** Deletes a credential; it leaves its targets, and sessions keep what they got. @throws {StileError} notFound */
  async delete(id: string): Promise<void> {
    await this.#database.write(async (tx) => {
      const ids = await repository.deleteCredentialRows(tx, { id });
      if (ids.length === 0) throw notFound();
      await record(tx, 'credential', ids, this.#clock.nowUs());
    });
  }

  /** What a new session of the target gets; the caller's right to the session has been checked. */
  async brokered(targetId: string): Promise<BrokeredCredential[]> {
    const rows = await repository.listBrokered(this.#database.reader, targetId);
    return rows.map((row) => ({ credential: shown(row), fields: new Secret(this.#fieldsOf(row)) }));
  }

  #fieldsOf(row: CredentialTable): Readonly<Record<string, unknown>> {
    const kind = credentialKinds[row.type];
    const secret = this.#opened('secret', row.id, row.secret_sealed).reveal();
    if (row.type === 'json') return JSON.parse(secret) as Readonly<Record<string, unknown>>;
    const passphrase = row.passphrase_sealed;
    return {
      ...Object.fromEntries(kind.plain.map((name) => [name, row[name]])),
      [kind.secret]: secret,
      ...(kind.passphrase === undefined || passphrase === null
        ? {}
        : { [kind.passphrase]: this.#opened('passphrase', row.id, passphrase).reveal() }),
    };
  }

  async #changedSecrets(
    before: CredentialTable,
    changes: Pick<CredentialChanges, 'secret' | 'passphrase'>,
  ): Promise<Partial<SealedColumns>> {
    if (changes.secret === undefined && changes.passphrase === undefined) return {};
    const { id, passphrase_sealed: sealedPassphrase } = before;
    const oldPassphrase = sealedPassphrase === null ? null : this.#opened('passphrase', id, sealedPassphrase);
    const secret = changes.secret ?? this.#opened('secret', id, before.secret_sealed);
    const isSameSecret = this.#isSame('secret', before, secret, before.secret_mac);
    const kept = isSameSecret ? oldPassphrase : null;
    const passphrase = changes.passphrase === undefined ? kept : changes.passphrase;
    if (before.type === 'ssh_private_key') await checkPrivateKey(secret, passphrase ?? undefined);
    const isSame = isSameSecret && this.#isSame('passphrase', before, passphrase, before.passphrase_mac);
    return isSame ? {} : this.#sealed(id, secret, passphrase);
  }

  /** Whether the secret is the one whose MAC the row holds. */
  #isSame(
    column: SealedColumn,
    row: Pick<CredentialTable, 'id' | 'mac_key_version'>,
    secret: Secret | null,
    mac: Uint8Array | null,
  ): boolean {
    if (secret === null || mac === null) return secret === null && mac === null;
    if (!this.#keys.hasVersion(row.mac_key_version)) return false;
    const again = this.#keys.macWith(row.mac_key_version, macLabel, macInput(column, row.id, secret));
    return again.length === mac.length && timingSafeEqual(again, mac);
  }

  #sealed(id: string, secret: Secret, passphrase: Secret | null): SealedColumns {
    const { mac, keyVersion } = this.#keys.mac(macLabel, macInput('secret', id, secret));
    const seal = (column: SealedColumn, value: Secret): Uint8Array =>
      this.#keys.seal(Buffer.from(value.reveal(), 'utf8'), sealContext(column, id));
    return {
      secret_sealed: seal('secret', secret),
      passphrase_sealed: passphrase === null ? null : seal('passphrase', passphrase),
      secret_mac: mac,
      passphrase_mac:
        passphrase === null
          ? null
          : this.#keys.macWith(keyVersion, macLabel, macInput('passphrase', id, passphrase)),
      mac_key_version: keyVersion,
    };
  }

  #opened(column: SealedColumn, id: string, sealed: Uint8Array): Secret {
    return new Secret(Buffer.from(this.#keys.open(sealed, sealContext(column, id))).toString('utf8'));
  }

  #stamps(): { version: number; created_at: number; updated_at: number } {
    const nowUs = this.#clock.nowUs();
    return { version: 1, created_at: nowUs, updated_at: nowUs };
  }
}

function shown(row: CredentialTable): Credential {
  const {
    secret_sealed: _secret,
    passphrase_sealed: _passphrase,
    mac_key_version: _key,
    ...credential
  } = row;
  return credential;
}
