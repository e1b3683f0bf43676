/** Output to terminals (colour, width), layouts of credentials, prompts, and the version. */
import { PassThrough, Writable } from 'node:stream';
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { Environment } from '../arguments/environment.ts';
import { version } from '../version.ts';
import { authorizeLayout, connectLayout, credentialLines } from './credential-lines.ts';
import { block, localTime, wrap } from './layout.ts';
import { Output } from './output.ts';
import { ask, askSecret } from './prompt.ts';
import type { CommandStreams } from './streams.ts';

class Screen extends Writable {
  text = '';
  isTTY = true;
  columns = 40;

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.text += chunk.toString('utf8');
    done();
  }
}

/** A keyboard: what is typed arrives as it is; raw mode is remembered. */
class Keyboard extends PassThrough {
  isTTY = true;
  readonly modes: boolean[] = [];

  setRawMode(isRaw: boolean): this {
    this.modes.push(isRaw);
    return this;
  }
}

function terminal(): { streams: CommandStreams; stdin: Keyboard; stdout: Screen; stderr: Screen } {
  const parts = { stdin: new Keyboard(), stdout: new Screen(), stderr: new Screen() };
  return { ...parts, streams: parts };
}

describe('a terminal', () => {
  test('gets errors in red and warnings in yellow, and lines at its width', () => {
    const { streams, stdout, stderr } = terminal();
    const output = new Output('table', streams, { environment: new Environment({}) });
    output.error('bad');
    output.warn('careful');
    output.printLines([`  ${'word '.repeat(12)}`]);
    expect(stderr.text).toBe('\u001b[91mbad\u001b[0m\n\u001b[93mcareful\u001b[0m\n');
    for (const line of stdout.text.split('\n')) expect(line.length).toBeLessThanOrEqual(40);
  });

  test.each([
    { NO_COLOR: '' },
    { STILE_CLI_NO_COLOR: '1' },
    { BOUNDARY_CLI_NO_COLOR: '1' },
    { TERM: 'dumb' },
  ])('gets no colour with %j', (variables) => {
    const { streams, stderr } = terminal();
    new Output('table', streams, { environment: new Environment(variables) }).error('bad');
    expect(stderr.text).toBe('bad\n');
  });

  test('of unknown width is taken for one of 80 columns', () => {
    const { streams, stdout } = terminal();
    stdout.columns = 0;
    expect(new Output('table', streams, { environment: new Environment({}) }).columns).toBe(80);
  });
});

describe('prompts', () => {
  test('a secret is read without echo, with corrections, and the terminal is left as it was', async () => {
    const { streams, stdin, stdout, stderr } = terminal();
    const answer = askSecret(streams, 'password', 'Password: ');
    stdin.write('hunterX');
    stdin.write('\u007f2\r');
    expect(await answer).toBe('hunter2');
    expect(stderr.text).toBe('Password: \n');
    expect(stdout.text).toBe('');
    expect(stdin.modes).toEqual([true, false]);
  });

  test('Ctrl-C ends the question', async () => {
    const { streams, stdin } = terminal();
    const answer = askSecret(streams, 'password', '? ');
    stdin.write('abc\u0003');
    await expect(answer).rejects.toMatchObject({ code: 'aborted' });
    expect(stdin.modes).toEqual([true, false]);
  });

  test('a name is asked for on stderr', async () => {
    const { streams, stdin, stdout, stderr } = terminal();
    const answer = ask(streams, 'login name', 'Name: ');
    stdin.write('admin\r');
    expect(await answer).toBe('admin');
    expect(stderr.text).toContain('Name: ');
    expect(stdout.text).toBe('');
  });

  test('a secret can be asked for after a name', async () => {
    const { streams, stdin } = terminal();
    const name = ask(streams, 'login name', 'Name: ');
    stdin.write('admin\r');
    await name;
    const secret = askSecret(streams, 'password', 'Password: ');
    stdin.write('hunter2\r');
    expect(await secret).toBe('hunter2');
  });

  test.each([
    ['Ctrl-C', '\u0003'],
    ['Ctrl-D', '\u0004'],
  ])('%s ends the question for a name', async (_name, key) => {
    const { streams, stdin } = terminal();
    const name = ask(streams, 'login name', 'Name: ');
    stdin.write(key);
    await expect(name).rejects.toMatchObject({ code: 'aborted', message: 'interrupted' });
  });

  test('a terminal that goes away ends the question', async () => {
    const { streams, stdin } = terminal();
    const name = ask(streams, 'login name', 'Name: ');
    stdin.end();
    await expect(name).rejects.toMatchObject({ code: 'aborted' });
  });
});

describe('layouts', () => {
  const credentials = [
    {
      credential_source: {
        id: 'credup_1234567890',
        credential_store_id: 'csst_1234567890',
        type: 'static',
        credential_type: 'username_password',
      },
      credential: { username: 'postgres', password: 'hunter2' },
    },
  ];

  test('credentials of authorize-session', () => {
    expect(wrap(credentialLines(credentials, authorizeLayout))).toBe(`
  Credentials:
    Credential Store ID:           csst_1234567890
    Credential Source ID:          credup_1234567890
    Credential Source Type:        static
    Credential Type:               username_password
    Secret:
      password:   hunter2
      username:   postgres
`);
  });

  test('credentials of connect', () => {
    expect(wrap(credentialLines(credentials, connectLayout))).toBe(`
  Credentials:
    Credential Source ID:  credup_1234567890
    Credential Store ID:   csst_1234567890
    Credential Store Type: static
    Credential Type:       username_password
    Secret:
          password:   hunter2
          username:   postgres
`);
  });

  test('a private key keeps its lines, each made safe', () => {
    const lines = credentialLines(
      [{ credential: { private_key: 'BEGIN\nx\u001b[2J\nEND\n' } }],
      connectLayout,
    );
    expect(lines.map((line) => line.trim())).toEqual([
      '',
      'Credentials:',
      'Secret:',
      'private_key:',
      'BEGIN',
      'x\\u001b[2J',
      'END',
      '',
    ]);
  });

  test('lists, objects and absent values in a block', () => {
    expect(block({ b: ['x', 'y'], a: { k: 1 }, c: undefined, D: 0 }, 2, 3)).toEqual(
      ['  D:   0\n  a:\n  {\n  "k": 1\n  }\n  b:   ["x" "y"]'].map((text) => text.replace('a:', 'a:   ')),
    );
  });

  test('times are shown in the local zone, what is none as it is', () => {
    expect(localTime('yesterday')).toBe('yesterday');
    expect(localTime('2025-06-02T10:00:00.5Z')).toMatch(/^\w{3}, \d\d Jun 2025 \d\d:\d\d:\d\d \S+$/);
  });
});

test('the version is that of package.json', () => {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  expect((JSON.parse(text) as { version: string }).version).toBe(version);
});
