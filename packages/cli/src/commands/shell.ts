/** `stile shell`: the row of the command table (tokens.md §3.4). The work is in `../shell/`. */
import { clientOptions, connectionOptions, outputOptions } from '../arguments/standard-flags.ts';
import type { Command } from '../command.ts';

/** The commands of this module. */
export const commands: readonly Command[] = [
  {
    path: 'shell',
    summary: 'Run commands in an interactive shell',
    description:
      'Reads command lines without the word "stile" and runs them, with a place in the tree of commands, completion by the Tab key and a history. Options of a command can be written as key=value. Without a terminal, lines are read from standard input, and the first that fails ends the shell with its exit code. Connection, client and output options hold for every line that does not give its own.',
    examples: [
      'stile shell',
      'stile shell -c "targets list -recursive"',
      'stile shell -continue-on-error -format json',
    ],
    groups: [
      connectionOptions,
      {
        ...clientOptions,
        flags: clientOptions.flags.filter(({ name }) => name !== 'output-curl-string'),
      },
      outputOptions,
      {
        title: 'Command Options',
        flags: [
          {
            name: 'c',
            type: 'string',
            help: 'Run this line instead of reading lines. Line breaks part several.',
          },
          {
            name: 'continue-on-error',
            type: 'boolean',
            help: 'Go on behind a line that fails. The exit code is that of the first one that failed.',
          },
        ],
      },
    ],
    ownsProcess: true,
    run: async (context) => {
      const { runShell } = await import('../shell/run-shell.ts');
      return runShell(context);
    },
  },
];
