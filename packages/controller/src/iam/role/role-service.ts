/**
 * Use cases of roles: bundles of grants, who holds them and where they apply (grants.md §2.2, http-api.md §2.8). Every change
 * that may take a right away tells `LostRights` in its own unit of work.
 */
import { quoted, recoveryUserId, type ParsedGrant } from '@stile/protocol';
import type { Clock } from '@stile/runtime';
import type { Connection, Database } from '../../store/database.ts';
import { record } from '../../store/deleted-resource-repository.ts';
import type { PageRequest } from '../../store/page.ts';
import type { ListPermissions } from '../../store/list/permitted-rows.ts';
import type { IamRoleTable } from '../../store/schema.ts';
import { bumpVersion, holdRow, holdVersion, updateVersioned } from '../../store/versioned-update.ts';
import { notFound, wrongVersion } from '../../store/store-error.ts';
import type { NamedChanges } from '../group/group-service.ts';
import type { Holders, LostRights } from '../lost-rights.ts';
import { idsRefused, membershipChange, type MembershipAction, type MembershipWords } from '../membership.ts';
import { createRole } from '../role-repository.ts';
import { lookupScopeInfo, lookupScopeInfos } from '../scope-repository.ts';
import * as repository from './role-change-repository.ts';
import type { RolePrincipal } from './role-change-repository.ts';
import {
  grantChange,
  normalizedGrantScopes,
  requireCompatibleOrgScopes,
  requireCompatibleScopes,
  requireReachableScopes,
  type RoleGrant,
} from './role-rules.ts';

/** A role with all that belongs to it. */
export interface RoleDetail {
  readonly role: IamRoleTable;
  readonly grants: readonly RoleGrant[];
  readonly principals: readonly RolePrincipal[];
  /** Sorted. */
  readonly grantScopes: readonly string[];
}

/** A role as lists show it. */
export interface ListedRole {
  readonly role: IamRoleTable;
  readonly grantScopes: readonly string[];
}

/** Fields of a new role. */
export interface NewEmptyRole extends NamedChanges {
  readonly scopeId: string;
}

/** Which role is changed, as it was seen, and by whom. */
export interface RoleChange {
  readonly id: string;
  readonly version: number;
  /** Id of the user who changes it. */
  readonly by: string;
}

const principalWords: MembershipWords = {
  field: 'principal_ids',
  isThere: (id) => `Principal ${quoted(id)} holds this role already.`,
  isNotThere: (id) => `Principal ${quoted(id)} does not hold this role.`,
};

const scopeWords: MembershipWords = {
  field: 'grant_scope_ids',
  isThere: (id) => `Grant scope ${quoted(id)} is set on this role already.`,
  isNotThere: (id) => `Grant scope ${quoted(id)} is not set on this role.`,
};

/** Create, read, list, update and delete of roles, and of their parts. */
export class RoleService {
  readonly #database: Database;
  readonly #clock: Clock;
  readonly #lostRights: LostRights;

  constructor(options: {
    readonly database: Database;
    readonly clock: Clock;
    readonly lostRights: LostRights;
  }) {
    this.#database = options.database;
    this.#clock = options.clock;
    this.#lostRights = options.lostRights;
  }

