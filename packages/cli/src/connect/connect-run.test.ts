/**
 * `connect` against a scripted worker with stand-in programs: what each helper hands its program, what is printed, how it ends.
 * The stand-in is a script that writes its arguments, environment and the files they name to a JSON file.
 */
import { mkdir, readFile, writeFile, stat } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { encodeAuthorizationToken, type SessionAuthorization } from '@stile/protocol';
import type { SessionCredential } from '@stile/client';
import { runCli, type CliResult } from '../../../../test/support/cli-run.ts';
import {
  FakeWorker,
  makeAuthorization,
  makeSessionCertificate,
} from '../../../../test/support/fake-worker.ts';
import { StubApi } from '../../../../test/support/stub-api.ts';
import { helperCases, loginCredential } from '../../../../test/support/connect-helper-cases.ts';
import { makeTempDir, type TempDir } from '../../../../test/support/temp-dir.ts';

const certificate = makeSessionCertificate();
let worker: FakeWorker;
let home: TempDir;

/** Writes argv, environment and every file that an argument or variable names; then does what EXIT and TALK say. */
const program = `#!${process.execPath}
const fs = require('node:fs'), net = require('node:net');
const files = {};
for (const text of [...process.argv.slice(2), ...Object.values(process.env)]) {
  const path = text.replace(/^--[a-z-]+=/, '');
  if (path.includes('stile-connect-') && fs.existsSync(path)) files[path] = { text: fs.readFileSync(path, 'utf8'), mode: fs.statSync(path).mode & 0o777 };
}
fs.writeFileSync(process.env.DUMP, JSON.stringify({ name: require('node:path').basename(process.argv[1]), argv: process.argv.slice(2), env: process.env, files }));
if (process.env.TALK) {
  const socket = net.connect(Number(process.env.STILE_PROXIED_PORT), process.env.STILE_PROXIED_IP, () => socket.write('ping'));
  socket.on('data', () => process.exit(Number(process.env.EXIT || 0)));
  for (const event of ['end', 'error']) socket.on(event, () => process.exit(9));
} else if (process.env.SIGNAL) process.kill(process.pid, process.env.SIGNAL);
else process.exit(Number(process.env.EXIT || 0));
`;

const programs = [
  'ssh',
  'sshpass',
  'putty',
  'curl',
  'kubectl',
  'psql',
  'mysql',
  'mongosh',
  'cqlsh',
  'redis-cli',
  'mstsc.exe',
  'open',
  'mine',
];

beforeEach(async () => {
  worker = await FakeWorker.start(certificate);
  home = await makeTempDir();
  await mkdir(join(home.path, 'bin'));
  await Promise.all(
    programs.map((name) => writeFile(join(home.path, 'bin', name), program, { mode: 0o755 })),
  );
});

afterEach(async () => {
  await worker.close();
  await home.remove();
});

interface Dump {
  readonly name: string;
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly files: Readonly<Record<string, { readonly text: string; readonly mode: number }>>;
}

function authorization(change: Partial<SessionAuthorization> = {}): SessionAuthorization {
  return makeAuthorization(certificate, { workerAddresses: [worker.address], ...change });
}

interface Handed {
  readonly change?: Partial<SessionAuthorization>;
  readonly credentials?: readonly SessionCredential[];
  readonly variables?: Readonly<Record<string, string>>;
}

/** `connect` with a session handed over on standard input, as the API's JSON. */
async function run(words: readonly string[], handed: Handed = {}): Promise<CliResult> {
  const answer = {
    authorization_token: encodeAuthorizationToken(authorization(handed.change)),
    ...(handed.credentials === undefined ? {} : { credentials: handed.credentials }),
  };
  const variables = {
    HOME: home.path,
    PATH: join(home.path, 'bin'),
    DUMP: join(home.path, 'dump'),
    TZ: 'UTC',
    ...handed.variables,
  };
  return runCli(['connect', ...words], variables, `${JSON.stringify(answer)}\n`);
}

async function dump(): Promise<Dump> {
  return JSON.parse(await readFile(join(home.path, 'dump'), 'utf8')) as Dump;
}

