/**
 * `stile logout`: ends the current token on the controller, where it stays listed as revoked, and removes it from the local store
 * (cli.md §2.1, 3.12; tokens.md §3.2).
 */
import type { ApiClient } from '@stile/client/api';
import { StileError } from '@stile/protocol/errors';
import { connectionOptions, outputOptions, tokenFlags } from '../arguments/standard-flags.ts';
import type { Command, CommandContext } from '../command.ts';
import { answerStatus, reportFailure, withApi } from '../tokens/api-session.ts';
import { tokenId } from '../tokens/token-source.ts';
import { forgetStoredToken, type StoredTokenEnd } from '../tokens/stored-token.ts';

/** What is said of the stored token. */
const endTexts: Readonly<Record<StoredTokenEnd, string>> = {
  removed: 'The token was successfully removed from the local credential store.',
  kept: 'The token in the local credential store is another one: it was kept.',
  absent: 'No token was in the local credential store.',
  unused: 'The local token is not deleted, because -keyring-type is "none".',
};

/** Removes the token that has ended from the local store. @returns the exit code */
async function forgetToken(context: CommandContext, id: string): Promise<number> {
  const { output } = context;
  try {
    output.print(endTexts[await forgetStoredToken(context, id)]);
    return 0;
  } catch (error) {
    if (!(error instanceof StileError)) throw error;
    output.error(`Error deleting the local token: ${error.message}`);
    return 2;
  }
}

/** Statuses of a server that has no `:revoke`, and of one to which the token is unknown. */
const hasNoVerb: ReadonlySet<number | undefined> = new Set([400, 404, 405, 501]);

/** Ends the token on the controller. @returns what to say of it. @throws {StileError} what the calls throw */
async function endToken(client: ApiClient, id: string): Promise<string> {
  try {
    await client.signIns.revoke(id);
    return 'The token was successfully revoked within the controller.';
  } catch (error) {
    if (!hasNoVerb.has(answerStatus(error))) throw error;
  }
  try {
    await client.resource('auth-tokens').delete(id);
    return 'The token was successfully deleted within the controller.';
  } catch (error) {
    if (answerStatus(error) !== 404) throw error;
    return 'The token was already gone from the controller.';
  }
}

async function run(context: CommandContext): Promise<number> {
  return withApi(context, async ({ client, token }) => {
    if (token === undefined) {
      context.output.error('No token was found: there is nothing to log out of.');
      return 3;
    }
    const id = tokenId(token);
    try {
      context.output.print(await endToken(client, id));
    } catch (error) {
      // A token that has ended makes the call anonymous, which may not revoke: there is nothing left to end.
      if (answerStatus(error) !== 401)
        return reportFailure(context, error, { verb: 'delete', noun: 'auth token' });
      context.output.print('The token was not valid any more at the controller.');
    }
    return forgetToken(context, id);
  });
}

/** The commands of this module. */
export const commands: readonly Command[] = [
  {
    path: 'logout',
    summary: 'End the current token, here and on the controller',
    description:
      'Revokes the current token on the controller, which also ends the sessions authorized with it, and removes it from the local store. A token that -token or STILE_TOKEN gives is the current one; a stored one then stays.',
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
