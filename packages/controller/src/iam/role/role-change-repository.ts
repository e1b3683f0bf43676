/** SQL of a role's parts: what single reads show, and what add, set and remove calls change. */
import { chunksOf } from '../../store/chunks.ts';
import type { Connection } from '../../store/database.ts';
import { pageOf, type PageRequest } from '../../store/page.ts';
import { permittedRows, type ListPermissions } from '../../store/list/permitted-rows.ts';
import type { IamRoleTable } from '../../store/schema.ts';
import { holdersAmong, type Holders } from '../lost-rights.ts';
import { listMemberIdsOf } from '../group/group-repository.ts';
import type { RoleGrant } from './role-rules.ts';

/** Who holds a role. */
export interface RolePrincipal {
  readonly id: string;
  readonly type: 'user' | 'group';
  /** Scope of the user or group. */
  readonly scopeId: string;
}

/** The role, or undefined. */
export function lookupRole(db: Connection, id: string): Promise<IamRoleTable | undefined> {
  return db.selectFrom('iam_role').selectAll().where('id', '=', id).executeTakeFirst();
}

/** One page of the roles that `permissions` allow. */
export function listRoles(
  db: Connection,
  permissions: ListPermissions,
  page: PageRequest,
): Promise<IamRoleTable[]> {
  const query = db.selectFrom('iam_role').selectAll().where(permittedRows(permissions));
  return pageOf(query, 'iam_role', page).execute();
}

/** Grants of a role in the order in which they were added. */
export function listGrants(db: Connection, roleId: string): Promise<RoleGrant[]> {
  return db
    .selectFrom('iam_role_grant')
    .select(['raw', 'canonical'])
    .where('role_id', '=', roleId)
    .orderBy('position')
    .orderBy('canonical')
    .execute();
}

/** Those of the ids that are users or groups. */
export async function listKnownPrincipals(db: Connection, ids: readonly string[]): Promise<RolePrincipal[]> {
  const found: RolePrincipal[] = [];
  for (const [table, type] of [['iam_user', 'user'] as const, ['iam_group', 'group'] as const]) {
    for (const chunk of chunksOf(ids)) {
      const rows = await db.selectFrom(table).select(['id', 'scope_id']).where('id', 'in', chunk).execute();
      for (const row of rows) found.push({ id: row.id, type, scopeId: row.scope_id });
    }
  }
  return found.sort((a, b) => (a.id < b.id ? -1 : 1));
}

/** Principals of a role, sorted by id. */
export async function listPrincipals(db: Connection, roleId: string): Promise<RolePrincipal[]> {
  const rows = await db
    .selectFrom('iam_role_principal')
    .select('principal_id')
    .where('role_id', '=', roleId)
    .execute();
  return listKnownPrincipals(
    db,
    rows.map((row) => row.principal_id),
  );
}

/** Grant scopes of each of the roles, sorted. */
export async function listGrantScopes(
  db: Connection,
  roleIds: readonly string[],
): Promise<ReadonlyMap<string, readonly string[]>> {
  if (roleIds.length === 0) return new Map();
  const rows = await db
    .selectFrom('iam_role_grant_scope')
    .selectAll()
    .where('role_id', 'in', roleIds)
    .execute();
  const found = new Map<string, string[]>();
  for (const row of rows) {
    const scopes = found.get(row.role_id) ?? [];
    scopes.push(row.grant_scope);
    found.set(row.role_id, scopes);
  }
  for (const scopes of found.values()) scopes.sort();
  return found;
}

/** Users who hold the role, themselves or by a group. */
export async function listHolders(db: Connection, principals: readonly RolePrincipal[]): Promise<Holders> {
  const users = principals.filter((each) => each.type === 'user').map((each) => each.id);
  const groups = principals.filter((each) => each.type === 'group').map((each) => each.id);
  return holdersAmong([...users, ...(await listMemberIdsOf(db, groups))]);
}

/** Takes grants away, by their canonical forms. */
export async function deleteGrants(
  tx: Connection,
  roleId: string,
  canonicals: readonly string[],
): Promise<void> {
  for (const chunk of chunksOf(canonicals)) {
    await tx
      .deleteFrom('iam_role_grant')
      .where('role_id', '=', roleId)
      .where('canonical', 'in', chunk)
      .execute();
  }
}

/** Adds grants behind those that are there. */
export async function insertGrants(
  tx: Connection,
  roleId: string,
  grants: readonly RoleGrant[],
): Promise<void> {
  if (grants.length === 0) return;
  const last = await tx
    .selectFrom('iam_role_grant')
    .select((eb) => eb.fn.max('position').as('position'))
    .where('role_id', '=', roleId)
    .executeTakeFirst();
  const first = (last?.position ?? -1) + 1;
  const rows = grants.map((grant, at) => ({ role_id: roleId, position: first + at, ...grant }));
  for (const chunk of chunksOf(rows)) await tx.insertInto('iam_role_grant').values(chunk).execute();
}

/** Takes the role from principals. */
export async function deletePrincipals(
  tx: Connection,
  roleId: string,
  ids: readonly string[],
): Promise<void> {
  for (const chunk of chunksOf(ids)) {
    await tx
      .deleteFrom('iam_role_principal')
      .where('role_id', '=', roleId)
      .where('principal_id', 'in', chunk)
      .execute();
  }
}

/** Gives the role to principals. */
export async function insertPrincipals(
  tx: Connection,
  roleId: string,
  ids: readonly string[],
): Promise<void> {
  const rows = ids.map((id) => ({ role_id: roleId, principal_id: id }));
  for (const chunk of chunksOf(rows)) await tx.insertInto('iam_role_principal').values(chunk).execute();
}

/** Takes grant scopes from a role. */
export async function deleteGrantScopes(
  tx: Connection,
  roleId: string,
  grantScopes: readonly string[],
): Promise<void> {
  for (const chunk of chunksOf(grantScopes)) {
    await tx
      .deleteFrom('iam_role_grant_scope')
      .where('role_id', '=', roleId)
      .where('grant_scope', 'in', chunk)
      .execute();
  }
}

/** Adds grant scopes to a role. */
export async function insertGrantScopes(
  tx: Connection,
  roleId: string,
  grantScopes: readonly string[],
): Promise<void> {
  const rows = grantScopes.map((grantScope) => ({ role_id: roleId, grant_scope: grantScope }));
  for (const chunk of chunksOf(rows)) await tx.insertInto('iam_role_grant_scope').values(chunk).execute();
}

/** Deletes a role with all that belongs to it; false when there is none. */
export async function deleteRoleRow(tx: Connection, id: string): Promise<boolean> {
  const gone = await tx.deleteFrom('iam_role').where('id', '=', id).returning('id').execute();
  return gone.length > 0;
}
