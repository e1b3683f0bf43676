/** SQL of auth methods. */
import { newId } from '@stile/protocol';
import type { Connection } from '../store/database.ts';
import { pageOf, type PageRequest } from '../store/page.ts';
import type { AuthMethodTable, Microseconds } from '../store/schema.ts';
import { notFound } from '../store/store-error.ts';

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

/** http-api.md §2.2. */
const defaultMinLoginNameLength = 3;
const defaultMinPasswordLength = 8;

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
      min_login_name_length: method.minLoginNameLength ?? defaultMinLoginNameLength,
      min_password_length: method.minPasswordLength ?? defaultMinPasswordLength,
      version: 1,
      created_at: method.nowUs,
      updated_at: method.nowUs,
    })
    .returningAll()
    .executeTakeFirstOrThrow();
}
