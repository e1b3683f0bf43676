/** SQL of auth methods. */
import { newId } from '@stile/protocol';
import type { Connection, Database } from '../store/database.ts';
import { pageOf, type PageRequest } from '../store/page.ts';
import type { AuthMethodTable, Microseconds } from '../store/schema.ts';
import { notFound } from '../store/store-error.ts';
import { defaultMinimums } from './password/password-rules.ts';
import { defaultPolicy, policyColumns } from './second-factor/second-factor.ts';

/** An auth method, and whether it is the primary one of its scope. */
export interface AuthMethodRow extends AuthMethodTable {
  readonly is_primary: boolean;
}

/** What a new password auth method is made of. */
export interface NewAuthMethod {
  /** Default: a new random id. Given by `dev` and by tests only. */
  readonly id?: string;
  /** Global or an org. */
  readonly scopeId: string;
  readonly name?: string | undefined;
  readonly description?: string | undefined;
  /** Characters. Default 3. */
  readonly minLoginNameLength?: number;
  /** Characters. Default 8. */
  readonly minPasswordLength?: number;
  readonly nowUs: Microseconds;
}

function withPrimary(db: Connection) {
  return db
    .selectFrom('auth_method')
    .innerJoin('scope', 'scope.id', 'auth_method.scope_id')
    .selectAll('auth_method')
    .select('scope.primary_auth_method_id');
}

function rowOf({
  primary_auth_method_id: primaryId,
  ...row
}: AuthMethodTable & { primary_auth_method_id: string | null }): AuthMethodRow {
  return { ...row, is_primary: primaryId === row.id };
}

/** The auth method, or undefined. */
export async function lookupAuthMethod(db: Connection, id: string): Promise<AuthMethodRow | undefined> {
  const row = await withPrimary(db).where('auth_method.id', '=', id).executeTakeFirst();
  return row === undefined ? undefined : rowOf(row);
}

/** @throws {StileError} notFound */
export async function readAuthMethod(db: Connection, id: string): Promise<AuthMethodRow> {
  const row = await lookupAuthMethod(db, id);
  if (row === undefined) throw notFound();
  return row;
}

/** A page of the auth methods of the given scopes. */
export async function listAuthMethods(
  db: Connection,
  scopeIds: readonly string[],
  page: PageRequest,
): Promise<AuthMethodRow[]> {
  const query = withPrimary(db).where('auth_method.scope_id', 'in', scopeIds);
  return (await pageOf(query, 'auth_method', page).execute()).map(rowOf);
}

/** Adds an auth method. @throws {StileError} invalidArgument when the scope has one of that name; notFound without the scope */
export async function insertAuthMethod(tx: Connection, row: AuthMethodTable): Promise<void> {
  await tx.insertInto('auth_method').values(row).execute();
}

/** @throws {StileError} invalidArgument when the scope has one of that name; notFound without the scope */
export function createPasswordAuthMethod(tx: Connection, method: NewAuthMethod): Promise<AuthMethodTable> {
  return tx
    .insertInto('auth_method')
    .values({
      id: method.id ?? newId('authMethodPassword'),
      scope_id: method.scopeId,
      type: 'password',
      name: method.name ?? null,
      description: method.description ?? null,
      min_login_name_length: method.minLoginNameLength ?? defaultMinimums.loginName,
      min_password_length: method.minPasswordLength ?? defaultMinimums.password,
      ...policyColumns({}, defaultPolicy),
      version: 1,
      created_at: method.nowUs,
      updated_at: method.nowUs,
    })
    .returningAll()
    .executeTakeFirstOrThrow();
}

/**
 * Holds an auth method, so that neither an account nor a token of it can be added until the unit of work ends; false when there is
 * none. SQLite has one writer: nothing is under way.
 */
export async function lockAuthMethod(
  tx: Connection,
  engine: Database['engine'],
  id: string,
): Promise<boolean> {
  const query = tx.selectFrom('auth_method').select('id').where('id', '=', id);
  const row = await (engine === 'postgres' ? query.forUpdate() : query).executeTakeFirst();
  return row !== undefined;
}

/**
 * Deletes an auth method; its accounts and tokens go with it. A scope whose primary method it was has none then, and a new version.
 * The use case in `session/` ends the tokens before.
 */
export async function deleteAuthMethodRow(tx: Connection, id: string, nowUs: Microseconds): Promise<void> {
  await tx
    .updateTable('scope')
    .set((change) => ({
      primary_auth_method_id: null,
      version: change('version', '+', 1),
      updated_at: nowUs,
    }))
    .where('primary_auth_method_id', '=', id)
    .execute();
  await tx.deleteFrom('auth_method').where('id', '=', id).execute();
}
