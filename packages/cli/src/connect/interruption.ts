/**
 * Signals of one `connect`, from the question to the controller to the end of the session. They are listened for without a gap:
 * libuv drops a signal that came for a listener which is gone by the time the loop looks, so one listener stays and what it does changes.
 */
import type { CommandContext } from '../command.ts';

/** Signals that ask `connect` to end. */
export const stopSignals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Exit code after a signal that cut something short: 128 and the number of SIGINT, as shells have it. */
export const interruptedExitCode = 130;

/** How long the controller's answer is still waited for after a signal, ms. */
const answerTimeoutMs = 2000;

/** Ends at once, without waiting for what goes on: the process, or in the shell the command. */
export function leaveOf({ line }: CommandContext): (exitCode: number) => void {
  return line?.abandon ?? ((exitCode) => process.exit(exitCode));
}

/** Owns the signals from `open` or `handOver` to `close`. Before that a signal ends the process, as it ends any other. */
export class Interruption {
  #isOpen = false;
  #first: NodeJS.Signals | undefined;
  #timer: NodeJS.Timeout | undefined;
  #listener: ((signal: NodeJS.Signals) => void) | undefined;
  readonly #leave: (exitCode: number) => void;
  readonly #onSignal = (signal: NodeJS.Signals): void => {
    if (this.#listener !== undefined) {
      this.#listener(signal);
      return;
    }
    // A second signal does not wait.
    if (this.isAsked) this.#leave(interruptedExitCode);
    this.#first = signal;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#leave(interruptedExitCode), answerTimeoutMs);
  };

  /** @param leave ends at once, as `leaveOf` */
  constructor(leave: (exitCode: number) => void) {
    this.#leave = leave;
  }

  /** Whether a signal came before `handOver`. */
  get isAsked(): boolean {
    return this.#first !== undefined;
  }

  /** Starts to listen: the first signal is remembered, a session that is granted meanwhile must be ended. */
  open(): void {
    if (this.#isOpen) return;
    this.#isOpen = true;
    for (const signal of stopSignals) process.on(signal, this.#onSignal);
  }

  /** From here on `listener` gets every signal, a remembered one at once. */
  handOver(listener: (signal: NodeJS.Signals) => void): void {
    this.open();
    clearTimeout(this.#timer);
    this.#listener = listener;
    if (this.#first !== undefined) listener(this.#first);
  }

  /** Stops listening. */
  close(): void {
    clearTimeout(this.#timer);
    for (const signal of stopSignals) process.off(signal, this.#onSignal);
  }
}
