/** `stile auth-session`: cookies for curl, sessions that end, and who may (tokens.md §3.1). Real curl where it is there. */
import { spawn } from 'node:child_process';
import { mkdir, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { runCli } from '../../../../test/support/cli-run.ts';
import { mustSkipWithout } from '../../../../test/support/required.ts';
import {
  loginToken,
  signInAnswer,
  signInAnswerBut,
  webToken,
} from '../../../../test/support/sign-in-answers.ts';
import { StubApi, type StubAnswer } from '../../../../test/support/stub-api.ts';
import { makeTempDir, type TempDir } from '../../../../test/support/temp-dir.ts';

let stub: StubApi;
let home: TempDir;

beforeEach(async () => {
  home = await makeTempDir();
  stub = await StubApi.start(signInAnswer);
});
afterEach(async () => {
  await stub.close();
  await home.remove();
});

function run(words: readonly string[], variables: Readonly<Record<string, string>> = {}) {
  return runCli(words, { STILE_ADDR: stub.address, STILE_TOKEN: 'at_1234567890_s1xxxx', ...variables });
}

function answerBut(special: Readonly<Record<string, StubAnswer>>): void {
  stub.answerWith(signInAnswerBut(special));
}

const cookie = '__Host-stile-session=at_9cPq2LxT7e_s1web; Path=/; HttpOnly; Secure; SameSite=Strict';

/** What curl sends as cookie with these words. */
async function curlCookie(words: readonly string[], address = stub.address): Promise<string | undefined> {
  stub.requests.length = 0;
  const curl = spawn('curl', ['-s', '-m', '20', ...words, `${address}/v1/users:me`], {
    stdio: 'ignore',
  });
  await once(curl, 'exit');
  expect(stub.requests).toHaveLength(1);
  return stub.requests[0]?.headers.cookie;
}

describe('row C3: the cookie', () => {
  test('alone is one line', async () => {
    expect(await run(['auth-session', 'login', 'user', '--only-cookie'])).toEqual({
      exitCode: 0,
      stdout: `${cookie}\n`,
      stderr: '',
    });
  });

  test.skipIf(mustSkipWithout('curl'))('as a string and in a file is what curl sends', async () => {
    const { stdout } = await run(['auth-session', 'login', 'user', '--only-cookie']);
    expect(await curlCookie(['--cookie', stdout.trim()])).toContain(
      '__Host-stile-session=at_9cPq2LxT7e_s1web',
    );
    const jar = join(home.path, 'cookies.txt');
    // An end in the past would make curl drop the cookie.
    answerBut({
      'POST /v1/auth-tokens': {
        status: 200,
        body: { ...webToken, cookie, expiration_time: '2099-01-01T00:00:00Z' },
      },
    });
    const done = await run(['auth_session', 'login', 'user', '--cookie-jar', jar]);
    expect(done.exitCode).toBe(0);
    expect(await curlCookie(['--cookie', jar])).toBe('__Host-stile-session=at_9cPq2LxT7e_s1web');
    expect(
      await curlCookie(['--cookie', jar], stub.address.replace('127.0.0.1', 'localhost')),
    ).toBeUndefined();
  });

  test('in a file is readable by its owner alone, replaces what was there, and is not shown', async () => {
    const jar = join(home.path, 'cookies.txt');
    const target = join(home.path, 'target');
    await writeFile(target, 'untouched', { mode: 0o644 });
    await symlink(target, jar);
    const done = await run(['auth-session', 'login', 'user', '-cookie-jar', jar]);
    expect(done.stdout).toContain(`stored in ${jar}`);
    expect(done.stdout).not.toContain('s1web');
    expect((await stat(jar)).mode & 0o777).toBe(0o600);
    expect(await readFile(target, 'utf8')).toBe('untouched');
    expect(await readdir(home.path)).toEqual(['cookies.txt', 'target']);
    expect((await readFile(jar, 'utf8')).split('\n').at(-2)?.split('\t')).toEqual([
      '#HttpOnly_127.0.0.1',
      'FALSE',
      '/',
      'TRUE',
      String(Date.parse('2026-11-21T22:54:26Z') / 1000),
      '__Host-stile-session',
      'at_9cPq2LxT7e_s1web',
    ]);
  });

  test('in a file that cannot be written ends the session that nobody could use', async () => {
    await mkdir(join(home.path, 'folder'));
    for (const jar of [join(home.path, 'folder'), join(home.path, 'none', 'x')]) {
      const done = await run(['auth-session', 'login', 'user', '-cookie-jar', jar]);
      expect(done).toMatchObject({ exitCode: 2, stdout: '' });
      expect(done.stderr).toContain(jar);
      expect(stub.requests.at(-1)?.url).toBe('/v1/auth-tokens/at_9cPq2LxT7e:revoke');
    }
    expect(await readdir(home.path)).toEqual(['folder']);
  });

  test.each(['', 'x', 'a=b\tc', 'a=b\nSet: 1', '=x', 'a b=c'])(
    'that is none (%j) makes no file',
    async (text) => {
      answerBut({ 'POST /v1/auth-tokens': { status: 200, body: { ...webToken, cookie: text } } });
      const jar = join(home.path, 'jar');
      expect((await run(['auth-session', 'login', 'user', '-cookie-jar', jar])).exitCode).not.toBe(0);
      expect(await readdir(home.path)).toEqual([]);
    },
  );

  test('of a server without TLS has no Secure in the file', async () => {
    const plain = 'stile-session=at_9cPq2LxT7e_s1web; Path=/; HttpOnly; SameSite=Strict';
    answerBut({ 'POST /v1/auth-tokens': { status: 200, body: { ...webToken, cookie: plain } } });
    const jar = join(home.path, 'jar');
    await run(['auth-session', 'login', 'user', '-cookie-jar', jar]);
    expect((await readFile(jar, 'utf8')).split('\t')[3]).toBe('FALSE');
  });
});

describe('opening a session', () => {
  test('of a user that is not there is exit 3, of one that may not be opened exit 1', async () => {
    expect(await run(['auth-session', 'login', 'nobody'])).toMatchObject({ exitCode: 3, stdout: '' });
    answerBut({ 'POST /v1/auth-tokens': { status: 403, body: { kind: 'PermissionDenied' } } });
    expect(await run(['auth-session', 'login', 'user'])).toMatchObject({ exitCode: 1, stdout: '' });
  });

  test('by id shows the login name, or the id where it may not be read', async () => {
    expect((await run(['auth-session', 'login', 'u_0987654321'])).stdout).toContain('\n  user     |');
    answerBut({ 'GET /v1/users/u_0987654321': { status: 403, body: {} } });
    expect((await run(['auth-session', 'login', 'u_0987654321'])).stdout).toContain('\n  u_0987654321 |');
  });

  test.each(['0', '1.5', 'soon'])('for %s is refused before anything is sent', async (text) => {
    expect(await run(['auth-session', 'login', 'user', '--expire-after', text])).toMatchObject({
      exitCode: 3,
    });
    expect(stub.requests).toEqual([]);
  });
});

describe('row C4: ending the sessions of a user', () => {
  test('lists all of them, those that had ended before too, from two places once', async () => {
    const earlier = { ...webToken, id: 'at_earlier000', created_time: '2026-11-20T10:00:00Z' };
    const live = { ...webToken, revoked_time: undefined, status: 'active' };
    answerBut({
      'GET /v1/auth-tokens': { status: 200, body: { items: [live, earlier], response_type: 'complete' } },
      'POST /v1/auth-tokens:revoke-all': {
        status: 200,
        body: { items: [webToken, { ...webToken, id: 'at_handoff000', type: 'one-time' }], revocation: {} },
      },
    });
    const { stdout } = await run(['auth-session', 'logout', 'user']);
    expect(stdout.split('\n').slice(2)).toEqual([
      '  user     | at_earlier000 | 2026-11-21 18:24:50.819614',
      '  user     | at_9cPq2LxT7e | 2026-11-21 18:24:50.819614',
      '(2 rows)',
      '',
    ]);
  });

  test('case 45: ends API tokens only when that is asked for', async () => {
    await run(['auth-session', 'logout', 'user', '--include-api']);
    expect(JSON.parse(stub.requests.at(-1)?.body ?? '')).toMatchObject({
      types: ['login', 'web', 'one-time', 'api'],
    });
  });

  test('none is said so, exit 0', async () => {
    answerBut({
      'GET /v1/auth-tokens': { status: 200, body: { response_type: 'complete' } },
      'POST /v1/auth-tokens:revoke-all': { status: 200, body: { items: [], revocation: {} } },
    });
    expect(await run(['auth-session', 'logout', 'user'])).toMatchObject({
      exitCode: 0,
      stdout: 'No sessions found\n',
    });
  });

  test('of nobody is exit 3, without the right exit 1', async () => {
    expect((await run(['auth-session', 'logout', 'nobody'])).exitCode).toBe(3);
    answerBut({ 'POST /v1/auth-tokens:revoke-all': { status: 403, body: {} } });
    expect((await run(['auth-session', 'logout', 'user'])).exitCode).toBe(1);
  });
});

describe('row C5: the list', () => {
  test('is asked for by types and by user', async () => {
    await run(['auth-session', 'list', '--all']);
    await run(['auth-session', 'list', '--user', 'u_0987654321']);
    const lists = stub.requests.filter(({ url }) => url.startsWith('/v1/auth-tokens')).map(({ url }) => url);
    expect(lists[0]).toContain('type=login%2Cweb%2Capi%2Cone-time');
    expect(lists[1]).toContain('type=login%2Cweb&user_id=u_0987654321');
  });

  test('is empty as No sessions found', async () => {
    answerBut({ 'GET /v1/auth-tokens': { status: 200, body: { response_type: 'complete' } } });
    expect((await run(['auth-session', 'list'])).stdout).toBe('No sessions found\n');
  });

  test('case 65: a login name that steers terminals is written out', async () => {
    const items = [{ ...loginToken, login_name: '\u001b[2J\u202Eroot' }, webToken];
    answerBut({ 'GET /v1/auth-tokens': { status: 200, body: { items, response_type: 'complete' } } });
    const { stdout } = await run(['auth-session', 'list']);
    expect(stdout).toContain('\\u001b[2J\\u202eroot');
  });
});
