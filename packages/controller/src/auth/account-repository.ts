/** SQL of accounts. */
import { newId } from '@stile/protocol';
import type { Connection, Database } from '../store/database.ts';
import { pageOf, type PageRequest } from '../store/page.ts';
import type { AccountTable, Microseconds, TwoFactorPolicy } from '../store/schema.ts';
import { updateVersioned, type VersionedUpdate } from '../store/versioned-update.ts';

/** An account without its password hash. */
export type AccountRow = Omit<AccountTable, 'password_hash'>;

/** What a new account is made of; the rules of password/password-rules.ts were checked. */
export interface NewAccount {
  /** Default: a new random id. Given by `dev` and by tests only. */
  readonly id?: string;
  readonly authMethodId: string;
  /** Scope of the auth method. */
  readonly scopeId: string;
  readonly loginName: string;
  /** PHC string of `PasswordService.hash`; absent = nobody can log in. */
  readonly passwordHash?: string | undefined;
  readonly name?: string | undefined;
  readonly description?: string | undefined;
  readonly userId?: string | undefined;
  readonly nowUs: Microseconds;
}

/** What a login needs to know. */
export interface LoginAccount {
  readonly id: string;
  readonly scopeId: string;
  readonly passwordHash: string | null;
  readonly version: number;
  readonly userId: string | null;
  /** Scope of the user; null when the account has none. */
  readonly userScopeId: string | null;
  readonly userDisabledAt: Microseconds | null;
  /** Auth method that is primary for the account's scope. */
  readonly primaryAuthMethodId: string | null;
  /** Whether logins at this auth method ask for a second factor, and how far around now a code is looked for. */
  readonly twoFactor: TwoFactorPolicy;
  readonly otpWindow: number;
  /** Digits of the codes of the user; null when it has not enrolled. */
  readonly enrolledDigits: number | null;
}

const columns = [
  'id',
  'auth_method_id',
  'scope_id',
  'user_id',
  'type',
  'name',
  'description',
  'login_name',
  'version',
  'created_at',
  'updated_at',
] as const;

/** @throws {StileError} invalidArgument when the auth method has that login name or name; notFound without it */
export function createAccount(tx: Connection, account: NewAccount): Promise<AccountRow> {
  return tx
    .insertInto('account')
    .values({
      id: account.id ?? newId('accountPassword'),
      auth_method_id: account.authMethodId,
      scope_id: account.scopeId,
      user_id: account.userId ?? null,
      type: 'password',
      name: account.name ?? null,
      description: account.description ?? null,
      login_name: account.loginName,
      password_hash: account.passwordHash ?? null,
      version: 1,
      created_at: account.nowUs,
      updated_at: account.nowUs,
    })
    .returning(columns)
    .executeTakeFirstOrThrow();
}

/** Adds an account. @throws {StileError} invalidArgument when the auth method has that login name or name; notFound without it */
export async function insertAccount(tx: Connection, row: AccountTable): Promise<void> {
  await tx.insertInto('account').values(row).execute();
}

/** The account, or undefined. */
export function lookupAccount(db: Connection, id: string): Promise<AccountRow | undefined> {
  return db.selectFrom('account').select(columns).where('id', '=', id).executeTakeFirst();
}

/** A page of the accounts of an auth method. */
export function listAccounts(db: Connection, authMethodId: string, page: PageRequest): Promise<AccountRow[]> {
  const query = db.selectFrom('account').select(columns).where('auth_method_id', '=', authMethodId);
  return pageOf(query, 'account', page).execute();
}

/** What a login needs, found by exactly this login name; undefined when there is no such account. */
export function lookupLoginAccount(
  db: Connection,
  authMethodId: string,
  loginName: string,
): Promise<LoginAccount | undefined> {
  return db
    .selectFrom('account')
    .innerJoin('scope', 'scope.id', 'account.scope_id')
    .innerJoin('auth_method', 'auth_method.id', 'account.auth_method_id')
    .leftJoin('iam_user', 'iam_user.id', 'account.user_id')
    .leftJoin('user_second_factor', 'user_second_factor.id', 'account.user_id')
    .select([
      'account.id',
      'account.scope_id as scopeId',
      'account.password_hash as passwordHash',
      'account.version',
      'account.user_id as userId',
      'iam_user.scope_id as userScopeId',
      'iam_user.disabled_at as userDisabledAt',
      'scope.primary_auth_method_id as primaryAuthMethodId',
      'auth_method.two_factor as twoFactor',
      'auth_method.otp_window as otpWindow',
      'user_second_factor.otp_digits as enrolledDigits',
    ])
    .where('account.auth_method_id', '=', authMethodId)
    .where('account.login_name', '=', loginName)
    .executeTakeFirst();
}

/** Binds an account that has no user to one; false when it has one, or is gone. */
export async function bindAccount(
  tx: Connection,
  binding: { readonly accountId: string; readonly userId: string },
): Promise<boolean> {
  const result = await tx
    .updateTable('account')
    .set({ user_id: binding.userId })
    .where('id', '=', binding.accountId)
    .where('user_id', 'is', null)
    .executeTakeFirst();
  return result.numUpdatedRows > 0n;
}

/** Changes an account; undefined when none has that version. @throws {StileError} invalidArgument (name or login name taken) */
export async function updateAccountRow(
  tx: Connection,
  update: VersionedUpdate<'account'>,
): Promise<AccountRow | undefined> {
  const updated = await updateVersioned(tx, 'account', update);
  if (updated === undefined) return undefined;
  const { password_hash: _hash, ...row } = updated;
  return row;
}

/** What a change or a check of a password needs to know. */
export interface PasswordAccount {
  readonly authMethodId: string;
  readonly loginName: string;
  readonly version: number;
  readonly passwordHash: string | null;
  /** Characters, of the auth method. */
  readonly minPasswordLength: number;
}

/** The password of an account and the rule for the next one; undefined when there is no such account. */
export function lookupPasswordAccount(db: Connection, id: string): Promise<PasswordAccount | undefined> {
  return db
    .selectFrom('account')
    .innerJoin('auth_method', 'auth_method.id', 'account.auth_method_id')
    .select([
      'account.auth_method_id as authMethodId',
      'account.login_name as loginName',
      'account.version',
      'account.password_hash as passwordHash',
      'auth_method.min_password_length as minPasswordLength',
    ])
    .where('account.id', '=', id)
    .executeTakeFirst();
}

/**
 * Holds an account, or all of an auth method, so that no token of them can be added until the unit of work ends; false when there is
 * none. SQLite has one writer: nothing is under way.
 */
export async function lockAccounts(
  tx: Connection,
  engine: Database['engine'],
  which: { readonly id: string } | { readonly authMethodId: string },
): Promise<boolean> {
  const all = tx.selectFrom('account').select('id').orderBy('id');
  const query =
    'id' in which ? all.where('id', '=', which.id) : all.where('auth_method_id', '=', which.authMethodId);
  const rows = await (engine === 'postgres' ? query.forUpdate() : query).execute();
  return rows.length > 0;
}

/** Deletes an account, or all of an auth method; gives their ids. The use case in `session/` ends their tokens before. */
export async function deleteAccountRows(
  tx: Connection,
  which: { readonly id: string } | { readonly authMethodId: string },
): Promise<string[]> {
  const query = tx.deleteFrom('account').returning('id');
  const rows = await (
    'id' in which ? query.where('id', '=', which.id) : query.where('auth_method_id', '=', which.authMethodId)
  ).execute();
  return rows.map((row) => row.id);
}
