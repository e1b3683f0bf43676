/** `stile auth me`, `set-attribute`, `check-password`: the caller's own account (tokens.md §3.3). */
import type { ApiClient } from '@stile/client/api';
import { StileError } from '@stile/protocol/errors';
import type { Command, CommandContext, Flag } from '../../command.ts';
import { asJson } from '../../resources/table-view.ts';
import { findWholeUser, loginScopeFlag, whoAmI, type Caller, type Person } from '../../sign-ins/people.ts';
import { passwordFlag, passwordQuestion, secretOf } from '../../sign-ins/secret-source.ts';
import { signInAttempt, usage } from '../../sign-ins/sign-in-attempt.ts';
import { credentialsOf, readToken, restriction } from '../../sign-ins/token-view.ts';
import { keyValueBox, secondTime } from '../../terminal/styled-table.ts';
import { authCommand, groups, showNothing, showValid } from './groups.ts';

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

/** Names of groups or roles, by id where one has none. */
function namesOf(value: unknown): string {
  if (!Array.isArray(value)) return '';
  const items: readonly unknown[] = value;
  return items
    .map((item) => (typeof item === 'string' ? item : text(asJson(item)['name']) || text(asJson(item)['id'])))
    .join(', ');
}

/** The rows of `auth me`. */
function callerRows(caller: Caller): (readonly [string, string])[] {
  const { user, account, json } = caller;
  const token = readToken(caller.authToken);
  return [
    ['user_id', caller.id],
    ['login_name', caller.loginName || text(account['login_name'])],
    ['full_name', text(user['full_name'])],
    ['scope_id', text(user['scope_id'])],
    ['groups', namesOf(json['groups'])],
    ['roles', namesOf(json['roles'])],
    ['account_id', caller.accountId],
    ['auth_method_id', text(account['auth_method_id']) || token.authMethodId],
    ['auth_token_id', token.id],
    ['credentials', credentialsOf(token)],
    ['expires_at', secondTime(token.expirationTime)],
    ['token_scopes', restriction(token.tokenScopes)],
    ['allow_list', restriction(token.allowList)],
    ['two_factor', String(asJson(json['two_factor'])['enrolled'] === true)],
    ['attributes', JSON.stringify(asJson(json['attributes']))],
  ];
}

async function me(context: CommandContext): Promise<number> {
  return signInAttempt(context, { verb: 'read', noun: 'user' }, async ({ client }) => {
    const caller = await whoAmI(client);
    if (context.output.isJson) context.output.printJson({ status_code: caller.status, item: caller.json });
    else context.output.print(keyValueBox(callerRows(caller)).join('\n'));
    return 0;
  });
}

/** The JSON of `value=`. @throws {StileError} invalidFlag */
function jsonValue(source: string): unknown {
  try {
    return JSON.parse(source);
  } catch (cause) {
    throw usage(
      `value must be JSON, as "text", 7, true, {"a":1} or null: ${JSON.stringify(source)} is none`,
      cause,
    );
  }
}

async function setAttribute(context: CommandContext): Promise<number> {
  const { flags } = context;
  const value = jsonValue(flags.text('value'));
  return signInAttempt(context, { verb: 'set', noun: 'attribute' }, async ({ client }) => {
    const { id } = await whoAmI(client);
    const { status, body } = await client.signIns.setAttribute(id, flags.text('key'), value);
    return showNothing(context, status, body);
  });
}

/** The user of `username=`, or the caller, with its account. @throws {StileError} invalidFlag when it has none */
export async function personWithAccount(context: CommandContext, client: ApiClient): Promise<Person> {
  const username = context.flags.text('username');
  const found = username === '' ? await whoAmI(client) : await findWholeUser(context, client, username);
  if (found.accountId === '')
    throw usage(
      username === ''
        ? 'you have no account with a password'
        : `the user ${JSON.stringify(username)} has no account at the primary auth method, or it is not yours to see`,
    );
  return found;
}

/** Whether an answer says that a password or a code is right. */
export function isValid(body: unknown): boolean {
  const { valid } = asJson(body);
  if (typeof valid === 'boolean') return valid;
  throw new StileError('internal', 'the controller did not say whether it is right');
}

async function checkPassword(context: CommandContext): Promise<number> {
  const password = await secretOf(context, passwordQuestion);
  return signInAttempt(context, { verb: 'check', noun: 'password' }, async ({ client }) => {
    const { accountId } = await personWithAccount(context, client);
    const { status, body } = await client.signIns.checkPassword(accountId, password);
    return showValid(context, status, isValid(body));
  });
}

/** `username=`. */
export const usernameFlag: Flag = {
  name: 'username',
  type: 'string',
  completesFrom: 'user',
  help: 'User by ID (u_…) or login name. The default is yourself.',
};

/** The commands of this module. */
export const accountCommands: readonly Command[] = [
  authCommand({
    path: 'auth me',
    summary: 'Show who you are',
    description:
      'Shows your user, groups and roles, and the token in use: when it ends and what it is restricted to.',
    examples: ['stile auth me'],
    groups: groups([]),
    run: me,
  }),
  authCommand({
    path: 'auth set-attribute',
    summary: 'Set a note on your own user',
    description: 'Sets a note of your own user, which "stile auth me" shows. The value null removes it.',
    examples: [
      `stile auth set-attribute key=editor value='"vim"'`,
      'stile auth set-attribute key=editor value=null',
    ],
    groups: groups([
      {
        name: 'key',
        type: 'string',
        help: 'Name of the note: a small letter, then letters, digits, ".", "_" and "-".',
      },
      { name: 'value', type: 'string', help: 'JSON; null removes the note.' },
    ]),
    check: ({ flags }) => {
      const missing = ['key', 'value'].find((name) => flags.text(name) === '');
      return missing === undefined ? undefined : { message: `${missing}= is required` };
    },
    run: setAttribute,
  }),
  authCommand({
    path: 'auth check-password',
    aliases: ['check-user'],
    summary: 'Check a password without logging in',
    description:
      'Prints whether a password is that of your account, or of the account of another user whose password you may set. No token is made.',
    permission: 'account:change-password',
    examples: [
      'stile auth check-password -password env://PASSWORD',
      'stile auth check-password username=jeff',
    ],
    groups: groups([usernameFlag, passwordFlag, loginScopeFlag]),
    run: checkPassword,
  }),
];
