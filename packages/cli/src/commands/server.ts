/** `stile server`: a controller, a worker, or both, from a configuration file. The work stands in server/. */
import type { Command } from '../command.ts';
import { configFlag, logLevelFlag, needsConfig } from '../server/server-flags.ts';
import { withStartFailures } from '../server/start-failure.ts';

/** The command. */
export const commands: readonly Command[] = [
  {
    path: 'server',
    summary: 'Start a controller, a worker, or both',
    description:
      'Runs what the sections of the configuration file say until it is asked to stop (SIGINT or SIGTERM); a second signal stops at once. docs/configuration.md lists every option.',
    examples: ['stile server -config controller.yaml', 'stile server -config worker.yaml -log-level debug'],
    groups: [{ title: 'Command Options', flags: [configFlag, logLevelFlag] }],
    ownsProcess: true,
    check: needsConfig,
    run: async (context) => {
      const { runServer } = await import('../server/run-server.ts');
      return withStartFailures(context.output, () => runServer(context));
    },
  },
];
