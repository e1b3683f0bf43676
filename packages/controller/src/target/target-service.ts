/**
 * Use cases of tcp targets. Deleting one and clearing its address end sessions, so those two stand in
 * session/session-ending.ts, which calls `update` here for everything else.
 */
import { StileError, newId, quoted } from '@stile/protocol';
import type { Clock } from '@stile/runtime';
import { listAliasesOf } from '../alias/alias-repository.ts';
import { addAlias, aliasRow } from '../alias/alias-service.ts';
import { idsRefused } from '../host/host.ts';
import { changeOf } from '../host/host-service.ts';
import type { MembershipAction } from '../host/host-service.ts';
import type { Connection, Database } from '../store/database.ts';
import type { PageRequest } from '../store/page.ts';
import type { ListPermissions } from '../store/list/permitted-rows.ts';
import { bumpVersion, updateVersioned } from '../store/versioned-update.ts';
import {
  columnsOf,
  defaultSessionMaxSeconds,
  requireLegalTarget,
  unlimitedConnections,
  wrongTargetVersion,
} from './target.ts';
import type { Target, TargetFields } from './target.ts';
import * as credentialSources from './credential-source-repository.ts';
import type { CredentialSourceLink } from './credential-source-repository.ts';
import * as repository from './target-repository.ts';
import type { HostSource } from './target-repository.ts';

/** A target with what single reads show beside it. */
export interface TargetDetail {
  readonly target: Target;
  readonly hostSources: readonly HostSource[];
  /** Credentials that sessions of the target get. */
  readonly credentialSources: readonly CredentialSourceLink[];
  readonly aliases: readonly { readonly id: string; readonly value: string }[];
}

/** An alias made along with its target. */
export interface NewTargetAlias {
  readonly value: string;
  readonly hostId?: string;
}

/** Fields of a new tcp target. `id` is given by bootstrap only. */
export interface NewTarget extends TargetFields {
  readonly id?: string;
  readonly scopeId: string;
  readonly name: string;
  readonly defaultPort: number;
  readonly aliases?: readonly NewTargetAlias[];
}

const addressExcludes = {
  set: 'unable to set address because one or more host sources is assigned to the given target',
  addSources: 'unable to add host sources because a network address is directly assigned to the given target',
  setSources: 'unable to set host sources because a network address is directly assigned to the given target',
} as const;

/** Create, read, list and update of targets. */
export class TargetService {
  readonly #database: Database;
  readonly #clock: Clock;

  constructor(options: { readonly database: Database; readonly clock: Clock }) {
    this.#database = options.database;
    this.#clock = options.clock;
  }

