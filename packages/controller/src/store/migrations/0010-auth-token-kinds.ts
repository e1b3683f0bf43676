/**
 * One table for every kind of auth token, the attributes of users, and the events that open streams hear of (tokens.md §1.3). SQLite cannot
 * change a check, so the table is made anew and filled from the old one; nothing refers to it by a foreign key.
 */
import { type Ddl, listIndexes, type Step } from './ddl.ts';

const oldIndexes = ['created', 'updated', 'user_created', 'account', 'auth_method', 'expires', 'revoked'];

function authTokenTable(ddl: Ddl): string {
  const flag = (name: string): string => `${name} ${ddl.int} not null default 0 check (${name} in (0, 1))`;
  return `create table auth_token (
      id text primary key,
      scope_id text not null references scope (id) on delete cascade,
      user_id text not null references iam_user (id) on delete cascade,
      account_id text references account (id) on delete set null,
      auth_method_id text references auth_method (id) on delete set null,
      type text not null check (type in ('login', 'web', 'api', 'one-time')),
      name text check (name <> ''),
      description text check (description <> ''),
      created_by_user_id text not null,
      parent_auth_token_id text,
      ${flag('ends_with_parent')},
      token_scopes text,
      allow_list text,
      secret_mac ${ddl.bytes} not null check (length(secret_mac) = 32),
      secret_key_version ${ddl.int} not null,
      time_to_live_seconds ${ddl.big} not null check (time_to_live_seconds >= 0),
      time_to_stale_seconds ${ddl.big} not null check (time_to_stale_seconds >= 0),
      expires_at ${ddl.big} not null,
      ends_at ${ddl.big} not null,
      last_used_at ${ddl.big} not null,
      origin text,
      user_agent text,
      last_origin text,
      last_user_agent text,
      ${flag('match_origin')},
      ${flag('single_use')},
      ${flag('second_factor')},
      ${flag('must_enroll')},
      attributes text,
      revoked_at ${ddl.big},
      revoked_reason text,
      revoked_by_user_id text,
      version ${ddl.int} not null default 1 check (version >= 1),
      created_at ${ddl.big} not null,
      updated_at ${ddl.big} not null,
      check ((revoked_at is null) = (revoked_reason is null)),
      check (name is null or type = 'api'),
      check (ends_with_parent = 0 or parent_auth_token_id is not null)
    ) ${ddl.end}`;
}

/** `live` = no end is written; each index is for one path that must cost the same however many rows have ended. */
function indexes(): readonly string[] {
  const live = 'where revoked_at is null';
  return [
    ...listIndexes('auth_token', 'scope_id'),
    `create index auth_token_scope_live on auth_token (scope_id, created_at desc, id desc) ${live}`,
    `create index auth_token_scope_type_live on auth_token (scope_id, type, created_at desc, id desc) ${live}`,
    `create index auth_token_user_created on auth_token (user_id, created_at desc, id desc)`,
    `create index auth_token_user_live on auth_token (user_id, created_at desc, id desc) ${live}`,
    `create unique index auth_token_user_name on auth_token (user_id, name) where revoked_at is null and name is not null`,
    `create index auth_token_account on auth_token (account_id) where account_id is not null`,
    `create index auth_token_auth_method on auth_token (auth_method_id) where auth_method_id is not null`,
    `create index auth_token_parent on auth_token (parent_auth_token_id) where parent_auth_token_id is not null`,
    // What the sweep ends, and what the garbage collection deletes.
    `create index auth_token_live_expires on auth_token (expires_at) ${live}`,
    `create index auth_token_live_type on auth_token (type, created_at) ${live}`,
    `create index auth_token_live_idle on auth_token ((last_used_at + time_to_stale_seconds * 1000000)) ${live} and time_to_stale_seconds > 0`,
    `create index auth_token_live_used on auth_token (type, last_used_at) ${live}`,
    `create index auth_token_ends on auth_token (ends_at, id)`,
    `create index auth_token_revoked on auth_token (revoked_at) where revoked_at is not null`,
  ];
}

const kept =
  'id, scope_id, user_id, account_id, auth_method_id, type, secret_mac, secret_key_version, expires_at, last_used_at, ' +
  'time_to_stale_seconds, revoked_at, revoked_reason, created_at, updated_at';

function statements(ddl: Ddl): readonly string[] {
  return [
    ...oldIndexes.map((name) => `drop index auth_token_${name}`),
    `alter table auth_token rename to auth_token_before`,
    // The primary key of a renamed table keeps the name of its index on PostgreSQL.
    ...(ddl.engine === 'postgres'
      ? [`alter table auth_token_before rename constraint auth_token_pkey to auth_token_before_pkey`]
      : []),
    authTokenTable(ddl),
    `insert into auth_token (${kept}, created_by_user_id, time_to_live_seconds, ends_at)
      select ${kept}, user_id, (expires_at - created_at) / 1000000, coalesce(revoked_at, expires_at) from auth_token_before`,
    `drop table auth_token_before`,
    ...indexes(),
    `create table user_attribute (
      user_id text not null references iam_user (id) on delete cascade,
      name text not null,
      value text not null,
      primary key (user_id, name)
    ) ${ddl.end}`,
    // Which controller does the work that one alone should do, and until when nobody else takes it.
    `create table maintenance_lease (
      name text primary key,
      holder text not null,
      expires_at ${ddl.big} not null
    ) ${ddl.end}`,
    ...(ddl.engine === 'postgres'
      ? [
          `alter table store_event drop constraint store_event_known_type`,
          `alter table store_event add constraint store_event_known_type check (type in (
            'session-ending', 'session-ended', 'session-changed', 'worker-deleted', 'worker-changed', 'auth-tokens-changed', 'rights-changed'))`,
        ]
      : []),
  ];
}

/** Step 10. */
export const authTokenKindsStep: Step = { name: '0010-auth-token-kinds', statements };
