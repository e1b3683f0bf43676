/** A token that has ended says so, and only such a token does. */
import { afterEach, expect, test } from 'vitest';
import { runCli, type CliResult } from '../../../../test/support/cli-run.ts';
import { makeTempDir } from '../../../../test/support/temp-dir.ts';
import { Environment } from '../arguments/environment.ts';
import { FileTokenStore } from './file-token-store.ts';
import { StubApi, type StubAnswer } from '../../../../test/support/stub-api.ts';

let stub: StubApi | undefined;

afterEach(async () => {
  await stub?.close();
  stub = undefined;
});

const refusal = (status: number): StubAnswer => ({ status, body: { kind: 'X', message: 'Forbidden.' } });
const token = 'at_1234567890_s1x';
const advice = /is not valid \(any more\)/;

/** A run whose call is answered with `status`, and the look at its own token with `tokenStatus`. */
async function refusedRun(
  words: readonly string[],
  answers: { status: number; tokenStatus: number },
  variables: Readonly<Record<string, string>> = { STILE_TOKEN: token },
): Promise<CliResult> {
  stub = await StubApi.start(({ url }) =>
    url === '/v1/auth-tokens/at_1234567890' && answers.tokenStatus === 200
      ? { status: 200, body: { id: 'at_1234567890' } }
      : refusal(url.startsWith('/v1/auth-tokens/') ? answers.tokenStatus : answers.status),
  );
  return runCli(words, { STILE_ADDR: stub.address, ...variables });
}

const list = ['targets', 'list', '-recursive'];

test.each([
  ['401 on any call', ['targets', 'read', '-id', 'ttcp_1'], { status: 401, tokenStatus: 401 }],
  ['403 on a recursive list', list, { status: 403, tokenStatus: 404 }],
] as const)('%s with a dead token names the way out', async (_name, words, answers) => {
  const done = await refusedRun(words, answers);
  expect(done.exitCode).toBe(1);
  expect(done.stderr).toMatch(advice);
});

test.each([
  ['STILE_TOKEN', [], { STILE_TOKEN: token }],
  ['BOUNDARY_TOKEN', [], { BOUNDARY_TOKEN: token }],
  ['-token', ['-token', 'env://MINE'], { MINE: token, STILE_TOKEN: 'at_0987654321_s1x' }],
] as const)(
  'a dead token of %s is told from a stored one, which a new login replaces',
  async (name, flags, variables) => {
    const done = await refusedRun([...list, ...flags], { status: 401, tokenStatus: 401 }, variables);
    expect(done.stderr).toContain(`leave ${name} out and run "stile authenticate" to log in.`);
  },
);

test('a dead stored token is replaced by a new login', async () => {
  const home = await makeTempDir();
  await new FileTokenStore(new Environment({ XDG_CONFIG_HOME: home.path })).write('default', {
    id: 'at_1234567890',
    token,
  });
  const done = await refusedRun(list, { status: 401, tokenStatus: 401 }, { XDG_CONFIG_HOME: home.path });
  expect(done.stderr).toContain('run "stile authenticate" to log in again.');
  await home.remove();
});

test.each([
  ['a token that is alive', { status: 403, tokenStatus: 200 }],
  ['a token that may not be read', { status: 403, tokenStatus: 403 }],
  ['an unknown resource', { status: 404, tokenStatus: 200 }],
])('nothing is said of %s', async (_name, answers) => {
  expect((await refusedRun(list, answers)).stderr).not.toMatch(advice);
});

test('JSON stays JSON, and an anonymous call is not told of a token', async () => {
  const json = await refusedRun([...list, '-format', 'json'], { status: 401, tokenStatus: 401 });
  expect(JSON.parse(json.stderr)).toMatchObject({ status_code: 401 });
  await stub?.close();
  const anonymous = await refusedRun(list, { status: 401, tokenStatus: 401 }, { STILE_KEYRING_TYPE: 'none' });
  expect(anonymous.stderr).not.toMatch(advice);
});
