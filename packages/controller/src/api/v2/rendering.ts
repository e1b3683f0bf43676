/** The objects of the Cluster API from what the domain knows. Absent values are left out, counts are numbers, also zeros. */
import { formatHostPort } from '@stile/runtime';
import type { UserRow } from '../../iam/user-repository.ts';
import type { SessionState } from '../../session/session.ts';
import type { WorkerLoad } from '../../session/traffic/traffic-repository.ts';
import type { HotSession, NamedConnection, SessionView } from '../../session/view/session-views.ts';
import type { ClusterNode } from '../../worker-registry/node.ts';
import type { SilentWorker } from '../../worker-registry/node-list.ts';
import { formatTime } from '../schema/render.ts';

/** Without the members that are null or undefined. */
function present(members: Readonly<Record<string, unknown>>): object {
  return Object.fromEntries(
    Object.entries(members).filter(([, value]) => value !== null && value !== undefined),
  );
}

const timeOf = (at: number | null | undefined): string | undefined =>
  at === null || at === undefined ? undefined : formatTime(at);

const hostPort = (host: string | null | undefined, port: number | null | undefined): string | undefined =>
  host === null || host === undefined || host === '' ? undefined : formatHostPort(host, port ?? 0);

/** `v0.1.0` of `Stile v0.1.0`. */
const buildTag = (release: string | null): string | undefined => release?.replace(/^Stile /, '');

/** A node. A controller carries no bytes. */
export function renderNode(node: ClusterNode, load: WorkerLoad | undefined): object {
  return present({
    node_id: node.id,
    kind: node.kind,
    name: node.name,
    address: node.address === null ? undefined : { network: 'tcp', address: node.address },
    build_tag: buildTag(node.releaseVersion),
    started_at: timeOf(node.startedAt),
    updated_at: timeOf(node.lastSeenAt),
    liveness_status: node.liveness,
    num_cpus: node.cpuCount,
    total_system_memory: node.memoryBytes,
    tags: node.tags,
    metrics: {
      sessions: load?.sessions ?? 0,
      connections: load?.connections ?? 0,
      bytes_up_per_second: load?.up ?? 0,
      bytes_down_per_second: load?.down ?? 0,
    },
  });
}

/** A session. */
export function renderSession({ session, username, summary }: SessionView): object {
  return present({
    id: session.id,
    username,
    user_id: session.user_id,
    target_id: session.target_id,
    scope_id: session.scope_id,
    auth_token_id: session.auth_token_id,
    node_ids: summary?.workerIds ?? [],
    client_address: hostPort(summary?.clientAddress, summary?.clientPort),
    endpoint: session.endpoint,
    status: session.status,
    start: formatTime(session.created_at),
    expires: formatTime(session.expires_at),
    end: timeOf(session.terminated_at),
    end_reason: session.end_reason,
    connections: summary?.openConnections ?? 0,
    bytes_up: summary?.bytesUp ?? 0,
    bytes_down: summary?.bytesDown ?? 0,
  });
}

/** A session with the bytes it moves. */
export function renderHotSession(session: HotSession): object {
  return {
    ...renderSession(session),
    bytes_up_per_second: session.rates.up,
    bytes_down_per_second: session.rates.down,
  };
}

/** A stretch of a session's life. */
export function renderState(state: SessionState): object {
  return present({
    status: state.status,
    start: formatTime(state.startedAt),
    end: timeOf(state.endedAt),
  });
}

/** A connection. */
export function renderConnection(connection: NamedConnection): object {
  return present({
    connection_id: connection.id,
    session_id: connection.session_id,
    user_id: connection.user_id,
    username: connection.username,
    target_id: connection.target_id,
    status: connection.status,
    client_address: formatHostPort(connection.client_address, connection.client_port),
    endpoint_address: hostPort(connection.endpoint_address, connection.endpoint_port),
    bytes_up: connection.bytes_up,
    bytes_down: connection.bytes_down,
    start: formatTime(connection.created_at),
  });
}

/** A worker whose live counters could not be had, and why. */
export function renderNodeError({ id, silentSeconds }: SilentWorker): object {
  const message =
    silentSeconds === undefined
      ? 'the worker was deleted; the counters are the last that it reported'
      : `the worker was last heard of ${silentSeconds} s ago; the counters are of then`;
  return { node_id: id, message };
}

/** A user. */
export function renderUser(user: UserRow): object {
  return present({ username: user.login_name, user_id: user.id });
}
