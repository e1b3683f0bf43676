/** Reads the nodes of the installation: every controller that has a row, and every worker. */
import type { Clock } from '@stile/runtime';
import type { Database } from '../store/database.ts';
import { listControllers } from './controller-repository.ts';
import { controllerNode, workerNode, type ClusterNode } from './node.ts';
import type { Worker } from './worker.ts';
import { listLiveWorkers, listWorkers, lookupWorker } from './worker-repository.ts';

/** What the list of nodes stands on. */
export interface NodeListOptions {
  readonly database: Database;
  readonly clock: Clock;
  /** Id of the controller that answers. */
  readonly localId: string;
}

/** The nodes, as the controller that answers sees them. */
export class NodeList {
  /** Id of the controller that answers. */
  readonly localId: string;
  readonly #database: Database;
  readonly #clock: Clock;

  constructor(options: NodeListOptions) {
    this.localId = options.localId;
    this.#database = options.database;
    this.#clock = options.clock;
  }

  /** Every node, in order of id: controllers come before workers. There are few. @throws {StileError} unavailable */
  async list(): Promise<ClusterNode[]> {
    const db = this.#database.reader;
    const [controllers, workers] = await Promise.all([listControllers(db), listWorkers(db)]);
    const nowUs = this.#clock.nowUs();
    const nodes = [
      ...controllers.map((row) => controllerNode(row, nowUs)),
      ...workers.map((row) => workerNode(row, nowUs)),
    ];
    return nodes.sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  /** The node, or undefined. `local` is the controller that answers. @throws {StileError} unavailable */
  async lookup(id: string): Promise<Pick<ClusterNode, 'id' | 'kind'> | undefined> {
    const nodeId = id === 'local' ? this.localId : id;
    const db = this.#database.reader;
    if (nodeId === this.localId) return { id: nodeId, kind: 'controller' };
    if (nodeId.startsWith('w_')) {
      const worker = await lookupWorker(db, nodeId);
      return worker === undefined ? undefined : { id: nodeId, kind: 'worker' };
    }
    const controllers = await listControllers(db);
    return controllers.some((row) => row.id === nodeId) ? { id: nodeId, kind: 'controller' } : undefined;
  }

  /** Workers of the ids that are not live, or not there: their counters are old. @throws {StileError} unavailable */
  async silentWorkers(ids: readonly string[]): Promise<SilentWorker[]> {
    if (ids.length === 0) return [];
    const workers = new Map<string, Worker>(
      (await listWorkers(this.#database.reader)).map((worker) => [worker.id, worker]),
    );
    const nowUs = this.#clock.nowUs();
    return [...new Set(ids)].sort().flatMap((id): SilentWorker[] => {
      const worker = workers.get(id);
      if (worker === undefined) return [{ id, silentSeconds: undefined }];
      const { liveness, lastSeenAt } = workerNode(worker, nowUs);
      if (liveness === 'live' || liveness === 'draining') return [];
      return [{ id, silentSeconds: Math.max(0, Math.round((nowUs - (lastSeenAt ?? nowUs)) / 1_000_000)) }];
    });
  }

  /** Whether a worker may get new sessions now. @throws {StileError} unavailable */
  async hasLiveWorker(): Promise<boolean> {
    return (await listLiveWorkers(this.#database.reader, this.#clock.nowUs())).length > 0;
  }
}

/** A worker whose live counters cannot be had. */
export interface SilentWorker {
  readonly id: string;
  /** Since it was last heard of; undefined when it was deleted. */
  readonly silentSeconds: number | undefined;
}
