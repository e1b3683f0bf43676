/** Flags that `stile server` and `stile database` share. */
import type { CheckFailure, CommandContext, Flag } from '../command.ts';

/** Severities, least first. */
export const logLevels = ['trace', 'debug', 'info', 'warn', 'error'] as const;

/** Further levels that the logger has. */
const rareLevels = ['fatal', 'silent'];

/** Refuses an unknown `-log-level`, wherever it came from. */
export function checkLogLevel({ flags }: CommandContext): CheckFailure | undefined {
  const level = flags.text('log-level');
  if (level === '' || [...logLevels, ...rareLevels].includes(level)) return undefined;
  return { message: `-log-level (or STILE_LOG_LEVEL) must be one of ${logLevels.join(', ')}` };
}

/** Refuses a command line without a configuration file. */
export function needsConfig(context: CommandContext): CheckFailure | undefined {
  return context.flags.text('config') === ''
    ? { message: 'Must specify a config file using -config' }
    : checkLogLevel(context);
}

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
  completes: logLevels,
  help: 'Least severity that is logged, on standard error. Overrides log_level of the file.',
};
