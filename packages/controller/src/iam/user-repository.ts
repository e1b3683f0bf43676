/** SQL of users. */
import { anonymousUserId, authenticatedUserId, globalScopeId, newId, recoveryUserId } from '@stile/protocol';
import { chunksOf } from '../store/chunks.ts';
import type { Connection } from '../store/database.ts';
import { pageOf, type PageRequest } from '../store/page.ts';
import { permittedRows, type ListPermissions } from '../store/list/permitted-rows.ts';
import type { IamUserTable, Microseconds } from '../store/schema.ts';
import { notFound } from '../store/store-error.ts';
import { newVersion } from './scope-repository.ts';

/** A user with what its account at the primary auth method of its scope tells of it (http-api.md §2.6). */
export interface UserRow extends IamUserTable {
  readonly primary_account_id: string | null;
  readonly login_name: string | null;
}

/** What a new user or group is made of. */
export interface NewNamed {
  /** Default: a new random id. Given by `dev` and by tests only. */
  readonly id?: string;
  readonly scopeId: string;
  readonly name?: string | undefined;
  readonly description?: string | undefined;
  readonly nowUs: Microseconds;
}

/** The users that are not people, with the texts that answers show. */
const specialUsers = [
  {
    id: anonymousUserId,
    name: 'anonymous',
    description: 'The anonymous user matches any request, whether authenticated or not',
  },
  {
    id: authenticatedUserId,
    name: 'authenticated',
    description: 'The authenticated user matches any user that has a valid token',
  },
  {
    id: recoveryUserId,
    name: 'recovery',
    description:
      'The recovery user is used for any request that was performed with the recovery KMS workflow',
  },
] as const;

/** Makes `u_anon`, `u_auth` and `u_recovery` in the global scope; those that are there stay. */
export async function createSpecialUsers(tx: Connection, nowUs: Microseconds): Promise<void> {
  const rows = specialUsers.map((user) => ({
    ...user,
    scope_id: globalScopeId,
    disabled_at: null,
    ...newVersion(nowUs),
  }));
  await tx
    .insertInto('iam_user')
    .values(rows)
    .onConflict((conflict) => conflict.column('id').doNothing())
    .execute();
}

/** @throws {StileError} invalidArgument when the scope has a user of that name; notFound without the scope */
export function createUser(tx: Connection, user: NewNamed): Promise<IamUserTable> {
  return tx
    .insertInto('iam_user')
    .values({
      id: user.id ?? newId('user'),
      scope_id: user.scopeId,
      name: user.name ?? null,
      description: user.description ?? null,
      disabled_at: null,
      ...newVersion(user.nowUs),
    })
    .returningAll()
    .executeTakeFirstOrThrow();
}

/** Users with their account at the primary auth method; of several, the oldest. */
function usersWithAccount(db: Connection) {
  return db
    .selectFrom('iam_user')
    .innerJoin('scope', 'scope.id', 'iam_user.scope_id')
    .leftJoin('account', (join) =>
      join.on('account.id', '=', (eb) =>
        eb
          .selectFrom('account as own')
          .select('own.id')
          .whereRef('own.user_id', '=', 'iam_user.id')
          .whereRef('own.auth_method_id', '=', 'scope.primary_auth_method_id')
          .orderBy('own.created_at')
          .orderBy('own.id')
          .limit(1),
      ),
    )
    .selectAll('iam_user')
    .select(['account.id as primary_account_id', 'account.login_name']);
}

/** The user, or undefined. */
export function lookupUser(db: Connection, id: string): Promise<UserRow | undefined> {
  return usersWithAccount(db).where('iam_user.id', '=', id).executeTakeFirst();
}

/** @throws {StileError} notFound */
export async function readUser(db: Connection, id: string): Promise<UserRow> {
  const row = await lookupUser(db, id);
  if (row === undefined) throw notFound();
  return row;
}

