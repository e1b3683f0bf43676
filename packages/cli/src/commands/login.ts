/** `stile login …` and `stile login token`: other spellings of `authenticate` and `config get-token` (tokens.md §3.2). */
import type { Command } from '../command.ts';
import { respelled } from '../command-path.ts';
import { commands as authenticateCommands } from './authenticate.ts';
import { commands as configCommands } from './config.ts';

/** The commands of this module. */
export const commands: readonly Command[] = [
  ...authenticateCommands.map((command) => respelled(command, command.path.replace('authenticate', 'login'))),
  ...configCommands
    .filter((command) => command.path === 'config get-token')
    .map((command) => respelled(command, 'login token')),
];
