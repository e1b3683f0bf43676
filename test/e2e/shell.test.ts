/** `stile shell` at a real terminal (that of `script`) and behind a pipe: what a person types, sees and interrupts. */
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { startDevServer, type DevServer } from '../support/dev-server.ts';
import { eventually } from '../support/eventually.ts';
import { cleanEnvironment, runStile } from '../support/process.ts';
import { mustSkipWithout } from '../support/required.ts';
import { ShellSession } from '../support/shell-session.ts';
import { signInAnswer } from '../support/sign-in-answers.ts';
import { StubApi, type StubAnswer } from '../support/stub-api.ts';
import { resize, Terminals } from '../support/terminal.ts';

const interrupt = '\u0003';
const endOfInput = '\u0004';
const up = '\u001b[A';
const token = `at_1234567890_s1${'x'.repeat(49)}`;

const terminals = new Terminals();
let home: string;

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'stile-shell-'));
});
afterEach(async () => {
  await terminals.close();
  await rm(home, { recursive: true, force: true });
});

/** A shell at a terminal, in this test's home. */
function startShell(env: Readonly<Record<string, string>>, before = ''): ShellSession {
  return new ShellSession(terminals, cleanEnvironment({ HOME: home, TERM: 'xterm', ...env }), before);
}

const historyFile = (): string => join(home, '.local/state/stile/shell-history');

