// `npm run bench`: installs if needed, builds if needed, then runs the benches (test/bench/README.md); arguments name some of them.
import { join } from 'node:path';
import { become, prepare, root } from './prepare.mjs';

prepare();
await become(process.execPath, [join(root, 'test/bench/main.mjs'), ...process.argv.slice(2)]);
