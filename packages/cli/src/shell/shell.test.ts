/** The shell without a terminal: lines from `-c` and from standard input, each run as `stile` would run it. */
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { runCli, type CliResult } from '../../../../test/support/cli-run.ts';
import { StubApi } from '../../../../test/support/stub-api.ts';
import { linesOf } from './run-shell.ts';

let stub: StubApi;
beforeEach(async () => {
  stub = await StubApi.start(() => ({ status: 200, body: { items: [], response_type: 'complete' } }));
});
afterEach(() => stub.close());

const token = 'at_1234567890_s1secret';

function shell(
  words: readonly string[],
  script = '',
  variables: Readonly<Record<string, string>> = {},
): Promise<CliResult> {
  return runCli(['shell', ...words], { STILE_ADDR: stub.address, STILE_TOKEN: token, ...variables }, script);
}

async function collected(lines: AsyncIterable<string>): Promise<string[]> {
  const all: string[] = [];
  for await (const line of lines) all.push(line);
  return all;
}

const asked = (): string[] => stub.requests.map(({ method, url }) => `${method} ${url}`);

describe('a script', () => {
  test('runs line by line, remembers where it stands, and prints no prompt', async () => {
    const done = await shell([], '# a script\n\ntargets\nlist scope_id=p_1234567890\n../users list\n');
    expect(done).toEqual({ exitCode: 0, stdout: 'No targets found\nNo users found\n', stderr: '' });
    expect(asked()).toEqual(['GET /v1/targets?scope_id=p_1234567890', 'GET /v1/users?scope_id=global']);
  });

  test('stops at the first line that fails, with its exit code, and says which it was (row F8)', async () => {
    stub.answerWith(({ url }) =>
      url.includes('users') ? { status: 403, body: { kind: 'PermissionDenied' } } : { status: 200, body: {} },
    );
    const done = await shell([], 'targets list\nusers list\ntargets list\n');
    expect(done.exitCode).toBe(1);
    expect(done.stderr).toMatch(/PermissionDenied[\s\S]*line 2 failed with exit code 1\n$/);
    // Between them it was asked whether the token is at fault.
    expect(asked().filter((url) => url.includes('targets'))).toHaveLength(1);
  });

  test.each([
    ['an unknown command', 'nonsense', 127],
    ['an unknown command of a namespace', 'targets nonsense', 1],
    ['a missing id', 'targets read', 3],
    ['an unknown flag', 'targets list -nonsense', 3],
    ['an unknown key', 'targets list nonsense=1', 3],
    ['an open quote', "targets read 'x", 3],
    ['a shell in the shell', 'shell', 1],
    ['a server in the shell', 'dev', 1],
  ])('fails with the exit code of %s', async (_name, line, exitCode) => {
    const done = await shell([], `${line}\ntargets list\n`);
    expect(done.exitCode).toBe(exitCode);
    expect(done.stderr).toContain(`line 1 failed with exit code ${exitCode}`);
    expect(asked()).toEqual([]);
  });

  test('goes on behind a failed line when it shall, and keeps its exit code', async () => {
    const done = await shell(['--continue-on-error'], 'nonsense\ntargets read\ntargets list\n');
    expect(done.exitCode).toBe(127);
    expect(done.stdout).toBe('No targets found\n');
    expect(asked()).toHaveLength(1);
  });

  test('ends at exit, the rest is not run', async () => {
    expect(await shell([], 'exit\nnonsense\n')).toEqual({ exitCode: 0, stdout: '', stderr: '' });
  });

  test('may lack the last line break, and have those of Windows', async () => {
    const done = await shell([], 'targets list\r\nusers read -id u_ä');
    expect(done.exitCode).toBe(0);
    expect(asked().at(-1)).toBe('GET /v1/users/u_%C3%A4');
  });

  test('may come in pieces of any size, and must have lines of a length that one could write', async () => {
    const bytes = Buffer.from('users read ü\r\n\nls');
    const pieces = Readable.from(Array.from(bytes, (byte) => Buffer.of(byte)));
    expect(await collected(linesOf(pieces))).toEqual(['users read ü', '', 'ls']);
    const endless = Readable.from(Array.from({ length: 40 }, () => 'x'.repeat(65_536)));
    await expect(collected(linesOf(endless))).rejects.toMatchObject({ code: 'invalidFlag' });
  });

  test('is no input of its commands', async () => {
    const done = await shell([], 'connect -authz-token -\nusers list\n');
    expect(done.exitCode).not.toBe(0);
    expect(done.stderr).not.toContain('users');
    expect(asked()).toEqual([]);
  });
});

