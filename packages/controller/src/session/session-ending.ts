/**
 * What ends sessions, alone or along with something else (session-protocol.md §5.7): each use case is one transaction that
 * changes its resource and moves its sessions to canceling; after the commit the end is pushed to the workers.
 */
import type { Clock } from '@stile/runtime';
import { clearAliasDestination } from '../alias/alias-repository.ts';
import * as hosts from '../host/host-repository.ts';
import type { Connection, Database } from '../store/database.ts';
import { record } from '../store/deleted-resource-repository.ts';
import { deleteWorkerRow } from '../worker-registry/worker-repository.ts';
import { deleteTargetRow, lookupTarget } from '../target/target-repository.ts';
import { updateTargetRow } from '../target/target-service.ts';
import type { TargetService, TargetDetail } from '../target/target-service.ts';
import type { TargetFields } from '../target/target.ts';
import { tellOfSessions, terminateAndTell } from './connection-ending.ts';
import { listAllOpenOfWorker } from './connection-repository.ts';
import { chunksOf } from '../store/chunks.ts';
import { notFound } from '../store/store-error.ts';
import { beginEnding } from './session-repository.ts';
import type { EndingCause, SessionSelector } from './session-repository.ts';

/**
 * Moves the selected sessions to canceling; those with nothing open terminate at once, the others are announced, so that
 * every controller tells its workers after the commit. Gives the ids of those that moved.
 */
export async function beginEndingAndTell(
  tx: Connection,
  database: Database,
  selector: SessionSelector,
  cause: EndingCause,
): Promise<string[]> {
  const moved = await beginEnding(tx, selector, cause);
  const ended = new Set(await terminateAndTell(tx, database, moved, cause.nowUs));
  const open = moved.filter((sessionId) => !ended.has(sessionId));
  await tellOfSessions(tx, database, 'session-ending', open);
  return moved;
}

/** Deletes and changes that end sessions. `by` is the id of the user who did it. */
export class SessionEnding {
  readonly #database: Database;
  readonly #clock: Clock;
  readonly #targets: TargetService;

  constructor(options: {
    readonly database: Database;
    readonly clock: Clock;
    readonly targets: TargetService;
  }) {
    this.#database = options.database;
    this.#clock = options.clock;
    this.#targets = options.targets;
  }

  /** Deletes a target; its aliases stay without a destination. @throws {StileError} notFound */
  async deleteTarget(id: string, by: string): Promise<void> {
    await this.#database.write(async (tx) => {
      const nowUs = this.#clock.nowUs();
      await clearAliasDestination(tx, id, nowUs);
      if (!(await deleteTargetRow(tx, id))) throw notFound();
      await record(tx, 'target', [id], nowUs);
      await this.#end(tx, { column: 'target_id', values: [id] }, { reason: 'target deleted', by, nowUs });
    });
  }

  /**
   * Changes fields of a target. Sessions on the target's own address end when the address is cleared; nothing else of a
   * change touches sessions, whose values were copied when they were authorized.
   * @throws {StileError} notFound (no such target with that version), invalidArgument, failedPrecondition
   */
  async updateTarget(id: string, version: number, fields: TargetFields, by: string): Promise<TargetDetail> {
    if (fields.address !== null) return this.#targets.update(id, version, fields);
    const target = await this.#database.write(async (tx) => {
      const nowUs = this.#clock.nowUs();
      const before = await lookupTarget(tx, id);
      const after = await updateTargetRow(tx, { id, version, fields, nowUs });
      if (before !== undefined && before.address !== null) {
        const cause = { reason: 'target address removed', by, nowUs } as const;
        await this.#end(tx, { addressOfTarget: id }, cause);
      }
      return after;
    });
    return this.#targets.detailOf(target);
  }

  async #endAll(
    tx: Connection,
    column: 'host_id' | 'host_set_id',
    ids: readonly string[],
    cause: EndingCause,
  ): Promise<void> {
    for (const values of chunksOf(ids)) await this.#end(tx, { column, values }, cause);
  }

  /** Deletes a host; it leaves its sets. @throws {StileError} notFound */
  async deleteHost(id: string, by: string): Promise<void> {
    await this.#database.write(async (tx) => {
      const nowUs = this.#clock.nowUs();
      if (!(await hosts.deleteHostRow(tx, id))) throw notFound();
      await record(tx, 'host', [id], nowUs);
      await this.#end(tx, { column: 'host_id', values: [id] }, { reason: 'host deleted', by, nowUs });
    });
  }

  /** Deletes a host set; it leaves its targets. @throws {StileError} notFound */
  async deleteHostSet(id: string, by: string): Promise<void> {
    await this.#database.write(async (tx) => {
      const nowUs = this.#clock.nowUs();
      if (!(await hosts.deleteHostSetRow(tx, id))) throw notFound();
      await record(tx, 'host-set', [id], nowUs);
      await this.#end(tx, { column: 'host_set_id', values: [id] }, { reason: 'host deleted', by, nowUs });
    });
  }

  /** Deletes a host catalog with its sets and hosts. @throws {StileError} notFound */
  async deleteHostCatalog(id: string, by: string): Promise<void> {
    await this.#database.write(async (tx) => {
      const nowUs = this.#clock.nowUs();
      const { hostSetIds, hostIds } = await hosts.idsOfCatalog(tx, id);
      if (!(await hosts.deleteHostCatalogRow(tx, id))) throw notFound();
      await record(tx, 'host-catalog', [id], nowUs);
      await record(tx, 'host-set', hostSetIds, nowUs);
      await record(tx, 'host', hostIds, nowUs);
      const cause = { reason: 'host deleted', by, nowUs } as const;
      await this.#endAll(tx, 'host_set_id', hostSetIds, cause);
      await this.#endAll(tx, 'host_id', hostIds, cause);
    });
  }

  /**
   * Deletes a worker and ends the sessions that it carries connections of. Every controller hears of it: the one that has its
   * link pushes the end of those sessions and then closes the link; its certificate is nobody's from the commit on.
   * @throws {StileError} notFound
   */
  async deleteWorker(id: string, by: string): Promise<void> {
    await this.#database.write(async (tx) => {
      const nowUs = this.#clock.nowUs();
      // First the row: a connection that is being added waits for it, and is refused, or is seen below.
      if (!(await deleteWorkerRow(tx, id))) throw notFound();
      const open = await listAllOpenOfWorker(tx, id);
      await record(tx, 'worker', [id], nowUs);
      const ids = [...new Set(open.map((connection) => connection.sessionId))];
      for (const part of chunksOf(ids)) {
        await this.#end(tx, { ids: part }, { reason: 'worker deleted', by, nowUs });
      }
      await this.#database.events.publish(tx, { type: 'worker-deleted', workerId: id });
    });
  }

  async #end(tx: Connection, selector: SessionSelector, cause: EndingCause): Promise<string[]> {
    return beginEndingAndTell(tx, this.#database, selector, cause);
  }
}
