/** Static credential stores, their credentials, and which targets broker them (http-api.md §2.10, §2.13). */
import { type Ddl, listIndexes, resourceColumns, type Step } from './ddl.ts';

function tables(ddl: Ddl): readonly string[] {
  return [
    `create table credential_store (
      id text primary key,
      scope_id text not null references scope (id) on delete cascade,
      type text not null check (type in ('static')),
      ${resourceColumns(ddl)},
      unique (scope_id, name)
    ) ${ddl.end}`,
    ...listIndexes('credential_store', 'scope_id'),
    `create table credential (
      id text primary key,
      credential_store_id text not null references credential_store (id) on delete cascade,
      type text not null check (type in ('username_password', 'username_password_domain', 'password', 'ssh_private_key', 'json')),
      username text check (username <> ''),
      domain text check (domain <> ''),
      secret_sealed ${ddl.bytes} not null,
      secret_mac ${ddl.bytes} not null check (length(secret_mac) = 32),
      passphrase_sealed ${ddl.bytes},
      passphrase_mac ${ddl.bytes} check (length(passphrase_mac) = 32),
      mac_key_version ${ddl.int} not null,
      ${resourceColumns(ddl)},
      unique (credential_store_id, type, name),
      check ((passphrase_sealed is null) = (passphrase_mac is null)),
      check (passphrase_sealed is null or type = 'ssh_private_key'),
      check ((username is null) = (type in ('password', 'json'))),
      check ((domain is not null) = (type = 'username_password_domain'))
    ) ${ddl.end}`,
    ...listIndexes('credential', 'credential_store_id'),
    `create table target_credential_source (
      target_id text not null references target (id) on delete cascade,
      credential_id text not null references credential (id) on delete cascade,
      purpose text not null check (purpose in ('brokered')),
      primary key (target_id, credential_id, purpose)
    ) ${ddl.end}`,
    `create index target_credential_source_credential on target_credential_source (credential_id)`,
  ];
}

/** Step 7. */
export const credentialsStep: Step = { name: '0007-credentials', statements: tables };