const stdin = ['-authz-token', '-'];
describe('helpers', () => {
  test.each(helperCases)('$words gives $program $argv', async (each) => {
    const handed = {
      ...(each.credentials && { credentials: each.credentials }),
      ...(each.change && { change: each.change }),
      variables: { EXIT: '7' },
    };
    const done = await run([...each.words, ...stdin], handed);
    expect(done.exitCode).toBe(7);
    const seen = await dump();
    const port = seen.env['STILE_PROXIED_PORT'] ?? '';
    const [path] = Object.keys(seen.files);
    const argv = seen.argv.map((word) =>
      word
        .replaceAll(' ', '_')
        .replaceAll(port, 'PORT')
        .replaceAll(path ?? '\u0000', 'FILE'),
    );
    expect(seen.name).toBe(each.program);
    expect(argv.join(' ')).toBe(each.argv);
    expect(seen.env).toMatchObject(each.env ?? {});
    expect(Object.values(seen.files)).toEqual(
      each.file === undefined ? [] : [{ text: each.file, mode: 0o600 }],
    );
    expect(seen.argv.join(' ')).not.toContain('hunter2');
    if (each.shown === undefined) expect(done.stdout).not.toContain('hunter2');
    else expect(done.stdout).toContain(each.shown);
    if (path !== undefined) await expect(stat(path)).rejects.toThrow('ENOENT');
    expect(worker.handshakes.map((handshake) => handshake.command)).toEqual(['cancel']);
  });

  test('arguments behind -- come first, except where the program insists on its own', async () => {
    await run(['psql', ...stdin].with(0, 'postgres').concat('--', '-c', 'select 1'));
    expect((await dump()).argv.slice(0, 3)).toEqual(['-c', 'select 1', '-p']);
    await run(['mysql', ...stdin, '--', '--safe'], { credentials: [loginCredential] });
    expect((await dump()).argv[0]).toMatch(/^--defaults-file=/);
    expect((await dump()).argv[1]).toBe('--safe');
  });

  test('passwords with characters that files give a meaning to are written so that they stay passwords', async () => {
    const odd = { ...loginCredential, credential: { username: 'u', password: String.raw`a:b\c"d #e` } };
    await run(['postgres', '-dbname', 'd', ...stdin], { credentials: [odd] });
    expect(Object.values((await dump()).files)[0]?.text).toBe(String.raw`*:*:*:*:a\:b\\c"d #e`);
    await run(['mysql', '-dbname', 'd', ...stdin], { credentials: [odd] });
    expect(Object.values((await dump()).files)[0]?.text).toBe(
      String.raw`[client]` + '\n' + String.raw`password="a:b\\c\"d #e"`,
    );
  });

  test.each([
    ['ssh', { hostId: '-oProxyCommand=evil' }, undefined],
    ['ssh', { hostId: 'a b' }, undefined],
    ['ssh', {}, { username: '-oProxyCommand=evil', private_key: 'k' }],
    ['ssh', {}, { username: 'a;b', password: 'x' }],
    ['http', { endpoint: 'tcp://-x$(evil):80' }, undefined],
    ['mysql', {}, { username: 'u', password: 'x\ninit-command=evil' }],
    ['postgres', {}, { username: '--help', password: 'x' }],
  ])('%s with hostile values of the server %j %j runs nothing', async (name, change, credential) => {
    const credentials = credential === undefined ? [] : [{ credential }];
    const done = await run([name, ...stdin], { change, credentials });
    expect(done.exitCode).toBe(3);
    expect(done.stderr).toContain('is not used');
    await expect(dump()).rejects.toThrow('ENOENT');
  });

  test('a program that is not there: exit 2, its name, and the session is ended', async () => {
    const done = await run(['ssh', ...stdin], { variables: { PATH: '/nonexistent' } });
    expect(done.exitCode).toBe(2);
    expect(done.stderr).toContain('"ssh" was not found');
    expect(worker.handshakes.map((handshake) => handshake.command)).toEqual(['cancel']);
  });

  test('a program is not taken from the current directory', async () => {
    const done = await run(['ssh', ...stdin], { variables: { PATH: `.:${''}:relative` } });
    expect(done.exitCode).toBe(2);
  });
});