  /** A new role without grants and principals. @throws {StileError} invalidArgument (name taken), notFound (no such scope) */
  async create(fields: NewEmptyRole): Promise<RoleDetail> {
    return this.#database.write(async (tx) => {
      const role = await createRole(tx, {
        scopeId: fields.scopeId,
        name: fields.name ?? undefined,
        description: fields.description ?? undefined,
        grants: [],
        principalIds: [],
        nowUs: this.#clock.nowUs(),
      });
      return detailOf(tx, role);
    });
  }

  /** The role with all that belongs to it, or undefined. */
  async lookup(id: string): Promise<RoleDetail | undefined> {
    const role = await repository.lookupRole(this.#database.reader, id);
    return role === undefined ? undefined : detailOf(this.#database.reader, role);
  }

  /** One page of the roles that the caller may see. */
  async list(permissions: ListPermissions, page: PageRequest): Promise<ListedRole[]> {
    const db = this.#database.reader;
    const roles = await repository.listRoles(db, permissions, page);
    const scopes = await repository.listGrantScopes(
      db,
      roles.map((role) => role.id),
    );
    return roles.map((role) => ({ role, grantScopes: scopes.get(role.id) ?? [] }));
  }

  /** @throws {StileError} notFound (no such role with that version), invalidArgument (name taken) */
  async update(id: string, version: number, changes: NamedChanges): Promise<RoleDetail> {
    const nowUs = this.#clock.nowUs();
    const role = await this.#database.write((tx) =>
      updateVersioned(tx, 'iam_role', { id, version, changes, nowUs }),
    );
    if (role === undefined) throw wrongVersion('Role', id);
    return detailOf(this.#database.reader, role);
  }

  /**
   * Adds grants, takes them away, or replaces all.
   * @throws {StileError} notFound (no such role with that version), invalidArgument naming `grant_strings`
   */
  changeGrants(
    action: MembershipAction,
    change: RoleChange,
    grants: readonly ParsedGrant[],
  ): Promise<RoleDetail> {
    return this.#change(change, async (tx, role) => {
      const { added, removed } = grantChange(action, await repository.listGrants(tx, role.id), grants);
      await repository.deleteGrants(tx, role.id, removed);
      await repository.insertGrants(tx, role.id, added);
      // As recorded: a removal takes a version even when nothing was there to remove.
      const isChange = action === 'remove' || added.length + removed.length > 0;
      const loses = removed.length > 0;
      return { isChange, lost: loses ? await this.#holdersOf(tx, role.id) : [] };
    });
  }

  /**
   * Gives the role to users and groups, takes it from them, or replaces all.
   * @throws {StileError} notFound (no such role with that version), invalidArgument naming `principal_ids`
   */
  changePrincipals(
    action: MembershipAction,
    change: RoleChange,
    principalIds: readonly string[],
  ): Promise<RoleDetail> {
    return this.#change(change, async (tx, role) => {
      const present = await repository.listPrincipals(tx, role.id);
      const ids = present.map((principal) => principal.id);
      const { added, removed } = membershipChange(action, ids, principalIds, principalWords);
      await requirePrincipals(tx, added);
      await repository.deletePrincipals(tx, role.id, removed);
      await repository.insertPrincipals(tx, role.id, added);
      const gone = new Set(removed);
      const lost = await repository.listHolders(
        tx,
        present.filter((principal) => gone.has(principal.id)),
      );
      return { isChange: added.length + removed.length > 0, lost };
    });
  }

  /**
   * Changes where the grants apply.
   * @throws {StileError} notFound (no such role with that version), invalidArgument naming `grant_scope_ids`
   */
  changeGrantScopes(
    action: MembershipAction,
    change: RoleChange,
    grantScopeIds: readonly string[],
  ): Promise<RoleDetail> {
    return this.#change(change, async (tx, role) => {
      const present = (await repository.listGrantScopes(tx, [role.id])).get(role.id) ?? [];
      const wanted = await wantedScopes(tx, role, action, grantScopeIds);
      const { added, removed } = membershipChange(action, present, wanted, scopeWords);
      const roleScope = await lookupScopeInfo(tx, role.scope_id);
      const gone = new Set(removed);
      const after = [...present.filter((each) => !gone.has(each)), ...added];
      if (action !== 'remove') {
        requireCompatibleScopes(after);
        if (roleScope?.type === 'org') requireCompatibleOrgScopes(after);
      }
      await repository.deleteGrantScopes(tx, role.id, removed);
      await repository.insertGrantScopes(tx, role.id, added);
      const loses = removed.length > 0;
      return {
        isChange: added.length + removed.length > 0,
        lost: loses ? await this.#holdersOf(tx, role.id) : [],
      };
    });
  }

  /** Deletes a role; its holders lose what it gave them. @throws {StileError} notFound */
  async delete(id: string, by: string): Promise<void> {
    await this.#database.write(async (tx) => {
      // Held first: who is given the role meanwhile loses it too.
      if (!(await holdRow(tx, this.#database.engine, 'iam_role', id))) throw notFound();
      const holders = await this.#holdersOf(tx, id);
      if (!(await repository.deleteRoleRow(tx, id))) throw notFound();
      await record(tx, 'role', [id], this.#clock.nowUs());
      await this.#lostRights.endSessions(tx, { holders, by });
      await this.#database.events.publish(tx, { type: 'rights-changed', subjectId: id });
    });
  }

  async #holdersOf(tx: Connection, roleId: string): Promise<Holders> {
    return repository.listHolders(tx, await repository.listPrincipals(tx, roleId));
  }

  /** Runs one change of a role's parts, holding the role. */
  async #change(
    { id, version, by }: RoleChange,
    work: (
      tx: Connection,
      role: IamRoleTable,
    ) => Promise<{ readonly isChange: boolean; readonly lost: Holders }>,
  ): Promise<RoleDetail> {
    return this.#database.write(async (tx) => {
      const role = await holdVersion(tx, this.#database.engine, 'iam_role', { id, version });
      if (role === undefined) throw wrongVersion('Role', id);
      const { isChange, lost } = await work(tx, role);
      if (!isChange) return detailOf(tx, role);
      const nowUs = this.#clock.nowUs();
      if (!(await bumpVersion(tx, 'iam_role', { id, version, nowUs }))) throw wrongVersion('Role', id);
      await this.#lostRights.endSessions(tx, { holders: lost, by });
      await this.#database.events.publish(tx, { type: 'rights-changed', subjectId: id });
      return detailOf(tx, { ...role, version: version + 1, updated_at: nowUs });
    });
  }
}

