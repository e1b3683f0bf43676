/**
 * Signals while `connect` waits for the controller's answer: a session that is granted meanwhile is ended again, not left behind
 * for hours. Without it the signal would end the process between the grant and the proxy.
 */

/** Signals that ask `connect` to end. */
export const stopSignals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Exit code after a signal that cut something short: 128 and the number of SIGINT, as shells have it. */
export const interruptedExitCode = 130;

/** How long the answer is still waited for after a signal, ms. */
const answerTimeoutMs = 2000;

/** Listens for signals until it is closed. */
export class Interruption {
  #timer: NodeJS.Timeout | undefined;
  readonly #onSignal = (): void => {
    // A second signal does not wait.
    if (this.isAsked) process.exit(interruptedExitCode);
    this.#timer = setTimeout(() => process.exit(interruptedExitCode), answerTimeoutMs);
  };

  constructor() {
    for (const signal of stopSignals) process.on(signal, this.#onSignal);
  }

  /** Whether a signal came. */
  get isAsked(): boolean {
    return this.#timer !== undefined;
  }

  /** Stops listening; whoever goes on listens from here on. */
  close(): void {
    clearTimeout(this.#timer);
    for (const signal of stopSignals) process.off(signal, this.#onSignal);
  }
}