  /** A new target. @throws {StileError} invalidArgument (fields, name or alias taken), notFound (no such scope) */
  async create(fields: NewTarget): Promise<TargetDetail> {
    requireLegalTarget(fields);
    const nowUs = this.#clock.nowUs();
    const target: Target = {
      id: fields.id ?? newId('targetTcp'),
      scope_id: fields.scopeId,
      type: 'tcp',
      name: fields.name,
      description: null,
      address: null,
      default_port: fields.defaultPort,
      default_client_port: null,
      session_max_seconds: defaultSessionMaxSeconds,
      session_connection_limit: unlimitedConnections,
      egress_worker_filter: null,
      worker_filter: null,
      session_lease: null,
      ...columnsOf(fields),
      version: 1,
      created_at: nowUs,
      updated_at: nowUs,
    };
    const aliases = (fields.aliases ?? []).map((alias) =>
      aliasRow({ ...alias, destinationId: target.id }, nowUs),
    );
    await this.#database.write(async (tx) => {
      await repository.insertTarget(tx, target);
      for (const alias of aliases) await addAlias(tx, alias);
    });
    const shown = aliases.map(({ id, value }) => ({ id, value }));
    return { target, hostSources: [], credentialSources: [], aliases: shown };
  }

  /** The bare row, or undefined. */
  lookupRow(id: string): Promise<Target | undefined> {
    return repository.lookupTarget(this.#database.reader, id);
  }

  /** The target with its sources and aliases, or undefined. */
  async lookup(id: string): Promise<TargetDetail | undefined> {
    const target = await this.lookupRow(id);
    return target === undefined ? undefined : this.detailOf(target);
  }

  /** @throws {StileError} notFound */
  async read(id: string): Promise<TargetDetail> {
    return (await this.lookup(id)) ?? Promise.reject(new StileError('notFound', 'Resource not found.'));
  }

  /** What single reads show beside a row. */
  async detailOf(target: Target): Promise<TargetDetail> {
    const db = this.#database.reader;
    const [hostSources, sources, aliases] = await Promise.all([
      repository.listHostSources(db, target.id),
      credentialSources.listCredentialSources(db, target.id),
      listAliasesOf(db, target.id),
    ]);
    const shown = aliases.map(({ id, value }) => ({ id, value }));
    return { target, hostSources, credentialSources: sources, aliases: shown };
  }

  /**
   * The target of a name within a scope, given by id or by name; undefined when there is none.
   * @throws {StileError} failedPrecondition when several scopes of that name have such a target
   */
  async lookupByName(
    name: string,
    scope: { readonly scopeId: string } | { readonly scopeName: string },
  ): Promise<Target | undefined> {
    const found = await repository.listTargetsByName(this.#database.reader, name, scope);
    if (found.length > 1) {
      throw new StileError(
        'failedPrecondition',
        'Scope name is ambiguous: more than one scope of that name has such a target. Use the scope id.',
      );
    }
    return found[0];
  }

  /** One page of the targets that the caller may see in the given scopes. */
  list(permissions: ListPermissions, page: PageRequest): Promise<Target[]> {
    return repository.listTargets(this.#database.reader, permissions, page);
  }

  /**
   * Changes fields. Clearing the address goes through `SessionEnding.updateTarget`, which ends sessions built on it.
   * @throws {StileError} notFound (no such target with that version), invalidArgument, failedPrecondition (address beside
   * host sources)
   */
  async update(id: string, version: number, fields: TargetFields): Promise<TargetDetail> {
    const nowUs = this.#clock.nowUs();
    const row = await this.#database.write((tx) => updateTargetRow(tx, { id, version, fields, nowUs }));
    return this.detailOf(row);
  }

  /**
   * Adds host sets to a target, takes them away, or replaces all. Only sets of the target's own scope are taken
   * (CVE-2022-36130).
   * @throws {StileError} notFound (no such target with that version), invalidArgument naming `host_source_ids`,
   * failedPrecondition (the target has an address)
   */
  async changeHostSources(
    action: MembershipAction,
    id: string,
    version: number,
    hostSetIds: readonly string[],
  ): Promise<TargetDetail> {
    const nowUs = this.#clock.nowUs();
    const target = await this.#database.write(async (tx) => {
      const before = await repository.lookupTarget(tx, id);
      if (before?.version !== version) throw wrongTargetVersion(id);
      const present = (await repository.listHostSources(tx, id)).map((source) => source.id);
      const known = await repository.hostSetsWithinScope(tx, before.scope_id, hostSetIds);
      requireSourcesFit(action, { target: before, present, hostSetIds, known });
      const { added, removed } = changeOf(action, present, hostSetIds);
      if (added.length + removed.length === 0) return before;
      if (!(await bumpVersion(tx, 'target', { id, version, nowUs }))) throw wrongTargetVersion(id);
      await repository.deleteHostSources(tx, id, removed);
      await repository.insertHostSources(tx, id, added);
      return { ...before, version: version + 1, updated_at: nowUs };
    });
    return this.detailOf(target);
  }

  /**
   * Gives a target credentials for its sessions, takes them away, or replaces all. Only credentials of the target's own scope are
   * taken; tcp targets take brokered ones only. Running sessions keep what they got.
   * @throws {StileError} notFound (no such target with that version), invalidArgument naming the field, failedPrecondition
   * (injected credentials)
   */
  async changeCredentialSources(
    action: MembershipAction,
    id: string,
    version: number,
    sources: { readonly brokered: readonly string[]; readonly injected: readonly string[] },
  ): Promise<TargetDetail> {
    requireNoneInjected(action, sources.injected);
    const nowUs = this.#clock.nowUs();
    const wanted = sources.brokered;
    const target = await this.#database.write(async (tx) => {
      const before = await repository.lookupTarget(tx, id);
      if (before?.version !== version) throw wrongTargetVersion(id);
      const present = (await credentialSources.listCredentialSources(tx, id)).map((source) => source.id);
      const known = await credentialSources.credentialsWithinScope(tx, before.scope_id, wanted);
      requireIdsFit(credentialWords, { action, present, wanted, known });
      const { added, removed } = changeOf(action, present, wanted);
      if (added.length + removed.length === 0) return before;
      if (!(await bumpVersion(tx, 'target', { id, version, nowUs }))) throw wrongTargetVersion(id);
      await credentialSources.deleteCredentialSources(tx, id, removed);
      await credentialSources.insertCredentialSources(tx, id, added);
      return { ...before, version: version + 1, updated_at: nowUs };
    });
    return this.detailOf(target);
  }
}