describe('-exec', () => {
  test('gets the place of the proxy by template and environment, talks through it, and its exit code is ours', async () => {
    const words = [
      ...stdin,
      '-exec',
      'mine',
      '--',
      '{{boundary.port}}',
      '{{ stile.addr }}',
      '{{stile.ip}}',
      '-h',
      '{{zebra}}',
    ];
    const done = await run(words, { variables: { TALK: '1', EXIT: '5' } });
    expect(done.exitCode).toBe(5);
    const { argv, env } = await dump();
    const port = env['STILE_PROXIED_PORT'] ?? '';
    expect(argv).toEqual([port, `127.0.0.1:${port}`, '127.0.0.1', '-h', '{{zebra}}']);
    expect(env).toMatchObject({
      BOUNDARY_PROXIED_PORT: port,
      BOUNDARY_PROXIED_IP: '127.0.0.1',
      BOUNDARY_PROXIED_ADDR: `127.0.0.1:${port}`,
      STILE_PROXIED_ADDR: `127.0.0.1:${port}`,
    });
    expect(worker.handshakes.map((handshake) => handshake.command)).toEqual(['connect', 'cancel']);
    expect(done.stdout).toContain('Proxy listening information:');
    expect(done.stdout).not.toContain('Termination information:');
  });

  test('a program killed by a signal gives 128 and the signal’s number', async () => {
    const done = await run([...stdin, '-exec', 'mine'], { variables: { SIGNAL: 'SIGKILL' } });
    expect(done.exitCode).toBe(137);
    expect(worker.handshakes.map((handshake) => handshake.command)).toEqual(['cancel']);
  });

  test('a session of another client is told, and the program is stopped', async () => {
    worker.script = () => ({ do: 'close', close: { code: 1008, reason: 'tofu token not allowed' } });
    const done = await run([...stdin, '-exec', 'mine'], { variables: { TALK: '1' } });
    expect(done.stderr).toContain('session is already in use');
    expect(done.exitCode).not.toBe(0);
  });
});

/** Connects to a printed port until the proxy has ended. */
async function talkWhen(listening: () => number | undefined): Promise<void> {
  for (;;) {
    const port = listening();
    if (port !== undefined) {
      await new Promise<void>((resolve) => {
        const socket = connect(port, '127.0.0.1', () => socket.end('x'));
        socket
          .resume()
          .on('error', () => undefined)
          .on('close', () => resolve());
      });
      return;
    }
    await new Promise((resolve) => setImmediate(resolve));
  }
}

async function freePort(): Promise<number> {
  const probe = await StubApi.start(() => ({ status: 200 }));
  const port = Number(new URL(probe.address).port);
  await probe.close();
  return port;
}

