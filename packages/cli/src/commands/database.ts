/** `stile database init|migrate`: creates and updates the tables of a controller (http-api.md §4.2, cli.md §2.5). */
import { outputOptions } from '../arguments/standard-flags.ts';
import type { Command, Flag } from '../command.ts';
import { configFlag, logLevelFlag, needsConfig } from '../server/server-flags.ts';
import { withStartFailures } from '../server/start-failure.ts';

const skip = (what: string, name: string): Flag => ({ name, type: 'boolean', help: `Do not make ${what}.` });

const skipFlags: readonly Flag[] = [
  skip('the role that lets everybody log in', 'skip-initial-login-role-creation'),
  skip('the role of users that are logged in', 'skip-initial-authenticated-user-role-creation'),
  skip('an auth method and its administrator', 'skip-auth-method-creation'),
  skip('an organisation and a project, nor what would be in them', 'skip-scopes-creation'),
  skip('a host catalog, host set and host, nor targets', 'skip-host-resources-creation'),
  skip('targets', 'skip-target-creation'),
];

/** The commands. */
export const commands: readonly Command[] = [
  {
    path: 'database init',
    summary: "Initialize the controller's database",
    description:
      'Creates the tables, an administrator whose password is printed once, and first resources. Does nothing to a database that already has them.',
    examples: [
      'stile database init -config controller.yaml',
      'stile database init -config controller.yaml -skip-target-creation',
    ],
    groups: [outputOptions, { title: 'Command Options', flags: [configFlag, logLevelFlag, ...skipFlags] }],
    check: needsConfig,
    run: async (context) => {
      const { runDatabaseInit } = await import('../server/run-database.ts');
      return withStartFailures(context.output, () => runDatabaseInit(context));
    },
  },
  {
    path: 'database migrate',
    summary: "Update the controller's database to this version",
    description:
      'Applies the migrations that are missing. Safe to run again, and while no server of an older version runs.',
    examples: ['stile database migrate -config controller.yaml'],
    groups: [outputOptions, { title: 'Command Options', flags: [configFlag, logLevelFlag] }],
    check: needsConfig,
    run: async (context) => {
      const { runDatabaseMigrate } = await import('../server/run-database.ts');
      return withStartFailures(context.output, () => runDatabaseMigrate(context));
    },
  },
];
