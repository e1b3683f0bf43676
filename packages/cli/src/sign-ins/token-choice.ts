/** Which token an argument names: an id, a whole token of which only the id is used, or the exact name of an API token (tokens.md §3.2). */
import type { ApiClient } from '@stile/client/api';
import type { CommandContext } from '../command.ts';
import { chosenUser } from './people.ts';
import { usage } from './sign-in-attempt.ts';
import { readToken, type TokenView } from './token-view.ts';

/** An id as it was given, or what it is cut from; undefined for a name. */
export function givenTokenId(context: CommandContext, argument: string): string | undefined {
  if (!argument.startsWith('at_')) return undefined;
  const [prefix = '', middle = '', ...secret] = argument.split('_');
  if (secret.length > 0 && !context.isPrivateLine) {
    context.output.warn(
      'The whole token was given, of which only the ID is used: it was visible in the process list, so rotate or remove it.',
    );
  }
  return `${prefix}_${middle}`;
}

/** API tokens of that name of one user; live ones first, then the newest. */
async function named(context: CommandContext, client: ApiClient, name: string): Promise<TokenView[]> {
  const { id } = await chosenUser(context, client);
  const query = {
    scope_id: 'global',
    recursive: true,
    include_expired: true,
    type: 'api',
    user_id: id,
    name,
  };
  const { body } = await client.collection('auth-tokens').list(query);
  const found = body.map(readToken).filter((token) => token.name === name && token.id !== '');
  const isLive = (token: TokenView): number => (token.status === 'active' ? 1 : 0);
  return found.toSorted((a, b) => isLive(b) - isLive(a) || (a.createdTime < b.createdTime ? 1 : -1));
}

/**
 * The id of the token that an argument names.
 * @throws {StileError} invalidFlag for a name that no API token of the user has; what the calls throw
 */
export async function tokenIdOf(
  context: CommandContext,
  client: ApiClient,
  argument: string,
): Promise<string> {
  return givenTokenId(context, argument) ?? (await tokenNamed(context, client, argument)).id;
}

async function tokenNamed(context: CommandContext, client: ApiClient, name: string): Promise<TokenView> {
  const [first] = await named(context, client, name);
  if (first === undefined)
    throw usage(
      `no auth token with the name ${JSON.stringify(name)}; "stile tokens list" shows those there are`,
    );
  return first;
}

/** The token itself, read anew when an id was given. @throws {StileError} as `tokenIdOf` */
export async function tokenOf(
  context: CommandContext,
  client: ApiClient,
  argument: string,
): Promise<TokenView> {
  const id = givenTokenId(context, argument);
  if (id === undefined) return tokenNamed(context, client, argument);
  const { body } = await client.collection('auth-tokens').read(id);
  return readToken(body);
}