/** A page of the users of the given scopes. */
export function listUsers(
  db: Connection,
  scopeIds: readonly string[],
  page: PageRequest,
): Promise<UserRow[]> {
  const query = usersWithAccount(db).where('iam_user.scope_id', 'in', scopeIds);
  return pageOf(query, 'iam_user', page).execute();
}

/** Ids of the users whose account at the primary auth method of their scope has this login name. */
export async function listUserIdsByLoginName(db: Connection, loginName: string): Promise<string[]> {
  // From the accounts, by the index of their names; of several accounts of a user the oldest counts.
  const rows = await db
    .selectFrom('scope')
    .innerJoin('account', 'account.auth_method_id', 'scope.primary_auth_method_id')
    .innerJoin('iam_user', (join) =>
      join.onRef('iam_user.id', '=', 'account.user_id').onRef('iam_user.scope_id', '=', 'scope.id'),
    )
    .select('iam_user.id')
    .distinct()
    .where('account.login_name', '=', loginName)
    .execute();
  const ids = rows.map((row) => row.id);
  const shown = await listLoginNames(db, ids);
  return ids.filter((id) => shown.get(id) === loginName);
}

/** Login names of the users at the primary auth method of their scope, by user id; without one a user is absent. */
export async function listLoginNames(
  db: Connection,
  userIds: readonly string[],
): Promise<ReadonlyMap<string, string>> {
  const found = new Map<string, string>();
  for (const chunk of chunksOf(userIds)) {
    const rows = await usersWithAccount(db).where('iam_user.id', 'in', chunk).execute();
    for (const row of rows) if (row.login_name !== null) found.set(row.id, row.login_name);
  }
  return found;
}

/** People of the installation: which of them, and from where on. */
export interface PeopleRequest {
  readonly permissions: ListPermissions;
  readonly limit: number;
  /** Behind this row, by the order of the list. */
  readonly after?: PageRequest['after'] | undefined;
  /** So many rows are skipped first. */
  readonly offset?: number | undefined;
}

/** A page of the users that are people, newest first. */
export function listPeople(db: Connection, request: PeopleRequest): Promise<UserRow[]> {
  const special = specialUsers.map((user) => user.id);
  const query = usersWithAccount(db)
    .where(permittedRows(request.permissions, 'iam_user'))
    .where('iam_user.id', 'not in', special)
    .$if(request.offset !== undefined, (skipped) => skipped.offset(request.offset ?? 0));
  const { limit, after } = request;
  return pageOf(query, 'iam_user', {
    limit,
    phase: 'created',
    ...(after === undefined ? {} : { after }),
  }).execute();
}

/**
 * Disables a user, or enables it again: none of its tokens is good while it is disabled.
 * @throws {StileError} notFound
 */
export async function setUserDisabled(
  tx: Connection,
  id: string,
  disabledAtUs: Microseconds | null,
): Promise<void> {
  const result = await tx
    .updateTable('iam_user')
    .set({ disabled_at: disabledAtUs })
    .where('id', '=', id)
    .executeTakeFirst();
  if (result.numUpdatedRows === 0n) throw notFound();
}

/**
 * Deletes a user with its memberships and tokens; its accounts stay, unbound. False when there is none. What else ends with a
 * user is the use case's in `session/`.
 */
export async function deleteUser(tx: Connection, id: string): Promise<boolean> {
  const result = await tx.deleteFrom('iam_user').where('id', '=', id).executeTakeFirst();
  return result.numDeletedRows > 0n;
}

/** Those of the ids that are users, with the scope of each. */
export async function listKnownUserIds(
  db: Connection,
  ids: readonly string[],
): Promise<ReadonlyMap<string, string>> {
  const found = new Map<string, string>();
  for (const chunk of chunksOf(ids)) {
    const rows = await db
      .selectFrom('iam_user')
      .select(['id', 'scope_id'])
      .where('id', 'in', chunk)
      .execute();
    for (const row of rows) found.set(row.id, row.scope_id);
  }
  return found;
}
