/** Host catalogs, host sets, hosts, targets, aliases: what can be reached (http-api.md §2.9–2.12). */
import { type Ddl, listIndexes, resourceColumns, type Step } from './ddl.ts';

function hostTables(ddl: Ddl): readonly string[] {
  return [
    `create table host_catalog (
      id text primary key,
      scope_id text not null references scope (id) on delete cascade,
      type text not null check (type in ('static')),
      ${resourceColumns(ddl)},
      unique (scope_id, name)
    ) ${ddl.end}`,
    ...listIndexes('host_catalog', 'scope_id'),
    ...['host_set', 'host'].flatMap((table) => [
      `create table ${table} (
        id text primary key,
        host_catalog_id text not null references host_catalog (id) on delete cascade,
        ${table === 'host' ? `address text not null check (length(address) between 3 and 255),` : ''}
        ${resourceColumns(ddl)},
        unique (host_catalog_id, name)
      ) ${ddl.end}`,
      ...listIndexes(table, 'host_catalog_id'),
    ]),
    `create table host_set_host (
      host_set_id text not null references host_set (id) on delete cascade,
      host_id text not null references host (id) on delete cascade,
      primary key (host_set_id, host_id)
    ) ${ddl.end}`,
    `create index host_set_host_host on host_set_host (host_id)`,
  ];
}

function targetTables(ddl: Ddl): readonly string[] {
  return [
    `create table target (
      id text primary key,
      scope_id text not null references scope (id) on delete cascade,
      type text not null check (type in ('tcp')),
      address text check (length(address) between 3 and 255),
      default_port ${ddl.int} not null check (default_port between 1 and 65535),
      default_client_port ${ddl.int} check (default_client_port between 1 and 65535),
      session_max_seconds ${ddl.int} not null check (session_max_seconds > 0),
      session_connection_limit ${ddl.int} not null check (session_connection_limit = -1 or session_connection_limit > 0),
      egress_worker_filter text,
      worker_filter text,
      session_lease text,
      ${resourceColumns(ddl)},
      unique (scope_id, type, name),
      check (name is not null)
    ) ${ddl.end}`,
    ...listIndexes('target', 'scope_id'),
    `create table target_host_source (
      target_id text not null references target (id) on delete cascade,
      host_set_id text not null references host_set (id) on delete cascade,
      primary key (target_id, host_set_id)
    ) ${ddl.end}`,
    `create index target_host_source_host_set on target_host_source (host_set_id)`,
    `create table alias (
      id text primary key,
      scope_id text not null references scope (id) on delete cascade,
      type text not null check (type in ('target')),
      value text not null,
      value_key text not null unique,
      destination_id text references target (id) on delete set null,
      host_id text references host (id) on delete set null,
      ${resourceColumns(ddl)},
      unique (scope_id, name)
    ) ${ddl.end}`,
    ...listIndexes('alias', 'scope_id'),
    `create index alias_destination on alias (destination_id)`,
    `create index alias_host on alias (host_id)`,
  ];
}

/** Step 3. */
export const targetsStep: Step = {
  name: '0003-targets',
  statements: (ddl) => [...hostTables(ddl), ...targetTables(ddl)],
};
