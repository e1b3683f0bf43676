/** The commands of docs/shell.md do what they say, as written: the tour is typed into a shell at a terminal, the scripts are run. */
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startDevServer, type DevServer } from '../support/dev-server.ts';
import { blockNames, codeBlock, unmarkedShellBlocks } from '../support/documents.ts';
import { cleanEnvironment, root, run, type Finished } from '../support/process.ts';
import { mustSkipWithout } from '../support/required.ts';
import { ShellSession } from '../support/shell-session.ts';
import { Terminals } from '../support/terminal.ts';

const guide = 'docs/shell.md';
const terminals = new Terminals();
let folder: string;
let dev: DevServer;

beforeAll(async () => {
  // A folder in which `npx stile` finds the build, as in the checkout.
  folder = mkdtempSync(join(tmpdir(), 'stile-shell-guide-'));
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  writeFileSync(join(folder, 'package.json'), '{}');
  mkdirSync(join(folder, 'home'));
  dev = await startDevServer();
});
afterAll(async () => {
  await terminals.close();
  await dev?.stop();
  rmSync(folder, { recursive: true, force: true });
});

function environment(): Record<string, string> {
  return cleanEnvironment({
    HOME: join(folder, 'home'),
    STILE_ADDR: dev.address,
    TERM: 'xterm',
    PASSWORD: 'password',
    npm_config_update_notifier: 'false',
  });
}

function script(name: string): Promise<Finished> {
  const text = codeBlock(guide, 'run', name);
  return run('/bin/bash', ['-e', '-u', '-o', 'pipefail', '-c', text], { cwd: folder, env: environment() });
}

describe('docs/shell.md', () => {
  test('has no commands but those that this file runs', () => {
    expect(blockNames(guide)).toEqual(['tour', 'script', 'go-on']);
    expect(unmarkedShellBlocks(guide)).toEqual([]);
  });

  test.skipIf(mustSkipWithout('script'))(
    'the tour: every line at the place where it stands, without an error',
    async () => {
      const [first, ...lines] = codeBlock(guide, 'run', 'tour').trim().split('\n');
      expect(first).toBe('$ npx stile shell');
      const shell = new ShellSession(terminals, environment());
      const shown: Record<string, string> = {};
      let last = '';
      for (const text of lines) {
        const [, place = '', line = ''] = /^\[127\.0\.0\.1:9200\](.*?)> (.*)$/.exec(text) ?? [];
        shown[last] = await shell.prompt(place);
        expect(shown[last]).not.toMatch(/[Ee]rror|no command/);
        shell.type(`${line}\r`);
        last = line;
        if (line.startsWith('authenticate')) {
          await shell.shows(/it will be hidden\): /);
          shell.type('password\r');
        }
      }
      expect(last).toBe('exit');
      expect((await shell.screen.finished()).status).toBe(0);
      expect(shown['list scope_id=p_1234567890']).toContain('ttcp_1234567890');
      expect(shown['connect ttcp_1234567890 -exec printenv -- STILE_PROXIED_IP']).toMatch(
        /\r\n127\.0\.0\.1\r\n/,
      );
    },
  );

  test('the script logs in, runs a line and then a script', async () => {
    const done = await script('script');
    expect(done.stderr).not.toMatch(/error|failed/i);
    expect(done.status).toBe(0);
    expect(done.stdout).toMatch(
      /User information:[\s\S]*Target information:[\s\S]*\{"status_code":200,"items":/,
    );
  });

  test('the script that goes on behind a failed line keeps its exit code', async () => {
    const done = await script('go-on');
    expect(done.status).toBe(0);
    expect(done.stderr).toContain('NotFound');
    expect(done.stdout).toMatch(/User information:[\s\S]*exit code 1\n$/);
  });
});
