/**
 * The access control list: may this caller do this to that resource, and which fields may they see (grants.md §2.5 to 2.9).
 * Pure; `iam-service.ts` makes one from the caller's grants for every request. Rights only add up: there is no denying grant.
 */
import {
  actionsOf,
  anonymousUserId,
  globalScopeId,
  isAnonymousAction,
  parentAction,
  recoveryUserId,
  resourceTypeOfId,
  type MaskRefusal,
  type ParsedGrant,
  type ResourceType,
  type TokenMask,
} from '@stile/protocol';
import { OutputFields } from './acl-fields.ts';
import { ScopeTable, type AclCaller, type AclTarget, type ActionSum, type Verdict } from './acl-index.ts';

export { OutputFields } from './acl-fields.ts';

/** One grant of a role the caller holds, and one scope it reaches. */
export interface AclGrant {
  readonly grant: ParsedGrant;
  readonly roleId: string;
  /** Scope the role lives in. */
  readonly roleScopeId: string;
  /** Null for global. */
  readonly roleParentScopeId: string | null;
  /** `this`, `children`, `descendants` or a scope id. */
  readonly grantScope: string;
}

/**
 * What a caller wants to touch. For read, update and delete of a scope, `scopeId` is its parent (global: itself); for create and
 * list inside a scope it is that scope.
 */
export interface AclResource extends AclTarget {
  readonly scopeId: string;
  /** Null for global. */
  readonly parentScopeId: string | null;
}

/** The answer to one question. */
export interface AclDecision {
  readonly authorized: boolean;
  /** What may be seen; also told when not authorized, as the fields a list or another action would show. */
  readonly outputFields: OutputFields;
  /** What the auth token lacks, where the grants would have allowed it. */
  readonly lacks?: MaskRefusal;
}

/** Which items of one scope a caller may see in a list: any of the four that applies. */
export interface ListPermission {
  /** Every item; the rest is then empty. */
  readonly all: boolean;
  /** The caller's own items. */
  readonly own: boolean;
  /** These items. */
  readonly ids: readonly string[];
  /** These items where they are the caller's own. */
  readonly ownIds: readonly string[];
}

/** Rights of one caller. */
export class Acl {
  readonly #caller: AclCaller;
  readonly #isRecovery: boolean;
  readonly #mask: TokenMask | undefined;
  readonly #grants: readonly AclGrant[];
  /** Grants for a scope of this id. */
  readonly #byScope = new Map<string, ScopeTable>();
  /** Grants for all children of the scope of this id. */
  readonly #children = new Map<string, ScopeTable>();
  /** Grants for every scope below global. */
  readonly #descendants = new ScopeTable();

  /** @param options `userId` is `u_anon` for an anonymous caller; `accountId` that of the auth token. */
  constructor(options: {
    readonly grants: readonly AclGrant[];
    readonly userId: string;
    readonly accountId?: string | undefined;
    /** What the caller's auth token takes away (tokens.md §2). */
    readonly mask?: TokenMask | undefined;
  }) {
    const { userId, accountId } = options;
    this.#mask = options.mask?.isRestricted === true ? options.mask : undefined;
    this.#caller = { userId, accountId, isNobody: userId === '' || userId === anonymousUserId };
    this.#isRecovery = userId === recoveryUserId;
    this.#grants = options.grants;
    for (const grant of options.grants) this.#tableFor(grant)?.add(grant.grant, this.#caller);
  }

  /** Whether the caller may do `action`, and the fields they may see of the result. */
  decide(resource: AclResource, action: string): AclDecision {
    const decision = this.decideByGrants(resource, action);
    const lacks = decision.authorized ? this.#mask?.refusalOf(resource, action) : undefined;
    return lacks === undefined ? decision : { ...decision, authorized: false, lacks };
  }

