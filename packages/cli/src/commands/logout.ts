/** `stile logout`: deletes the current token on the controller and in the local store (cli.md §2.1, 3.12). */
import { StileError } from '@stile/protocol/errors';
import { connectionOptions, outputOptions, tokenFlags } from '../arguments/standard-flags.ts';
import type { Command, CommandContext } from '../command.ts';
import { reportFailure, withApi } from '../tokens/api-session.ts';
import { tokenId } from '../tokens/token-source.ts';
import { tokenPlace } from '../tokens/token-place.ts';

async function forgetToken(context: CommandContext): Promise<number> {
  const { output } = context;
  try {
    const { name, store } = await tokenPlace(context);
    if (store === undefined) {
      output.print('The local token is not deleted, because -keyring-type is "none".');
      return 0;
    }
    await store.delete(name);
    output.print('The token was successfully removed from the local credential store.');
    return 0;
  } catch (error) {
    if (!(error instanceof StileError)) throw error;
    output.error(`Error deleting the local token: ${error.message}`);
    return 2;
  }
}

async function run(context: CommandContext): Promise<number> {
  return withApi(context, async ({ client, token }) => {
    if (token === undefined) {
      context.output.error('No token was found: there is nothing to log out of.');
      return 3;
    }
    try {
      await client.resource('auth-tokens').delete(tokenId(token));
      context.output.print('The token was successfully deleted within the controller.');
    } catch (error) {
      const isGone = error instanceof StileError && error.details?.answer?.status === 404;
      if (!isGone) return reportFailure(context, error, { verb: 'delete', noun: 'auth token' });
      context.output.print('The token was already gone from the controller.');
    }
    return forgetToken(context);
  });
}

/** The commands of this module. */
export const commands: readonly Command[] = [
  {
    path: 'logout',
    summary: 'Delete the current token, here and on the controller',
    description:
      'Deletes the current token on the controller, which also ends the sessions authorized with it, and removes it from the local store.',
    examples: ['stile logout', 'stile logout -token-name work'],
    groups: [
      {
        title: 'Connection Options',
        flags: connectionOptions.flags.map((flag) => ({ ...flag, hidden: true })),
      },
      { title: 'Client Options', flags: tokenFlags },
      { ...outputOptions, flags: outputOptions.flags.map((flag) => ({ ...flag, hidden: true })) },
    ],
    run,
  },
];
