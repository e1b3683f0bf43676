/** Token storage and sources on a real file system: modes, links, other people's access, and what reaches the controller. */
import { chmod, mkdir, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { runCli } from '../../../../test/support/cli-run.ts';
import { StubApi } from '../../../../test/support/stub-api.ts';
import { makeTempDir, type TempDir } from '../../../../test/support/temp-dir.ts';
import { Environment } from '../arguments/environment.ts';
import { FileTokenStore } from './file-token-store.ts';

let home: TempDir;
let store: FileTokenStore;

beforeEach(async () => {
  home = await makeTempDir();
  store = new FileTokenStore(new Environment({ XDG_CONFIG_HOME: home.path }));
});

afterEach(async () => {
  await home.remove();
});

const token = { id: 'at_1234567890', token: 'at_1234567890_s1abc', user_id: 'u_1' };

function fileOf(name = 'default'): string {
  return join(home.path, 'stile', 'tokens', `${name}.json`);
}

describe('the file store', () => {
  test('keeps one entry a name, readable by its owner alone', async () => {
    await store.write('default', token);
    await store.write('work', { ...token, id: 'at_0987654321' });
    expect(await store.lookup('default')).toEqual(token);
    expect((await store.lookup('work'))?.id).toBe('at_0987654321');
    expect((await stat(fileOf())).mode & 0o777).toBe(0o600);
    expect((await stat(join(home.path, 'stile'))).mode & 0o777).toBe(0o700);
  });

  test('has nothing where nothing was stored', async () => {
    expect(await store.lookup('default')).toBeUndefined();
    await store.delete('default');
  });

  test('replaces and deletes, and leaves no other file behind', async () => {
    await store.write('default', token);
    await store.write('default', { ...token, user_id: 'u_2' });
    expect((await store.lookup('default'))?.user_id).toBe('u_2');
    expect(await readdir(join(home.path, 'stile', 'tokens'))).toEqual(['default.json']);
    await store.delete('default');
    expect(await store.lookup('default')).toBeUndefined();
  });

  test('many writers at once leave one whole entry', async () => {
    await Promise.all(
      Array.from({ length: 20 }, (_, index) => store.write('default', { ...token, user_id: `u_${index}` })),
    );
    expect((await store.lookup('default'))?.user_id).toMatch(/^u_\d+$/);
    expect(await readdir(join(home.path, 'stile', 'tokens'))).toEqual(['default.json']);
  });

  test.each([0o640, 0o604, 0o660])('refuses a file of mode %o', async (mode) => {
    await store.write('default', token);
    await chmod(fileOf(), mode);
    await expect(store.lookup('default')).rejects.toMatchObject({
      code: 'failedPrecondition',
      message: expect.stringContaining('chmod') as string,
    });
  });

  test('refuses a directory that others can look into', async () => {
    await store.write('default', token);
    await chmod(join(home.path, 'stile', 'tokens'), 0o755);
    await expect(store.lookup('default')).rejects.toMatchObject({ code: 'failedPrecondition' });
    await expect(store.write('default', token)).rejects.toMatchObject({ code: 'failedPrecondition' });
  });

  test('does not follow a link in the place of the file, and replaces it without touching its target', async () => {
    await store.write('default', token);
    const target = join(home.path, 'target');
    await writeFile(target, 'untouched', { mode: 0o600 });
    await symlink(target, fileOf('link'));
    await expect(store.lookup('link')).rejects.toMatchObject({ code: 'failedPrecondition' });
    await store.write('link', token);
    expect(await readFile(target, 'utf8')).toBe('untouched');
    expect(await store.lookup('link')).toEqual(token);
  });

  test('does not follow a link in the place of the directory', async () => {
    const elsewhere = join(home.path, 'elsewhere');
    await mkdir(elsewhere, { mode: 0o700 });
    await symlink(elsewhere, join(home.path, 'stile'));
    await expect(store.write('default', token)).rejects.toMatchObject({ code: 'failedPrecondition' });
  });

  test.each(['../../evil', 'a/b', '..', 'Größe', 'a b', '.hidden'])(
    'takes the name %j without leaving its folder',
    async (name) => {
      await store.write(name, token);
      expect(await store.lookup(name)).toEqual(token);
      expect(await readdir(join(home.path, 'stile', 'tokens'))).toHaveLength(1);
      expect(await readdir(home.path)).toEqual(['stile']);
    },
  );

  test('takes a damaged entry for none', async () => {
    await store.write('default', token);
    await writeFile(fileOf(), '{"token":');
    expect(await store.lookup('default')).toBeUndefined();
  });

  test('a disk that cannot be written is an error that names the place', async () => {
    const blocked = new FileTokenStore(new Environment({ XDG_CONFIG_HOME: '/dev/null' }));
    await expect(blocked.write('default', token)).rejects.toMatchObject({
      code: 'failedPrecondition',
      message: 'cannot store the token in /dev/null/stile/tokens: a part of the path is no folder',
    });
    expect(await blocked.lookup('default')).toBeUndefined();
  });
});

describe('commands', () => {
  let api: StubApi;

  beforeEach(async () => {
    api = await StubApi.start((request) => {
      if (request.url.endsWith(':authenticate')) return { status: 200, body: { attributes: token } };
      if (request.method === 'DELETE') return { status: 204 };
      return { status: 200, body: { id: 'x', items: [{ id: 'ampw_1', is_primary: true }] } };
    });
  });

  afterEach(async () => {
    await api.close();
  });

  function run(words: readonly string[], variables: Readonly<Record<string, string>> = {}) {
    return runCli(words, {
      XDG_CONFIG_HOME: home.path,
      STILE_ADDR: api.address,
      P: 'password',
      ...variables,
    });
  }

  const login = ['authenticate', 'password', '-login-name', 'admin', '-password', 'env://P'];

  test('log in, use the token, print it, log out', async () => {
    const done = await run(login);
    expect(done).toMatchObject({ exitCode: 0, stderr: '' });
    expect(done.stdout).toContain('The token name "default" was successfully stored');
    expect(done.stdout).not.toContain(token.token);
    await run(['targets', 'read', '-id', 'ttcp_1']);
    expect(api.requests.at(-1)?.headers.authorization).toBe(`Bearer ${token.token}`);
    expect((await run(['config', 'get-token'])).stdout).toBe(`${token.token}\n`);
    expect((await run(['config', 'get-token', '-user-id'])).stdout).toBe('u_1\n');
    const out = await run(['logout']);
    expect(out.exitCode).toBe(0);
    expect(out.stdout).toContain('The token was successfully revoked within the controller.');
    expect(api.requests.at(-1)).toMatchObject({
      method: 'POST',
      url: '/v1/auth-tokens/at_1234567890:revoke',
    });
    expect((await run(['config', 'get-token'])).exitCode).toBe(2);
    expect((await run(['logout'])).exitCode).toBe(3);
  });

  test('bare authenticate asks the primary auth method of the scope', async () => {
    await run(['authenticate', '-scope-id', 'o_1'], { STILE_AUTHENTICATE_PASSWORD_LOGIN_NAME: 'admin' });
    expect(api.requests[0]?.url).toBe('/v1/auth-methods?scope_id=o_1');
  });

  test('logging out of a token of the environment keeps another one that is stored', async () => {
    await run(login);
    const other = await run(['logout'], { STILE_TOKEN: 'at_0987654321_s1x' });
    expect(other).toMatchObject({ exitCode: 0 });
    expect(api.requests.at(-1)?.url).toBe('/v1/auth-tokens/at_0987654321:revoke');
    expect(other.stdout).toContain('is another one: it was kept.');
    expect((await store.lookup('default'))?.id).toBe('at_1234567890');
    await run(['logout'], { STILE_TOKEN: token.token });
    expect(await store.lookup('default')).toBeUndefined();
    const none = await run(['logout'], { STILE_TOKEN: 'at_0987654321_s1x' });
    expect(none.stdout).toContain('No token was in the local credential store.');
  });

  test('logging out of a token the controller has forgotten succeeds', async () => {
    await run(login);
    api.answerWith(() => ({ status: 404, body: { kind: 'NotFound' } }));
    expect((await run(['logout'])).exitCode).toBe(0);
    expect(await store.lookup('default')).toBeUndefined();
  });

  test.each([
    [400, undefined],
    [404, { kind: 'NotFound' }],
    [405, { kind: 'Unimplemented' }],
  ])('logging out of a server that answers :revoke with %i deletes the token', async (status, body) => {
    await run(login);
    api.answerWith(({ method }) => (method === 'DELETE' ? { status: 204 } : { status, body }));
    const out = await run(['logout']);
    expect(out).toMatchObject({ exitCode: 0 });
    expect(out.stdout).toContain('The token was successfully deleted within the controller.');
    expect(api.requests.at(-1)).toMatchObject({ method: 'DELETE', url: '/v1/auth-tokens/at_1234567890' });
    expect(await store.lookup('default')).toBeUndefined();
  });

  test('case 16: logging out of a token that has ended succeeds and forgets it', async () => {
    await run(login);
    api.answerWith(() => ({ status: 401, body: { kind: 'Unauthenticated' } }));
    const out = await run(['logout']);
    expect(out).toMatchObject({ exitCode: 0, stderr: '' });
    expect(out.stdout).toContain('not valid any more');
    expect(await store.lookup('default')).toBeUndefined();
  });

  test('a controller that fails at logging out keeps the token here', async () => {
    await run(login);
    api.answerWith(() => ({ status: 500, body: { kind: 'Internal' } }));
    expect((await run(['logout'])).exitCode).toBe(1);
    expect((await store.lookup('default'))?.id).toBe('at_1234567890');
  });

  test('row E1: login token prints the token, from each of its sources', async () => {
    expect(await run(['login', 'token'])).toMatchObject({ exitCode: 2, stdout: '' });
    await run(['login', 'password', ...login.slice(2)]);
    expect((await run(['login', 'token'])).stdout).toBe(`${token.token}\n`);
    const other = 'at_0987654321_s1other';
    expect((await run(['login', 'token'], { STILE_TOKEN: other })).stdout).toBe(`${other}\n`);
    expect((await run(['login', 'token'], { BOUNDARY_TOKEN: other })).stdout).toBe(`${other}\n`);
    const given = await run(['login', 'token', '-token', 'env://T'], { T: other, STILE_TOKEN: token.token });
    expect(given.stdout).toBe(`${other}\n`);
  });

  test('JSON prints the token and stores nothing', async () => {
    const done = await run([...login, '-format', 'json']);
    expect(JSON.parse(done.stdout)).toMatchObject({
      status_code: 200,
      item: { attributes: { token: token.token } },
    });
    expect(await store.lookup('default')).toBeUndefined();
  });

  test('a store that cannot be used hands the token to the user', async () => {
    const done = await run(login, { XDG_CONFIG_HOME: '/dev/null' });
    expect(done.exitCode).toBe(0);
    expect(done.stdout.split('\n')).toContain(token.token);
    expect(done.stderr).not.toContain(token.token);
  });

  test('an unknown keyring type is an error that names those there are', async () => {
    const done = await run(['targets', 'read', '-id', 'ttcp_1', '-keyring-type', 'keychain']);
    expect(done.exitCode).toBe(2);
    for (const type of ['auto', 'file', 'pass', 'none']) expect(done.stderr).toContain(`"${type}"`);
  });

  test('a stored token that has expired is told with its time and the next step', async () => {
    const folder = join(home.path, '.config');
    const expired = new FileTokenStore(new Environment({ XDG_CONFIG_HOME: folder }));
    await expired.write('default', { ...token, expiration_time: '2023-11-14T22:13:20Z' });
    const variables = { HOME: home.path, TZ: 'UTC', STILE_ADDR: api.address };
    const done = await runCli(['targets', 'read', '-id', 'ttcp_1'], variables);
    expect(done.stderr).toMatch(
      /The token "default" expired at Tue, 14 Nov 2023 22:13:20 UTC; run "stile authenticate"/,
    );
  });

  test('a stored token that others can read is not sent', async () => {
    await run(login);
    await chmod(fileOf(), 0o644);
    const done = await run(['targets', 'read', '-id', 'ttcp_1']);
    expect(done.stderr).toContain('chmod go-rwx');
    expect(api.requests.at(-1)?.headers.authorization?.trim()).toBe('Bearer');
  });

  test.each([
    ['at_1_s1a\nx', 'a line break'],
    ['at_1 s1a', 'a space'],
    ['at_1_s1ä', 'another letter'],
  ])('a token with a character no token has (%j) is refused before anything is sent', async (text) => {
    const done = await run(['targets', 'read', '-id', 'ttcp_1', '-token', 'env://T'], { T: text });
    expect(done.exitCode).toBe(2);
    expect(done.stderr).toContain('no auth token');
    expect(done.stderr).not.toContain('at_1');
    expect(api.requests).toEqual([]);
  });

  test('a token read from a file loses the line break behind it', async () => {
    const path = join(home.path, 'token');
    await writeFile(path, 'at_1_s1file\n');
    await run(['targets', 'read', '-id', 'ttcp_1', '-token', `file://${path}`]);
    expect(api.requests[0]?.headers.authorization).toBe('Bearer at_1_s1file');
  });

  test.each(['at_1_s1plain', 'env://MISSING', 'file:///nonexistent'])(
    '-token %s is refused',
    async (value) => {
      const done = await run(['targets', 'read', '-id', 'ttcp_1', '-token', value]);
      expect(done.exitCode).toBe(2);
      expect(done.stderr).not.toContain('s1plain');
      expect(api.requests).toEqual([]);
    },
  );

  test('a password on the command line is refused, and a printed request does not hold it', async () => {
    const plain = await run([
      'authenticate',
      'password',
      '-login-name',
      'admin',
      '-password',
      'hunter2',
      '-auth-method-id',
      'ampw_1',
    ]);
    expect(plain).toMatchObject({ exitCode: 3 });
    expect(plain.stderr).not.toContain('hunter2');
    const curl = await run([...login, '-auth-method-id', 'ampw_1', '-output-curl-string'], { P: 'hunter2' });
    expect(curl.stdout).toContain('<password>');
    expect(curl.stdout).not.toContain('hunter2');
    expect(api.requests).toEqual([]);
  });

  test('without a terminal nothing is asked for', async () => {
    const done = await run(['authenticate', 'password', '-auth-method-id', 'ampw_1']);
    expect(done).toMatchObject({ exitCode: 3 });
    expect(done.stderr).toContain('no terminal');
  });

  test('pass gets the token through a pipe and gives it back', async () => {
    const bin = join(home.path, 'bin');
    await mkdir(bin);
    // A stand-in that keeps its input and its arguments in files.
    const script = `#!/bin/sh
echo "$@" >> "${home.path}/argv"
case "$1" in
  insert) cat > "${home.path}/entry" ;;
  show) cat "${home.path}/entry" ;;
  rm) rm "${home.path}/entry" ;;
esac
`;
    await writeFile(join(bin, 'pass'), script, { mode: 0o755 });
    const path = process.env['PATH'] ?? '';
    process.env['PATH'] = `${bin}:${path}`;
    try {
      const keyring = ['-keyring-type', 'pass'];
      expect((await run([...login, ...keyring])).exitCode).toBe(0);
      expect((await run(['config', 'get-token', ...keyring])).stdout).toBe(`${token.token}\n`);
      expect((await run(['logout', ...keyring])).exitCode).toBe(0);
      expect((await run(['config', 'get-token', ...keyring])).exitCode).toBe(2);
      const argv = await readFile(join(home.path, 'argv'), 'utf8');
      expect(argv).toContain('insert --multiline --force Stile/default');
      expect(argv).not.toContain('s1abc');
    } finally {
      process.env['PATH'] = path;
    }
  });
});
