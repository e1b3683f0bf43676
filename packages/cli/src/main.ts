/** Entry of the `stile` program: hands the process to `run.ts` and takes the exit code. */
import { run } from './run.ts';

for (const stream of [process.stdout, process.stderr]) {
  // A reader that went away (`stile … | head`) is no fault of the command; there is nobody left to tell.
  stream.on('error', () => undefined);
}

// What counts when nothing is left to wait for and the run has not ended: a fault, never a success.
process.exitCode = 2;
const exitCode = await run({
  words: process.argv.slice(2),
  variables: process.env,
  streams: { stdin: process.stdin, stdout: process.stdout, stderr: process.stderr },
});
process.exitCode = exitCode;
