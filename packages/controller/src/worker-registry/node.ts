/**
 * Rules of nodes, which are the controllers and workers of an installation (tokens.md §4.2): what each says of itself, and whether
 * it lives. Pure.
 */
import type { ControllerTable, WorkerTable } from '../store/schema.ts';
import { canonicalTags, livenessUs, type Tags } from './worker.ts';

/** A node that was not heard of for longer is dead, microseconds: five minutes. */
export const deadAfterUs = 300_000_000;

/**
 * `live`; `draining` = lives and takes nothing new; `unavailable` = not heard of for 15 seconds, or a worker without a link; `dead` =
 * not heard of for five minutes.
 */
export type Liveness = 'live' | 'draining' | 'unavailable' | 'dead';

/** A controller or a worker. */
export interface ClusterNode {
  /** `ctrl_…` or `w_…`. */
  readonly id: string;
  readonly kind: 'controller' | 'worker';
  readonly name: string | null;
  /** Where it listens, host:port: for workers, or for clients. Null until a worker has linked. */
  readonly address: string | null;
  /** As `Stile v0.1.0`. */
  readonly releaseVersion: string | null;
  readonly startedAt: number | null;
  /** When it was last heard of. Null before. */
  readonly lastSeenAt: number | null;
  readonly liveness: Liveness;
  readonly cpuCount: number | null;
  readonly memoryBytes: number | null;
  readonly tags: Tags;
}

function livenessOf(
  node: { readonly isReachable: boolean; readonly isDraining: boolean; readonly seenAt: number },
  nowUs: number,
): Liveness {
  if (node.seenAt <= nowUs - deadAfterUs) return 'dead';
  if (!node.isReachable || node.seenAt <= nowUs - livenessUs) return 'unavailable';
  return node.isDraining ? 'draining' : 'live';
}

/** A worker as a node. One that has never linked counts from when it was made. */
export function workerNode(worker: WorkerTable, nowUs: number): ClusterNode {
  const isReachable = worker.controller_id !== null && worker.last_seen_at !== null;
  const seenAt = worker.last_seen_at ?? worker.created_at;
  return {
    id: worker.id,
    kind: 'worker',
    name: worker.name,
    address: worker.address,
    releaseVersion: worker.release_version,
    startedAt: worker.started_at,
    lastSeenAt: worker.last_seen_at,
    liveness: livenessOf({ isReachable, isDraining: worker.draining === 1, seenAt }, nowUs),
    cpuCount: worker.cpu_count,
    memoryBytes: worker.memory_bytes,
    tags: canonicalTags(worker),
  };
}

/** A controller as a node. */
export function controllerNode(row: ControllerTable, nowUs: number): ClusterNode {
  const state = { isReachable: true, isDraining: row.draining === 1, seenAt: row.last_seen_at };
  return {
    id: row.id,
    kind: 'controller',
    name: row.name,
    address: row.cluster_address === '' ? null : row.cluster_address,
    releaseVersion: row.release_version,
    startedAt: row.started_at,
    lastSeenAt: row.last_seen_at,
    liveness: livenessOf(state, nowUs),
    cpuCount: row.cpu_count,
    memoryBytes: row.memory_bytes,
    tags: {},
  };
}
