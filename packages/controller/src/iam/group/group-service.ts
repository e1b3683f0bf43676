/** Use cases of groups: sets of users that hold roles together (http-api.md §2.7). */
import { quoted, recoveryUserId } from '@stile/protocol';
import type { Clock } from '@stile/runtime';
import type { Connection, Database } from '../../store/database.ts';
import { record } from '../../store/deleted-resource-repository.ts';
import type { PageRequest } from '../../store/page.ts';
import type { ListPermissions } from '../../store/list/permitted-rows.ts';
import type { IamGroupTable } from '../../store/schema.ts';
import { bumpVersion, holdRow, holdVersion, updateVersioned } from '../../store/versioned-update.ts';
import { notFound, wrongVersion } from '../../store/store-error.ts';
import { holdersAmong, type LostRights } from '../lost-rights.ts';
import { idsRefused, membershipChange, type MembershipAction, type MembershipWords } from '../membership.ts';
import { listKnownUserIds } from '../user-repository.ts';
import * as repository from './group-repository.ts';
import type { GroupMember } from './group-repository.ts';

/** A group with its members. */
export interface GroupDetail {
  readonly group: IamGroupTable;
  /** Sorted by id. */
  readonly members: readonly GroupMember[];
}

/** Name and description; null clears, absent leaves as is. */
export interface NamedChanges {
  readonly name?: string | null;
  readonly description?: string | null;
}

/** Fields of a new group. */
export interface NewGroup extends NamedChanges {
  readonly scopeId: string;
}

/** Words of an add, set or remove call on members. */
const words: MembershipWords = {
  field: 'member_ids',
  isThere: (id) => `User ${quoted(id)} is already a member of this group.`,
  isNotThere: (id) => `User ${quoted(id)} is not a member of this group.`,
};

/** Create, read, list, update and delete of groups. */
export class GroupService {
  readonly #database: Database;
  readonly #clock: Clock;
  readonly #lostRights: LostRights;

  constructor(options: {
    readonly database: Database;
    readonly clock: Clock;
    readonly lostRights: LostRights;
  }) {
    this.#database = options.database;
    this.#clock = options.clock;
    this.#lostRights = options.lostRights;
  }

  /** A new group. @throws {StileError} invalidArgument (name taken), notFound (no such scope) */
  async create(fields: NewGroup): Promise<GroupDetail> {
    const group = await this.#database.write((tx) =>
      repository.createGroup(tx, {
        scopeId: fields.scopeId,
        name: fields.name ?? undefined,
        description: fields.description ?? undefined,
        nowUs: this.#clock.nowUs(),
      }),
    );
    return { group, members: [] };
  }

  /** The group with its members, or undefined. */
  async lookup(id: string): Promise<GroupDetail | undefined> {
    const db = this.#database.reader;
    const [group, members] = await Promise.all([
      repository.lookupGroup(db, id),
      repository.listMembers(db, id),
    ]);
    return group === undefined ? undefined : { group, members };
  }

  /** One page of the groups that the caller may see. */
  list(permissions: ListPermissions, page: PageRequest): Promise<IamGroupTable[]> {
    return repository.listGroups(this.#database.reader, permissions, page);
  }

  /** @throws {StileError} notFound (no such group with that version), invalidArgument (name taken) */
  async update(id: string, version: number, changes: NamedChanges): Promise<GroupDetail> {
    const nowUs = this.#clock.nowUs();
    const group = await this.#database.write((tx) =>
      updateVersioned(tx, 'iam_group', { id, version, changes, nowUs }),
    );
    if (group === undefined) throw wrongVersion('Group', id);
    return { group, members: await repository.listMembers(this.#database.reader, id) };
  }

  /**
   * Adds users to a group, takes them out, or replaces all.
   * @throws {StileError} notFound (no such group with that version), invalidArgument naming `member_ids`
   */
  async changeMembers(
    action: MembershipAction,
    id: string,
    change: { readonly version: number; readonly memberIds: readonly string[]; readonly by: string },
  ): Promise<GroupDetail> {
    const { version, memberIds, by } = change;
    return this.#database.write(async (tx) => {
      const nowUs = this.#clock.nowUs();
      const group = await holdVersion(tx, this.#database.engine, 'iam_group', { id, version });
      if (group === undefined) throw wrongVersion('Group', id);
      const present = (await repository.listMembers(tx, id)).map((member) => member.id);
      const { added, removed } = membershipChange(action, present, memberIds, words);
      await requireUsers(tx, added);
      if (added.length + removed.length > 0) {
        if (!(await bumpVersion(tx, 'iam_group', { id, version, nowUs }))) throw wrongVersion('Group', id);
        await repository.removeGroupMembers(tx, id, removed);
        await repository.addGroupMembers(tx, id, added);
        await this.#lostRights.endSessions(tx, { holders: holdersAmong(removed), by });
        await this.#database.events.publish(tx, { type: 'rights-changed', subjectId: id });
      }
      const after = await repository.lookupGroup(tx, id);
      return { group: after ?? group, members: await repository.listMembers(tx, id) };
    });
  }

  /** Deletes a group; its members lose what it gave them. @throws {StileError} notFound */
  async delete(id: string, by: string): Promise<void> {
    await this.#database.write(async (tx) => {
      // Held first: who becomes a member meanwhile loses the same.
      if (!(await holdRow(tx, this.#database.engine, 'iam_group', id))) throw notFound();
      const members = await repository.listMembers(tx, id);
      if (!(await repository.deleteGroupRow(tx, id))) throw notFound();
      await record(tx, 'group', [id], this.#clock.nowUs());
      const holders = holdersAmong(members.map((member) => member.id));
      await this.#lostRights.endSessions(tx, { holders, by });
      await this.#database.events.publish(tx, { type: 'rights-changed', subjectId: id });
    });
  }
}

/** @throws {StileError} invalidArgument naming the first that cannot be a member */
async function requireUsers(tx: Connection, ids: readonly string[]): Promise<void> {
  if (ids.includes(recoveryUserId)) {
    throw idsRefused(words.field, 'u_recovery cannot be assigned to a group.');
  }
  const known = await listKnownUserIds(tx, ids);
  const unknown = ids.find((id) => !known.has(id));
  if (unknown !== undefined) throw idsRefused(words.field, `User ${quoted(unknown)} does not exist.`);
}
