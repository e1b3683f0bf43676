/** Whether this controller should be sent requests: what a load balancer asks (tokens.md §4.2, `health/?ready=true`). */
import { StileError } from '@stile/protocol';
import { withDeadline } from '@stile/runtime';
import type { Database } from '../store/database.ts';
import { needsMigration } from '../store/migrate.ts';
import type { ControllerPresence } from './controller-presence.ts';
import type { NodeList } from './node-list.ts';

/** Longest wait for the database, milliseconds: a probe that gets no answer says as much. */
const databaseMs = 2_000;

/** What readiness stands on. */
export interface ReadinessOptions {
  readonly database: Database;
  readonly presence: Pick<ControllerPresence, 'isDraining'>;
  readonly nodes: Pick<NodeList, 'hasLiveWorker'>;
  /** Whether a worker of this process belongs to the controller. */
  readonly hasWorker: boolean;
}

/** Asked by probes. */
export class Readiness {
  readonly #options: ReadinessOptions;

  constructor(options: ReadinessOptions) {
    this.#options = options;
  }

  /**
   * Resolves when requests are welcome.
   * @throws {StileError} unavailable: the message says what is missing
   */
  async require(): Promise<void> {
    const { database, presence, nodes, hasWorker } = this.#options;
    if (presence.isDraining) throw new StileError('unavailable', 'the controller is stopping');
    const late = (): StileError => new StileError('unavailable', 'the database does not answer');
    try {
      if (await withDeadline(needsMigration(database), databaseMs, late)) {
        throw new StileError('unavailable', 'the schema of the database is that of an older version');
      }
      if (hasWorker && !(await withDeadline(nodes.hasLiveWorker(), databaseMs, late))) {
        throw new StileError('unavailable', 'no worker is live');
      }
    } catch (cause) {
      if (cause instanceof StileError && cause.code === 'unavailable') throw cause;
      throw new StileError('unavailable', 'the database does not answer', { cause });
    }
  }
}
