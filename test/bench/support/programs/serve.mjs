// The program's side of the message channel (support/remote-program.mjs): answers calls until the bench hangs up.

/** Serves operations; the process ends when the channel closes. */
export function serve(operations) {
  process.on('message', ({ id, operation, argument }) => {
    Promise.resolve()
      .then(() => operations[operation](argument))
      .then(
        (value) => answer({ id, value }),
        (error) =>
          answer({ id, error: error instanceof Error ? (error.stack ?? error.message) : String(error) }),
      );
  });
  process.once('disconnect', () => process.exit(0));
  // Ctrl-C reaches the whole group; the bench decides when its programs end.
  process.on('SIGINT', () => undefined);
}

function answer(message) {
  if (process.connected) process.send(message);
}