describe('plain connect', () => {
  test('prints where it listens, connections left, and why it ended', async () => {
    worker.script = () => ({ do: 'echo', connectionsLeft: 0 });
    const port = await freePort();
    const running = run([...stdin, '-listen-port', String(port)], {
      change: { connectionLimit: 1, expiresAt: 2_064_556_800_000_000 },
    });
    await talkWhen(() => (worker === undefined ? undefined : port));
    let done: CliResult | undefined;
    void running.then((result) => {
      done = result;
    });
    while (done === undefined) await talkWhen(() => port);
    expect(done.stdout).toBe(
      [
        '',
        'Proxy listening information:',
        '  Address:             127.0.0.1',
        '  Connection Limit:    1',
        '  Expiration:          Mon, 04 Jun 2035 08:00:00 UTC',
        `  Port:                ${port}`,
        '  Protocol:            tcp',
        '  Session ID:          s_1234567890',
        '',
        'Connection information:',
        '  Connections Left:   0',
        '',
        'Termination information:',
        '  Reason:   No connections left in session',
        '',
      ].join('\n'),
    );
    expect(done).toMatchObject({ exitCode: 0, stderr: '' });
  });

  test('prints the same as JSON lines', async () => {
    const expiresAt = (Date.now() + 300) * 1000 + 123;
    const done = await run([...stdin, '-format', 'json'], {
      change: { expiresAt },
      credentials: [loginCredential],
    });
    const [listening, ended] = done.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(Object.keys(listening ?? {})).toEqual([
      'address',
      'port',
      'protocol',
      'expiration',
      'connection_limit',
      'session_id',
      'credentials',
    ]);
    expect(listening).toMatchObject({
      address: '127.0.0.1',
      protocol: 'tcp',
      connection_limit: -1,
      session_id: 's_1234567890',
    });
    expect(listening?.['expiration']).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
    expect(ended).toEqual({ termination_reason: 'Session has expired' });
    expect(done.exitCode).toBe(0);
  });

  test.each([
    ['the bare token', (token: string) => `  ${token}\n\n`],
    ['the API’s JSON', (token: string) => JSON.stringify({ authorization_token: token })],
    [
      'the command line’s envelope',
      (token: string) =>
        `\n${JSON.stringify({ status_code: 200, item: { authorization_token: token } }, null, 2)}\n`,
    ],
  ])('takes %s from standard input, without a home, a login or an address', async (_name, wrap) => {
    const token = encodeAuthorizationToken(authorization());
    const variables = {
      HOME: '/nonexistent',
      PATH: join(home.path, 'bin'),
      DUMP: join(home.path, 'dump'),
      STILE_ADDR: 'http://127.0.0.1:1',
    };
    const done = await runCli(
      ['connect', ...stdin, '-exec', 'mine'],
      { ...variables, TALK: '1' },
      wrap(token),
    );
    expect(done).toMatchObject({ exitCode: 0, stderr: '' });
  });

  test.each(['garbage!', '', '{"item":{}}', '{broken', '111111'])(
    'a token that is none (%j): exit 3 and the reason',
    async (text) => {
      const done = await runCli(['connect', ...stdin], {}, text);
      expect(done.exitCode).toBe(3);
      expect(done.stderr).toContain('Error decoding session authorization data: ');
    },
  );

  test.each([
    [['-listen-addr', 'localhost'], 'must be an IP address'],
    [['-listen-port', '70000'], 'between 0 and 65535'],
  ])('%j: exit 2', async (words, reason) => {
    const done = await run([...stdin, ...words]);
    expect(done.exitCode).toBe(2);
    expect(done.stderr).toContain(reason);
  });

  test('a port in use: exit 2, the reason, and the session is ended', async () => {
    const busy = await StubApi.start(() => ({ status: 200 }));
    const done = await run([...stdin, '-listen-port', new URL(busy.address).port]);
    expect(done.exitCode).toBe(2);
    expect(done.stderr).toContain('Error starting proxy: unable to start listening');
    expect(worker.handshakes.map((handshake) => handshake.command)).toEqual(['cancel']);
    await busy.close();
  });

  test('a session that has expired says when, and what to do', async () => {
    const done = await run([...stdin], { change: { expiresAt: 1_700_000_000_000_000 } });
    expect(done.exitCode).toBe(0);
    expect(done.stderr).toContain('2023-11-14T22:13:20Z');
    expect(done.stderr).toContain('stile authenticate');
    expect(done.stdout).toContain('Reason:   Session has expired');
  });

  test('a session that expires under a program: its exit status, and the reason on stderr', async () => {
    await writeFile(join(home.path, 'bin', 'mine'), '#!/bin/sh\nexec /bin/sleep 60\n');
    const expiresAt = (Date.now() + 300) * 1000;
    const done = await run([...stdin, '-exec', 'mine'], { change: { expiresAt } });
    expect(done.exitCode).toBe(143);
    expect(done.stderr).toContain('Session has expired: it ended at ');
  });

  test('an endpoint that refuses is told on stderr', async () => {
    worker.script = ({ command }) => ({ do: command === 'connect' ? 'refuse' : 'echo' });
    const done = await run([...stdin, '-exec', 'mine'], { variables: { TALK: '1' } });
    expect(done.stderr).toContain(
      'Error from proxy client: the worker could not connect to the endpoint tcp://127.0.0.1:22 (',
    );
  });

  test('ends after the time without connections', async () => {
    const port = await freePort();
    const running = run([...stdin, '-listen-port', String(port), '-inactive-timeout', '50ms']);
    let done: CliResult | undefined;
    void running.then((result) => {
      done = result;
    });
    await talkWhen(() => port);
    while (worker.handshakes.length === 0) await talkWhen(() => port);
    const result = done ?? (await running);
    expect(result.stdout).toContain('Reason:   Inactivity timeout reached');
  });
});

