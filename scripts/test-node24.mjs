// `npm run test:node24`: both test projects on Node 24, from the npm package `node@24`, fetched into a temporary folder
// for this run. It is never a dependency: its `bin` would stand before `node` in every script (style.md §9).
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { prepare, root } from './prepare.mjs';

prepare();
const folder = mkdtempSync(join(tmpdir(), 'stile-node24-'));
let status = 1;
try {
  writeFileSync(join(folder, 'package.json'), '{"private":true,"allowScripts":{"node":true}}');
  spawnSync('npm', ['install', '--prefix', folder, 'node@24'], { stdio: 'inherit' });
  const node = join(folder, 'node_modules/node/bin/node');
  const version = spawnSync(node, ['--version'], { encoding: 'utf8' });
  console.error(`==> tests on Node ${version.stdout?.trim() ?? '(did not start)'}`);
  const env = { ...process.env, PATH: `${dirname(node)}:${process.env.PATH}` };
  // The stamp of an installation is that of one Node: without this a test that starts another `npm start` would install.
  spawnSync(node, ['-e', "import('./scripts/prepare.mjs').then((module) => module.prepare())"], {
    cwd: root,
    stdio: 'inherit',
    env,
  });
  status =
    spawnSync(node, [join(root, 'node_modules/vitest/vitest.mjs'), 'run', ...process.argv.slice(2)], {
      cwd: root,
      stdio: 'inherit',
      env,
    }).status ?? 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
process.exit(status);
