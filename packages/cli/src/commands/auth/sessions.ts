/** `stile auth sessions`, `terminate-session`, `terminate-other-sessions`: tokens that are in use, and their ends (tokens.md §3.3). */
import type { ApiClient } from '@stile/client/api';
import type { Command, CommandContext, Flag } from '../../command.ts';
import { asJson } from '../../resources/table-view.ts';
import { loginNames } from '../../sign-ins/people.ts';
import { endedText, warnUnconfirmed } from '../../sign-ins/revocation.ts';
import { propertiesOf } from '../../sign-ins/property-words.ts';
import { signInAttempt, usage } from '../../sign-ins/sign-in-attempt.ts';
import { givenTokenId } from '../../sign-ins/token-choice.ts';
import { credentialsOf, readToken, type TokenView } from '../../sign-ins/token-view.ts';
import { secondTime, styledTable } from '../../terminal/styled-table.ts';
import { ask } from '../../terminal/prompt.ts';
import { forgetStoredToken } from '../../tokens/stored-token.ts';
import { tokenId } from '../../tokens/token-source.ts';
import { authCommand, groups, showNothing } from './groups.ts';

/** What a property is made from. */
interface SessionFacts {
  readonly token: TokenView;
  readonly currentId: string;
  readonly names: ReadonlyMap<string, string>;
}

/** The properties of a session, in the order of the table; values as JSON has them. */
const properties: Readonly<Record<string, (facts: SessionFacts) => unknown>> = {
  id: ({ token }) => token.id,
  current: ({ token, currentId }) => token.id === currentId,
  internal: ({ token }) => token.origin.startsWith('unix:'),
  origin: ({ token }) => token.lastOrigin || token.origin,
  credentials: ({ token }) => credentialsOf(token),
  credentials_data: ({ token, names }) => ({
    user_id: token.userId,
    login_name: names.get(token.userId) ?? '',
    auth_method_id: token.authMethodId,
    token_name: token.name,
    created_by_user_id: token.createdBy,
  }),
  created_at: ({ token }) => secondTime(token.createdTime),
};

const propertyNames = Object.keys(properties);

function cell(value: unknown): string {
  return typeof value === 'string' || typeof value === 'boolean' ? String(value) : '<dict>';
}

async function sessions(context: CommandContext): Promise<number> {
  const { flags, output, operands } = context;
  const chosen = propertiesOf(operands, propertyNames, 'sessions');
  return signInAttempt(context, { verb: 'list', noun: 'auth tokens' }, async ({ client, token: own }) => {
    const { status, body } = await client.collection('auth-tokens').list({
      scope_id: 'global',
      recursive: true,
      type: 'login,web,api',
      filter: flags.text('filter') || undefined,
    });
    const tokens = body.map(readToken);
    const wantsNames = output.isJson && chosen.includes('credentials_data');
    const names = wantsNames ? await loginNames(client, tokens) : new Map<string, string>();
    const currentId = own === undefined ? '' : tokenId(own);
    const rows = tokens.map((token) =>
      chosen.map((name) => [name, properties[name]?.({ token, currentId, names })] as const),
    );
    if (output.isJson) {
      const isWhole = operands.length === 0;
      const items = rows.map((row, index) => ({
        ...Object.fromEntries(row),
        ...(isWhole ? streamsOf(tokens[index]) : {}),
      }));
      output.printJson({ status_code: status, items: items.length === 0 ? null : items });
      return 0;
    }
    const cells = rows.map((row) => row.map(([, value]) => cell(value)));
    output.print(styledTable('box', { header: chosen, rows: cells }).join('\n'));
    return 0;
  });
}

/** The open streams of a token, where the server counts them. */
function streamsOf(token: TokenView | undefined): { streams?: unknown } {
  const streams = token?.json['streams'];
  return streams === undefined ? {} : { streams };
}

/** Says that the token in use has ended, and removes it from the store where it is there. */
async function forgetOwn(context: CommandContext, id: string, givenBy: string | undefined): Promise<void> {
  context.output.warn(
    givenBy === undefined
      ? 'That was the session in use: run "stile authenticate" to log in again.'
      : `That was the session in use, the one of ${givenBy}.`,
  );
  // Any other is in no store, and a store that does not work is no failure of what was done.
  if (givenBy === undefined) await forgetStoredToken(context, id);
}

