/** What a user is, for itself: groups, roles and free notes (tokens.md §4.1 `users:me`, `:set-attribute`). */
import { StileError } from '@stile/protocol';
import type { Database } from '../../store/database.ts';
import {
  deleteUserAttribute,
  listGroupsOf,
  listRolesOf,
  listUserAttributes,
  setUserAttribute,
  type NamedMembership,
} from './user-identity-repository.ts';

/** Attributes by name, as JSON values. */
export type UserAttributes = Readonly<Record<string, unknown>>;

/** Groups, roles and attributes of a user. */
export interface UserIdentityView {
  readonly groups: readonly NamedMembership[];
  readonly roles: readonly NamedMembership[];
  readonly attributes: UserAttributes;
}

/** Most attributes of a user. */
const mostAttributes = 64;

/** Reads identities and keeps attributes. */
export class UserIdentity {
  readonly #database: Database;

  constructor(options: { readonly database: Database }) {
    this.#database = options.database;
  }

  /** All that is told. */
  async read(userId: string): Promise<UserIdentityView> {
    const { reader } = this.#database;
    const [groups, roles, attributes] = await Promise.all([
      listGroupsOf(reader, userId),
      listRolesOf(reader, userId),
      this.attributes(userId),
    ]);
    return { groups, roles, attributes };
  }

  /** The attributes alone. */
  async attributes(userId: string): Promise<UserAttributes> {
    const texts = await listUserAttributes(this.#database.reader, userId);
    // Written by this code alone; made by entries, since a name may be that of an inherited property.
    return Object.fromEntries([...texts].map(([name, text]) => [name, JSON.parse(text) as unknown]));
  }

  /**
   * Sets an attribute, or takes it away with `undefined`; gives what is left.
   * @throws {StileError} failedPrecondition (there are 64), notFound (the user is gone)
   */
  async setAttribute(userId: string, name: string, value: string | undefined): Promise<UserAttributes> {
    const { engine } = this.#database;
    await this.#database.write(async (tx) => {
      if (value === undefined) return deleteUserAttribute(tx, userId, name);
      if (await setUserAttribute(tx, engine, { userId, name, value }, mostAttributes)) return undefined;
      throw new StileError(
        'failedPrecondition',
        `A user has at most ${mostAttributes} attributes: delete one first.`,
      );
    });
    return this.attributes(userId);
  }
}
