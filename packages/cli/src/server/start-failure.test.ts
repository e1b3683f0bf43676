/** What an administrator reads when a process does not start. */
import { StileError } from '@stile/protocol/errors';
import { expect, test } from 'vitest';
import { Environment } from '../arguments/environment.ts';
import { Output } from '../terminal/output.ts';
import { withStartFailures } from './start-failure.ts';

/** Lines of standard error and the exit code for an error at start. */
async function failed(error: StileError): Promise<{ exitCode: number; lines: string[] }> {
  const lines: string[] = [];
  const stream = { write: (text: string) => lines.push(text.trimEnd()) > 0 };
  const streams = { stdout: stream, stderr: stream } as unknown as ConstructorParameters<typeof Output>[1];
  const output = new Output('table', streams, { environment: new Environment({}) });
  const exitCode = await withStartFailures(output, () => Promise.reject(error));
  return { exitCode, lines };
}

test('each fault of a file has a line of its own', async () => {
  const error = new StileError('invalidConfig', 'a.yaml:1: one\na.yaml:2: two');
  expect(await failed(error)).toEqual({ exitCode: 3, lines: ['a.yaml:1: one', 'a.yaml:2: two'] });
});

test('a refused value is named with what is wrong with it', async () => {
  const requestFields = [{ name: 'attributes.address', description: 'Address does not support a port.' }];
  const error = new StileError('invalidArgument', 'Error in provided request.', {
    details: { requestFields },
  });
  expect(await failed(error)).toEqual({
    exitCode: 3,
    lines: ['attributes.address: Address does not support a port.'],
  });
});

test('a database server that does not answer: what the network said, for each address of its name', async () => {
  const text = 'the database server cannot be reached or refuses the connection';
  const one = new Error('connect ECONNREFUSED 127.0.0.1:5432');
  const two = new Error('connect ECONNREFUSED ::1:5432');
  expect((await failed(new StileError('unavailable', text, { cause: one }))).lines).toEqual([
    `${text}: ${one.message}`,
  ]);
  const cause = new AggregateError([two, one]);
  expect(await failed(new StileError('unavailable', text, { cause }))).toEqual({
    exitCode: 2,
    lines: [`${text}: ${two.message}, ${one.message}`],
  });
});