async function terminate(context: CommandContext): Promise<number> {
  const argument = context.flags.text('id');
  const id = givenTokenId(context, argument);
  if (id === undefined) throw usage(`id must be the ID of a session (at_…), not ${JSON.stringify(argument)}`);
  return signInAttempt(
    context,
    { verb: 'revoke', noun: 'auth token' },
    async ({ client, token, givenBy }) => {
      const { status, body } = await client.signIns.revoke(id);
      const code = showNothing(context, status, body);
      warnUnconfirmed(context, asJson(body)['revocation']);
      if (token !== undefined && tokenId(token) === id) await forgetOwn(context, id, givenBy);
      return code;
    },
  );
}

/** Asks before everybody is logged out. @throws {StileError} invalidFlag when nobody can be asked or the answer is no */
async function confirmEverybody({ flags, streams }: CommandContext): Promise<void> {
  if (flags.bool('yes')) return;
  if (streams.stdin.isTTY !== true)
    throw usage('-all-users ends the sessions of everybody: give -y too, to say that this is meant');
  const answer = await ask(streams, 'answer', 'End the sessions of all users but this one? Type "yes": ');
  if (answer !== 'yes') throw usage('nothing was ended');
}

async function endOthers(context: CommandContext, client: ApiClient): Promise<number> {
  const { flags, output } = context;
  const api = flags.bool('include-api') ? (['api'] as const) : [];
  const { status, body } = await client.signIns.revokeAll({
    user_id: flags.bool('all-users') ? '*' : undefined,
    types: ['login', 'web', 'one-time', ...api],
    except_current: true,
  });
  const { revocation } = asJson(body);
  if (output.isJson) output.printJson({ status_code: status, item: revocation });
  else output.print(endedText(revocation));
  warnUnconfirmed(context, revocation);
  return 0;
}

async function terminateOthers(context: CommandContext): Promise<number> {
  if (context.flags.bool('all-users')) await confirmEverybody(context);
  return signInAttempt(context, { verb: 'revoke', noun: 'auth tokens' }, ({ client }) =>
    endOthers(context, client),
  );
}

/** A property as a flag: the same as its word. */
function propertyFlag(name: string): Flag {
  return {
    name: name.replaceAll('_', '-'),
    type: 'boolean',
    isWord: true,
    help: `Show ${name}: the same as the word ${name}.`,
  };
}

/** The commands of this module. */
export const sessionCommands: readonly Command[] = [
  authCommand({
    path: 'auth sessions',
    summary: 'List the sessions that are open',
    description:
      'Lists the tokens that work now, API keys among them: all that you may read, else your own. With properties, only those.',
    permission: 'auth-token:list',
    examples: [
      'stile auth sessions',
      'stile auth sessions id credentials',
      `stile auth sessions -filter '"/item/type" == "api"'`,
    ],
    operands: { name: 'PROPERTY', max: propertyNames.length, completes: propertyNames },
    groups: groups([
      ...propertyNames.filter((name) => name !== 'credentials_data').map(propertyFlag),
      {
        name: 'filter',
        type: 'string',
        help: 'Expression that a token must fulfil to be shown, evaluated by the controller.',
      },
    ]),
    run: sessions,
  }),
  authCommand({
    path: 'auth terminate-session',
    summary: 'End one session',
    description:
      'Ends a session at once, and what was authorized with it. Ending the session in use works too, and forgets the stored token.',
    permission: 'auth-token:delete',
    examples: ['stile auth terminate-session id=at_8fK2mQx71a'],
    groups: groups([{ name: 'id', type: 'string', completesFrom: 'auth-token', help: 'ID of the session.' }]),
    check: ({ flags }) => (flags.text('id') === '' ? { message: 'id= is required' } : undefined),
    run: terminate,
  }),
  authCommand({
    path: 'auth terminate-other-sessions',
    summary: 'End all your other sessions',
    description:
      'Ends all your sessions but the one in use, and says what ended. API keys live on, unless -include-api is given.',
    permission: 'auth-token:delete:self',
    examples: ['stile auth terminate-other-sessions', 'stile auth terminate-other-sessions -all-users -y'],
    groups: groups([
      { name: 'all-users', type: 'boolean', help: 'The sessions of everybody.' },
      { name: 'include-api', type: 'boolean', help: 'Also API keys.' },
      { name: 'yes', alias: 'y', type: 'boolean', help: 'Do not ask whether -all-users is meant.' },
    ]),
    run: terminateOthers,
  }),
];
