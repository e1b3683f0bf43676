/**
 * A test run with a failure must end with a failure. Once it did not: a library of the tests ended the process with status 0 of its own
 * (test/support/postgres.ts), and every run looked good.
 */
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { start } from '../support/process.ts';
import { root } from './sources.ts';

const folder = mkdtempSync(join(tmpdir(), 'stile-run-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Runs one test file with the set-up of our own runs and gives the exit status. */
async function statusOf(body: string): Promise<number> {
  writeFileSync(
    join(folder, 'one.test.mjs'),
    `import { expect, test } from 'vitest';\ntest('one', () => { ${body} });\n`,
  );
  const child = start(process.execPath, [
    join(root, 'node_modules/vitest/vitest.mjs'),
    'run',
    '--root',
    folder,
    '--config',
    join(folder, 'vitest.config.mjs'),
  ]);
  return (await child.finished(25_000)).status;
}

describe('a test run', () => {
  test('with a failing test ends with status 1, a good one with 0', async () => {
    symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
    const setup = JSON.stringify(join(root, 'test/support/postgres-global-setup.ts'));
    writeFileSync(
      join(folder, 'vitest.config.mjs'),
      `export default { test: { globalSetup: [${setup}], include: ['*.test.mjs'] } };\n`,
    );
    expect(await statusOf('expect(1).toBe(2)')).toBe(1);
    expect(await statusOf('expect(1).toBe(1)')).toBe(0);
  });
});