describe.skipIf(mustSkipWithout('script', 'stty'))('at a terminal', () => {
  let stub: StubApi;
  let answer: (url: string) => StubAnswer | Promise<StubAnswer>;

  beforeEach(async () => {
    answer = () => ({ status: 200, body: { items: [], response_type: 'complete' } });
    stub = await StubApi.start(({ url }) => answer(url));
  });
  afterEach(() => stub.close());

  async function open(start = ''): Promise<ShellSession> {
    const session = startShell({ STILE_ADDR: stub.address, STILE_TOKEN: token }, start);
    await session.prompt();
    return session;
  }

  test('the prompt shows address and place, and every way through the tree works', async () => {
    const session = await open();
    expect(session.screen.stdout).toContain(`[${stub.address.slice('http://'.length)}]> `);
    await session.line('targets', 'targets');
    expect(await session.line('ls', 'targets')).toMatch(/\| Commands +\| Description +\|/);
    await session.line('create', 'targets create');
    await session.line('..', 'targets');
    expect(await session.line('list', 'targets')).toContain('No targets found');
    expect(await session.line('../users list', 'targets')).toContain('No users found');
    expect(await session.line('list ?', 'targets')).toContain('Usage: stile targets list');
    expect(await session.line('nonsense', 'targets')).toContain('There is no command "nonsense" in targets');
    await session.line('/');
    session.type('exit\r');
    expect((await session.screen.finished()).status).toBe(0);
  });

  test('the namespace auth as its users know it (row F8)', async () => {
    stub.answerWith(signInAnswer);
    const session = await open();
    await session.line('auth', 'auth');
    const listing = await session.line('ls', 'auth');
    expect(listing).toMatch(/\| Commands +\| Description +\|/);
    expect(listing.indexOf('| two-factor ')).toBeLessThan(listing.indexOf('| check-password '));
    expect(await session.line('sessions id', 'auth')).toMatch(/\| id +\|[\s\S]*\| at_1234567890 \|/);
    await session.line('two_factor', 'auth two-factor');
    expect(await session.line('?', 'auth two-factor')).toContain('Usage: stile auth two-factor');
    await session.line('..', 'auth');
    session.type('term\t');
    await session.shows(/terminate-/);
    session.type('s\t');
    await session.shows(/ession /);
    session.type('id=at_1\t');
    await session.shows(/234567890 /);
    session.type(interrupt);
    await session.prompt('auth');
    expect(await session.line('sessions current created_at -format json', 'auth')).toContain('"items"');
  });

  test('a password typed in the line is taken, and kept in no history (case 33)', async () => {
    stub.answerWith(signInAnswer);
    const session = await open();
    expect(await session.line('auth check-password password=hunter2')).toMatch(/true|false/);
    session.type('exit\r');
    await session.screen.finished();
    expect(stub.requests.some(({ body }) => body.includes('hunter2'))).toBe(true);
    expect(await readFile(historyFile(), 'utf8')).toBe('exit\n');
  });

  test('Tab completes names, flags, keys, values, and ids of the controller', async () => {
    answer = () => ({ status: 200, body: { items: [{ id: 'ttcp_0000000001' }, { id: 'ttcp_0000000002' }] } });
    const session = await open();
    session.type('tar\t');
    await session.shows(/targets /);
    session.type('rea\t');
    await session.shows(/read /);
    session.type('id=\t');
    await session.shows(/ttcp_000000000/);
    session.type('2');
    answer = () => ({ status: 200, body: { id: 'ttcp_0000000002' } });
    await session.line('');
    expect(stub.requests.map(({ url }) => url)).toEqual([
      '/v1/targets?scope_id=global&recursive=true&page_size=200',
      '/v1/targets/ttcp_0000000002',
    ]);
    // Twice, where there are several: all of them are shown.
    session.type('targets list -re\t');
    await session.shows(/-recursive /);
    session.type('-for\t');
    await session.shows(/-format /);
    for (const tab of ['\t', '\t']) session.type(tab);
    await session.shows(/json\s+table/);
  });

  test('Ctrl-C drops the line, and at an empty one changes nothing', async () => {
    const session = await open();
    session.type('targets list');
    await session.shows(/targets list/);
    session.type(interrupt);
    await session.prompt();
    session.type(interrupt);
    await session.prompt();
    expect(await session.line('users list')).toContain('No users found');
    expect(stub.requests).toHaveLength(1);
  });

  test('Ctrl-C gives the running command up, and the shell goes on', async () => {
    const session = await open();
    const reallyAnswer = answer;
    answer = () => new Promise(() => undefined);
    session.type('targets list\r');
    await eventually(() => (stub.requests.length === 1 ? true : undefined));
    answer = reallyAnswer;
    session.type(interrupt);
    expect(await session.prompt()).not.toMatch(/[Ee]rror/);
    expect(await session.line('users list')).toContain('No users found');
  });

  test('a second Ctrl-C does not wait for a connect whose session is not granted yet', async () => {
    answer = () => new Promise(() => undefined);
    const session = await open();
    session.type('connect ttcp_1\r');
    await eventually(() => (stub.requests.length === 1 ? true : undefined));
    session.type(interrupt);
    await session.shows(/\^C/);
    session.type(interrupt);
    await session.prompt();
    expect(await session.line('version')).toContain('Version Number');
    // It goes on behind the shell, so that a session that is granted after all can be ended; and a third one ends that too.
    session.type('exit\r');
    await session.shows(/has not ended yet/);
    session.type(interrupt);
    expect((await session.screen.finished()).status).toBe(130);
  });

  test.each([
    ['Ctrl-D', endOfInput],
    ['exit', 'exit\r'],
    ['quit', 'quit\r'],
  ])('%s leaves with exit code 0', async (_name, keys) => {
    const session = await open();
    await session.line('nonsense');
    session.type(keys);
    expect((await session.screen.finished()).status).toBe(0);
  });

  test('lines that are pasted at once run one after the other, and the unfinished last one can be finished', async () => {
    const session = await open();
    session.type('targets\rlist\r../users li');
    expect(await session.prompt('targets')).toBeDefined();
    await session.shows(/No targets found/);
    await session.prompt('targets');
    await session.shows(/users li/);
    session.type('st\r');
    await session.shows(/No users found/);
  });

  test('what is typed while a command runs is the next line', async () => {
    const session = await open();
    let go: (answer: StubAnswer) => void = () => undefined;
    answer = (url) =>
      url.includes('targets')
        ? new Promise((resolve) => (go = resolve))
        : { status: 200, body: { items: [], response_type: 'complete' } };
    session.type('targets list\r');
    await eventually(() => (stub.requests.length === 1 ? true : undefined));
    session.type('users list\r');
    await session.shows(/users list/);
    go({ status: 200, body: { items: [] } });
    await session.shows(/No targets found/);
    await session.shows(/No users found/);
  });

  test('a window that gets smaller gets narrower tables from the next line on', async () => {
    const session = await open('tty;');
    const [, device = ''] = /(\/dev\/pts\/\d+)/.exec(session.screen.stdout) ?? [];
    const words = Array.from({ length: 30 }, (_, index) => `word${index}`);
    answer = () => ({ status: 200, body: { id: 'u_1', description: words.join(' ') } });
    const widest = (text: string): number =>
      Math.max(
        ...text
          .split('\r\n')
          .filter((line) => line.includes('word'))
          .map((line) => line.length),
      );
    // The prompt is drawn anew in the new width.
    await resize(device, 100);
    await session.prompt();
    expect(widest(await session.line('users read -id u_1'))).toBeGreaterThan(60);
    await resize(device, 40);
    await session.prompt();
    expect(widest(await session.line('users read -id u_1'))).toBeLessThanOrEqual(40);
  });

  test('names that would steer the terminal are shown escaped, in tables and by Tab (case 65)', async () => {
    const name = '\u001b]0;gotcha\u0007\u001b[2J\u202eevil =HYPERLINK("http://x")';
    const items = [
      { id: 'ttcp_1', name },
      { id: `ttcp_2${name}`, name },
    ];
    answer = (url) => ({ status: 200, body: url.includes('/ttcp_1') ? { id: 'ttcp_1', name } : { items } });
    const session = await open();
    session.type('targets read -id \t');
    await session.shows(/ttcp_1 /);
    const read = await session.line('');
    const list = await session.line('targets list');
    for (const text of [read, list]) {
      expect(text).toContain('\\u001b]0;gotcha\\u0007\\u001b[2J\\u202eevil');
      // Escape sequences of the prompt itself: cursor and colours alone.
      // eslint-disable-next-line eslint/no-control-regex -- escape sequences are what is looked for
      expect(text.replace(/\u001b\[\d*[GJKmC]/g, '')).not.toMatch(/[\u001b\u0007\u202e]/);
    }
  });

  test('the history is kept in a file of mode 0600 without secrets, and is there in the next shell (case 33)', async () => {
    const first = await open();
    await first.line('users list');
    await first.line(' targets list');
    await first.line('accounts set-password -id acctpw_1 -password hunter2');
    await first.line(`users read -id ${token}`);
    await first.line('scopes list');
    first.type('exit\r');
    await first.screen.finished();
    expect((await stat(historyFile())).mode & 0o777).toBe(0o600);
    expect(await readFile(historyFile(), 'utf8')).toBe('users list\nscopes list\nexit\n');
    const second = await open();
    second.type(`${up}${up}`);
    await second.shows(/scopes list/);
    expect(await second.line('')).toContain('No child scopes found');
    second.type(`${up}${up}${up}`);
    await second.shows(/users list/);
  });

  test.each([
    ['https://stile.example.com/v1/', 'stile.example.com:443'],
    ['http://[::1]:9200', '[::1]:9200'],
  ])('the prompt of %s names host and port', async (address, shown) => {
    const session = startShell({ STILE_ADDR: address });
    await session.prompt();
    expect(session.screen.stdout).toContain(`[${shown}]> `);
  });

  test('without a place for the history the shell says so and works', async () => {
    const session = startShell({ HOME: '/dev/null', STILE_ADDR: stub.address, STILE_TOKEN: token });
    expect(await session.prompt()).toContain('The history is not kept: cannot use /dev/null/.local/state');
    expect(await session.line('users list')).toContain('No users found');
  });

  test('a token that is not valid any more: the shell says how to log in, and stays', async () => {
    answer = () => ({ status: 401, body: { kind: 'Unauthenticated', message: 'Unauthenticated' } });
    const session = await open();
    expect(await session.line('users list')).toContain('To log in without leaving the shell: /authenticate');
    expect(await session.line('help users')).toContain('Usage: stile users');
  });

  test('reads go over one connection', async () => {
    const ports = new Set<unknown>();
    stub.server.on('connection', (socket) => ports.add(socket.remotePort));
    const session = await open();
    for (const name of ['users', 'scopes', 'roles']) await session.line(`${name} list`);
    expect(ports.size).toBe(1);
  });
});

describe.skipIf(mustSkipWithout('script', 'sh'))('against stile dev', () => {
  let dev: DevServer;
  beforeAll(async () => {
    dev = await startDevServer();
  });
  afterAll(() => dev?.stop());

  test('logging in within the shell asks for the password without showing it, and counts for the next line', async () => {
    const session = startShell({ STILE_ADDR: dev.address });
    await session.prompt();
    expect(await session.line('users list')).toMatch(/No token[\s\S]*To log in/);
    session.type('authenticate password login_name=admin\r');
    await session.shows(/it will be hidden\): /);
    session.type('password\r');
    const shown = await session.prompt();
    expect(shown).toContain('successfully stored');
    expect(shown).not.toContain('password\r');
    // The keys after the question are the shell's again.
    session.type('roles li\t');
    await session.shows(/roles list /);
    expect(await session.line('')).toContain('Administration');
  });

  test('Ctrl-C at a question of a command ends the command alone', async () => {
    const session = startShell({ STILE_ADDR: dev.address });
    await session.prompt();
    session.type('authenticate password login_name=admin\r');
    await session.shows(/it will be hidden\): /);
    session.type(interrupt);
    expect(await session.prompt()).toContain('interrupted');
    expect(await session.line('version')).toContain('Version Number');
  });

  test('connect runs its program in the foreground: the keys are the program’s until it ends', async () => {
    const session = startShell({ STILE_ADDR: dev.address, STILE_TOKEN: dev.adminToken });
    await session.prompt();
    session.type(`connect ttcp_1234567890 -exec sh -- -c 'echo ready; read answer; echo "it was $answer"'\r`);
    await session.shows(/ready\r\n/);
    session.type('a key\r');
    await session.shows(/it was a key/);
    await session.prompt();
    expect(await session.line('users list')).toContain('Initial admin user');
  });

  test('Ctrl-C at a connect that listens ends its session, and the shell goes on', async () => {
    const session = startShell({ STILE_ADDR: dev.address, STILE_TOKEN: dev.adminToken });
    await session.prompt();
    session.type('connect ttcp_1234567890\r');
    const shown = await session.shows(/Session ID: +(s_\w+)/);
    const [, id = ''] = /(s_\w+)/.exec(shown) ?? [];
    session.type(interrupt);
    await session.prompt();
    await eventually(async () => {
      const { body } = await dev.api('GET', `/v1/sessions/${id}`);
      return body.status === 'terminated' || body.status === 'canceling' ? true : undefined;
    });
    expect(await session.line('users list')).toContain('Initial admin user');
  });

  test('a piped script stops at the first error with its code, and its programs do not read it (row F8)', async () => {
    const script = [
      'targets',
      `/connect ttcp_1234567890 -exec cat`,
      'read ttcp_9999999999',
      '/users list',
    ].join('\n');
    const env = { ...dev.env, STILE_TOKEN: dev.adminToken };
    const done = await runStile(['shell'], { env, input: script });
    expect(done.status).toBe(1);
    expect(done.stdout).not.toContain('read ttcp_9999999999');
    expect(done.stdout).not.toContain('Initial admin user');
    expect(done.stderr).toMatch(/NotFound[\s\S]*line 3 failed with exit code 1\n$/);
    const all = await runStile(['shell', '--continue-on-error'], { env, input: script });
    expect(all.status).toBe(1);
    expect(all.stdout).toContain('Initial admin user');
  });
});
