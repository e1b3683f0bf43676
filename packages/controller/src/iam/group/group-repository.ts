/** SQL of groups and their members. */
import { newId } from '@stile/protocol';
import { chunksOf } from '../../store/chunks.ts';
import type { Connection } from '../../store/database.ts';
import { pageOf, type PageRequest } from '../../store/page.ts';
import { permittedRows, type ListPermissions } from '../../store/list/permitted-rows.ts';
import type { IamGroupTable } from '../../store/schema.ts';
import { newVersion } from '../scope-repository.ts';
import type { NewNamed } from '../user-repository.ts';

/** A user in a group. */
export interface GroupMember {
  readonly id: string;
  /** Scope of the user. */
  readonly scopeId: string;
}

/** @throws {StileError} invalidArgument when the scope has a group of that name; notFound without the scope */
export function createGroup(tx: Connection, group: NewNamed): Promise<IamGroupTable> {
  return tx
    .insertInto('iam_group')
    .values({
      id: group.id ?? newId('group'),
      scope_id: group.scopeId,
      name: group.name ?? null,
      description: group.description ?? null,
      ...newVersion(group.nowUs),
    })
    .returningAll()
    .executeTakeFirstOrThrow();
}

/** The group, or undefined. */
export function lookupGroup(db: Connection, id: string): Promise<IamGroupTable | undefined> {
  return db.selectFrom('iam_group').selectAll().where('id', '=', id).executeTakeFirst();
}

/** One page of the groups that `permissions` allow. */
export function listGroups(
  db: Connection,
  permissions: ListPermissions,
  page: PageRequest,
): Promise<IamGroupTable[]> {
  const query = db.selectFrom('iam_group').selectAll().where(permittedRows(permissions));
  return pageOf(query, 'iam_group', page).execute();
}

/** Members of a group, sorted by id. */
export async function listMembers(db: Connection, groupId: string): Promise<GroupMember[]> {
  const rows = await db
    .selectFrom('iam_group_member')
    .innerJoin('iam_user', 'iam_user.id', 'iam_group_member.member_id')
    .select(['iam_user.id', 'iam_user.scope_id as scopeId'])
    .where('iam_group_member.group_id', '=', groupId)
    .orderBy('iam_user.id')
    .execute();
  return rows;
}

/** Adds users to a group; those that are members stay. @throws {StileError} notFound when one of them does not exist */
export async function addGroupMembers(
  tx: Connection,
  groupId: string,
  memberIds: readonly string[],
): Promise<void> {
  for (const chunk of chunksOf(memberIds)) {
    await tx
      .insertInto('iam_group_member')
      .values(chunk.map((memberId) => ({ group_id: groupId, member_id: memberId })))
      .onConflict((conflict) => conflict.doNothing())
      .execute();
  }
}

/** Takes users out of a group. */
export async function removeGroupMembers(
  tx: Connection,
  groupId: string,
  memberIds: readonly string[],
): Promise<void> {
  for (const chunk of chunksOf(memberIds)) {
    await tx
      .deleteFrom('iam_group_member')
      .where('group_id', '=', groupId)
      .where('member_id', 'in', chunk)
      .execute();
  }
}

/** Deletes a group with its memberships and its roles' principals of it; false when there is none. */
export async function deleteGroupRow(tx: Connection, id: string): Promise<boolean> {
  const gone = await tx.deleteFrom('iam_group').where('id', '=', id).returning('id').execute();
  return gone.length > 0;
}

/** Users in any of the groups, each once. */
export async function listMemberIdsOf(db: Connection, groupIds: readonly string[]): Promise<string[]> {
  const found = new Set<string>();
  for (const chunk of chunksOf(groupIds)) {
    const rows = await db
      .selectFrom('iam_group_member')
      .select('member_id')
      .distinct()
      .where('group_id', 'in', chunk)
      .execute();
    for (const row of rows) found.add(row.member_id);
  }
  return [...found];
}