async function detailOf(db: Connection, role: IamRoleTable): Promise<RoleDetail> {
  const grants = await repository.listGrants(db, role.id);
  const principals = await repository.listPrincipals(db, role.id);
  const grantScopes = (await repository.listGrantScopes(db, [role.id])).get(role.id) ?? [];
  return { role, grants, principals, grantScopes };
}

/** @throws {StileError} invalidArgument naming the first that cannot hold a role */
async function requirePrincipals(tx: Connection, ids: readonly string[]): Promise<void> {
  if (ids.includes(recoveryUserId)) {
    throw idsRefused(principalWords.field, 'u_recovery cannot be assigned to a role');
  }
  const known = new Set((await repository.listKnownPrincipals(tx, ids)).map((principal) => principal.id));
  const unknown = ids.find((id) => !known.has(id));
  if (unknown !== undefined)
    throw idsRefused(principalWords.field, `Principal ${quoted(unknown)} does not exist.`);
}

/**
 * The grant scopes that a call names, in the form in which they are kept.
 * @throws {StileError} invalidArgument for one that a role of this scope cannot have
 */
async function wantedScopes(
  tx: Connection,
  role: IamRoleTable,
  action: MembershipAction,
  grantScopeIds: readonly string[],
): Promise<string[]> {
  const wanted = normalizedGrantScopes(role.scope_id, grantScopeIds);
  if (action === 'remove') return wanted;
  const scopes = await lookupScopeInfos(tx, [role.scope_id, ...wanted]);
  const roleScope = scopes.get(role.scope_id);
  if (roleScope === undefined) throw notFound();
  requireReachableScopes(roleScope, wanted, scopes);
  // As recorded: of the two that exclude each other, a replacement keeps `children`.
  return action === 'set' && wanted.includes('children')
    ? wanted.filter((each) => each !== 'descendants')
    : wanted;
}
