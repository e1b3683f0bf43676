/** Entry of the `stile` program: hands the process to `run.ts` and takes the exit code. */
import { run } from './run.ts';

process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  // A reader that went away (`stile … | head`) is no fault of the command. A result that a full disk did not take is.
  if (error.code === 'EPIPE') return;
  process.stderr.write(`cannot write the output: ${error.code ?? error.message}\n`);
  process.once('exit', () => {
    if (process.exitCode === 0) process.exitCode = 2;
  });
});
// There is nobody left to tell.
process.stderr.on('error', () => undefined);

// What counts when nothing is left to wait for and the run has not ended: a fault, never a success.
process.exitCode = 2;
const exitCode = await run({
  words: process.argv.slice(2),
  variables: process.env,
  streams: { stdin: process.stdin, stdout: process.stdout, stderr: process.stderr },
});
process.exitCode = exitCode;
