/** SQL of what a user is told of itself: groups, roles, and free notes. */
import { sql } from 'kysely';
import type { Connection, Database } from '../../store/database.ts';

/** A group or role by name. */
export interface NamedMembership {
  readonly id: string;
  readonly name: string | null;
  readonly scope_id: string;
}

/** Groups that the user is a member of, in order of id. */
export function listGroupsOf(db: Connection, userId: string): Promise<NamedMembership[]> {
  return db
    .selectFrom('iam_group_member')
    .innerJoin('iam_group', 'iam_group.id', 'iam_group_member.group_id')
    .select(['iam_group.id', 'iam_group.name', 'iam_group.scope_id'])
    .where('iam_group_member.member_id', '=', userId)
    .orderBy('iam_group.id')
    .execute();
}

/** Roles that the user holds, itself or by a group, in order of id; those that everybody holds are not among them. */
export function listRolesOf(db: Connection, userId: string): Promise<NamedMembership[]> {
  return db
    .selectFrom('iam_role')
    .select(['iam_role.id', 'iam_role.name', 'iam_role.scope_id'])
    .where('iam_role.id', 'in', (eb) =>
      eb
        .selectFrom('iam_role_principal')
        .select('role_id')
        .where((where) =>
          where.or([
            where('principal_id', '=', userId),
            where('principal_id', 'in', (groups) =>
              groups.selectFrom('iam_group_member').select('group_id').where('member_id', '=', userId),
            ),
          ]),
        ),
    )
    .orderBy('iam_role.id')
    .execute();
}

/** The attributes of a user: JSON texts by name. */
export async function listUserAttributes(
  db: Connection,
  userId: string,
): Promise<ReadonlyMap<string, string>> {
  const rows = await db
    .selectFrom('user_attribute')
    .select(['name', 'value'])
    .where('user_id', '=', userId)
    .orderBy('name')
    .execute();
  return new Map(rows.map((row) => [row.name, row.value]));
}

/** An attribute to be set. */
export interface UserAttribute {
  readonly userId: string;
  readonly name: string;
  /** JSON. */
  readonly value: string;
}

/** Sets an attribute, unless it would be one more than `most`; false then. The user's row is held, so that two of them count one by one. */
export async function setUserAttribute(
  tx: Connection,
  engine: Database['engine'],
  attribute: UserAttribute,
  most: number,
): Promise<boolean> {
  const { userId, name, value } = attribute;
  if (engine === 'postgres') {
    await sql`select id from iam_user where id = ${userId} for no key update`.execute(tx);
  }
  const set = await sql<{ name: string }>`
    insert into user_attribute (user_id, name, value)
    select ${userId}, ${name}, ${value}
    where (select count(*) from user_attribute where user_id = ${userId} and name <> ${name}) < ${most}
    on conflict (user_id, name) do update set value = ${value}
    returning name`.execute(tx);
  return set.rows.length > 0;
}

/** Takes an attribute away; one that is not there is none. */
export async function deleteUserAttribute(tx: Connection, userId: string, name: string): Promise<void> {
  await tx.deleteFrom('user_attribute').where('user_id', '=', userId).where('name', '=', name).execute();
}
