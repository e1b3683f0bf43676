/**
 * Use cases of static host catalogs, host sets and hosts. Deleting one ends sessions, so those use cases stand in
 * session/session-ending.ts.
 */
import { newId, quoted } from '@stile/protocol';
import type { Clock } from '@stile/runtime';
import type { MembershipAction } from '../iam/membership.ts';
import type { Database } from '../store/database.ts';
import type { PageRequest } from '../store/page.ts';
import type { ListPermission, ListPermissions } from '../store/list/permitted-rows.ts';
import { bumpVersion, updateVersioned } from '../store/versioned-update.ts';
import { notFound, wrongVersion } from '../store/store-error.ts';
import { differenceOf, idsRefused, requireHostAddress } from './host.ts';
import type { Host, HostCatalog, HostChanges, HostSet, NameChanges } from './host.ts';
import * as repository from './host-repository.ts';

export type { MembershipAction } from '../iam/membership.ts';

/** A set with its hosts. */
export interface HostSetDetail {
  readonly hostSet: HostSet;
  readonly hostIds: readonly string[];
}

/** A host with its sets. */
export interface HostDetail {
  readonly host: Host;
  readonly hostSetIds: readonly string[];
}

/** Fields of a new catalog. `id` is given by bootstrap only. */
export interface NewHostCatalog extends NameChanges {
  readonly id?: string;
  readonly scopeId: string;
}

/** Fields of a new host set. */
export interface NewHostSet extends NameChanges {
  readonly id?: string;
  readonly hostCatalogId: string;
}

/** Fields of a new host. */
export interface NewHost extends NewHostSet {
  readonly address: string;
}

/** Create, read, list and update of everything in a static catalog. */
export class HostService {
  readonly #database: Database;
  readonly #clock: Clock;

  constructor(options: { readonly database: Database; readonly clock: Clock }) {
    this.#database = options.database;
    this.#clock = options.clock;
  }

