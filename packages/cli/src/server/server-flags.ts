/** Flags that `stile server` and `stile database` share. */
import type { Flag } from '../command.ts';

/** The configuration file. */
export const configFlag: Flag = {
  name: 'config',
  type: 'string',
  help: 'Path of the configuration file (YAML; see docs/configuration.md).',
};

/** Overrides `log_level` of the file. */
export const logLevelFlag: Flag = {
  name: 'log-level',
  type: 'string',
  env: 'LOG_LEVEL',
  completes: ['trace', 'debug', 'info', 'warn', 'error'],
  help: 'Least severity that is logged, on standard error. Overrides log_level of the file.',
};
