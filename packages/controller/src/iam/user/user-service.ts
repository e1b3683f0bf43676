/**
 * Use cases of users: people, and the three that stand for more than one (http-api.md §2.6). What ends sessions with a user stands
 * in `session/`.
 */
import { anonymousUserId, authenticatedUserId, recoveryUserId, StileError } from '@stile/protocol';
import type { Clock } from '@stile/runtime';
import type { Database } from '../../store/database.ts';
import type { PageRequest } from '../../store/page.ts';
import { updateVersioned } from '../../store/versioned-update.ts';
import { wrongVersion } from '../../store/store-error.ts';
import type { NamedChanges } from '../group/group-service.ts';
import { createUser, listUsers, lookupUser, readUser, type UserRow } from '../user-repository.ts';
import { listAccountsOf, type BoundAccount } from './user-account-repository.ts';

/** A user with its accounts. */
export interface UserDetail {
  readonly user: UserRow;
  /** Sorted by id. */
  readonly accounts: readonly BoundAccount[];
}

/** Fields of a new user. */
export interface NewUser extends NamedChanges {
  readonly scopeId: string;
}

const builtIn: ReadonlySet<string> = new Set([anonymousUserId, authenticatedUserId, recoveryUserId]);

/**
 * The users that are not people stay as they are.
 * @throws {StileError} failedPrecondition
 */
export function requirePerson(userId: string): void {
  if (builtIn.has(userId)) {
    throw new StileError('failedPrecondition', `User "${userId}" is built in and cannot be changed.`);
  }
}

/** Create, read, list and update of users. */
export class UserService {
  readonly #database: Database;
  readonly #clock: Clock;

  constructor(options: { readonly database: Database; readonly clock: Clock }) {
    this.#database = options.database;
    this.#clock = options.clock;
  }

  /** A new user without accounts. @throws {StileError} invalidArgument (name taken), notFound (no such scope) */
  async create(fields: NewUser): Promise<UserDetail> {
    const { scopeId } = fields;
    const user = await this.#database.write((tx) =>
      createUser(tx, {
        scopeId,
        name: fields.name ?? undefined,
        description: fields.description ?? undefined,
        nowUs: this.#clock.nowUs(),
      }),
    );
    return { user: { ...user, primary_account_id: null, login_name: null }, accounts: [] };
  }

  /** The user with its accounts, or undefined. */
  async lookup(id: string): Promise<UserDetail | undefined> {
    const db = this.#database.reader;
    const [user, accounts] = await Promise.all([lookupUser(db, id), listAccountsOf(db, id)]);
    return user === undefined ? undefined : { user, accounts };
  }

  /** One page of the users of the given scopes. */
  list(scopeIds: readonly string[], page: PageRequest): Promise<UserRow[]> {
    return listUsers(this.#database.reader, scopeIds, page);
  }

  /** @throws {StileError} notFound (no such user with that version), invalidArgument (name taken), failedPrecondition (built in) */
  async update(id: string, version: number, changes: NamedChanges): Promise<UserDetail> {
    requirePerson(id);
    const nowUs = this.#clock.nowUs();
    const row = await this.#database.write((tx) =>
      updateVersioned(tx, 'iam_user', { id, version, changes, nowUs }),
    );
    if (row === undefined) throw wrongVersion('User', id);
    const db = this.#database.reader;
    return { user: await readUser(db, id), accounts: await listAccountsOf(db, id) };
  }
}
