/** The commands of docs/tokens.md do what they say, as written, one after the other against one `stile dev`. */
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startDevServer, type DevServer, type Json } from '../support/dev-server.ts';
import { blockNames, codeBlock, unmarkedShellBlocks } from '../support/documents.ts';
import { cleanEnvironment, root, run, type Finished } from '../support/process.ts';
import { mustSkipWithout } from '../support/required.ts';

const guide = 'docs/tokens.md';
let folder: string;
let dev: DevServer;

beforeAll(async () => {
  // A folder in which `npx stile` finds the build, as in the checkout.
  folder = mkdtempSync(join(tmpdir(), 'stile-token-guide-'));
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  writeFileSync(join(folder, 'package.json'), '{}');
  mkdirSync(join(folder, 'home'));
  dev = await startDevServer();
});
afterAll(async () => {
  await dev?.stop();
  rmSync(folder, { recursive: true, force: true });
});

async function block(name: string): Promise<Finished> {
  const env = cleanEnvironment({
    HOME: join(folder, 'home'),
    STILE_ADDR: dev.address,
    STILE_KEYRING_TYPE: 'file',
    STILE_PASSWORD: 'password',
    npm_config_update_notifier: 'false',
  });
  const text = codeBlock(guide, 'run', name);
  const done = await run('/bin/bash', ['-e', '-u', '-o', 'pipefail', '-c', text], { cwd: folder, env });
  if (done.status !== 0) throw new Error(`${name}: ${done.status}\n${done.stdout}\n${done.stderr}`);
  return done;
}

describe('docs/tokens.md', () => {
  test('has no commands but those that this file runs', () => {
    expect(blockNames(guide)).toEqual([
      'person',
      'other-programs',
      'hand-over',
      'second-factor',
      'job',
      'narrow',
      'rotate',
      'web-session',
      'for-others',
    ]);
    expect(unmarkedShellBlocks(guide)).toEqual([]);
  });

  test('for a person: signs in, says who is there, ends the others, hands over', async () => {
    const person = await block('person');
    expect(person.stdout).toMatch(/login_name \| user/);
    expect(person.stdout).toMatch(/\d+ auth tokens?, 0 sessions and 0 streams ended/);
    const me = JSON.parse((await block('other-programs')).stdout) as Json;
    expect(me.user.login_name).toBe('user');
    await block('hand-over');
  });

  test.skipIf(mustSkipWithout('oathtool'))(
    'for a person: a second factor, enrolled without a terminal',
    async () => {
      const { stdout } = await block('second-factor');
      expect(stdout).toMatch(/enabled +\| true/);
      expect(stdout).toMatch(/recovery_codes_left +\| 10/);
    },
  );

  test('for a job: a token that reaches one target, rotated and removed', async () => {
    const job = await block('job');
    expect(job.stdout).toContain('ttcp_1234567890');
    expect(job.stdout).not.toContain('ttcp_0987654321');
    expect(JSON.parse((await block('narrow')).stdout)).toMatchObject({
      name: 'deploy',
      version: 2,
      token_scopes: ['target:read'],
    });
    const rotated = await block('rotate');
    expect(rotated.stdout).toContain('Token has been expired.');
    expect(rotated.stdout).toMatch(/deploy .* revoked/);
  });

  test('for an administrator: web sessions and tokens of others', async () => {
    const web = await block('web-session');
    expect(web.stdout).toContain('"sessions":[');
    expect(web.stdout).toContain('authentication cookie');
    const others = await block('for-others');
    expect(others.stdout).toContain('nightly');
  });
});
