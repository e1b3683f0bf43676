/** The history: which lines are kept, and the file they are kept in. */
import { chmod, lstat, mkdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { PassThrough } from 'node:stream';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { makeTempDir, type TempDir } from '../../../../test/support/temp-dir.ts';
import { Environment } from '../arguments/environment.ts';
import { commandTable } from '../command-table.ts';
import { Output } from '../terminal/output.ts';
import { HistoryFile, historyPath, mayKeep } from './history.ts';
import { LineHistory } from './line-history.ts';
import { loadRegistry } from './place.ts';

const secretNames = new Set(['password', 'new-password', 'p']);
const token = `at_1234567890_s1${'x'.repeat(49)}`;

describe('a line is kept', () => {
  test.each([
    'targets list',
    'auth sessions id',
    'targets update -id ttcp_1 -name password',
    "a 'quoted line",
  ])('%j', (line) => expect(mayKeep(line, secretNames)).toBe(true));
});

describe('a line is not kept (case 33) when it', () => {
  test.each([
    ['is empty', '  '],
    ['begins with a space', ' targets list'],
    ['begins with a tab', '\ttargets list'],
    ['gives a secret flag', 'accounts set-password -id a -password hunter2'],
    ['gives one with two dashes and =', 'accounts set-password --password=hunter2'],
    ['gives one by key=value', 'auth check-password password=hunter2'],
    ['gives one with _ for -', 'accounts change-password new_password=hunter2'],
    ['gives one with quotes within', `auth check-password pass'word'="hunter2"`],
    ['gives one by its short spelling', 'auth check-password -p hunter2'],
    ['gives one to a mistyped command', 'acounts set-password -password hunter2'],
    ['gives one in a line that is broken', `accounts set-password -password 'hunter2`],
    ['holds an auth token', `auth login-with-token ${token}`],
    ['holds a token in quotes', `auth login-with-token "${token}"`],
    ['holds a token in pieces', `x at_1234567890'_s1'${'x'.repeat(49)}`],
    ['holds the beginning of a token', 'x at_1234567890_s1abc'],
    ['could steer a terminal', 'targets list \u001b[2J'],
    ['is longer than any line', `targets list ${'x'.repeat(5000)}`],
  ])('%s', (_why, line) => expect(mayKeep(line, secretNames)).toBe(false));
});

describe('the history of the real command table', () => {
  test.each([
    'auth check-password password=hunter2',
    'auth two_factor verify code=123456',
    'credential-stores create vault -vault-token hvs.x',
    'auth-methods create oidc -client-secret x',
    'auth-methods update ldap -id a bind_password=x',
    'auth-methods update ldap -id a -client-certificate-key x',
    'credentials create json object={"key": "x"}',
    'credentials create json -string-kv key=x',
    'storage-buckets create -secret key=x',
    'connect -authz-token x',
    'accounts change-password -id a current_password=x',
  ])('does without %j', async (line) => {
    const home = await makeTempDir();
    const streams = { stdin: new PassThrough(), stdout: new PassThrough(), stderr: new PassThrough() };
    const output = new Output('table', streams, { environment: new Environment({}) });
    const { commands } = await loadRegistry(commandTable);
    const history = await LineHistory.open(join(home.path, 'history'), commands, output);
    await history.add(line);
    await history.add('users list');
    await history.add('users list');
    expect(history.lines).toEqual(['users list']);
    expect(await readFile(join(home.path, 'history'), 'utf8')).toBe('users list\n');
    await home.remove();
  });
});

describe('the file', () => {
  let home: TempDir;
  let path: string;
  beforeEach(async () => {
    home = await makeTempDir();
    path = historyPath(new Environment({ HOME: home.path }));
  });
  afterEach(() => home.remove());

  test('lies in the state directory of the user', () => {
    expect(path).toBe(join(home.path, '.local/state/stile/shell-history'));
    expect(historyPath(new Environment({ HOME: '/h', XDG_STATE_HOME: '/state' }))).toBe(
      '/state/stile/shell-history',
    );
    expect(historyPath(new Environment({ HOME: '/h', XDG_STATE_HOME: 'state' }))).toBe(
      '/h/.local/state/stile/shell-history',
    );
  });

  test('is made with mode 0600 in a folder that only the user can look into, and read again', async () => {
    const file = new HistoryFile(path);
    expect(await file.load()).toEqual([]);
    await file.append('targets list');
    await file.append('ls');
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect((await stat(dirname(path))).mode & 0o777).toBe(0o700);
    expect(await new HistoryFile(path).load()).toEqual(['targets list', 'ls']);
  });

  test('holds a thousand lines, the newest ones', async () => {
    await mkdir(dirname(path), { recursive: true });
    const old = Array.from({ length: 1200 }, (_, index) => `line ${index}`);
    await writeFile(path, `${old.join('\n')}\n`, { mode: 0o600 });
    const file = new HistoryFile(path);
    expect(await file.load()).toEqual(old.slice(-1000));
    await file.append('the newest');
    await file.append('newer still');
    const kept = (await readFile(path, 'utf8')).trimEnd().split('\n');
    expect(kept).toEqual([...old, 'the newest', 'newer still'].slice(-1000));
    expect((await stat(path)).mode & 0o777).toBe(0o600);
  });

  test('that others could read is made private first', async () => {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, 'ls\n');
    await chmod(path, 0o644);
    expect(await new HistoryFile(path).load()).toEqual(['ls']);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
  });

  test('that is a link, a folder or a pipe is not used', async () => {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(join(home.path, 'other'), 'precious\n', { mode: 0o600 });
    await symlink(join(home.path, 'other'), path);
    await expect(new HistoryFile(path).append('x')).rejects.toMatchObject({
      code: 'failedPrecondition',
      message: expect.stringContaining('symbolic link') as string,
    });
    expect((await lstat(path)).isSymbolicLink()).toBe(true);
    expect(await readFile(join(home.path, 'other'), 'utf8')).toBe('precious\n');
    await mkdir(join(home.path, 'folder'));
    await expect(new HistoryFile(join(home.path, 'folder')).load()).rejects.toMatchObject({
      code: 'failedPrecondition',
    });
  });

  test('shows nothing that could steer the terminal, whoever wrote it there', async () => {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, 'ls\n\u001b]0;gotcha\u0007\n\nexit\n', { mode: 0o600 });
    expect(await new HistoryFile(path).load()).toEqual(['ls', 'exit']);
  });

  test('takes the lines of two shells at once', async () => {
    const files = [new HistoryFile(path), new HistoryFile(path)];
    await Promise.all(
      Array.from(
        { length: 40 },
        (_, index) => files[index % 2]?.append(`line ${index}`) ?? Promise.resolve(),
      ),
    );
    expect((await new HistoryFile(path).load()).toSorted()).toEqual(
      Array.from({ length: 40 }, (_, index) => `line ${index}`).toSorted(),
    );
  });
});
