/** SQL of scopes. */
import { globalScopeId } from '@stile/protocol';
import { chunksOf } from '../store/chunks.ts';
import type { Connection } from '../store/database.ts';
import { pageOf, type PageRequest } from '../store/page.ts';
import type { Microseconds, ScopeTable } from '../store/schema.ts';
import { notFound } from '../store/store-error.ts';
import { globalScopeTexts, newScopeId, type ScopeInfo, type ScopeType } from './scope.ts';

/** A row of the table. */
export type ScopeRow = ScopeTable;

/** What a new scope is made of. */
export interface NewScope {
  /** Default: a new random id. Given by `dev` and by tests only. */
  readonly id?: string;
  readonly parentId: string;
  readonly type: Exclude<ScopeType, 'global'>;
  readonly name?: string | undefined;
  readonly description?: string | undefined;
  readonly sessionsOnRoleRevocation?: ScopeTable['sessions_on_role_revocation'] | undefined;
  readonly nowUs: Microseconds;
}

const infoColumns = ['id', 'parent_id as parentId', 'type', 'name', 'description'] as const;

/** Columns of a new row that has a version. */
export function newVersion(nowUs: Microseconds): {
  version: number;
  created_at: Microseconds;
  updated_at: Microseconds;
} {
  return { version: 1, created_at: nowUs, updated_at: nowUs };
}

/** The scope, or undefined. */
export function lookupScope(db: Connection, id: string): Promise<ScopeRow | undefined> {
  return db.selectFrom('scope').selectAll().where('id', '=', id).executeTakeFirst();
}

/** @throws {StileError} notFound */
export async function readScope(db: Connection, id: string): Promise<ScopeRow> {
  const row = await lookupScope(db, id);
  if (row === undefined) throw notFound();
  return row;
}

/** What every answer shows of a scope, or undefined. */
export function lookupScopeInfo(db: Connection, id: string): Promise<ScopeInfo | undefined> {
  return db.selectFrom('scope').select(infoColumns).where('id', '=', id).executeTakeFirst();
}

/** Those of the ids that are scopes, by id. */
export async function lookupScopeInfos(
  db: Connection,
  ids: readonly string[],
): Promise<ReadonlyMap<string, ScopeInfo>> {
  const found = new Map<string, ScopeInfo>();
  for (const chunk of chunksOf(ids)) {
    const rows = await db.selectFrom('scope').select(infoColumns).where('id', 'in', chunk).execute();
    for (const row of rows) found.set(row.id, row);
  }
  return found;
}

/** Every scope, global first, then by id. For recursive lists and for `{id, parentId}` of the ACL. */
export async function scopeTree(db: Connection): Promise<ScopeInfo[]> {
  const rows = await db.selectFrom('scope').select(infoColumns).orderBy('id').execute();
  return rows.toSorted((a, b) => Number(b.id === globalScopeId) - Number(a.id === globalScopeId));
}

/** A page of the scopes directly in one of the given parents. */
export function listScopes(
  db: Connection,
  parentIds: readonly string[],
  page: PageRequest,
): Promise<ScopeRow[]> {
  return pageOf(
    db.selectFrom('scope').selectAll().where('parent_id', 'in', parentIds),
    'scope',
    page,
  ).execute();
}

/** Makes the global scope. False when it is there already. */
export async function createGlobalScope(tx: Connection, nowUs: Microseconds): Promise<boolean> {
  const result = await tx
    .insertInto('scope')
    .values({
      ...globalScopeTexts,
      parent_id: null,
      type: 'global',
      primary_auth_method_id: null,
      sessions_on_role_revocation: null,
      ...newVersion(nowUs),
    })
    .onConflict((conflict) => conflict.column('id').doNothing())
    .executeTakeFirst();
  return (result.numInsertedOrUpdatedRows ?? 0n) > 0n;
}

/** @throws {StileError} invalidArgument when the parent has a scope of that name; notFound without the parent */
export function createScope(tx: Connection, scope: NewScope): Promise<ScopeRow> {
  return tx
    .insertInto('scope')
    .values({
      id: scope.id ?? newScopeId(scope.type),
      parent_id: scope.parentId,
      type: scope.type,
      primary_auth_method_id: null,
      sessions_on_role_revocation: scope.sessionsOnRoleRevocation ?? null,
      name: scope.name ?? null,
      description: scope.description ?? null,
      ...newVersion(scope.nowUs),
    })
    .returningAll()
    .executeTakeFirstOrThrow();
}

/**
 * Makes an auth method of the scope its primary one: accounts of it get a user at their first login. The scope has a new
 * version then, as recorded (scopes-read-global in the fixtures).
 * @throws {StileError} notFound
 */
export async function setPrimaryAuthMethod(
  tx: Connection,
  scopeId: string,
  authMethodId: string | null,
): Promise<void> {
  const result = await tx
    .updateTable('scope')
    .set((change) => ({ primary_auth_method_id: authMethodId, version: change('version', '+', 1) }))
    .where('id', '=', scopeId)
    .executeTakeFirst();
  if (result.numUpdatedRows === 0n) throw notFound();
}

/** Whether the auth method lives in the scope. */
export async function isAuthMethodOf(
  db: Connection,
  scopeId: string,
  authMethodId: string,
): Promise<boolean> {
  const row = await db
    .selectFrom('auth_method')
    .select('id')
    .where('id', '=', authMethodId)
    .where('scope_id', '=', scopeId)
    .executeTakeFirst();
  return row !== undefined;
}

/** Ids of the scopes in which running sessions end with the role that allowed them: by their own word, or inherited. */
export async function listCancelingScopeIds(db: Connection): Promise<string[]> {
  const rows = await db
    .selectFrom('scope')
    .leftJoin('scope as parent', 'parent.id', 'scope.parent_id')
    .leftJoin('scope as top', 'top.id', 'parent.parent_id')
    .select('scope.id')
    .where(
      (eb) =>
        eb.fn.coalesce(
          'scope.sessions_on_role_revocation',
          'parent.sessions_on_role_revocation',
          'top.sessions_on_role_revocation',
        ),
      '=',
      'cancel',
    )
    .orderBy('scope.id')
    .execute();
  return rows.map((row) => row.id);
}
