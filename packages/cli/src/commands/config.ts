/** `stile config get-token` and `stile config autocomplete install|uninstall` (cli.md §1.13). */
import { StileError } from '@stile/protocol/errors';
import { outputOptions, tokenFlags, tokenSourceFlag } from '../arguments/standard-flags.ts';
import type { Command, CommandContext } from '../command.ts';
import { printable } from '../terminal/layout.ts';
import { installCompletion, uninstallCompletion } from '../terminal/shell-setup.ts';
import { findToken } from '../tokens/token-source.ts';
import { tokenPlace } from '../tokens/token-place.ts';

const idFlags = {
  'user-id': 'user_id',
  'account-id': 'account_id',
  'auth-method-id': 'auth_method_id',
} as const;

function chosenIds(context: CommandContext): (keyof typeof idFlags)[] {
  const names = ['user-id', 'account-id', 'auth-method-id'] as const;
  return names.filter((name) => context.flags.bool(name));
}

/** One of the stored token's ids; the environment is not asked. */
async function printId(context: CommandContext, flag: keyof typeof idFlags): Promise<number> {
  const { name, store } = await tokenPlace(context);
  const found = await store?.lookup(name);
  if (found === undefined) {
    context.output.error('No token was found in the store.');
    return 2;
  }
  const id = found[idFlags[flag]];
  if (id === undefined || id === '') return 3;
  context.output.print(printable(id));
  return 0;
}

async function getToken(context: CommandContext): Promise<number> {
  try {
    const [flag] = chosenIds(context);
    if (flag !== undefined) return await printId(context, flag);
    const { token } = await findToken(context);
    if (token === undefined) {
      context.output.error('No token was found.');
      return 2;
    }
    context.output.print(token.reveal());
    return 0;
  } catch (error) {
    if (!(error instanceof StileError)) throw error;
    context.output.error(error.message);
    return 2;
  }
}

async function autocomplete(context: CommandContext, change: typeof installCompletion): Promise<number> {
  const program = process.argv[1] ?? 'stile';
  try {
    const changed = await change(context.environment, program);
    for (const path of changed) context.output.print(printable(path));
    return 0;
  } catch (error) {
    if (!(error instanceof StileError)) throw error;
    context.output.error(error.message);
    return 1;
  }
}

/** The commands of this module. */
export const commands: readonly Command[] = [
  {
    path: 'config get-token',
    summary: 'Print the stored token, or an ID that belongs to it',
    description:
      'Prints the token that commands would use, for scripts: curl -H "Authorization: Bearer $(stile config get-token)" …',
    examples: ['stile config get-token', 'stile config get-token -user-id'],
    groups: [
      outputOptions,
      {
        title: 'Command Options',
        flags: [
          ...tokenFlags,
          tokenSourceFlag,
          { name: 'user-id', type: 'boolean', help: 'Print the user ID instead of the token.' },
          { name: 'account-id', type: 'boolean', help: 'Print the account ID instead of the token.' },
          { name: 'auth-method-id', type: 'boolean', help: 'Print the auth method ID instead of the token.' },
        ],
      },
    ],
    check: (context) =>
      chosenIds(context).length > 1
        ? { message: 'Only one of -user-id, -account-id and -auth-method-id can be given' }
        : undefined,
    run: getToken,
  },
  {
    path: 'config autocomplete install',
    summary: 'Install shell completion',
    description:
      'Adds completion of commands and flags to the start-up files of bash and zsh and the completions of fish, where they exist, and prints what was changed.',
    examples: ['stile config autocomplete install'],
    groups: [],
    run: (context) => autocomplete(context, installCompletion),
  },
  {
    path: 'config autocomplete uninstall',
    summary: 'Remove shell completion',
    description:
      'Takes out again what "stile config autocomplete install" added, and prints what was changed.',
    examples: ['stile config autocomplete uninstall'],
    groups: [],
    run: (context) => autocomplete(context, uninstallCompletion),
  },
];
