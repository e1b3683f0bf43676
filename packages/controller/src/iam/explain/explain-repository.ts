/** SQL of what an explanation looks at: the resource of an id, who a user is, and the roles that could decide. */
import { sql } from 'kysely';
import { anonymousUserId, authenticatedUserId, globalScopeId, type ResourceType } from '@stile/protocol';
import type { Connection } from '../../store/database.ts';

/** Where something is, and whose. */
export interface FoundResource {
  readonly scopeId: string;
  /** Id of the parent, for types that have one. */
  readonly pin: string | undefined;
  /** User whose own it is, for types with `:self` actions. */
  readonly ownerId: string | undefined;
}

/** How a type is stored: its table, and what names its scope, its parent and its owner. */
interface Place {
  readonly table: string;
  /** Column with the parent, and the parent's table, which has the scope. */
  readonly parent?: readonly [column: string, table: string];
  readonly owner?: string;
}

/** Types that can be explained. */
const places: Readonly<Partial<Record<ResourceType, Place>>> = {
  account: { table: 'account', parent: ['auth_method_id', 'auth_method'] },
  alias: { table: 'alias' },
  'auth-method': { table: 'auth_method' },
  'auth-token': { table: 'auth_token', owner: 'user_id' },
  credential: { table: 'credential', parent: ['credential_store_id', 'credential_store'] },
  'credential-store': { table: 'credential_store' },
  group: { table: 'iam_group' },
  host: { table: 'host', parent: ['host_catalog_id', 'host_catalog'] },
  'host-catalog': { table: 'host_catalog' },
  'host-set': { table: 'host_set', parent: ['host_catalog_id', 'host_catalog'] },
  role: { table: 'iam_role' },
  session: { table: 'session', owner: 'user_id' },
  target: { table: 'target' },
  user: { table: 'iam_user' },
  worker: { table: 'worker' },
};

/** The resource, or undefined. Scopes are read in the name of their parent, global in its own. */
export async function lookupResource(
  db: Connection,
  type: ResourceType,
  id: string,
): Promise<FoundResource | undefined> {
  if (type === 'scope') {
    const row = await db
      .selectFrom('scope')
      .select(['id', 'parent_id'])
      .where('id', '=', id)
      .executeTakeFirst();
    if (row === undefined) return undefined;
    return { scopeId: row.parent_id ?? globalScopeId, pin: undefined, ownerId: undefined };
  }
  const place = places[type];
  if (place === undefined) return undefined;
  const { table, parent, owner } = place;
  const pin = parent === undefined ? sql`null` : sql.ref(`item.${parent[0]}`);
  const scope = parent === undefined ? sql.ref('item.scope_id') : sql.ref('holder.scope_id');
  const join =
    parent === undefined ? sql`` : sql`join ${sql.table(parent[1])} as holder on holder.id = ${pin}`;
  const ownerId = owner === undefined ? sql`null` : sql.ref(`item.${owner}`);
  const found = await sql<{ scope_id: string; pin: string | null; owner_id: string | null }>`
    select ${scope} as scope_id, ${pin} as pin, ${ownerId} as owner_id
    from ${sql.table(table)} as item ${join} where item.id = ${id}`.execute(db);
  const row = found.rows[0];
  if (row === undefined) return undefined;
  return { scopeId: row.scope_id, pin: row.pin ?? undefined, ownerId: row.owner_id ?? undefined };
}

/** Ids by which a user holds roles: its own, those of the special users that stand for it, and of groups with any of them. */
export async function listPrincipalIdsOf(db: Connection, userId: string): Promise<string[]> {
  const anybody = userId === anonymousUserId ? anonymousUserId : authenticatedUserId;
  const own = [...new Set([userId, anonymousUserId, anybody])];
  const groups = await db
    .selectFrom('iam_group_member')
    .select('group_id')
    .distinct()
    .where('member_id', 'in', own)
    .orderBy('group_id')
    .execute();
  return [...own, ...groups.map((row) => row.group_id)];
}

/** A role that could decide. */
export interface DecidingRole {
  readonly id: string;
  readonly name: string | null;
  readonly scopeId: string;
  readonly parentScopeId: string | null;
  readonly grants: readonly string[];
  readonly grantScopes: readonly string[];
  readonly principalIds: readonly string[];
}

