/** SQL of roles: grants, principals and grant scopes, and the one query that finds every grant of a caller. */
import {
  anonymousUserId,
  authenticatedUserId,
  newId,
  recoveryUserId,
  StileError,
  validateGrantForWrite,
} from '@stile/protocol';
import type { Connection } from '../store/database.ts';
import type { IamRoleTable, Microseconds } from '../store/schema.ts';
import { newVersion } from './scope-repository.ts';

/** What a new role is made of. */
export interface NewRole {
  /** Default: a new random id. */
  readonly id?: string;
  readonly scopeId: string;
  readonly name?: string | undefined;
  readonly description?: string | undefined;
  /** Grant strings as written; two of one canonical form count once. */
  readonly grants: readonly string[];
  /** Users and groups. */
  readonly principalIds: readonly string[];
  /** `this`, `children`, `descendants` or scope ids. Default `this` (grants.md §2.2). */
  readonly grantScopes?: readonly string[];
  readonly nowUs: Microseconds;
}

/** One grant of a caller and one scope it reaches. */
export interface CallerGrantRow {
  readonly grant: string;
  readonly roleId: string;
  readonly roleScopeId: string;
  readonly roleParentScopeId: string | null;
  readonly grantScope: string;
}

/**
 * Makes the role with all that belongs to it.
 * @throws {StileError} invalidArgument for an illegal grant, a principal that cannot hold one, or a name in use; notFound
 * without the scope
 */
export async function createRole(tx: Connection, role: NewRole): Promise<IamRoleTable> {
  const row = await tx
    .insertInto('iam_role')
    .values({
      id: role.id ?? newId('role'),
      scope_id: role.scopeId,
      name: role.name ?? null,
      description: role.description ?? null,
      ...newVersion(role.nowUs),
    })
    .returningAll()
    .executeTakeFirstOrThrow();
  await addGrants(tx, row.id, role.grants);
  await addPrincipals(tx, row.id, role.principalIds);
  await addGrantScopes(tx, row, role.grantScopes ?? ['this']);
  return row;
}

async function addGrants(tx: Connection, roleId: string, grants: readonly string[]): Promise<void> {
  const parsed = grants.map((grant) => validateGrantForWrite(grant));
  const unique = [...new Map(parsed.map((grant) => [grant.canonical, grant])).values()];
  if (unique.length === 0) return;
  await tx
    .insertInto('iam_role_grant')
    .values(unique.map(({ raw, canonical }, position) => ({ role_id: roleId, position, raw, canonical })))
    .execute();
}

async function addPrincipals(tx: Connection, roleId: string, principalIds: readonly string[]): Promise<void> {
  if (principalIds.includes(recoveryUserId)) {
    throw new StileError('invalidArgument', 'u_recovery cannot be assigned to a role');
  }
  const unique = [...new Set(principalIds)];
  if (unique.length === 0) return;
  await tx
    .insertInto('iam_role_principal')
    .values(unique.map((principalId) => ({ role_id: roleId, principal_id: principalId })))
    .execute();
}

async function addGrantScopes(
  tx: Connection,
  role: IamRoleTable,
  grantScopes: readonly string[],
): Promise<void> {
  // The role's own scope is the same as `this` and is kept as that (grants.md §2.2).
  const unique = [...new Set(grantScopes.map((scope) => (scope === role.scope_id ? 'this' : scope)))];
  if (unique.length === 0) return;
  await tx
    .insertInto('iam_role_grant_scope')
    .values(unique.map((grantScope) => ({ role_id: role.id, grant_scope: grantScope })))
    .execute();
}

/**
 * Every grant of the roles that the user holds: itself, by a group, or as everybody does. Grants of `u_anon` hold for
 * authenticated users too, those of `u_auth` for any but the anonymous (grants.md §2.3).
 */
export function listCallerGrants(db: Connection, userId: string): Promise<CallerGrantRow[]> {
  const holders =
    userId === anonymousUserId ? [anonymousUserId] : [anonymousUserId, authenticatedUserId, userId];
  return db
    .selectFrom('iam_role')
    .innerJoin('scope', 'scope.id', 'iam_role.scope_id')
    .innerJoin('iam_role_grant', 'iam_role_grant.role_id', 'iam_role.id')
    .innerJoin('iam_role_grant_scope', 'iam_role_grant_scope.role_id', 'iam_role.id')
    .select([
      'iam_role_grant.raw as grant',
      'iam_role.id as roleId',
      'iam_role.scope_id as roleScopeId',
      'scope.parent_id as roleParentScopeId',
      'iam_role_grant_scope.grant_scope as grantScope',
    ])
    .where('iam_role.id', 'in', (held) =>
      held
        .selectFrom('iam_role_principal')
        .select('iam_role_principal.role_id')
        .where('iam_role_principal.principal_id', 'in', holders)
        .union(
          held
            .selectFrom('iam_group_member')
            .innerJoin('iam_role_principal', 'iam_role_principal.principal_id', 'iam_group_member.group_id')
            .select('iam_role_principal.role_id')
            .where('iam_group_member.member_id', 'in', holders),
        ),
    )
    .execute();
}
