/** Shell completion: candidates for a line, and what is written into the start-up files of real shells. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { runCli } from '../../../../test/support/cli-run.ts';
import { makeTempDir, type TempDir } from '../../../../test/support/temp-dir.ts';
import { Environment } from '../arguments/environment.ts';
import { installCompletion, uninstallCompletion } from './shell-setup.ts';

async function candidates(line: string, point = line.length): Promise<string[]> {
  const { stdout } = await runCli([], { COMP_LINE: line, COMP_POINT: String(point) });
  return stdout.split('\n').filter((word) => word !== '');
}

describe('candidates', () => {
  test.each([
    ['stile ses', ['session-recordings', 'sessions']],
    ['stile targets re', ['read', 'remove-credential-sources', 'remove-host-sources']],
    ['stile targets create ', ['rdp', 'ssh', 'tcp']],
    ['stile connect s', ['ssh']],
    ['stile targets list -re', ['-recursive']],
    ['stile targets list --re', ['--recursive']],
    ['stile targets list -format ', ['json', 'table']],
    ['stile targets list -keyring-type p', ['pass']],
    ['stile connect ssh -style s', ['ssh', 'sshpass']],
    ['stile targets list -filter ', []],
    ['stile zebra ', []],
    ['stile token', ['token', 'tokens']],
    ['stile token r', ['remove', 'rm', 'rotate']],
    ['stile auth two', ['two-factor', 'two-factor-auth']],
    ['stile auth two_factor re', ['recovery-codes', 'renew-secret']],
    ['stile auth sessions cre', ['created_at', 'credentials', 'credentials_data']],
    ['stile auth sessions id cu', ['current']],
    ['stile auth generate_token m', ['match_origin=']],
    ['stile auth two-factor update policy=o', ['policy=off', 'policy=optional']],
    ['stile auth two-factor update -policy r', ['required']],
    ['stile auth privilege q', ['query']],
    ['stile tokens create name', []],
    ['stile login t', ['token']],
    [
      'stile tokens create -scope target:r',
      ['target:read', 'target:remove-credential-sources', 'target:remove-host-sources'],
    ],
    ['stile targets read ttcp_1 ', []],
  ])('%j', async (line, expected) => {
    expect(await candidates(line)).toEqual(expected);
  });

  test('hidden commands and flags are not offered', async () => {
    expect(await candidates('stile targets list -skip')).toEqual([]);
  });

  test('of a value behind = are the value alone where the shell cuts the word there', async () => {
    const at = async (line: string, word: string): Promise<string> => {
      const variables = { COMP_LINE: line, COMP_POINT: String(line.length) };
      return (await runCli(['stile', word, '='], variables)).stdout;
    };
    const line = 'stile auth two-factor update policy=';
    expect(await at(`${line}o`, 'o')).toBe('off\noptional\n');
    expect(await at(line, '=')).toBe('off\noptional\nrequired\n');
    expect(await at(line, '')).toBe('off\noptional\nrequired\n');
    expect(await at(`${line}o`, 'policy=o')).toBe('policy=off\npolicy=optional\n');
  });

  test('what stands behind the cursor does not count', async () => {
    expect(await candidates('stile ses list', 'stile ses'.length)).toEqual([
      'session-recordings',
      'sessions',
    ]);
  });
});

describe('installation', () => {
  let home: TempDir;
  let environment: Environment;

  beforeEach(async () => {
    home = await makeTempDir();
    environment = new Environment({ HOME: home.path });
  });

  afterEach(async () => {
    await home.remove();
  });

  test('adds to the files of the shells that are there, once, and takes out again what it added', async () => {
    await writeFile(join(home.path, '.bashrc'), 'alias ll="ls -l"');
    await writeFile(join(home.path, '.zshrc'), '');
    await mkdir(join(home.path, '.config', 'fish'), { recursive: true });
    const changed = await installCompletion(environment, '/opt/stile/bin/stile');
    expect(changed).toEqual(
      ['.bashrc', '.zshrc', '.config/fish/completions/stile.fish'].map((name) => join(home.path, name)),
    );
    expect(await readFile(join(home.path, '.bashrc'), 'utf8')).toBe(
      'alias ll="ls -l"\ncomplete -C /opt/stile/bin/stile stile\n',
    );
    expect(await readFile(join(home.path, '.zshrc'), 'utf8')).toMatch(
      /bashcompinit; complete -o nospace -C \/opt\/stile\/bin\/stile stile\n$/,
    );
    await expect(installCompletion(environment, '/opt/stile/bin/stile')).rejects.toMatchObject({
      message: 'completion is already installed',
    });
    expect(await uninstallCompletion(environment)).toEqual(changed);
    expect(await readFile(join(home.path, '.bashrc'), 'utf8')).toBe('alias ll="ls -l"\n');
    expect(await readFile(join(home.path, '.zshrc'), 'utf8')).toBe('');
    await expect(uninstallCompletion(environment)).rejects.toMatchObject({
      message: 'completion is not installed',
    });
  });

  test('without a start-up file it says so, and what to make', async () => {
    await expect(installCompletion(environment, '/x')).rejects.toMatchObject({
      code: 'failedPrecondition',
      message: expect.stringMatching(/: make ~\/\.bashrc, /),
    });
  });
});
