/** Waiting for the order to stop: the first SIGINT, SIGTERM or SIGHUP asks for a clean end, a second one ends at once. */

/** Exit status when a second signal came. */
const forcedExit = 1;

/** Resolves with the first signal. From then on a second signal ends the process. */
export function whenAskedToStop(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    let isAsked = false;
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      process.on(signal, () => {
        if (isAsked) process.exit(forcedExit);
        isAsked = true;
        resolve(signal);
      });
    }
  });
}
