/** Auth methods, accounts, auth tokens: who calls (http-api.md §2.2–2.5, tokens.md §1.3). */
import { type Ddl, listIndexes, resourceColumns, type Step } from './ddl.ts';

function tables(ddl: Ddl): readonly string[] {
  return [
    `create table auth_method (
      id text primary key,
      scope_id text not null references scope (id) on delete cascade,
      type text not null check (type in ('password')),
      min_login_name_length ${ddl.int} not null check (min_login_name_length > 0),
      min_password_length ${ddl.int} not null check (min_password_length > 0),
      ${resourceColumns(ddl)},
      unique (scope_id, name)
    ) ${ddl.end}`,
    ...listIndexes('auth_method', 'scope_id'),
    // SQLite has this key from the start: it cannot add one, and does not mind one to a table yet to come.
    ...(ddl.engine === 'postgres'
      ? [
          `alter table scope add constraint scope_primary_auth_method_fkey
            foreign key (primary_auth_method_id) references auth_method (id) on delete set null`,
        ]
      : []),
    `create table account (
      id text primary key,
      auth_method_id text not null references auth_method (id) on delete cascade,
      scope_id text not null references scope (id) on delete cascade,
      user_id text references iam_user (id) on delete set null,
      type text not null check (type in ('password')),
      login_name text not null check (login_name <> ''),
      password_hash text check (password_hash <> ''),
      ${resourceColumns(ddl)},
      unique (auth_method_id, login_name),
      unique (auth_method_id, name)
    ) ${ddl.end}`,
    ...listIndexes('account', 'auth_method_id'),
    `create index account_scope on account (scope_id)`,
    `create index account_user on account (user_id)`,
    `create table auth_token (
      id text primary key,
      scope_id text not null references scope (id) on delete cascade,
      user_id text not null references iam_user (id) on delete cascade,
      account_id text references account (id) on delete cascade,
      auth_method_id text references auth_method (id) on delete cascade,
      type text not null check (type in ('login')),
      secret_mac ${ddl.bytes} not null check (length(secret_mac) = 32),
      secret_key_version ${ddl.int} not null,
      expires_at ${ddl.big} not null,
      last_used_at ${ddl.big} not null,
      time_to_stale_seconds ${ddl.int} not null check (time_to_stale_seconds >= 0),
      revoked_at ${ddl.big},
      revoked_reason text,
      created_at ${ddl.big} not null,
      updated_at ${ddl.big} not null,
      check ((revoked_at is null) = (revoked_reason is null))
    ) ${ddl.end}`,
    ...listIndexes('auth_token', 'scope_id'),
    `create index auth_token_user_created on auth_token (user_id, created_at desc, id desc)`,
    `create index auth_token_account on auth_token (account_id)`,
    `create index auth_token_auth_method on auth_token (auth_method_id)`,
    `create index auth_token_expires on auth_token (expires_at)`,
    `create index auth_token_revoked on auth_token (revoked_at) where revoked_at is not null`,
  ];
}

/** Step 2. */
export const authStep: Step = { name: '0002-auth', statements: tables };
