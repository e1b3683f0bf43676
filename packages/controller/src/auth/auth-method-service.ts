/**
 * Use cases of auth methods and accounts: create and change. Deleting one ends tokens and sessions, so those use cases stand in
 * session/session-ending.ts; passwords are the password type's own (password/password-service.ts).
 */
import { newId } from '@stile/protocol';
import type { Clock } from '@stile/runtime';
import type { Database } from '../store/database.ts';
import { notFound, wrongVersion } from '../store/store-error.ts';
import { updateVersioned } from '../store/versioned-update.ts';
import { insertAccount, lookupAccount, updateAccountRow, type AccountRow } from './account-repository.ts';
import {
  insertAuthMethod,
  lookupAuthMethod,
  readAuthMethod,
  type AuthMethodRow,
} from './auth-method-repository.ts';
import type { AuthMethodType } from './auth-method-type.ts';
import type { PasswordAccountAttributes, PasswordMethodAttributes } from './password/password-auth-method.ts';

/** Name and description, which every resource has; null clears, absent leaves as is. */
interface Names {
  readonly name?: string | null;
  readonly description?: string | null;
}

/** A new auth method. */
export interface NewMethodRequest extends Names {
  /** Global or an org. */
  readonly scopeId: string;
  readonly attributes: PasswordMethodAttributes;
}

/** Changes of an auth method. */
export interface MethodChanges extends Names {
  readonly attributes?: PasswordMethodAttributes;
}

/** A new account. */
export interface NewAccountRequest extends Names {
  readonly authMethodId: string;
  readonly attributes: PasswordAccountAttributes;
}

/** Changes of an account. */
export interface AccountChanges extends Names {
  readonly attributes?: Pick<PasswordAccountAttributes, 'loginName'>;
}

function namesOf({ name, description }: Names): { name?: string | null; description?: string | null } {
  return {
    ...(name === undefined ? {} : { name }),
    ...(description === undefined ? {} : { description }),
  };
}

/** Creates and changes. */
export class AuthMethodService {
  readonly #database: Database;
  readonly #clock: Clock;
  readonly #type: AuthMethodType<PasswordMethodAttributes, PasswordAccountAttributes>;

  constructor(options: {
    readonly database: Database;
    readonly clock: Clock;
    /** The type of every method; with a second one this becomes a table by `type`. */
    readonly type: AuthMethodType<PasswordMethodAttributes, PasswordAccountAttributes>;
  }) {
    this.#database = options.database;
    this.#clock = options.clock;
    this.#type = options.type;
  }

  /** A new auth method, not the primary one. @throws {StileError} invalidArgument (name taken), notFound (no such scope) */
  async createMethod(request: NewMethodRequest): Promise<AuthMethodRow> {
    const row = {
      id: newId(this.#type.methodId),
      scope_id: request.scopeId,
      type: this.#type.type,
      name: request.name ?? null,
      description: request.description ?? null,
      ...this.#type.newMethod(request.attributes),
      ...this.#stamps(),
    };
    await this.#database.write((tx) => insertAuthMethod(tx, row));
    return { ...row, is_primary: false };
  }

  /** @throws {StileError} notFound (no such method with that version), invalidArgument (name taken) */
  async updateMethod(id: string, version: number, changes: MethodChanges): Promise<AuthMethodRow> {
    const columns = { ...namesOf(changes), ...this.#type.changedMethod(changes.attributes ?? {}) };
    const nowUs = this.#clock.nowUs();
    return this.#database.write(async (tx) => {
      const row = await updateVersioned(tx, 'auth_method', { id, version, changes: columns, nowUs });
      if (row === undefined) throw wrongVersion('Auth Method', id);
      return readAuthMethod(tx, id);
    });
  }

  /** A new account without a user. @throws {StileError} invalidArgument (login name, password, taken), notFound (no such method) */
  async createAccount(request: NewAccountRequest): Promise<AccountRow> {
    const method = await readAuthMethod(this.#database.reader, request.authMethodId);
    const row = {
      id: newId(this.#type.accountId),
      auth_method_id: method.id,
      scope_id: method.scope_id,
      user_id: null,
      type: this.#type.type,
      name: request.name ?? null,
      description: request.description ?? null,
      ...(await this.#type.newAccount(method, request.attributes)),
      ...this.#stamps(),
    };
    await this.#database.write((tx) => insertAccount(tx, row));
    const { password_hash: _hash, ...account } = row;
    return account;
  }

  /** @throws {StileError} notFound (no such account with that version), invalidArgument (login name, taken) */
  async updateAccount(id: string, version: number, changes: AccountChanges): Promise<AccountRow> {
    const { reader } = this.#database;
    const account = await lookupAccount(reader, id);
    const method = account === undefined ? undefined : await lookupAuthMethod(reader, account.auth_method_id);
    if (method === undefined) throw notFound();
    const columns = { ...namesOf(changes), ...this.#type.changedAccount(method, changes.attributes ?? {}) };
    const nowUs = this.#clock.nowUs();
    const row = await this.#database.write((tx) =>
      updateAccountRow(tx, { id, version, changes: columns, nowUs }),
    );
    return row ?? Promise.reject(wrongVersion('Account', id));
  }

  #stamps(): { version: number; created_at: number; updated_at: number } {
    const nowUs = this.#clock.nowUs();
    return { version: 1, created_at: nowUs, updated_at: nowUs };
  }
}
