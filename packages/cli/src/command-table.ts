/**
 * Every first word of the command line with the module behind it. Nothing but this list is loaded before the command is known,
 * so that `stile version` starts as fast as node does and client commands load no server code.
 */
import type { CommandModule, CommandRow, RootGroup } from './command.ts';

function row(
  name: string,
  group: RootGroup,
  summary: string,
  load: () => Promise<CommandModule>,
): CommandRow {
  return { name, group, summary, load };
}

function resource(name: string, summary = `Manage Stile ${name.replaceAll('-', ' ')}`): CommandRow {
  return row(name, 'type', summary, async () => {
    const { commandsOf } = await import('./resources/resource-commands.ts');
    return { commands: commandsOf(name) };
  });
}

/** The command table, sorted by name. */
export const commandTable: readonly CommandRow[] = [
  resource('accounts'),
  resource('aliases'),
  {
    ...row(
      'auth',
      'local',
      'Manage your account, sessions, API keys and second factor',
      () => import('./commands/auth.ts'),
    ),
    takesAssignments: true,
  },
  resource('auth-methods'),
  row('auth-session', 'local', 'Manage web sessions of users', () => import('./commands/auth-session.ts')),
  resource('auth-tokens'),
  row(
    'authenticate',
    'local',
    'Authenticate the Stile command-line client',
    () => import('./commands/authenticate.ts'),
  ),
  resource('billing', 'Count the users of each month'),
  row(
    'config',
    'local',
    'Manage configuration of the command-line client',
    () => import('./commands/config.ts'),
  ),
  row(
    'connect',
    'local',
    'Connect to a target through a Stile worker',
    () => import('./commands/connect.ts'),
  ),
  resource('credential-libraries'),
  resource('credential-stores'),
  resource('credentials'),
  row('database', 'type', "Manage the controller's database", () => import('./commands/database.ts')),
  row('delete', 'generic', 'Delete a resource by its ID', () => import('./commands/shortcuts.ts')),
  row('dev', 'local', 'Start a controller and a worker for development', () => import('./commands/dev.ts')),
  resource('groups'),
  resource('host-catalogs'),
  resource('host-sets'),
  resource('hosts'),
  row('login', 'local', 'Log in, or print the token', () => import('./commands/login.ts')),
  row(
    'logout',
    'local',
    'End the current token, here and on the controller',
    () => import('./commands/logout.ts'),
  ),
  resource('managed-groups'),
  resource('policies'),
  row('read', 'generic', 'Read a resource by its ID', () => import('./commands/shortcuts.ts')),
  resource('roles'),
  resource('scopes'),
  row('server', 'local', 'Start a controller, a worker, or both', () => import('./commands/server.ts')),
  resource('session-recordings'),
  row('sessions', 'type', 'Manage Stile sessions', async () => {
    const { commandsOf } = await import('./resources/resource-commands.ts');
    const { watchCommand } = await import('./watch/watch-command.ts');
    return { commands: [...commandsOf('sessions'), watchCommand] };
  }),
  row('shell', 'local', 'Run commands in an interactive shell', () => import('./commands/shell.ts')),
  resource('storage-buckets'),
  resource('targets'),
  {
    ...row('tokens', 'local', 'Manage API tokens', () => import('./commands/tokens.ts')),
    aliases: ['token'],
  },
  row('update', 'generic', 'Update a resource by its ID', () => import('./commands/shortcuts.ts')),
  resource('users'),
  row('version', 'hidden', 'Print the version', () => import('./commands/version.ts')),
  resource('workers'),
];
