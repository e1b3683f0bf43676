/** Scopes, users, groups, roles: who exists and what they may do (grants.md §2). */
import { deleteTrigger, type Ddl, listIndexes, resourceColumns, type Step } from './ddl.ts';

function tables(ddl: Ddl): readonly string[] {
  return [
    `create table scope (
      id text primary key,
      parent_id text references scope (id) on delete cascade,
      type text not null check (type in ('global', 'org', 'project')),
      primary_auth_method_id text${ddl.engine === 'sqlite' ? ' references auth_method (id) on delete set null' : ''},
      ${resourceColumns(ddl)},
      unique (parent_id, name),
      check ((type = 'global') = (parent_id is null)),
      check ((type = 'global') = (id = 'global'))
    ) ${ddl.end}`,
    ...listIndexes('scope', 'parent_id'),
    `create index scope_primary_auth_method on scope (primary_auth_method_id)`,
    ...['iam_user', 'iam_group', 'iam_role'].flatMap((table) => [
      `create table ${table} (
        id text primary key,
        scope_id text not null references scope (id) on delete cascade,
        ${table === 'iam_user' ? `disabled_at ${ddl.big},` : ''}
        ${resourceColumns(ddl)},
        unique (scope_id, name)
      ) ${ddl.end}`,
      ...listIndexes(table, 'scope_id'),
    ]),
    `create table iam_group_member (
      group_id text not null references iam_group (id) on delete cascade,
      member_id text not null references iam_user (id) on delete cascade,
      primary key (group_id, member_id)
    ) ${ddl.end}`,
    `create index iam_group_member_member on iam_group_member (member_id, group_id)`,
    `create table iam_role_grant (
      role_id text not null references iam_role (id) on delete cascade,
      position ${ddl.int} not null,
      raw text not null,
      canonical text not null,
      primary key (role_id, canonical)
    ) ${ddl.end}`,
    `create table iam_role_grant_scope (
      role_id text not null references iam_role (id) on delete cascade,
      grant_scope text not null,
      primary key (role_id, grant_scope)
    ) ${ddl.end}`,
    `create index iam_role_grant_scope_scope on iam_role_grant_scope (grant_scope)`,
    `create table iam_role_principal (
      role_id text not null references iam_role (id) on delete cascade,
      principal_id text not null,
      primary key (role_id, principal_id)
    ) ${ddl.end}`,
    `create index iam_role_principal_principal on iam_role_principal (principal_id, role_id)`,
  ];
}

/** Step 1. */
export const iamStep: Step = {
  name: '0001-iam',
  statements: (ddl) => [
    ...tables(ddl),
    // A principal is a user or a group, a grant scope an id or a word: neither can be a foreign key.
    ...deleteTrigger(ddl, 'iam_user', 'delete from iam_role_principal where principal_id = old.id'),
    ...deleteTrigger(ddl, 'iam_group', 'delete from iam_role_principal where principal_id = old.id'),
    ...deleteTrigger(ddl, 'scope', 'delete from iam_role_grant_scope where grant_scope = old.id'),
  ],
};
