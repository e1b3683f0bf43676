/** Runs a worker in a thread of its own beside a controller (ADR 0005): start, ready, stop, and what to do when it dies. */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { StileError, isErrorCode } from '@stile/protocol/errors';
import { withDeadline } from '@stile/runtime';
import type { HostMessage, WorkerMessage, WorkerPlan } from './worker-plan.ts';

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

/** A thread that loads the worker's code while its controller starts, and waits for a plan. */
export class WorkerThreadHost {
  readonly #thread: Worker;
  readonly #ready: Promise<string>;
  readonly #exited: Promise<StileError | undefined>;
  #death: StileError | undefined;

  constructor() {
    const thread = new Worker(new URL('./worker-thread.js', import.meta.url));
    this.#thread = thread;
    this.#ready = new Promise<string>((resolve, reject) => {
      thread.on('message', (message: WorkerMessage) => {
        if (message.type === 'ready') resolve(message.address);
        if (message.type === 'failed') {
          const code = isErrorCode(message.code) ? message.code : 'internal';
          reject(new StileError(code, message.message));
        }
      });
      thread.on('error', (cause) => {
        this.#death = new StileError('internal', 'the worker died', { cause });
        reject(this.#death);
      });
      thread.on('exit', () =>
        reject(this.#death ?? new StileError('aborted', 'the worker ended before it was ready')),
      );
    });
    // Nobody may be waiting for it, before the start and after the end; `ended` is what is watched then.
    this.#ready.catch(() => undefined);
    this.#exited = once(thread, 'exit').then(() => this.#death);
    this.#exited.catch(() => undefined);
  }

  /**
   * Starts the worker and waits until it listens and is linked to its controller.
   * @throws {StileError} what the worker failed with; deadlineExceeded
   */
  async start(plan: WorkerPlan): Promise<WorkerThread> {
    const message: HostMessage = { type: 'start', plan };
    this.#thread.postMessage(message);
    const late = (): StileError => new StileError('deadlineExceeded', 'the worker was not ready within 30 s');
    const address = await withDeadline(this.#ready, startTimeoutMs, late);
    return { address, ended: this.#exited, stop: () => stopThread(this.#thread, this.#exited) };
  }

  /** Ends the thread from outside, whatever it does. Idempotent. */
  async discard(): Promise<void> {
    await this.#thread.terminate();
  }
}

async function stopThread(thread: Worker, exited: Promise<unknown>): Promise<void> {
  const stop: HostMessage = { type: 'stop' };
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
