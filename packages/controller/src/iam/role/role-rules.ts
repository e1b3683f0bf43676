/** Rules of a role's grants, principals and grant scopes that no single id shows (grants.md §2.2, http-api.md §2.8). Pure. */
import { globalScopeId, quoted, StileError, type ParsedGrant } from '@stile/protocol';
import { idsRefused, type MembershipAction } from '../membership.ts';
import type { ScopeInfo } from '../scope.ts';

/** A stored grant. */
export interface RoleGrant {
  readonly raw: string;
  readonly canonical: string;
}

/** What becomes of a role's grants. */
export interface GrantChange {
  /** In the order in which they are added. */
  readonly added: readonly RoleGrant[];
  /** Canonical forms. */
  readonly removed: readonly string[];
}

/**
 * What an action does to the grants of a role. Two of one canonical form count once; `set` takes the new spelling of one that is
 * there. Removing what is not there is no error, as recorded.
 * @throws {StileError} invalidArgument for adding what is there
 */
export function grantChange(
  action: MembershipAction,
  present: readonly RoleGrant[],
  grants: readonly ParsedGrant[],
): GrantChange {
  const given = new Map<string, RoleGrant>();
  // As recorded: what one request adds is in the order of its texts.
  for (const { raw, canonical } of grants.toSorted((a, b) => (a.raw < b.raw ? -1 : a.raw > b.raw ? 1 : 0))) {
    if (!given.has(canonical)) given.set(canonical, { raw, canonical });
  }
  const before = new Map(present.map((grant) => [grant.canonical, grant.raw]));
  switch (action) {
    case 'add': {
      const twice = [...given.values()].find((grant) => before.has(grant.canonical));
      if (twice !== undefined) {
        const text = `Grant ${quoted(twice.raw)} is already granted by this role.`;
        throw idsRefused('grant_strings', text);
      }
      return { added: [...given.values()], removed: [] };
    }
    case 'remove':
      return { added: [], removed: [...given.keys()].filter((canonical) => before.has(canonical)) };
    case 'set':
      return {
        added: [...given.values()].filter((grant) => before.get(grant.canonical) !== grant.raw),
        removed: [...before]
          .filter(([canonical, raw]) => given.get(canonical)?.raw !== raw)
          .map(([canonical]) => canonical),
      };
  }
}

const field = 'grant_scope_ids';

function refused(description: string): StileError {
  return new StileError('invalidArgument', 'Invalid grant scope.', {
    details: { requestFields: [{ name: field, description }] },
  });
}

/** A role's own scope is kept as `this` (grants.md §2.2). Each once. */
export function normalizedGrantScopes(roleScopeId: string, grantScopes: readonly string[]): string[] {
  return [...new Set(grantScopes.map((each) => (each === roleScopeId ? 'this' : each)))];
}

/**
 * Whether a role of the scope may name these grant scopes at all. `known` has the scopes that the ids name.
 * @throws {StileError} invalidArgument
 */
export function requireReachableScopes(
  roleScope: Pick<ScopeInfo, 'id' | 'type'>,
  grantScopes: readonly string[],
  known: ReadonlyMap<string, ScopeInfo>,
): void {
  for (const each of grantScopes) {
    if (each === 'this') continue;
    switch (roleScope.type) {
      case 'project':
        throw refused('Project scopes can only have their own scope ID or "this" as a grant scope ID.');
      case 'org':
        if (each === 'children') continue;
        if (each === 'descendants' || each === globalScopeId || each.startsWith('o_')) {
          throw refused(`Grant scope ID ${quoted(each)} is not valid to set on an organization role.`);
        }
        if (known.get(each)?.parentId !== roleScope.id) {
          throw refused(`Grant scope ID ${quoted(each)} is not valid to set on an organization role.`);
        }
        continue;
      case 'global':
        if (each === 'children' || each === 'descendants' || known.has(each)) continue;
        throw refused(`Grant scope ID ${quoted(each)} does not exist.`);
    }
  }
}

/**
 * Whether the grant scopes of a role exclude each other (grants.md §2.2).
 * @throws {StileError} invalidArgument
 */
export function requireCompatibleScopes(grantScopes: readonly string[]): void {
  const hasChildren = grantScopes.includes('children');
  const hasDescendants = grantScopes.includes('descendants');
  if (hasChildren && hasDescendants) {
    throw idsRefused(field, '"children" and "descendants" exclude each other.');
  }
  const org = grantScopes.find((each) => each.startsWith('o_'));
  if (org !== undefined && (hasChildren || hasDescendants)) {
    throw idsRefused(field, `"${org}" is covered by "${hasChildren ? 'children' : 'descendants'}" already.`);
  }
  const project = grantScopes.find((each) => each.startsWith('p_'));
  if (project !== undefined && hasDescendants) {
    throw idsRefused(field, `"${project}" is covered by "descendants" already.`);
  }
}

/**
 * The same for a role of an org, whose children are its projects.
 * @throws {StileError} invalidArgument
 */
export function requireCompatibleOrgScopes(grantScopes: readonly string[]): void {
  const project = grantScopes.find((each) => each.startsWith('p_'));
  if (project !== undefined && grantScopes.includes('children')) {
    throw idsRefused(field, `"${project}" is covered by "children" already.`);
  }
}
