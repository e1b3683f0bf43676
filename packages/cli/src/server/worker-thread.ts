/** Entry of the worker's thread: starts the worker of the plan, tells the host when it is ready, stops when told to. */
import { parentPort, workerData } from 'node:worker_threads';
import { toStileError } from '@stile/protocol/errors';
import { runWorker } from './run-worker.ts';
import type { StopMessage, WorkerMessage, WorkerPlan } from './worker-plan.ts';

function tell(message: WorkerMessage): void {
  parentPort?.postMessage(message);
}

async function main(): Promise<void> {
  const worker = await runWorker(workerData as WorkerPlan);
  parentPort?.once('message', (_message: StopMessage) => {
    // The port is what keeps the thread; closing it lets the thread end.
    void worker.close().then(() => {
      tell({ type: 'stopped' });
      parentPort?.close();
    });
  });
  tell({ type: 'ready', address: worker.address });
}

try {
  await main();
} catch (error) {
  const { code, message } = toStileError(error);
  tell({ type: 'failed', code, message });
}