describe('with a controller', () => {
  async function controller(body: () => unknown): Promise<StubApi> {
    return StubApi.start(() => ({ status: 200, body: body() }));
  }

  test.each([
    [['ttcp_1'], '/v1/targets/ttcp_1:authorize-session', '{}'],
    [['ssh.example'], '/v1/targets/ssh.example:authorize-session', '{}'],
    [
      ['-target-id', 'ttcp_1', '-host-id', 'hst_1'],
      '/v1/targets/ttcp_1:authorize-session',
      '{"host_id":"hst_1"}',
    ],
    [
      ['-target-name', 'web', '-target-scope-name', 'prod'],
      '/v1/targets/web:authorize-session',
      '{"name":"web","scope_name":"prod"}',
    ],
  ])('%j asks for the session', async (words, url, body) => {
    const api = await controller(() => ({
      session_id: 's_1234567890',
      authorization_token: encodeAuthorizationToken(authorization()),
    }));
    const variables = {
      STILE_ADDR: api.address,
      STILE_TOKEN: 'at_1_s1x',
      STILE_CONNECT_TARGET_SCOPE_ID: words.length === 1 ? 'p_1' : '',
      PATH: join(home.path, 'bin'),
      DUMP: join(home.path, 'dump'),
    };
    const done = await runCli(['connect', ...words, '-exec', 'mine'], variables);
    expect(done).toMatchObject({ exitCode: 0, stderr: '' });
    expect(api.requests.map((request) => [request.url, request.body])).toEqual([[url, body]]);
    await api.close();
  });

  test('when no worker can be told, the controller ends the session', async () => {
    const dead = await FakeWorker.start(certificate);
    await dead.close();
    const token = encodeAuthorizationToken(authorization({ workerAddresses: [dead.address] }));
    const api = await controller(() => ({
      session_id: 's_1234567890',
      authorization_token: token,
      version: 1,
    }));
    const variables = {
      STILE_ADDR: api.address,
      STILE_TOKEN: 'at_1_s1x',
      PATH: join(home.path, 'bin'),
      DUMP: join(home.path, 'dump'),
    };
    const done = await runCli(['connect', 'ttcp_1', '-exec', 'mine'], variables);
    expect(done).toMatchObject({ exitCode: 0, stderr: '' });
    expect(api.requests.map((request) => request.url)).toContain('/v1/sessions/s_1234567890:cancel');
    await api.close();
  });

  test('a refusal of the controller is exit 1 with its reason and the next step', async () => {
    const api = await StubApi.start(() => ({
      status: 401,
      body: { kind: 'Unauthenticated', message: 'Unauthenticated, or invalid token.' },
    }));
    const done = await runCli(['connect', 'ttcp_1'], { STILE_ADDR: api.address, STILE_KEYRING_TYPE: 'none' });
    expect(done.exitCode).toBe(1);
    expect(done.stderr.replace(/\s+/g, ' ')).toContain(
      'Error from controller when performing authorize-session action against given target',
    );
    expect(done.stderr).toContain('run "stile authenticate"');
    await api.close();
  });

  test('the token reaches neither argv nor the screen', async () => {
    const token = encodeAuthorizationToken(authorization());
    const api = await controller(() => ({ session_id: 's_1234567890', authorization_token: token }));
    const variables = {
      STILE_ADDR: api.address,
      STILE_TOKEN: 'at_1_s1secret',
      PATH: join(home.path, 'bin'),
      DUMP: join(home.path, 'dump'),
    };
    const done = await runCli(['connect', 'ssh', 'ttcp_1'], variables);
    const { argv } = await dump();
    for (const secret of [token, 'at_1_s1secret']) {
      expect(argv.join(' ')).not.toContain(secret);
      expect(done.stdout + done.stderr).not.toContain(secret);
    }
    await api.close();
  });
});
