/**
 * The command table (tokens.md §3.5): one row a command, and no row without summary, description, examples that run it, and a test.
 * Help, completion, shell, docs and golden tests read the same rows.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { everyActionOf, isResourceType } from '@stile/protocol/grant';
import { beforeAll, describe, expect, test } from 'vitest';
import { parseArguments } from '../../packages/cli/src/arguments/argv.ts';
import { Environment } from '../../packages/cli/src/arguments/environment.ts';
import { expandShortcut } from '../../packages/cli/src/arguments/shortcuts.ts';
import type { Command } from '../../packages/cli/src/command.ts';
import { findRow, pathsOf, resolveCommand, underRow } from '../../packages/cli/src/command-path.ts';
import { commandTable } from '../../packages/cli/src/command-table.ts';
import { shellWords } from '../support/recorded-cli.ts';
import { root } from './sources.ts';

/** Commands without a golden file: where their output is compared, by first word or whole path. */
const elsewhere: Readonly<Record<string, string>> = {
  authenticate: 'packages/cli/src/recorded.test.ts',
  config: 'packages/cli/src/run.test.ts',
  connect: 'packages/cli/src/connect/connect-run.test.ts',
  database: 'test/e2e/server.test.ts',
  delete: 'packages/cli/src/run.test.ts',
  dev: 'packages/cli/src/server/banner.test.ts',
  logout: 'packages/cli/src/tokens/token-store.test.ts',
  read: 'packages/cli/src/run.test.ts',
  server: 'test/e2e/server.test.ts',
  'sessions watch': 'packages/cli/src/watch/watch.test.ts',
  shell: 'packages/cli/src/shell/shell.test.ts',
  update: 'packages/cli/src/run.test.ts',
  version: 'test/e2e/recorded-cli.test.ts',
};

const goldenFolder = join(root, 'test/golden/cli');

let commands: Command[];
beforeAll(async () => {
  const modules = await Promise.all(commandTable.map((row) => row.load()));
  // A module may serve several rows.
  commands = [...new Set(modules.flatMap((module) => module.commands))];
});

/** What is missing or wrong in the texts of a row. */
function textProblems(command: Command): string[] {
  const flags = command.groups.flatMap((group) => group.flags);
  const names = flags.flatMap((flag) => [flag.name, ...(flag.alias === undefined ? [] : [flag.alias])]);
  return [
    ...names.filter((name, index) => names.indexOf(name) !== index).map((name) => `-${name} twice`),
    ...flags
      .filter((flag) => !/^(?:[A-Z]|host:port ).*\.$/s.test(flag.help))
      .map((flag) => `help of -${flag.name}`),
    ...(/^[A-Z].{8,}[^.]$/.test(command.summary) ? [] : ['summary']),
    ...(/[.…]$/.test(command.description) ? [] : ['description']),
  ];
}

/** Why an example does not run its command; undefined when it does. */
async function exampleProblem(command: Command, example: string): Promise<string | undefined> {
  // Of a pipe, the part that is this command.
  const [, ...parts] = example.split(/(?:^|\| .*)stile /);
  const words = shellWords(parts.find((part) => part.startsWith(command.path)) ?? '');
  const row = findRow(commandTable, words[0]);
  if (row === undefined) return 'no such row';
  const typed = underRow(row, words);
  const found = resolveCommand(commands, typed);
  if (found?.command.path !== command.path) return `runs ${found?.command.path ?? 'nothing'}`;
  const { leftover, operands } = await parseArguments(
    command,
    typed.slice(found.length),
    new Environment({}),
  );
  const extra = [...leftover, ...operands.slice(command.operands?.max ?? 0)];
  return extra.length === 0 ? undefined : `has words too many: ${extra.join(' ')}`;
}

/** Command lines with a golden text. */
function goldenLines(): Set<string> {
  const texts = readdirSync(goldenFolder).map((name) => readFileSync(join(goldenFolder, name), 'utf8'));
  return new Set(texts.flatMap((text) => [...text.matchAll(/^\$ (.*)$/gm)].map((match) => match[1] ?? '')));
}

function isTestedElsewhere(command: Command): boolean {
  const [word = ''] = command.path.split(' ');
  const name = command.path in elsewhere ? command.path : word;
  const file = elsewhere[name];
  return file !== undefined && readFileSync(join(root, file), 'utf8').includes(name);
}

describe('the command table', () => {
  test('every row has a summary, a description, and a help text for every flag', () => {
    const wrong = commands.flatMap((command) =>
      textProblems(command).map((problem) => `${command.path}: ${problem}`),
    );
    expect(wrong).toEqual([]);
  });

  test('every example of every row is a command line that runs that row', async () => {
    const wrong: string[] = [];
    for (const command of commands) {
      for (const example of command.examples) {
        const isShortcut = expandShortcut(shellWords(example).slice(1)) !== undefined;
        const problem = isShortcut ? undefined : await exampleProblem(command, example);
        if (problem !== undefined) wrong.push(`${example}: ${problem}`);
      }
    }
    expect(wrong).toEqual([]);
  });

  test('every row is tested: by a golden text of its first example, as another row, or where it says', () => {
    const golden = goldenLines();
    const own = commands.filter((command) => command.sameAs === undefined);
    const untested = own.filter((command) => !golden.has(command.examples[0]) && !isTestedElsewhere(command));
    expect(untested.map((command) => command.path)).toEqual([]);
    const paths = new Set(own.map((command) => command.path));
    const lost = commands.filter((command) => command.sameAs !== undefined && !paths.has(command.sameAs));
    expect(lost.map((command) => command.path)).toEqual([]);
    const isKnown = (name: string): boolean => paths.has(name) || findRow(commandTable, name)?.name === name;
    expect(Object.keys(elsewhere).filter((name) => !isKnown(name))).toEqual([]);
  });

  test('no two rows answer to one path', () => {
    const paths = commands.flatMap((command) => pathsOf(command).map((path) => path.join(' ')));
    const firstWords = commandTable.flatMap((row) => [row.name, ...(row.aliases ?? [])]);
    expect(paths.filter((path, index) => paths.indexOf(path) !== index)).toEqual([]);
    expect(firstWords.filter((word, index) => firstWords.indexOf(word) !== index)).toEqual([]);
  });

  test('a row that names a right names one of the table of actions', () => {
    const wrong = commands.flatMap(({ path, permission = '' }) => {
      const [type = '', ...action] = permission.split(':');
      if (permission === '') return [];
      const known = isResourceType(type) ? everyActionOf(type) : [];
      return known.some((each) => each === action.join(':')) ? [] : [`${path}: ${permission}`];
    });
    expect(wrong).toEqual([]);
  });
});