/** Roles looked at beside those that the user holds, and grants of them: each is read again at every question. */
const mostOthers = 1000;
const mostOtherGrants = 10_000;

/**
 * The roles that the principals hold, and those that would reach the scope if they did; of the latter the newest 1000 as long as they
 * have no more than 10,000 grants. In the order of their making. Of a role's principals those that were asked for.
 */
export async function listDecidingRoles(
  db: Connection,
  question: {
    readonly principalIds: readonly string[];
    readonly scopeId: string;
    readonly parentScopeId: string | null;
  },
): Promise<DecidingRole[]> {
  const held = await db
    .selectFrom('iam_role_principal')
    .select('role_id')
    .distinct()
    .where('principal_id', 'in', question.principalIds)
    .execute();
  const reaching = await listReachingRoleIds(db, question.scopeId, question.parentScopeId);
  const ids = [...new Set([...held.map((row) => row.role_id), ...reaching])];
  return ids.length === 0 ? [] : rolesOf(db, ids, question.principalIds);
}

async function listReachingRoleIds(
  db: Connection,
  scopeId: string,
  parentScopeId: string | null,
): Promise<string[]> {
  const rows = await db
    .selectFrom('iam_role')
    .innerJoin('iam_role_grant_scope', 'iam_role_grant_scope.role_id', 'iam_role.id')
    .select((eb) => [
      'iam_role.id',
      'iam_role.created_at',
      eb
        .selectFrom('iam_role_grant')
        .select((grants) => grants.fn.countAll().as('grants'))
        .whereRef('iam_role_grant.role_id', '=', 'iam_role.id')
        .as('grants'),
    ])
    .distinct()
    .where((eb) =>
      eb.or([
        eb.and([eb('iam_role.scope_id', '=', scopeId), eb('grant_scope', '=', 'this')]),
        eb('grant_scope', '=', scopeId),
        ...(parentScopeId === null
          ? []
          : [eb.and([eb('iam_role.scope_id', '=', parentScopeId), eb('grant_scope', '=', 'children')])]),
        ...(scopeId === globalScopeId
          ? []
          : [eb.and([eb('iam_role.scope_id', '=', globalScopeId), eb('grant_scope', '=', 'descendants')])]),
      ]),
    )
    .orderBy('iam_role.created_at', 'desc')
    .limit(mostOthers)
    .execute();
  let grants = 0;
  return rows
    .filter((row) => {
      grants += Number(row.grants);
      return grants <= mostOtherGrants;
    })
    .map((row) => row.id);
}

async function rolesOf(
  db: Connection,
  ids: readonly string[],
  principalIds: readonly string[],
): Promise<DecidingRole[]> {
  const [roles, grants, scopes, principals] = await Promise.all([
    db
      .selectFrom('iam_role')
      .innerJoin('scope', 'scope.id', 'iam_role.scope_id')
      .select([
        'iam_role.id',
        'iam_role.name',
        'iam_role.scope_id as scopeId',
        'scope.parent_id as parentScopeId',
      ])
      .where('iam_role.id', 'in', ids)
      .orderBy('iam_role.created_at')
      .orderBy('iam_role.id')
      .execute(),
    db.selectFrom('iam_role_grant').selectAll().where('role_id', 'in', ids).orderBy('position').execute(),
    db
      .selectFrom('iam_role_grant_scope')
      .selectAll()
      .where('role_id', 'in', ids)
      .orderBy('grant_scope')
      .execute(),
    db
      .selectFrom('iam_role_principal')
      .selectAll()
      .where('role_id', 'in', ids)
      .where('principal_id', 'in', principalIds)
      .orderBy('principal_id')
      .execute(),
  ]);
  const grantsOf = byRole(grants, (row) => row.raw);
  const scopesOf = byRole(scopes, (row) => row.grant_scope);
  const principalsOf = byRole(principals, (row) => row.principal_id);
  return roles.map((role) => ({
    ...role,
    grants: grantsOf.get(role.id) ?? [],
    grantScopes: scopesOf.get(role.id) ?? [],
    principalIds: principalsOf.get(role.id) ?? [],
  }));
}

function byRole<Row extends { readonly role_id: string }>(
  rows: readonly Row[],
  valueOf: (row: Row) => string,
): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, string[]>();
  for (const row of rows) {
    const values = found.get(row.role_id) ?? [];
    values.push(valueOf(row));
    found.set(row.role_id, values);
  }
  return found;
}