  /** The same for the few things that no token is too narrow for (tokens.md §2.3): what the grants say, whatever the token. */
  decideByGrants(resource: AclResource, action: string): AclDecision {
    if (this.#isRecovery) return { authorized: true, outputFields: OutputFields.all };
    const verdict: Verdict = { authorized: false, fields: undefined };
    const parent = parentAction(action);
    for (const table of this.#tablesOf(resource.scopeId, resource.parentScopeId)) {
      for (const sum of table.matching(resource, action, this.#caller.isNobody)) {
        sum.judge(action, parent, verdict);
      }
    }
    return {
      authorized: verdict.authorized,
      outputFields: verdict.fields ? OutputFields.of(verdict.fields) : this.#defaultFields(),
    };
  }

  /** For what needs no grant (one's own things): whether the caller's auth token lets it through. */
  decideAsGranted(resource: AclResource, action: string): AclDecision {
    const lacks = this.#mask?.refusalOf(resource, action);
    const outputFields = OutputFields.all;
    return lacks === undefined
      ? { authorized: true, outputFields }
      : { authorized: false, outputFields, lacks };
  }

  /** The ids of a type that the caller's auth token may touch at all; undefined when its allow list does not limit them. */
  allowedIds(type: ResourceType): ReadonlySet<string> | undefined {
    return this.#mask?.idsOf(type);
  }

  /** Those of `candidates` that the caller may do, sorted, each once. */
  authorizedActions(resource: AclResource, candidates: readonly string[]): string[] {
    const allowed = candidates.filter((action) => this.decide(resource, action).authorized);
    return [...new Set(allowed)].toSorted();
  }

  /**
   * For lists that are filtered in SQL (grants.md §2.9): per scope, the items of a type on which the caller may do anything at
   * all. A scope that is missing has none. A `:self` grant counts for own items only, and each grant for itself (§7.5): a plain
   * grant on one id does not widen the others. Whether `list` is allowed in the scope is another question, for `decide`.
   */
  listPermissions(
    type: ResourceType,
    scopes: readonly { readonly id: string; readonly parentId: string | null }[],
  ): Map<string, ListPermission> {
    const permissions = new Map<string, ListPermission>();
    for (const { id, parentId } of scopes) {
      const permission = this.#isRecovery
        ? { all: true, own: false, ids: [], ownIds: [] }
        : this.#maskedPermission(type, this.#listPermission(type, this.#tablesOf(id, parentId)));
      const { all, own, ids, ownIds } = permission;
      if (all || own || ids.length > 0 || ownIds.length > 0) permissions.set(id, permission);
    }
    return permissions;
  }

  /**
   * Text that changes with the grants that bear on a type, whatever their order: list tokens are tied to it (http-api.md §1.10). With
   * `scope` only those that reach it count, so that a role gained elsewhere leaves the token of its list good.
   */
  grantsKey(type: ResourceType, scope?: { readonly id: string; readonly parentId: string | null }): string {
    const bearing = this.#grants.filter(
      (each) =>
        (each.grant.type === undefined || each.grant.type === '*' || each.grant.type === type) &&
        (scope === undefined || reaches(each, scope)),
    );
    const lines = bearing.map(
      ({ grant, roleScopeId, grantScope }) => `${roleScopeId}\t${grantScope}\t${grant.canonical}`,
    );
    const key = [...new Set(lines)].toSorted().join('\n');
    return this.#mask === undefined ? key : `${key}\n\n${this.#mask.key}`;
  }

  #listPermission(type: ResourceType, tables: readonly ScopeTable[]): ListPermission {
    const { isNobody } = this.#caller;
    const actions = actionsOf(type).id.filter(
      (action) =>
        (!isNobody || isAnonymousAction(type, action)) && (this.#mask?.coversAction(type, action) ?? true),
    );
    const rights = new Set<'all' | 'own' | 'none'>();
    const ids = new Set<string>();
    const ownIds = new Set<string>();
    for (const table of tables) {
      if (isNobody) {
        rights.add(table.literal.get(type)?.itemRight(actions) ?? 'none');
        continue;
      }
      rights.add(table.wildcard.get(type)?.itemRight(actions) ?? 'none');
      rights.add(table.wildcard.get('*')?.itemRight(actions) ?? 'none');
      for (const [id, sum] of idSums(table, type)) {
        const right = sum.itemRight(actions);
        if (right === 'all') ids.add(id);
        else if (right === 'own') ownIds.add(id);
      }
    }
    const all = rights.has('all');
    const own = !all && rights.has('own');
    return {
      all,
      own,
      ids: all ? [] : [...ids].toSorted(),
      ownIds: all || own ? [] : [...ownIds].filter((id) => !ids.has(id)).toSorted(),
    };
  }

  /** A permission, cut to the ids of the allow list. */
  #maskedPermission(type: ResourceType, permission: ListPermission): ListPermission {
    const allowed = this.#mask?.idsOf(type);
    if (allowed === undefined) return permission;
    const { all, own, ids, ownIds } = permission;
    const named = [...allowed].toSorted();
    return {
      all: false,
      own: false,
      ids: all ? named : ids.filter((id) => allowed.has(id)),
      ownIds: own ? named : ownIds.filter((id) => allowed.has(id)),
    };
  }

  #defaultFields(): OutputFields {
    if (this.#caller.userId === '') return OutputFields.none;
    return this.#caller.isNobody ? OutputFields.anonymous : OutputFields.all;
  }

  /** The table a grant belongs to; undefined for one that reaches nothing. */
  #tableFor({ grantScope, roleScopeId }: AclGrant): ScopeTable | undefined {
    switch (grantScope) {
      case 'this':
        return tableIn(this.#byScope, roleScopeId);
      case 'children':
        return tableIn(this.#children, roleScopeId);
      case 'descendants':
        // Only a global role can have them (grants.md §2.2).
        return roleScopeId === globalScopeId ? this.#descendants : undefined;
      default:
        return tableIn(this.#byScope, grantScope);
    }
  }

  #tablesOf(scopeId: string, parentScopeId: string | null): readonly ScopeTable[] {
    const tables: ScopeTable[] = [];
    const exact = this.#byScope.get(scopeId);
    if (exact) tables.push(exact);
    const children = parentScopeId === null ? undefined : this.#children.get(parentScopeId);
    if (children) tables.push(children);
    if (scopeId !== globalScopeId) tables.push(this.#descendants);
    return tables;
  }
}

/** Whether a grant scope of a role reaches a scope (grants.md §2.2). */
export function reaches(
  { grantScope, roleScopeId }: Pick<AclGrant, 'grantScope' | 'roleScopeId'>,
  scope: { readonly id: string; readonly parentId: string | null },
): boolean {
  switch (grantScope) {
    case 'this':
      return scope.id === roleScopeId;
    case 'children':
      return scope.parentId === roleScopeId;
    case 'descendants':
      return roleScopeId === globalScopeId && scope.id !== globalScopeId;
    default:
      return scope.id === grantScope;
  }
}

/**
 * Sums of single ids in a list of `type`. A pin of another type with type `*` counts too, as upstream: its id matches no item of
 * the list (vector L13). One of the same type must not: such a grant is about the children alone.
 */
function* idSums(table: ScopeTable, type: ResourceType): Generator<readonly [string, ActionSum]> {
  yield* table.own.get(type) ?? [];
  for (const [pin, children] of table.pinned) {
    const sum = children.get('*');
    if (sum && resourceTypeOfId(pin) !== type) yield [pin, sum];
  }
}

function tableIn(map: Map<string, ScopeTable>, key: string): ScopeTable {
  const known = map.get(key) ?? new ScopeTable();
  map.set(key, known);
  return known;
}
