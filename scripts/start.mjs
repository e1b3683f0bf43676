// `npm start`: installs if needed, builds if needed, then `stile dev` with the arguments given.
import { join } from 'node:path';
import { become, prepare, root } from './prepare.mjs';

prepare();
await become(process.execPath, [join(root, 'packages/cli/bin/stile.cjs'), 'dev', ...process.argv.slice(2)], {
  cwd: process.env.INIT_CWD ?? process.cwd(),
});
