/** What a line asks for, read against the real command table. */
import { beforeAll, describe, expect, test } from 'vitest';
import { commandTable } from '../command-table.ts';
import { actionOf } from './line-action.ts';
import { loadRegistry, type Registry } from './place.ts';

let registry: Registry;
beforeAll(async () => {
  registry = await loadRegistry(commandTable);
});

/** The action in few words. */
function actionAt(place: string, line: string): string {
  const action = actionOf(registry, place === '' ? [] : place.split(' '), line);
  switch (action.kind) {
    case 'run':
      return `run ${action.words.join('|')}`;
    case 'enter':
    case 'list':
      return `${action.kind} /${action.place.join(' ')}`;
    case 'help':
      return `help /${action.place.join(' ')}${action.isOfShell ? ' and the shell' : ''}`;
    case 'unknown':
      return `${action.exitCode}: ${action.message}`;
    case 'nothing':
    case 'leave':
      return action.kind;
  }
}

describe('paths', () => {
  test.each([
    ['', 'targets', 'enter /targets'],
    ['', 'targets create', 'enter /targets create'],
    ['', 'targets/create', 'enter /targets create'],
    ['', 'host_sets', 'enter /host-sets'],
    ['targets create', '..', 'enter /targets'],
    ['targets create', '../..', 'enter /'],
    ['targets', '..', 'enter /'],
    ['', '..', 'enter /'],
    ['targets create', '/', 'enter /'],
    ['targets', '/users', 'enter /users'],
    ['targets', '../users', 'enter /users'],
    ['', '.', 'enter /'],
    // A name that is both a command and a namespace runs, unless a slash says otherwise.
    ['', 'connect', 'run connect'],
    ['', 'connect/', 'enter /connect'],
    ['connect', '.', 'run connect'],
  ])('at %j, %j: %s', (place, line, expected) => {
    expect(actionAt(place, line)).toBe(expected);
  });
});

describe('commands', () => {
  test.each([
    ['', 'targets list -recursive', 'run targets|list|-recursive'],
    ['targets', 'list recursive=true', 'run targets|list|-recursive=true'],
    ['targets', '../users list', 'run users|list'],
    ['targets create', '../../users/list scope_id=p_1', 'run users|list|-scope_id=p_1'],
    ['targets', '/users list', 'run users|list'],
    ['', 'scopes list_keys', 'run scopes|list-keys'],
    ['', 'read ttcp_1234567890', 'run targets|read|-id|ttcp_1234567890'],
    ['', 'read id=ttcp_1234567890', 'run targets|read|-id|ttcp_1234567890'],
    ['', 'update ttcp_1 name=x', 'run targets|update|tcp|-id|ttcp_1|-name=x'],
    ['', 'read nonsense', 'run read|nonsense'],
    ['', 'targets list -filter recursive=x', 'run targets|list|-filter|recursive=x'],
    ['', 'connect ttcp_1 exec=env -- a=b', 'run connect|ttcp_1|-exec=env|--|a=b'],
    ['connect', 'ssh ttcp_1', 'run connect|ssh|ttcp_1'],
    ['connect', 'web.example', 'run connect|web.example'],
    ['', 'connect web/one', 'run connect|web/one'],
    [
      '',
      `targets update tcp -name 'a b' -description '..'`,
      'run targets|update|tcp|-name|a b|-description|..',
    ],
    ['', "targets read 'list'", 'run targets|read|list'],
    ['', 'version', 'run version'],
  ])('at %j, %j: %s', (place, line, expected) => {
    expect(actionAt(place, line)).toBe(expected);
  });
});

describe('words of the shell', () => {
  test.each([
    ['', '', 'nothing'],
    ['targets', '# nothing', 'nothing'],
    ['', 'exit', 'leave'],
    ['targets', 'quit', 'leave'],
    ['', 'ls', 'list /'],
    ['targets', 'ls', 'list /targets'],
    ['targets', 'ls create', 'list /targets create'],
    ['targets', 'ls ../users', 'list /users'],
    ['targets', 'ls /', 'list /'],
    ['', '?', 'help / and the shell'],
    ['targets', 'help', 'help /targets and the shell'],
    ['targets', 'list ?', 'help /targets list'],
    ['targets', 'help list', 'help /targets list'],
    ['', 'help targets create tcp', 'help /targets create tcp'],
    ['targets', 'help /connect ssh', 'help /connect ssh'],
    ['targets', 'create -h', 'help /targets create'],
    ['targets', '-h', 'help /targets and the shell'],
    // Quoted, they are words as any other.
    ['', "targets list -filter '?'", 'run targets|list|-filter|?'],
    ['', "'exit'", '127: There is no command "exit"; "ls" shows what there is'],
  ])('at %j, %j: %s', (place, line, expected) => {
    expect(actionAt(place, line)).toBe(expected);
  });
});

describe('what is no command', () => {
  test.each([
    ['', 'nonsense', '127: There is no command "nonsense"; "ls" shows what there is'],
    ['', 'target list', '127: There is no command "target"; did you mean "targets"?'],
    ['targets', 'nonsense', '1: There is no command "nonsense" in targets; "ls" shows what there is'],
    ['', 'targets nonsense -x', '1: There is no command "nonsense" in targets; "ls" shows what there is'],
    ['targets', 'users list', '1: There is no command "users" in targets; did you mean "/users"?'],
    ['', 'ls nonsense', '127: There is no command "nonsense"; "ls" shows what there is'],
    ['', 'help nonsense', '127: There is no command "nonsense"; "ls" shows what there is'],
    ['', '/nonsense', '127: There is no command "/nonsense"; "ls" shows what there is'],
    ['', '-x', '127: There is no command "-x"; "ls" shows what there is'],
  ])('at %j, %j: %s', (place, line, expected) => {
    expect(actionAt(place, line)).toBe(expected);
  });

  test('a key that is no flag of the command is named', () => {
    expect(() => actionAt('', 'targets list nonsense=1')).toThrow('there is no property "nonsense" here');
  });

  test('ls of a command, and words behind exit, say what is wrong', () => {
    expect(() => actionAt('', 'ls targets list')).toThrow('targets list is a command');
    expect(() => actionAt('', 'exit now')).toThrow('exit and quit take no words');
  });
});
