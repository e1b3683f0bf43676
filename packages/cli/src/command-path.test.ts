/** Words to commands: the longest path, aliases of rows and commands, `_` for `-`, groups, rows made from others. */
import { describe, expect, test } from 'vitest';
import type { Command, CommandRow } from './command.ts';
import { findRow, groupPath, nextWords, resolveCommand, respelled, underRow } from './command-path.ts';

function command(path: string, aliases: readonly string[] = []): Command {
  return {
    path,
    aliases,
    summary: path,
    description: `${path}.`,
    examples: [`stile ${path} -id 1`],
    groups: [],
    run: () => Promise.resolve(0),
  };
}

const commands = [
  command('auth me'),
  command('auth two-factor config'),
  command('auth two-factor verify', ['check']),
  command('auth two-factor-auth'),
  command('auth'),
];
const load = (): Promise<{ commands: readonly Command[] }> => Promise.resolve({ commands });
const rows: readonly CommandRow[] = [
  { name: 'auth', summary: '', group: 'local', load },
  { name: 'auth-session', aliases: ['session-admin'], summary: '', group: 'local', load },
];

describe('the command of a line', () => {
  test.each([
    ['auth me x', 'auth me', 2],
    ['auth two_factor verify token=1', 'auth two-factor verify', 3],
    ['auth two-factor check', 'auth two-factor verify', 3],
    ['auth two_factor_auth', 'auth two-factor-auth', 2],
    ['auth two-factor', 'auth', 1],
  ])('%s', (line, path, length) => {
    const found = resolveCommand(commands, line.split(' '));
    expect([found?.command.path, found?.length]).toEqual([path, length]);
  });

  test('is none where no path fits', () => {
    expect(resolveCommand(commands, ['me'])).toBeUndefined();
    expect(resolveCommand(commands, [])).toBeUndefined();
  });
});

test('a row is found by its name, by another name, and with _ for -', () => {
  expect(findRow(rows, 'auth_session')?.name).toBe('auth-session');
  expect(findRow(rows, 'session_admin')?.name).toBe('auth-session');
  expect(findRow(rows, 'aut')).toBeUndefined();
  expect(findRow(rows, undefined)).toBeUndefined();
  expect(underRow({ ...rows[1], load } as CommandRow, ['session_admin', 'list'])).toEqual([
    'auth-session',
    'list',
  ]);
});

test('a group is the longest start of the words that more can follow', () => {
  expect(groupPath(commands, ['auth', 'two_factor', 'zebra'])).toEqual(['auth', 'two-factor']);
  expect(groupPath(commands, ['auth', 'me'])).toEqual(['auth']);
  expect(groupPath(commands, ['zebra'])).toEqual([]);
});

test('the words that can follow include other names', () => {
  expect(nextWords(commands, ['auth', 'two_factor']).toSorted()).toEqual(['check', 'config', 'verify']);
});

test('a row made from another one says which, and has its examples under its own path', () => {
  expect(respelled(command('targets list'), 'auth things query')).toMatchObject({
    path: 'auth things query',
    sameAs: 'targets list',
    examples: ['stile auth things query -id 1'],
  });
});
