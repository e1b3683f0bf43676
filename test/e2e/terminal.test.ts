/** `stile` at a real terminal (that of `script`): prompts, and completion in real shells set up by its own installer. */
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { startDevServer, type DevServer } from '../support/dev-server.ts';
import { cleanEnvironment, run, runStile, stileBin } from '../support/process.ts';
import { mustSkipWithout } from '../support/required.ts';
import { StubApi } from '../support/stub-api.ts';
import { Terminals } from '../support/terminal.ts';

const terminals = new Terminals();
let home: string;

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'stile terminal '));
});
afterEach(async () => {
  await terminals.close();
  await rm(home, { recursive: true, force: true });
});

describe.skipIf(mustSkipWithout('script'))('a new password', () => {
  let stub: StubApi;
  beforeEach(async () => {
    stub = await StubApi.start(() => ({ status: 200, body: { id: 'acctpw_1', version: 1 } }));
  });
  afterEach(() => stub.close());

  const command = `'${process.execPath}' '${stileBin}' accounts set-password -id acctpw_1 -token string://at_1_x`;
  const passwords = (): unknown[] =>
    stub.requests.filter(({ method }) => method === 'POST').map(({ body }) => JSON.parse(body) as unknown);

  test('is asked for twice and not shown', async () => {
    const { screen, type } = terminals.open(
      command,
      cleanEnvironment({ HOME: home, STILE_ADDR: stub.address }),
    );
    await screen.match(/the new password \(it will be hidden\): /);
    type('open sesame\r');
    await screen.match(/the new password again: /);
    type('open sesame\r');
    const done = await screen.finished();
    expect(done.status).toBe(0);
    expect(done.stdout).not.toContain('sesame');
    expect(passwords()).toEqual([{ password: 'open sesame', version: 1 }]);
  });

  test('that was mistyped the second time changes nothing', async () => {
    const { screen, type } = terminals.open(
      command,
      cleanEnvironment({ HOME: home, STILE_ADDR: stub.address }),
    );
    await screen.match(/the new password \(it will be hidden\): /);
    type('open sesame\r');
    await screen.match(/the new password again: /);
    type('open barley\r');
    const done = await screen.finished();
    expect(done.status).toBe(3);
    expect(done.stdout).toContain('the two entries of the new password differ');
    expect(passwords()).toEqual([]);
  });
});

describe.skipIf(mustSkipWithout('script'))('authenticate', () => {
  let dev: DevServer;
  beforeAll(async () => {
    dev = await startDevServer(['-controller-only']);
  });
  afterAll(async () => {
    await dev.stop();
  });

  const command = `'${process.execPath}' '${stileBin}' authenticate`;

  test('asks for name and password, shows the one and not the other, and stores the token', async () => {
    const env = { ...dev.env, HOME: home };
    const { screen, type } = terminals.open(command, env);
    await screen.match(/login name: /);
    type('admin\r');
    await screen.match(/password \(it will be hidden\): /);
    type('password\r');
    const done = await screen.finished();
    expect(done.status).toBe(0);
    expect(done.stdout).toContain('admin');
    expect(done.stdout.replace(/the password/, '')).not.toContain('password\r');
    expect((await runStile(['config', 'get-token'], { env })).stdout).toMatch(/^at_\w+\n$/);
  });

  test.each([
    ['the name', ['\u0003']],
    ['the password', ['admin\r', '\u0003']],
  ])('Ctrl-C at the question for %s ends it without a trace', async (_name, keys) => {
    const { screen, type } = terminals.open(command, { ...dev.env, HOME: home });
    const questions = [/login name: /, /hidden\): /];
    for (const [index, key] of keys.entries()) {
      await screen.match(questions[index] ?? /never/);
      type(key);
    }
    const done = await screen.finished();
    expect(done.status).toBe(2);
    expect(done.stdout).toContain('interrupted');
    expect(done.stdout).not.toContain('internal error');
  });
});

/** `stile` behind a link in a folder whose name has a space, and completion installed for one shell by calling it there. */
async function installCompletion(startUpFile: string, content = ''): Promise<Record<string, string>> {
  const program = join(home, 'stile');
  await symlink(stileBin, program);
  const file = join(home, startUpFile);
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, content);
  const env = cleanEnvironment({ HOME: home, TERM: 'xterm' });
  const installed = await run(process.execPath, [program, 'config', 'autocomplete', 'install'], { env });
  expect(installed).toMatchObject({ status: 0, stderr: '' });
  return { ...env, PATH: `${home}:${env['PATH'] ?? ''}` };
}

describe.skipIf(mustSkipWithout('script', 'bash', 'zsh', 'fish'))('completion', () => {
  test.each([
    ['bash', '.bashrc', 'bash -i'],
    ['zsh', '.zshrc', 'zsh -i'],
  ])('%s completes a command with Tab, and starts without an error', async (_shell, startUpFile, command) => {
    const env = await installCompletion(startUpFile, "PS1='ready> '\n");
    const { screen, type } = terminals.open(command, env);
    await screen.match(/ready> /);
    expect(screen.stdout).not.toMatch(/not found|error/);
    type('stile vers\t\r');
    await screen.match(/Version Number: /);
    type('exit\r');
    expect((await screen.finished()).status).toBe(0);
  });

  test('fish completes commands, subcommands, flags and values', async () => {
    const env = await installCompletion('.config/fish/config.fish');
    const candidates = async (line: string): Promise<string[]> =>
      (await run('fish', ['-c', `complete -C '${line}'`], { env })).stdout.split('\n').filter(Boolean);
    expect(await candidates('stile targ')).toEqual(['targets']);
    expect(await candidates('stile sessions ')).toEqual(['cancel', 'list', 'read', 'watch']);
    expect(await candidates('stile sessions list -inc')).toEqual(['-include-terminated']);
    expect(await candidates('stile sessions list -format ')).toEqual(['json', 'table']);
  });
});
