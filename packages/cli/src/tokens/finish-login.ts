/** The end of every login: what is printed of the token, and where it is kept (cli.md §3.2). */
import type { AuthenticateAnswer, LoginToken } from '@stile/client/api';
import { StileError } from '@stile/protocol/errors';
import type { CommandContext } from '../command.ts';
import { block, localTime, printable } from '../terminal/layout.ts';
import { tokenPlace } from './token-place.ts';

/** The object with sorted keys, all the way down, as recorded. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, field]) => [key, sorted(field)]));
}

function tokenLines(token: LoginToken): string[] {
  const rows = {
    'Account ID': token.account_id,
    'Auth Method ID': token.auth_method_id,
    'Expiration Time': localTime(token.expiration_time ?? ''),
    'User ID': token.user_id,
  };
  return ['', 'Authentication information:', ...block(rows, 2, 15)];
}

/** Stores the token, or prints it where it cannot or must not be stored (cli.md §3.2). */
async function keepToken(context: CommandContext, token: LoginToken): Promise<void> {
  const { output } = context;
  const show = (why: string): void => {
    output.warn(`\n${why} The token is:`);
    output.print(printable(token.token ?? ''));
    output.warn('Please be sure to store it safely!');
  };
  try {
    const { name, store } = await tokenPlace(context);
    if (store === undefined) {
      show('Storing the token in a keyring was disabled.');
      return;
    }
    await store.write(name, token);
    output.print(
      `\nThe token name "${printable(name)}" was successfully stored in the chosen keyring and is not displayed here.`,
    );
  } catch (error) {
    if (!(error instanceof StileError)) throw error;
    show(`Error saving auth token: ${error.message}.`);
  }
}

/** Prints what a login gave and stores its token; in JSON the whole answer, and nothing is stored. */
export async function finishLogin(
  context: CommandContext,
  status: number,
  answer: AuthenticateAnswer,
): Promise<number> {
  if (context.output.isJson) {
    // The recorded behaviour (cli.md §5.3).
    context.output.printJson({ status_code: status, item: sorted(answer) });
    return 0;
  }
  const token = answer.attributes ?? {};
  context.output.printLines(tokenLines(token));
  await keepToken(context, token);
  return 0;
}
