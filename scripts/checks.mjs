// The checks of `npm run check` on a clean checkout: installs if needed, then types, lint, format and layers.
import { become, prepare } from './prepare.mjs';

prepare();
await become('npm', ['run', '--silent', 'check']);
