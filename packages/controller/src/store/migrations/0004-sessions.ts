/**
 * Sessions, their connections, and the processes that serve them (session-protocol.md §5). A session has no foreign keys:
 * it outlives its user, target, host and token, and is canceled by the use case that deletes these.
 */
import {
  connectionEndReasons,
  connectionStatuses,
  connectionTransitions,
  sessionEndReasons,
  sessionStatuses,
  sessionTransitions,
} from '@stile/protocol';
import { type Ddl, listIndexes, quoted, resourceColumns, type Step, transitionTrigger } from './ddl.ts';

function workerTables(ddl: Ddl): readonly string[] {
  return [
    `create table worker (
      id text primary key,
      scope_id text not null references scope (id) on delete cascade,
      address text,
      release_version text,
      config_tags text not null,
      api_tags text not null,
      activation_mac ${ddl.bytes},
      activation_expires_at ${ddl.big},
      certificate_fingerprint ${ddl.bytes} unique,
      previous_fingerprint ${ddl.bytes},
      certificate_expires_at ${ddl.big},
      controller_id text,
      last_seen_at ${ddl.big},
      active_connections ${ddl.int} not null check (active_connections >= 0),
      draining ${ddl.int} not null check (draining in (0, 1)),
      ${resourceColumns(ddl)},
      unique (scope_id, name)
    ) ${ddl.end}`,
    ...listIndexes('worker', 'scope_id'),
    `create index worker_previous_fingerprint on worker (previous_fingerprint)`,
    `create index worker_activation on worker (activation_mac)`,
    `create index worker_controller on worker (controller_id)`,
    `create table controller (
      id text primary key,
      name text not null,
      cluster_address text not null,
      last_seen_at ${ddl.big} not null
    ) ${ddl.end}`,
  ];
}

function sessionTable(ddl: Ddl): readonly string[] {
  return [
    `create table session (
      id text primary key,
      scope_id text not null,
      target_id text not null,
      user_id text not null,
      auth_token_id text not null,
      host_set_id text,
      host_id text,
      type text not null check (type in ('tcp')),
      endpoint text not null,
      status text not null check (status in (${quoted(sessionStatuses)})),
      connection_limit ${ddl.int} not null check (connection_limit = -1 or connection_limit > 0),
      connections_used ${ddl.int} not null check (connections_used >= 0),
      lease_seconds ${ddl.int} not null check (lease_seconds > 0),
      worker_filter text,
      certificate ${ddl.bytes} not null,
      private_key_sealed ${ddl.bytes} not null,
      tofu_token_sealed ${ddl.bytes},
      expires_at ${ddl.big} not null,
      active_at ${ddl.big},
      canceling_at ${ddl.big},
      terminated_at ${ddl.big},
      end_reason text check (end_reason in (${quoted(sessionEndReasons)})),
      ended_by text,
      version ${ddl.int} not null check (version >= 1),
      created_at ${ddl.big} not null,
      updated_at ${ddl.big} not null,
      check (connection_limit = -1 or connections_used <= connection_limit),
      check (status <> 'active' or active_at is not null),
      check (status <> 'canceling' or canceling_at is not null),
      check ((status = 'terminated') = (terminated_at is not null)),
      check (status not in ('canceling', 'terminated') or end_reason is not null)
    ) ${ddl.end}`,
    ...transitionTrigger(ddl, 'session', sessionTransitions),
  ];
}

/**
 * Each index is for one path that must cost the same however many rows there are; each costs every insert some
 * microseconds, and those of updated_at every update. `living` = not terminated.
 */
function sessionIndexes(): readonly string[] {
  const index = (name: string, columns: string, where = ''): string =>
    `create index session_${name} on session (${columns})${where === '' ? '' : ` where ${where}`}`;
  const living = `status <> 'terminated'`;
  return [
    // Lists of a scope, and of one user's sessions in it.
    index('scope_created', 'scope_id, created_at desc, id desc'),
    index('scope_created_living', 'scope_id, created_at desc, id desc', living),
    index('scope_updated', 'scope_id, updated_at desc, id desc'),
    index('user_created', 'scope_id, user_id, created_at desc, id desc'),
    index('user_created_living', 'scope_id, user_id, created_at desc, id desc', living),
    index('user_updated', 'scope_id, user_id, updated_at desc, id desc'),
    // What ends sessions along with something else, and those whose time is up.
    index('living_user', 'user_id', living),
    index('living_auth_token', 'auth_token_id', living),
    index('living_target', 'target_id', living),
    index('living_host', 'host_id', `${living} and host_id is not null`),
    index('living_host_set', 'host_set_id', `${living} and host_set_id is not null`),
    index('living_expires', 'expires_at', living),
    index('canceling', 'canceling_at', `status = 'canceling'`),
    index('terminated', 'terminated_at', `status = 'terminated'`),
  ];
}

function connectionTable(ddl: Ddl): readonly string[] {
  return [
    `create table session_connection (
      id text primary key,
      session_id text not null references session (id) on delete cascade,
      worker_id text not null,
      status text not null check (status in (${quoted(connectionStatuses)})),
      client_address text not null,
      client_port ${ddl.int} not null check (client_port between 0 and 65535),
      endpoint_address text,
      endpoint_port ${ddl.int} check (endpoint_port between 0 and 65535),
      bytes_up ${ddl.big} not null check (bytes_up >= 0),
      bytes_down ${ddl.big} not null check (bytes_down >= 0),
      created_at ${ddl.big} not null,
      connected_at ${ddl.big},
      closed_at ${ddl.big},
      end_reason text check (end_reason in (${quoted(connectionEndReasons)})),
      updated_at ${ddl.big} not null,
      check (status <> 'connected' or connected_at is not null),
      check ((status = 'closed') = (closed_at is not null)),
      check (status <> 'closed' or end_reason is not null)
    ) ${ddl.end}`,
    `create index session_connection_session on session_connection (session_id, created_at desc, id desc)`,
    `create index session_connection_open on session_connection (session_id) where status <> 'closed'`,
    `create index session_connection_worker_open on session_connection (worker_id) where status <> 'closed'`,
    ...transitionTrigger(ddl, 'session_connection', connectionTransitions),
  ];
}

/** Step 4. */
export const sessionsStep: Step = {
  name: '0004-sessions',
  statements: (ddl) => [
    ...workerTables(ddl),
    ...sessionTable(ddl),
    ...sessionIndexes(),
    ...connectionTable(ddl),
  ],
};
