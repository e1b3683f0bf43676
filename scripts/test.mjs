// `npm test`: installs if needed, builds if needed, then runs every test; arguments go to vitest.
import { join } from 'node:path';
import { become, prepare, root } from './prepare.mjs';

prepare();
await become(process.execPath, [
  join(root, 'node_modules/vitest/vitest.mjs'),
  'run',
  ...process.argv.slice(2),
]);
