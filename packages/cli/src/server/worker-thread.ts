/**
 * Entry of the worker's thread: loads the worker's code at once, starts the worker when the plan comes, tells the host when it is
 * ready, stops when told to.
 */
import { once } from 'node:events';
import { parentPort } from 'node:worker_threads';
import { StileError, toStileError } from '@stile/protocol/errors';
import { runWorker } from './run-worker.ts';
import type { HostMessage, WorkerMessage } from './worker-plan.ts';

function tell(message: WorkerMessage): void {
  parentPort?.postMessage(message);
}

async function main(): Promise<void> {
  if (parentPort === null) throw new StileError('internal', 'this file is for a thread');
  // The host's controller starts meanwhile; `runWorker` finds the code loaded.
  const [[message]] = await Promise.all([
    once(parentPort, 'message') as Promise<[HostMessage]>,
    import('@stile/worker'),
  ]);
  if (message.type !== 'start') return;
  const worker = await runWorker(message.plan);
  parentPort.once('message', () => {
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
