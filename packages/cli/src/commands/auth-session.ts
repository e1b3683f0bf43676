/** `stile auth-session login|logout|list`: web sessions that an administrator opens, ends and lists (tokens.md §3.1). */
import type { ApiClient } from '@stile/client/api';
import { StileError } from '@stile/protocol/errors';
import { apiOptions } from '../arguments/standard-flags.ts';
import type { Command, CommandContext, Flag, Operands } from '../command.ts';
import { asJson } from '../resources/table-view.ts';
import { writeCookieJar } from '../sign-ins/cookie-jar.ts';
import { durationSeconds } from '../sign-ins/durations.ts';
import { givenText, mintingFlags } from '../sign-ins/minting.ts';
import {
  findUser,
  findWholeUser,
  loginNames,
  loginScopeFlag,
  requireAllTokens,
  userFlag,
} from '../sign-ins/people.ts';
import { warnUnconfirmed } from '../sign-ins/revocation.ts';
import { signInAttempt } from '../sign-ins/sign-in-attempt.ts';
import { readToken, type TokenView } from '../sign-ins/token-view.ts';
import { printable } from '../terminal/layout.ts';
import { lineTime, styledTable } from '../terminal/styled-table.ts';
import { controllerAddress } from '../tokens/api-session.ts';

const user: Operands = { name: 'USER', max: 1, isRequired: true, completesFrom: 'user' };

/** Puts the cookie into the file, or ends the session that nobody could use. @throws {StileError} failedPrecondition */
async function fillJar(context: CommandContext, client: ApiClient, token: TokenView): Promise<void> {
  const path = context.flags.text('cookie-jar');
  if (path === '') return;
  const { cookie, expirationTime } = token;
  try {
    await writeCookieJar(path, { cookie, expirationTime, address: controllerAddress(context) });
  } catch (error) {
    // The error of the file is what matters; a session that cannot be ended ends by itself.
    await client.signIns.revoke(token.id).catch(() => undefined);
    throw error;
  }
}

async function login(context: CommandContext): Promise<number> {
  const { flags, output, operands } = context;
  const lifetime = givenText(context, 'expire-after');
  if (lifetime !== undefined) durationSeconds(lifetime, '-expire-after');
  const what = { verb: 'create', noun: 'web session', flags: mintingFlags('expire-after') };
  return signInAttempt(context, what, async ({ client }) => {
    const { id, loginName } = await findWholeUser(context, client, operands[0] ?? '');
    const { status, body } = await client.signIns.mint({ type: 'web', user_id: id, lifetime });
    const token = readToken(body);
    if (token.cookie === '') throw new StileError('internal', 'the controller answered without a cookie');
    await fillJar(context, client, token);
    const username = loginName || id;
    if (output.isJson) {
      const item = {
        username,
        session_id: token.id,
        cookie: token.cookie,
        expiration_time: token.expirationTime,
      };
      output.printJson({ status_code: status, item });
      return 0;
    }
    if (flags.bool('only-cookie')) {
      output.print(printable(token.cookie));
      return 0;
    }
    const jar = flags.text('cookie-jar');
    const shown = jar === '' ? token.cookie : `stored in ${jar}`;
    const header = ['username', 'session ID', 'authentication cookie'];
    output.print(styledTable('lines', { header, rows: [[username, token.id, shown]] }).join('\n'));
    return 0;
  });
}

/** A row in JSON. */
function sessionItem(token: TokenView, username: string): object {
  return {
    username,
    session_id: token.id,
    created_time: token.createdTime,
    expiration_time: token.expirationTime,
    revoked_time: token.revokedTime || null,
    last_used_time: token.lastUsedTime,
  };
}

/** One column of a table of sessions. */
type SessionColumn = readonly [title: string, cell: (token: TokenView) => string];

const idColumn: SessionColumn = ['session ID', (token) => token.id];
const revokedColumn: SessionColumn = [
  'revoked',
  (token) => (token.revokedTime === '' ? 'NULL' : lineTime(token.revokedTime)),
];
const listColumns: readonly SessionColumn[] = [
  idColumn,
  ['created', (token) => lineTime(token.createdTime)],
  ['expires', (token) => lineTime(token.expirationTime)],
  revokedColumn,
  ['last used', (token) => lineTime(token.lastUsedTime)],
];

interface Sessions {
  readonly status: number;
  readonly tokens: readonly TokenView[];
  readonly names: ReadonlyMap<string, string>;
}

function showSessions(
  { output }: CommandContext,
  { status, tokens, names }: Sessions,
  columns: readonly SessionColumn[],
): number {
  const username = (token: TokenView): string => names.get(token.userId) ?? token.userId;
  const oldestFirst = tokens.toSorted((a, b) => (a.createdTime < b.createdTime ? -1 : 1));
  if (output.isJson) {
    const items = oldestFirst.map((token) => sessionItem(token, username(token)));
    output.printJson({ status_code: status, items: items.length === 0 ? null : items });
    return 0;
  }
  if (tokens.length === 0) {
    output.print('No sessions found');
    return 0;
  }
  const header = ['username', ...columns.map(([title]) => title)];
  const rows = oldestFirst.map((token) => [username(token), ...columns.map(([, cell]) => cell(token))]);
  output.print(styledTable('lines', { header, rows }).join('\n'));
  return 0;
}