  #stamps(): { version: number; created_at: number; updated_at: number } {
    const nowUs = this.#clock.nowUs();
    return { version: 1, created_at: nowUs, updated_at: nowUs };
  }

  /** A new static catalog. @throws {StileError} invalidArgument (name taken), notFound (no such scope) */
  async createCatalog(fields: NewHostCatalog): Promise<HostCatalog> {
    const row: HostCatalog = {
      id: fields.id ?? newId('hostCatalogStatic'),
      scope_id: fields.scopeId,
      type: 'static',
      name: fields.name ?? null,
      description: fields.description ?? null,
      ...this.#stamps(),
    };
    await this.#database.write((tx) => repository.insertHostCatalog(tx, row));
    return row;
  }

  /** A new host set. @throws {StileError} invalidArgument (name taken), notFound (no such catalog) */
  async createSet(fields: NewHostSet): Promise<HostSetDetail> {
    const row: HostSet = {
      id: fields.id ?? newId('hostSetStatic'),
      host_catalog_id: fields.hostCatalogId,
      name: fields.name ?? null,
      description: fields.description ?? null,
      ...this.#stamps(),
    };
    await this.#database.write((tx) => repository.insertHostSet(tx, row));
    return { hostSet: row, hostIds: [] };
  }

  /** A new host. @throws {StileError} invalidArgument (address, name taken), notFound (no such catalog) */
  async createHost(fields: NewHost): Promise<HostDetail> {
    requireHostAddress(fields.address);
    const row: Host = {
      id: fields.id ?? newId('hostStatic'),
      host_catalog_id: fields.hostCatalogId,
      name: fields.name ?? null,
      description: fields.description ?? null,
      address: fields.address,
      ...this.#stamps(),
    };
    await this.#database.write((tx) => repository.insertHost(tx, row));
    return { host: row, hostSetIds: [] };
  }

  /** The catalog, or undefined. */
  lookupCatalog(id: string): Promise<HostCatalog | undefined> {
    return repository.lookupHostCatalog(this.#database.reader, id);
  }

  /** The set with its hosts, or undefined. */
  async lookupSet(id: string): Promise<HostSetDetail | undefined> {
    const db = this.#database.reader;
    const [hostSet, hostIds] = await Promise.all([
      repository.lookupHostSet(db, id),
      repository.hostIdsOfSet(db, id),
    ]);
    return hostSet === undefined ? undefined : { hostSet, hostIds };
  }

  /** The host with its sets, or undefined. */
  async lookupHost(id: string): Promise<HostDetail | undefined> {
    const db = this.#database.reader;
    const [host, sets] = await Promise.all([
      repository.lookupHost(db, id),
      repository.hostSetIdsOfHosts(db, [id]),
    ]);
    return host === undefined ? undefined : { host, hostSetIds: sets.get(id) ?? [] };
  }

  /** @throws {StileError} notFound */
  async readCatalog(id: string): Promise<HostCatalog> {
    return (await this.lookupCatalog(id)) ?? Promise.reject(notFound());
  }

  /** @throws {StileError} notFound */
  async readSet(id: string): Promise<HostSetDetail> {
    return (await this.lookupSet(id)) ?? Promise.reject(notFound());
  }

  /** @throws {StileError} notFound */
  async readHost(id: string): Promise<HostDetail> {
    return (await this.lookupHost(id)) ?? Promise.reject(notFound());
  }

  /** One page of the catalogs that the caller may see in the given scopes. */
  listCatalogs(permissions: ListPermissions, page: PageRequest): Promise<HostCatalog[]> {
    return repository.listHostCatalogs(this.#database.reader, permissions, page);
  }

  /** One page of a catalog's sets; their hosts are shown on single reads only. */
  listSets(hostCatalogId: string, permission: ListPermission, page: PageRequest): Promise<HostSet[]> {
    return repository.listHostSets(this.#database.reader, { hostCatalogId, permission }, page);
  }

  /** One page of a catalog's hosts with their sets. */
  async listHosts(
    hostCatalogId: string,
    permission: ListPermission,
    page: PageRequest,
  ): Promise<HostDetail[]> {
    const db = this.#database.reader;
    const hosts = await repository.listHosts(db, { hostCatalogId, permission }, page);
    const sets = await repository.hostSetIdsOfHosts(
      db,
      hosts.map((host) => host.id),
    );
    return hosts.map((host) => ({ host, hostSetIds: sets.get(host.id) ?? [] }));
  }

  /** @throws {StileError} notFound (no such catalog with that version), invalidArgument (name taken) */
  async updateCatalog(id: string, version: number, changes: NameChanges): Promise<HostCatalog> {
    const nowUs = this.#clock.nowUs();
    const row = await this.#database.write((tx) =>
      updateVersioned(tx, 'host_catalog', { id, version, changes, nowUs }),
    );
    return row ?? Promise.reject(wrongVersion('Host Catalog', id));
  }

  /** @throws {StileError} notFound (no such set with that version), invalidArgument (name taken) */
  async updateSet(id: string, version: number, changes: NameChanges): Promise<HostSetDetail> {
    const nowUs = this.#clock.nowUs();
    const row = await this.#database.write((tx) =>
      updateVersioned(tx, 'host_set', { id, version, changes, nowUs }),
    );
    if (row === undefined) throw wrongVersion('Host Set', id);
    return { hostSet: row, hostIds: await repository.hostIdsOfSet(this.#database.reader, id) };
  }

  /** @throws {StileError} notFound (no such host with that version), invalidArgument (address, name taken) */
  async updateHost(id: string, version: number, changes: HostChanges): Promise<HostDetail> {
    if (changes.address !== undefined) requireHostAddress(changes.address);
    const nowUs = this.#clock.nowUs();
    const row = await this.#database.write((tx) =>
      updateVersioned(tx, 'host', { id, version, changes, nowUs }),
    );
    if (row === undefined) throw wrongVersion('Host', id);
    const sets = await repository.hostSetIdsOfHosts(this.#database.reader, [id]);
    return { host: row, hostSetIds: sets.get(id) ?? [] };
  }

  /**
   * Adds hosts to a set, takes them out, or replaces all. Only hosts of the set's own catalog are taken (CVE-2022-36130).
   * @throws {StileError} notFound (no such set with that version), invalidArgument naming `host_ids`
   */
  async changeMembers(
    action: MembershipAction,
    hostSetId: string,
    version: number,
    hostIds: readonly string[],
  ): Promise<HostSetDetail> {
    const nowUs = this.#clock.nowUs();
    return this.#database.write(async (tx) => {
      const hostSet = await repository.lookupHostSet(tx, hostSetId);
      if (hostSet?.version !== version) throw wrongVersion('Host Set', hostSetId);
      const present = await repository.hostIdsOfSet(tx, hostSetId);
      const known = await repository.hostsWithinCatalog(tx, hostSet.host_catalog_id, hostIds);
      const { added, removed } = changeOf(action, present, hostIds);
      requireMembersFit(action, { present, hostIds, known });
      if (added.length + removed.length === 0) return { hostSet, hostIds: present };
      if (!(await bumpVersion(tx, 'host_set', { id: hostSetId, version, nowUs }))) {
        throw wrongVersion('Host Set', hostSetId);
      }
      await repository.deleteMembers(tx, hostSetId, removed);
      await repository.insertMembers(tx, hostSetId, added);
      const gone = new Set(removed);
      const after = [...present.filter((id) => !gone.has(id)), ...added].sort();
      return { hostSet: { ...hostSet, version: version + 1, updated_at: nowUs }, hostIds: after };
    });
  }
}

/** What an action adds and removes. */
export function changeOf(
  action: MembershipAction,
  present: readonly string[],
  ids: readonly string[],
): { readonly added: string[]; readonly removed: string[] } {
  switch (action) {
    case 'set':
      return differenceOf(present, ids);
    case 'add':
      return { added: [...new Set(ids)], removed: [] };
    case 'remove':
      return { added: [], removed: [...new Set(ids)] };
  }
}

function requireMembersFit(
  action: MembershipAction,
  members: {
    readonly present: readonly string[];
    readonly hostIds: readonly string[];
    readonly known: ReadonlySet<string>;
  },
): void {
  const foreign = members.hostIds.find((id) => !members.known.has(id));
  if (foreign !== undefined) {
    throw idsRefused('host_ids', `Host ${quoted(foreign)} is not in the host catalog of this host set.`);
  }
  const present = new Set(members.present);
  const twice = members.hostIds.find((id) => action === 'add' && present.has(id));
  if (twice !== undefined) throw idsRefused('host_ids', `Host ${quoted(twice)} is already in this host set.`);
  const absent = members.hostIds.find((id) => action === 'remove' && !present.has(id));
  if (absent !== undefined) throw idsRefused('host_ids', `Host ${quoted(absent)} is not in this host set.`);
}
