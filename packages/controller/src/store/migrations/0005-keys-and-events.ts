/** Wrapped data keys, the cluster's certificate authorities, ids of deleted resources, and events between controllers. */
import type { Ddl, Step } from './ddl.ts';

function tables(ddl: Ddl): readonly string[] {
  return [
    `create table data_key (
      version ${ddl.int} primary key check (version >= 1),
      id text not null unique,
      root_key_id text not null,
      wrapped ${ddl.bytes} not null,
      created_at ${ddl.big} not null
    ) ${ddl.end}`,
    `create table cluster_authority (
      id text primary key,
      certificate ${ddl.bytes} not null,
      private_key_sealed ${ddl.bytes} not null,
      expires_at ${ddl.big} not null,
      created_at ${ddl.big} not null
    ) ${ddl.end}`,
    `create table deleted_resource (
      id text primary key,
      type text not null,
      deleted_at ${ddl.big} not null
    ) ${ddl.end}`,
    `create index deleted_resource_type on deleted_resource (type, deleted_at)`,
    `create index deleted_resource_time on deleted_resource (deleted_at)`,
    `create table store_event (
      id text primary key,
      origin text not null,
      type text not null check (type in ('session-ending', 'session-ended', 'worker-deleted')),
      session_id text not null,
      created_at ${ddl.big} not null
    ) ${ddl.end}`,
    `create index store_event_time on store_event (created_at)`,
  ];
}

/** Step 5. */
export const keysAndEventsStep: Step = { name: '0005-keys-and-events', statements: tables };
