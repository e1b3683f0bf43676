/** Making keys never brings a process to a standstill, however the garbage collector comes in between (packages/runtime/src/keys/ed25519-key.ts). */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { sourceFiles } from '../architecture/sources.ts';
import { cleanEnvironment, root, run } from '../support/process.ts';

test('twenty thousand session keys in a row are made in a small heap', async () => {
  const script = `
    const { generateEd25519 } = await import('./packages/controller/dist/pki/ed25519.js');
    for (let count = 0; count < 20_000; count += 1) generateEd25519();
    console.log('made');`;
  const words = ['--max-semi-space-size=1', '--input-type=module', '-e', script];
  const done = await run(process.execPath, words, { cwd: root, env: cleanEnvironment() });
  expect(done).toMatchObject({ status: 0, stdout: 'made\n' });
});

test('no source makes keys in the way that can stand still', () => {
  const files = sourceFiles('packages').filter(
    (file) => file.includes('/src/') && !file.endsWith('.test.ts'),
  );
  expect(files.length).toBeGreaterThan(300);
  // The name alone, in a comment, is no call.
  const makers = files.filter((file) =>
    /generateKey(?:Pair)?(?:Sync)?\(/.test(readFileSync(join(root, file), 'utf8')),
  );
  expect(makers).toEqual([]);
});
