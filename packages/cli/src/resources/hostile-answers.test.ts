/**
 * Every command that calls the API against a server that answers with what it likes: texts that would steer a terminal, values of other
 * types, keys of other objects. The command ends, says nothing that a terminal obeys, and no answer is a fault of ours.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runCli } from '../../../../test/support/cli-run.ts';
import { exampleVariables, exampleWords } from '../../../../test/support/golden-commands.ts';
import { sampleAnswer } from '../../../../test/support/sample-answers.ts';
import { signInAnswer } from '../../../../test/support/sign-in-answers.ts';
import {
  StubApi,
  type Answering,
  type SeenRequest,
  type StubAnswer,
} from '../../../../test/support/stub-api.ts';
import type { Command } from '../command.ts';
import { commands as authCommands } from '../commands/auth.ts';
import { commands as authSessionCommands } from '../commands/auth-session.ts';
import { commands as tokenCommands } from '../commands/tokens.ts';
import { commandsOf } from './resource-commands.ts';
import { specs } from './specs.ts';

/** Sets the title, moves up, turns the direction of text, ends the line in every way there is. */
const escape = '\u001b]0;owned\u0007\u001b[1A\u009b2K\r\n\u2028\u202eevil\u0000\t';
/** A time that is read by a regular expression. */
const endless = `2026-11-22T10:00:00.${'0'.repeat(200_000)}1Z`;
const nested = JSON.parse(`${'[{"a":'.repeat(500)}1${'}]'.repeat(500)}`) as unknown;
const odd: readonly unknown[] = [
  null,
  true,
  -1,
  1e308,
  '',
  escape,
  endless,
  ' '.repeat(100_000),
  [],
  {},
  [null, 1, escape, [escape], { id: escape }],
  { id: { id: escape }, [escape]: escape },
  nested,
];

/** The answer with every text inside it, or every value, in another form. `at` chooses which. */
function spoiled(value: unknown, how: 'texts' | 'values' | 'keys', at: { count: number }): unknown {
  at.count += 1;
  const { count } = at;
  if (how === 'values' && count % 3 === 0) return odd[Math.floor(count / 3) % odd.length];
  if (typeof value === 'string') return how === 'texts' ? escape + value : value;
  if (Array.isArray(value)) return value.map((each) => spoiled(each, how, at));
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).map(([key, each]) => [key, spoiled(each, how, at)] as const);
  const more =
    how === 'keys'
      ? ['__proto__', 'constructor', 'toString', escape].map((key) => [key, { [key]: [escape] }] as const)
      : [];
  return Object.fromEntries([...more, ...entries]);
}

const ways = [
  ['texts', 0],
  ['keys', 0],
  ['values', 0],
  ['values', 1],
  ['values', 20],
] as const;

/** What the command asks for, spoiled; after some answers none, so that a list comes to its end. */
function spoiledAnswers(
  answer: (request: SeenRequest) => StubAnswer,
  how: 'texts' | 'values' | 'keys',
  start: number,
): Answering {
  let answers = 0;
  return (request) => {
    answers += 1;
    if (answers > 4) return { status: 200, body: { items: null } };
    try {
      const { status, body } = answer(request);
      return { status, body: spoiled(body, how, { count: start }) };
    } catch {
      // It was asked about an id of ours that is none.
      return { status: 404 };
    }
  };
}

let stub: StubApi;
beforeAll(async () => {
  stub = await StubApi.start(() => ({ status: 500 }));
});
afterAll(() => stub.close());

/** Commands by their first word, and what a controller answers them. */
const groups: readonly (readonly [
  name: string,
  commands: readonly Command[],
  answer: (request: SeenRequest, command: Command) => StubAnswer,
])[] = [
  ...specs.map(
    ({ name }) =>
      [
        name,
        commandsOf(name),
        (request: SeenRequest, { path }: Command) => sampleAnswer(request, path.split(' ')[2] ?? ''),
      ] as const,
  ),
  ['auth', authCommands.filter(({ sameAs }) => sameAs === undefined), signInAnswer],
  ['auth-session', authSessionCommands, signInAnswer],
  ['tokens', tokenCommands, signInAnswer],
];

describe.each(groups)('stile %s', (_name, commands, answer) => {
  test.each(commands.map((command) => [command.path, command] as const))(
    '%s',
    { timeout: 30_000 },
    async (_path, command) => {
      const words = exampleWords(command);
      for (const [how, start] of ways) {
        for (const format of ['table', 'json']) {
          stub.answerWith(spoiledAnswers((request) => answer(request, command), how, start));
          const { exitCode, stdout, stderr } = await runCli([...words, '-format', format], {
            ...exampleVariables,
            STILE_ADDR: stub.address,
          });
          const run = `${how} ${start} ${format}: exit ${exitCode}`;
          const obeyed = /[^\P{Cc}\n]|[\u2028\u2029\p{Bidi_Control}]/u.exec(stdout + stderr) ?? [];
          const fault = /internal error|TypeError|RangeError|Cannot read/.test(stderr) ? stderr : '';
          expect({ run, obeyed: [...obeyed], fault }).toEqual({ run, obeyed: [], fault: '' });
        }
      }
    },
  );
});

test('a time of endless digits is no endless work', async () => {
  stub.answerWith(() => ({ status: 200, body: { id: 'w_1234567890', last_status_time: endless } }));
  const began = performance.now();
  const words = ['workers', 'read', '-id', 'w_1234567890'];
  expect(await runCli(words, { ...exampleVariables, STILE_ADDR: stub.address })).toMatchObject({
    exitCode: 0,
  });
  expect(performance.now() - began).toBeLessThan(5000);
});
