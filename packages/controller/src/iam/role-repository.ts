/** SQL of roles: grants, principals and grant scopes, and the one query that finds every grant of a caller. */
import {
  anonymousUserId,
  authenticatedUserId,
  newId,
  recoveryUserId,
  StileError,
  validateGrantForWrite,
} from '@stile/protocol';
import { sql } from 'kysely';
import type { Connection } from '../store/database.ts';
import { PreparedQuery } from '../store/prepared-query.ts';
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

/** A role that a caller holds. */
export interface CallerRole {
  readonly roleId: string;
  readonly roleScopeId: string;
  readonly roleParentScopeId: string | null;
  /** As written, in no order. */
  readonly grants: readonly string[];
  readonly grantScopes: readonly string[];
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
 * Separates texts that come in one column: a row a role instead of one for each grant and scope, which takes a quarter of the
 * time. A grant with this control character in it falls apart and is refused as a whole, so that it can give nobody more.
 */
const separator = '\u001e';

/** Runs at every request. */
const callerRoles = new PreparedQuery((db, input: { everybody: string; anybody: string; userId: string }) => {
  const holders = [input.everybody, input.anybody, input.userId];
  return db
    .selectFrom('iam_role')
    .innerJoin('scope', 'scope.id', 'iam_role.scope_id')
    .select([
      'iam_role.id as roleId',
      'iam_role.scope_id as roleScopeId',
      'scope.parent_id as roleParentScopeId',
      sql<
        string | null
      >`(select string_agg(raw, ${separator}) from iam_role_grant where role_id = iam_role.id)`.as('grants'),
      sql<
        string | null
      >`(select string_agg(grant_scope, ${separator}) from iam_role_grant_scope where role_id = iam_role.id)`.as(
        'grantScopes',
      ),
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
    );
});

/**
 * The roles that the user holds: itself, by a group, or as everybody does. Those of `u_anon` hold for authenticated users
 * too, those of `u_auth` for any but the anonymous (grants.md §2.3).
 */
export async function listCallerRoles(db: Connection, userId: string): Promise<CallerRole[]> {
  const anybody = userId === anonymousUserId ? anonymousUserId : authenticatedUserId;
  const rows = await callerRoles.execute(db, { everybody: anonymousUserId, anybody, userId });
  return rows.map((row) => ({
    ...row,
    grants: row.grants?.split(separator) ?? [],
    grantScopes: row.grantScopes?.split(separator) ?? [],
  }));
}
