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

/** The faults one by one, the fields of a refused value, and why the database server did not answer. */
function sentencesOf(error: StileError): string[] {
  const fields = error.details?.requestFields ?? [];
  if (fields.length > 0) return fields.map(({ name, description }) => `${name}: ${description}`);
  if (error.code === 'unavailable' && error.cause instanceof Error)
    return [`${error.message}: ${reasonOf(error.cause)}`];
  return error.message.split('\n');
}

/** What the network or the database server said. A name with several addresses fails with one error for each. */
function reasonOf(cause: Error): string {
  const causes: readonly unknown[] = cause instanceof AggregateError ? cause.errors : [cause];
  return causes.map((each) => (each instanceof Error ? each.message : String(each))).join(', ');
}

/** Runs the command; an error becomes its sentence and exit code. */
export async function withStartFailures(output: Output, work: () => Promise<number>): Promise<number> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof StileError)) throw error;
    for (const line of sentencesOf(error)) output.error(line);
    return administratorErrors.has(error.code) ? 3 : 2;
  }
}