describe('-c', () => {
  test('runs one line', async () => {
    const done = await shell(['-c', 'users list']);
    expect(done).toEqual({ exitCode: 0, stdout: 'No users found\n', stderr: '' });
  });

  test('gives the exit code of the line', async () => {
    expect(await shell(['-c', 'targets read'])).toMatchObject({
      exitCode: 3,
      stderr: 'ID is required but not passed in via -id\n',
    });
  });
});

describe('a line', () => {
  test('takes key=value, -flag value and quoted and JSON values alike', async () => {
    const line = `credentials create json credential_store_id=csst_1 -name 'my key' object={"a": [1, "b c"]}`;
    expect((await shell(['-c', line])).stderr).toBe('');
    expect(JSON.parse(stub.requests[0]?.body ?? '')).toMatchObject({
      credential_store_id: 'csst_1',
      name: 'my key',
      attributes: { object: { a: [1, 'b c'] } },
    });
  });

  test('gives a command its id by key=value, where the leading word could be it too', async () => {
    await shell([], 'targets read id=ttcp_1\ntargets read ttcp_2\nread ttcp_3\n');
    expect(asked()).toEqual(['GET /v1/targets/ttcp_1', 'GET /v1/targets/ttcp_2', 'GET /v1/targets/ttcp_3']);
  });

  test('is not expanded in any way', async () => {
    await shell([], 'users read -id "$HOME `id` !! *"\n');
    expect(asked()).toEqual(['GET /v1/users/%24HOME%20%60id%60%20!!%20*']);
  });

  test('uses what the shell was started with, unless it gives its own', async () => {
    const other = await StubApi.start(() => ({ status: 200, body: { id: 'u_1' } }));
    const script = `users read -id u_1\nusers read -id u_2 -addr ${other.address} -format table\n`;
    const done = await shell(['-format', 'json', '-addr', stub.address], script, {
      STILE_ADDR: 'http://127.0.0.1:1',
    });
    await other.close();
    expect(done.stderr).toBe('');
    expect(done.stdout).toMatch(/^\{"status_code":200.*\}\n\nUser information:/);
    expect(asked()).toEqual(['GET /v1/users/u_1']);
    expect(other.requests.map(({ url }) => url)).toEqual(['/v1/users/u_2']);
  });

  test('-h, ? and help are the same text as outside', async () => {
    const outside = await runCli(['targets', 'list', '-h']);
    for (const line of ['targets list -h', 'targets list ?', 'help targets list']) {
      expect(await shell(['-c', line])).toEqual(outside);
    }
    const place = await shell(['-c', 'help targets']);
    expect(place.stderr).toBe((await runCli(['targets', '-h'])).stderr);
    const root = await shell(['-c', '?']);
    expect(root.stderr.startsWith((await runCli(['-h'])).stderr)).toBe(true);
    expect(root.stderr).toContain('In the shell:');
  });
});

describe('ls', () => {
  test('lists namespaces first, in the shell and as a command of the same words', async () => {
    const { stdout } = await shell([], 'targets\nls\n');
    expect(stdout).toBe((await runCli(['targets', 'ls'])).stdout);
    const names = [...stdout.matchAll(/^\| ([\w-]+)/gm)].map((match) => match[1]);
    expect(names.slice(0, 4)).toEqual(['Commands', 'create', 'update', 'add-credential-sources']);
    expect(stdout).toMatch(/^\| list +\| List targets +\|$/m);
  });

  test('lists the root, and as JSON', async () => {
    const { stdout, exitCode } = await runCli(['ls', '-format', 'json']);
    expect(exitCode).toBe(0);
    const { items } = JSON.parse(stdout) as { items: { name: string; is_namespace: boolean }[] };
    expect(items.find(({ name }) => name === 'targets')?.is_namespace).toBe(true);
    expect(items.find(({ name }) => name === 'logout')?.is_namespace).toBe(false);
    expect(items.some(({ name }) => name === 'version')).toBe(false);
    expect(JSON.parse((await shell(['-format', 'json', '-c', 'ls'])).stdout)).toEqual({ items });
  });
});

describe('the connection to the controller', () => {
  let server: Server;
  afterEach(() => new Promise((resolve) => server.close(resolve)));

  test('is kept from line to line', async () => {
    let connections = 0;
    server = createServer((_request, response) => response.end('{"items":[]}'));
    server.on('connection', () => (connections += 1));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const script = 'targets list\nusers list\nscopes list\n';
    const done = await shell([], script, { STILE_ADDR: `http://127.0.0.1:${port}` });
    expect(done.exitCode).toBe(0);
    expect(connections).toBe(1);
  });
});