/** @throws {StileError} failedPrecondition, invalidArgument */
function requireNoneInjected(action: MembershipAction, injected: readonly string[]): void {
  const [first] = injected;
  if (first === undefined) return;
  if (action === 'remove') {
    throw idsRefused(
      'injected_application_credential_source_ids',
      `Credential source ${quoted(first)} is not set on this target.`,
    );
  }
  throw new StileError(
    'failedPrecondition',
    'tcp targets support brokered credentials only: no injected application credentials can be set',
  );
}

/** One PATCH of a target. */
export interface TargetUpdate {
  readonly id: string;
  readonly version: number;
  readonly fields: TargetFields;
  readonly nowUs: number;
}

/**
 * The update within a unit of work that may do more.
 * @throws {StileError} notFound, invalidArgument, failedPrecondition
 */
export async function updateTargetRow(tx: Connection, update: TargetUpdate): Promise<Target> {
  requireLegalTarget(update.fields);
  const changes = columnsOf(update.fields);
  const row = await updateVersioned(tx, 'target', { ...update, changes });
  if (row === undefined) throw wrongTargetVersion(update.id);
  // After the update: it holds the row, and adding a host source takes a version too, so neither can slip past the other.
  if (typeof changes.address === 'string' && (await repository.listHostSources(tx, update.id)).length > 0) {
    throw new StileError('failedPrecondition', addressExcludes.set);
  }
  return row;
}

/** How ids of sources are worded. */
interface SourceWords {
  readonly field: string;
  readonly thing: string;
}
const hostWords: SourceWords = { field: 'host_source_ids', thing: 'Host source' };
const credentialWords: SourceWords = {
  field: 'brokered_credential_source_ids',
  thing: 'Credential source',
};

function requireSourcesFit(
  action: MembershipAction,
  sources: {
    readonly target: Target;
    readonly present: readonly string[];
    readonly hostSetIds: readonly string[];
    readonly known: ReadonlySet<string>;
  },
): void {
  const { present, hostSetIds, known } = sources;
  if (sources.target.address !== null && action !== 'remove' && hostSetIds.length > 0) {
    const message = action === 'add' ? addressExcludes.addSources : addressExcludes.setSources;
    throw new StileError('failedPrecondition', message);
  }
  requireIdsFit(hostWords, { action, present, wanted: hostSetIds, known });
}

/** @throws {StileError} invalidArgument naming the first id that is not set, of another scope, or set already */
function requireIdsFit(
  { field, thing }: SourceWords,
  ids: {
    readonly action: MembershipAction;
    readonly present: readonly string[];
    readonly wanted: readonly string[];
    readonly known: ReadonlySet<string>;
  },
): void {
  const { action, wanted, known } = ids;
  const present = new Set(ids.present);
  const absent = wanted.find((id) => action === 'remove' && !present.has(id));
  if (absent !== undefined) throw idsRefused(field, `${thing} ${quoted(absent)} is not set on this target.`);
  const foreign = wanted.find((id) => action !== 'remove' && !known.has(id));
  if (foreign !== undefined) {
    throw idsRefused(field, `${thing} ${quoted(foreign)} is not in the scope of this target.`);
  }
  const twice = wanted.find((id) => action === 'add' && present.has(id));
  if (twice !== undefined)
    throw idsRefused(field, `${thing} ${quoted(twice)} is already set on this target.`);
}
