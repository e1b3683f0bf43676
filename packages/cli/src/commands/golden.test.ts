/**
 * Every command about tokens and sign-ins against its golden file (test/golden/cli), as resources/golden.test.ts has it; and every row
 * that is another one under another name against that one.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  describeGolden,
  exampleWords,
  isWritingGolden,
  runAtStub,
  wrongExits,
} from '../../../../test/support/golden-commands.ts';
import { sampleAnswer } from '../../../../test/support/sample-answers.ts';
import { signInAnswer } from '../../../../test/support/sign-in-answers.ts';
import { StubApi } from '../../../../test/support/stub-api.ts';
import type { Command } from '../command.ts';
import { commands as authCommands } from './auth.ts';
import { commands as authSessionCommands } from './auth-session.ts';
import { commands as authenticateCommands } from './authenticate.ts';
import { commands as configCommands } from './config.ts';
import { commands as loginCommands } from './login.ts';
import { commands as tokenCommands } from './tokens.ts';
import { commandsOf } from '../resources/resource-commands.ts';

const groups: readonly { readonly name: string; readonly commands: readonly Command[] }[] = [
  { name: 'auth', commands: authCommands.filter((command) => command.sameAs === undefined) },
  { name: 'auth-session', commands: authSessionCommands },
  { name: 'tokens', commands: tokenCommands },
];
for (const group of groups) describeGolden({ ...group, answer: (request) => signInAnswer(request) });

test('every command is answered with success when the controller agrees, and exits 1 when it refuses', () => {
  if (isWritingGolden) return;
  for (const { name } of groups) expect({ name, wrong: wrongExits(name) }).toEqual({ name, wrong: [] });
});

describe('a row that is another one under another name', () => {
  let stub: StubApi;
  beforeAll(async () => {
    stub = await StubApi.start((request) => sampleAnswer(request, ''));
  });
  afterAll(() => stub.close());

  const originals = [...authenticateCommands, ...configCommands, ...commandsOf('roles')];
  const copies = [...loginCommands, ...authCommands].filter((command) => command.sameAs !== undefined);

  async function seen(command: Command) {
    stub.requests.length = 0;
    const { exitCode, stdout, stderr } = await runAtStub(stub, exampleWords(command));
    const requests = stub.requests.map(({ method, url, body }) => `${method} ${url} ${body}`);
    return { exitCode, stdout, stderr, requests };
  }

  test.each(copies.map((command) => [command.path, command.sameAs ?? '', command] as const))(
    '%s does what %s does',
    async (_path, sameAs, copy) => {
      const original = originals.find((command) => command.path === sameAs);
      if (original === undefined) throw new Error(`no command ${sameAs}`);
      expect(await seen(copy)).toEqual(await seen(original));
    },
  );

  test('a privilege takes key=value as all of auth does', async () => {
    stub.requests.length = 0;
    await runAtStub(stub, ['auth', 'privilege', 'get_instance', 'id=r_1234567890']);
    expect(stub.requests.map(({ url }) => url)).toEqual(['/v1/roles/r_1234567890']);
  });
});
