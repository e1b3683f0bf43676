/** SQL of scopes. */
import { globalScopeId } from '@stile/protocol';
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