/** Sessions of all users, or of one, whether they live or not. */
async function sessionsOf(
  client: ApiClient,
  types: string,
  userId: string | undefined,
): Promise<{ status: number; tokens: TokenView[] }> {
  const { status, body } = await client.collection('auth-tokens').list({
    scope_id: 'global',
    recursive: true,
    include_expired: true,
    type: types,
    user_id: userId,
  });
  return { status, tokens: body.map(readToken) };
}

/** The rows from before with those that the revocation changed, and none that is no session. */
function afterRevocation(before: readonly TokenView[], changed: readonly TokenView[]): TokenView[] {
  const byId = new Map(before.map((token) => [token.id, token]));
  for (const token of changed) if (token.type !== 'one-time') byId.set(token.id, token);
  return [...byId.values()];
}

async function logout(context: CommandContext): Promise<number> {
  const { flags, operands } = context;
  const api = flags.bool('include-api') ? (['api'] as const) : [];
  return signInAttempt(context, { verb: 'revoke', noun: 'sessions' }, async ({ client }) => {
    const { id, loginName } = await findWholeUser(context, client, operands[0] ?? '');
    // Read first: the caller's own token may be among those that end.
    const before = await sessionsOf(client, ['login', 'web', ...api].join(','), id);
    const { status, body } = await client.signIns.revokeAll({
      user_id: id,
      types: ['login', 'web', 'one-time', ...api],
      except_current: false,
    });
    const { items, revocation } = asJson(body);
    const changed = Array.isArray(items) ? items.map(readToken) : [];
    const tokens = afterRevocation(before.tokens, changed);
    const names = new Map(tokens.map((token) => [token.userId, loginName || token.userId]));
    warnUnconfirmed(context, revocation);
    return showSessions(context, { status, tokens, names }, [idColumn, revokedColumn]);
  });
}

async function list(context: CommandContext): Promise<number> {
  const { flags } = context;
  return signInAttempt(context, { verb: 'list', noun: 'sessions' }, async ({ client }) => {
    await requireAllTokens(client);
    const name = flags.text('user');
    const only = name === '' ? undefined : (await findUser(context, client, name)).id;
    const types = flags.bool('all') ? 'login,web,api,one-time' : 'login,web';
    const sessions = await sessionsOf(client, types, only);
    const names = await loginNames(client, sessions.tokens);
    return showSessions(context, { ...sessions, names }, listColumns);
  });
}

function groups(flags: readonly Flag[]): Command['groups'] {
  return [...apiOptions, { title: 'Command Options', flags: [...flags, loginScopeFlag] }];
}

/** The commands of this module. */
export const commands: readonly Command[] = [
  {
    path: 'auth-session login',
    summary: 'Open a web session for a user',
    description:
      'Opens a web session for a user without password and code, and prints the cookie for the HTTP interface. The session cannot mint tokens nor change password or second factor. Pass the cookie to curl as a string: curl --cookie "$(stile auth-session login admin -only-cookie)" …',
    permission: 'auth-token:create',
    examples: [
      'stile auth-session login user -expire-after 4h30m',
      'stile auth-session login user -only-cookie',
      'stile auth-session login user -cookie-jar cookies.txt',
    ],
    operands: user,
    groups: groups([
      {
        name: 'expire-after',
        type: 'string',
        help: 'How long the session lives, as 4h30m. Without it the server decides: an hour.',
      },
      { name: 'only-cookie', type: 'boolean', help: 'Print the cookie and nothing else.' },
      {
        name: 'cookie-jar',
        type: 'string',
        help: 'Write the cookie to this file, which only you can read, for curl --cookie FILE.',
      },
    ]),
    run: login,
  },
  {
    path: 'auth-session logout',
    summary: 'End the sessions of a user',
    description:
      'Ends every login and web session of a user and what was authorized with them, and lists all sessions of that user. API tokens live on, unless -include-api is given.',
    permission: 'auth-token:delete',
    examples: ['stile auth-session logout user', 'stile auth-session logout user -include-api'],
    operands: user,
    groups: groups([{ name: 'include-api', type: 'boolean', help: 'Also end API tokens.' }]),
    run: logout,
  },
  {
    path: 'auth-session list',
    summary: 'List the sessions of all users',
    description: 'Lists login and web sessions of all users: those that live and those that have ended.',
    permission: 'auth-token:list',
    examples: ['stile auth-session list', 'stile auth-session list -user user -all'],
    groups: groups([
      { ...userFlag, help: 'Only the sessions of this user, by ID (u_…) or login name.' },
      { name: 'all', type: 'boolean', help: 'Also API tokens and one-time tokens.' },
    ]),
    run: list,
  },
];
