// What `npm start`, `npm test` and `npm run bench` do first: install when the lock file changed, build when a source
// changed. Both leave a stamp, so a second run does neither. Plain Node: it runs before anything is installed.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The folder of the checkout. */
export const root = join(dirname(fileURLToPath(import.meta.url)), '..');

const installStamp = join(root, 'node_modules/.stile-install');
const buildStamp = join(root, '.stile-build');

/** Stops with a sentence a person understands. */
function fail(message) {
  console.error(`\nstile: ${message}`);
  process.exit(1);
}

/** Runs a program with our terminal; ends the script when it fails. */
function run(title, program, args) {
  console.error(`==> ${title}`);
  const result = spawnSync(program, args, {
    cwd: root,
    stdio: ['ignore', 2, 2],
    shell: process.platform === 'win32',
  });
  if (result.error) fail(`${title} could not start: ${result.error.message}`);
  if (result.status !== 0) fail(`${title} failed; the lines above say why.`);
}

/** A digest of what decides whether an installation is still good. */
function installKey() {
  const hash = createHash('sha256').update(
    `${process.versions.modules} ${process.platform} ${process.arch}\n`,
  );
  for (const name of ['package-lock.json', 'package.json']) hash.update(readFileSync(join(root, name)));
  return hash.digest('hex');
}

/** Every file below a folder that takes part in the build. */
function* sourceFiles(folder) {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) {
      if (!['node_modules', 'dist', 'gen'].includes(entry.name)) yield* sourceFiles(path);
    } else if (/\.(ts|tsx|proto|json|mjs)$/.test(entry.name) && !entry.name.endsWith('.test.ts')) yield path;
  }
}

/** A digest of names, sizes and times of the sources; contents are not read, so it takes milliseconds. */
function buildKey() {
  const hash = createHash('sha256');
  const files = [...sourceFiles(join(root, 'packages')), ...sourceFiles(join(root, 'proto'))];
  files.push(...['tsconfig.base.json', 'tsconfig.json', 'scripts/gen.mjs'].map((name) => join(root, name)));
  for (const file of files.sort((a, b) => (a < b ? -1 : 1))) {
    const { size, mtimeMs } = statSync(file);
    hash.update(`${relative(root, file)} ${size} ${mtimeMs}\n`);
  }
  return hash.digest('hex');
}

/** Whether a stamp holds the key. */
function isStamped(stamp, key) {
  return existsSync(stamp) && readFileSync(stamp, 'utf8') === key;
}

/** Notes that a step is done. */
function stampWith(stamp, key) {
  try {
    writeFileSync(stamp, key);
  } catch (error) {
    fail(`${stamp} cannot be written (${error.code}): a checkout is built by a user who may write to it.`);
  }
}

/** Installs and builds what is missing or out of date. */
export function prepare() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major < 20 || (major === 20 && minor < 19))
    fail(`Node 20.19 or newer is needed; this is ${process.version}.`);

  const installed = installKey();
  if (!isStamped(installStamp, installed)) {
    // Not `npm ci`: it would throw away what is installed for every change of the lock file.
    run('installing (once; sqlite3 may compile for two minutes)', 'npm', [
      'install',
      '--no-save',
      '--no-audit',
      '--no-fund',
    ]);
    stampWith(installStamp, installed);
  }
  const built = buildKey();
  const isBuilt =
    existsSync(join(root, 'packages/cli/dist/main.js')) &&
    existsSync(join(root, 'packages/protocol/gen/session.js'));
  if (!isBuilt || !isStamped(buildStamp, built)) {
    run('generating messages', process.execPath, [join(root, 'scripts/gen.mjs')]);
    run('building', process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-b']);
    stampWith(buildStamp, built);
  }
}

/** Runs a program to its end with our terminal and ends this process with its exit status; signals reach it. */
export async function become(program, args, options = {}) {
  const { spawn } = await import('node:child_process');
  const child = spawn(program, args, { cwd: root, stdio: 'inherit', ...options });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    // A Ctrl-C in the terminal already reached the child; other signals do not.
    process.on(signal, () => (signal === 'SIGINT' && process.stdin.isTTY ? undefined : child.kill(signal)));
  }
  // npm starts us through a shell, and a signal to npm may end that shell only: without a parent we end too.
  const parent = process.ppid;
  setInterval(() => {
    if (process.ppid !== parent) child.kill('SIGTERM');
  }, 500).unref();
  child.on('error', (error) => fail(error.message));
  child.on('exit', (code, signal) =>
    process.exit(signal ? 128 + ({ SIGINT: 2, SIGTERM: 15, SIGKILL: 9 }[signal] ?? 1) : (code ?? 1)),
  );
}
