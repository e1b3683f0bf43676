/** `stile auth …`: the caller's account, sessions, API keys and second factor; `privilege` is `stile roles` (tokens.md §3.3). */
import type { Command } from '../command.ts';
import { respelled } from '../command-path.ts';
import { commandsOf } from '../resources/resource-commands.ts';
import { accountCommands } from './auth/account.ts';
import { apiKeyCommands } from './auth/api-keys.ts';
import { oneTimeTokenCommands } from './auth/one-time-tokens.ts';
import { sessionCommands } from './auth/sessions.ts';
import { twoFactorCommands } from './auth/two-factor.ts';

/** Verbs of roles that TrueNAS names otherwise. */
const privilegeVerbs: Readonly<Record<string, string>> = { list: 'query', read: 'get-instance' };

/** Roles are our privileges: each of their commands, under the names of TrueNAS and with `key=value`. */
const privilegeCommands: readonly Command[] = commandsOf('roles').map((command) => {
  const [, verb = '', ...more] = command.path.split(' ');
  const name = Object.hasOwn(privilegeVerbs, verb) ? privilegeVerbs[verb] : undefined;
  const path = ['auth', 'privilege', name ?? verb, ...more].join(' ');
  return {
    ...respelled(command, path),
    ...(name === undefined ? {} : { aliases: [verb] }),
    assignments: true,
  };
});

/** The commands of this module. */
export const commands: readonly Command[] = [
  ...accountCommands,
  ...sessionCommands,
  ...oneTimeTokenCommands,
  ...apiKeyCommands,
  ...twoFactorCommands,
  ...privilegeCommands,
];
