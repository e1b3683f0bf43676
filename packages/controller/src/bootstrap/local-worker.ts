/** The worker that runs beside a controller in one process: its row, and a fresh activation token when it has no key yet. */
import type { Secret } from '@stile/runtime';
import type { Database } from '../store/database.ts';
import { deleteWorkerRow } from '../worker-registry/worker-repository.ts';
import type { WorkerRegistry } from '../worker-registry/worker-registry.ts';

/** Who the worker is. */
export interface LocalWorker {
  readonly id?: string;
  readonly name: string;
  /** May be empty. */
  readonly description: string;
}

/**
 * A one-time activation token for the worker beside this controller. A row of that name or id from an earlier start, whose key is gone, is
 * replaced.
 * @throws {StileError} invalidArgument (name)
 */
export async function activateLocalWorker(
  parts: { readonly database: Database; readonly registry: WorkerRegistry },
  worker: LocalWorker,
): Promise<Secret> {
  const known = await parts.registry.list();
  for (const row of known.filter((each) => each.id === worker.id || each.name === worker.name)) {
    await parts.database.write((tx) => deleteWorkerRow(tx, row.id));
  }
  const { activationToken } = await parts.registry.createControllerLed({
    ...worker,
    description: worker.description === '' ? null : worker.description,
  });
  return activationToken;
}
