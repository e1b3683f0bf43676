/**
 * What `stile server`, `dev` and `database` fail with before they run: the sentence, and the recorded exit codes (cli.md §2.5,
 * http-api.md §4.1), which are not those of a client that met the same error at an API.
 */
import { StileError, type ErrorCode } from '@stile/protocol/errors';
import type { Output } from '../terminal/output.ts';

/** What the administrator has to put right in the configuration or the database: exit 3. Everything else is exit 2. */
const administratorErrors: ReadonlySet<ErrorCode> = new Set([
  'invalidConfig',
  'invalidFlag',
  'invalidArgument',
  'failedPrecondition',
]);

/** Runs the command; an error becomes its sentence and exit code. */
export async function withStartFailures(output: Output, work: () => Promise<number>): Promise<number> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof StileError)) throw error;
    output.error(error.message);
    return administratorErrors.has(error.code) ? 3 : 2;
  }
}
