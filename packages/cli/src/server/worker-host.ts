/** Runs a worker in a thread of its own beside a controller (ADR 0005): start, ready, stop, and what to do when it dies. */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { StileError, isErrorCode } from '@stile/protocol/errors';
import { withDeadline } from '@stile/runtime';
import type { StopMessage, WorkerMessage, WorkerPlan } from './worker-plan.ts';

/** Longest wait for the worker's own end, milliseconds; then the thread is ended from outside. */
const stopTimeoutMs = 10_000;
/** Longest wait for a worker to listen and to reach its controller, milliseconds. */
const startTimeoutMs = 30_000;

/** A worker in a thread. */
export interface WorkerThread {
  /** host:port of the proxy listener. */
  readonly address: string;
  /** Resolves when the thread has ended, for whatever reason; with the error when it died. */
  readonly ended: Promise<StileError | undefined>;
  /** Ends the worker with its final counters reported. Idempotent. */
  stop(): Promise<void>;
}

/**
 * Starts the thread and waits until the worker listens and is linked to its controller.
 * @throws {StileError} what the worker failed with; deadlineExceeded
 */
export async function startWorkerThread(plan: WorkerPlan): Promise<WorkerThread> {
  const thread = new Worker(new URL('./worker-thread.js', import.meta.url), { workerData: plan });
  let death: StileError | undefined;
  const ready = new Promise<string>((resolve, reject) => {
    thread.on('message', (message: WorkerMessage) => {
      if (message.type === 'ready') resolve(message.address);
      if (message.type === 'failed') {
        const code = isErrorCode(message.code) ? message.code : 'internal';
        reject(new StileError(code, message.message));
      }
    });
    thread.on('error', (cause) => {
      death = new StileError('internal', 'the worker died', { cause });
      reject(death);
    });
    thread.on('exit', () =>
      reject(death ?? new StileError('aborted', 'the worker ended before it was ready')),
    );
  });
  const exited = once(thread, 'exit').then(() => death);
  // Nobody may be waiting for it any more when the thread ends; `ended` is what is watched then.
  ready.catch(() => undefined);
  try {
    const late = (): StileError => new StileError('deadlineExceeded', 'the worker was not ready within 30 s');
    const address = await withDeadline(ready, startTimeoutMs, late);
    return { address, ended: exited, stop: () => stopThread(thread, exited) };
  } catch (error) {
    await thread.terminate();
    throw error;
  }
}

async function stopThread(thread: Worker, exited: Promise<unknown>): Promise<void> {
  const stop: StopMessage = { type: 'stop' };
  thread.postMessage(stop);
  try {
    await withDeadline(
      exited,
      stopTimeoutMs,
      () => new StileError('deadlineExceeded', 'the worker did not stop in time'),
    );
  } catch {
    // Late: the thread is ended from outside; its sockets go with it.
    await thread.terminate();
  }
}
