/**
 * What a type of auth method is: the seam between what all methods and accounts share (auth-method-service.ts) and what one type
 * adds. A new type is a folder beside `password/` with one of these, and a line where the service is made.
 */
import type { IdKind } from '@stile/protocol';
import type { AccountTable, AuthMethodTable } from '../store/schema.ts';
import type { AuthMethodRow } from './auth-method-repository.ts';

/** Columns that every type fills alike. */
type SharedColumn =
  | 'id'
  | 'auth_method_id'
  | 'scope_id'
  | 'user_id'
  | 'type'
  | 'name'
  | 'description'
  | 'version'
  | 'created_at'
  | 'updated_at';

/** Columns of an auth method that its type fills. */
export type MethodColumns = Omit<AuthMethodTable, SharedColumn>;
/** Columns of an account that the type of its method fills. */
export type AccountColumns = Omit<AccountTable, SharedColumn>;

/** One type; the parameters are its `attributes` of methods and of accounts. Absent = default or unchanged, null = default. */
export interface AuthMethodType<MethodAttributes, AccountAttributes> {
  /** Value of `type`, as in `"type": "password"`. */
  readonly type: AuthMethodTable['type'];
  readonly methodId: IdKind;
  readonly accountId: IdKind;
  /** Columns of a new method. @throws {StileError} invalidArgument */
  newMethod(attributes: MethodAttributes): MethodColumns;
  /** Columns that a PATCH of a method changes. @throws {StileError} invalidArgument */
  changedMethod(attributes: MethodAttributes): Partial<MethodColumns>;
  /** Columns of a new account; may take its time, so it runs before the transaction. @throws {StileError} invalidArgument, tooManyRequests */
  newAccount(method: AuthMethodRow, attributes: AccountAttributes): Promise<AccountColumns>;
  /** Columns that a PATCH of an account changes. @throws {StileError} invalidArgument */
  changedAccount(method: AuthMethodRow, attributes: AccountAttributes): Partial<AccountColumns>;
}
