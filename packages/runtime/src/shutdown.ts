/** Closes what a process opened: in reverse order, each with a bound, whatever the others do. */
import { StileError } from '@stile/protocol/errors';
import { withDeadline } from './deadline.ts';
import type { Logger } from './log.ts';
import { silentLogger } from './log.ts';

/** How a shutdown behaves. */
export interface ShutdownOptions {
  /** Longest wait for one step, milliseconds. Default 10 s. */
  readonly stepTimeoutMs?: number;
  readonly log?: Logger;
}

interface Step {
  readonly name: string;
  readonly close: () => Promise<void>;
}

/** Collects closers as things are opened; `run` calls them, last opened first. */
export class Shutdown {
  readonly #steps: Step[] = [];
  readonly #stepTimeoutMs: number;
  readonly #log: Logger;
  #running: Promise<void> | undefined;

  constructor(options: ShutdownOptions = {}) {
    this.#stepTimeoutMs = options.stepTimeoutMs ?? 10_000;
    this.#log = options.log ?? silentLogger;
  }

  /** Adds a closer; once `run` was called it is closed at once, so that nothing started late is left behind. */
  add(name: string, close: () => Promise<void>): void {
    if (this.#running === undefined) this.#steps.push({ name, close });
    else void this.#close({ name, close });
  }

  /** Closes everything once; later calls wait for the first. Never rejects: a step that fails or is late is logged. */
  run(): Promise<void> {
    this.#running ??= this.#closeAll();
    return this.#running;
  }

  async #closeAll(): Promise<void> {
    for (let step = this.#steps.pop(); step !== undefined; step = this.#steps.pop()) {
      await this.#close(step);
    }
  }

  async #close(step: Step): Promise<void> {
    try {
      await withDeadline(
        step.close(),
        this.#stepTimeoutMs,
        () =>
          new StileError(
            'deadlineExceeded',
            `closing ${step.name} took longer than ${this.#stepTimeoutMs} ms`,
          ),
      );
    } catch (error) {
      this.#log.warn({ err: error, step: step.name }, 'a part did not close cleanly');
    }
  }
}
