/** The caller, other users by id or login name, and the login names of the users of a list (tokens.md §3). */
import type { ApiClient } from '@stile/client/api';
import { StileError } from '@stile/protocol/errors';
import type { CommandContext, Flag } from '../command.ts';
import { asJson } from '../resources/table-view.ts';
import { answerStatus } from '../tokens/api-session.ts';
import { usage } from './sign-in-attempt.ts';
import type { TokenView } from './token-view.ts';

/** The scope in whose primary auth method login names are looked up. */
export const loginScopeFlag: Flag = {
  name: 'scope-id',
  type: 'string',
  env: 'SCOPE_ID',
  default: 'global',
  completesFrom: 'scope',
  help: 'Scope whose primary auth method knows the login name of a user.',
};

/** The flag that names another user. */
export const userFlag: Flag = {
  name: 'user',
  alias: 'u',
  type: 'string',
  completesFrom: 'user',
  help: 'User by ID (u_…) or login name. The default is yourself.',
};

/** A user as commands need one. */
export interface Person {
  readonly id: string;
  /** `''` when it is not known. */
  readonly loginName: string;
  /** The account at the primary auth method; `''` when there is none or it is not known. */
  readonly accountId: string;
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function person(value: unknown): Person {
  const user = asJson(value);
  return {
    id: text(user['id']),
    loginName: text(user['login_name']),
    accountId: text(user['primary_account_id']),
  };
}

/** Whether a text is the id of a user. */
function isUserId(name: string): boolean {
  return /^u_[0-9A-Za-z]+$/.test(name);
}

/** A filter that leaves the users of that login name; none where the name would have to be escaped. */
function filterOf(name: string): { filter?: string } {
  return /^[\w.@+-]+$/.test(name) ? { filter: `"/item/login_name" == "${name}"` } : {};
}

/**
 * The user of an id or a login name in the primary auth method of `-scope-id`.
 * @throws {StileError} invalidFlag when there is no such user or more than one; what the call throws
 */
export async function findUser(context: CommandContext, client: ApiClient, name: string): Promise<Person> {
  if (isUserId(name)) return { id: name, loginName: '', accountId: '' };
  if (name === '') throw usage('USER is required: an ID (u_…) or a login name');
  const scopeId = context.flags.text('scope-id') || 'global';
  const { body } = await client.collection('users').list({ scope_id: scopeId, ...filterOf(name) });
  const found = body.map(person).filter((each) => each.loginName === name);
  const [only] = found;
  if (only === undefined)
    throw usage(
      `no user with the login name ${JSON.stringify(name)} in scope ${JSON.stringify(scopeId)}; give the ID (u_…), or the scope with -scope-id`,
    );
  if (found.length > 1)
    throw usage(
      `${found.length} users have the login name ${JSON.stringify(name)}: ${found.map(({ id }) => id).join(', ')}; give the ID of one`,
    );
  return only;
}

/** The same, with login name and account as far as the caller may read them. @throws {StileError} as `findUser` */
export async function findWholeUser(
  context: CommandContext,
  client: ApiClient,
  name: string,
): Promise<Person> {
  const found = await findUser(context, client, name);
  if (found.loginName !== '') return found;
  return (
    (await tolerated(
      client
        .collection('users')
        .read(found.id)
        .then(({ body }) => person(body)),
    )) ?? found
  );
}

/** The answer; undefined where the caller may not ask or the resource is gone. */
async function tolerated<T>(call: Promise<T>): Promise<T | undefined> {
  try {
    return await call;
  } catch (error) {
    const status = answerStatus(error);
    if (status !== undefined && [401, 403, 404].includes(status)) return undefined;
    throw error;
  }
}

/**
 * Login names by user id: of the owners of tokens as the tokens say, of those they do not say and of `more` as far as the caller may
 * read the users.
 */
export async function loginNames(
  client: ApiClient,
  tokens: readonly TokenView[],
  more: readonly string[] = [],
): Promise<ReadonlyMap<string, string>> {
  const known = new Map(
    tokens.flatMap(({ userId, loginName }) => (loginName === '' ? [] : [[userId, loginName] as const])),
  );
  const ids = [...tokens.map(({ userId }) => userId), ...more];
  const asked = await askedNames(client, new Set(ids.filter((id) => id !== '' && !known.has(id))));
  return new Map([...asked, ...known]);
}

/** A token as the server shows it, with the login name of its owner where that is known. */
export function withLoginName(token: TokenView, names: ReadonlyMap<string, string>): object {
  const loginName = names.get(token.userId) ?? '';
  return loginName === '' ? token.json : { ...token.json, login_name: loginName };
}

async function askedNames(
  client: ApiClient,
  ids: ReadonlySet<string>,
): Promise<readonly (readonly [id: string, loginName: string])[]> {
  const [first] = ids;
  if (first === undefined) return [];
  const users = client.collection('users');
  const found =
    ids.size === 1
      ? await tolerated(users.read(first).then(({ body }) => [body]))
      : await tolerated(users.list({ scope_id: 'global', recursive: true }).then(({ body }) => body));
  const people = (found ?? []).map(person).filter(({ loginName }) => loginName !== '');
  return people.map(({ id, loginName }) => [id, loginName] as const);
}

/** What `users:me` says of the caller. */
export interface Caller extends Person {
  readonly status: number;
  readonly user: Readonly<Record<string, unknown>>;
  readonly account: Readonly<Record<string, unknown>>;
  readonly authToken: Readonly<Record<string, unknown>>;
  /** The whole answer. */
  readonly json: Readonly<Record<string, unknown>>;
}

/** Who the caller is. @throws {StileError} unauthenticated without a token, and what the call throws */
export async function whoAmI(client: ApiClient): Promise<Caller> {
  const { status, body } = await client.signIns.me();
  const json = asJson(body);
  const [user, account, authToken] = [json['user'], json['account'], json['auth_token']].map(asJson);
  if (person(user).id === '') throw new StileError('internal', 'the controller did not say who you are');
  return {
    ...person(user),
    accountId: text(account?.['id']) || person(user).accountId,
    status,
    user: user ?? {},
    account: account ?? {},
    authToken: authToken ?? {},
    json,
  };
}

/** The user of `-user`, or the caller. @throws {StileError} as `findUser`, `whoAmI` */
export async function chosenUser(context: CommandContext, client: ApiClient): Promise<Person> {
  const name = context.flags.text('user');
  return name === '' ? whoAmI(client) : findWholeUser(context, client, name);
}

/**
 * Refuses who may not read everybody's tokens, in the controller's words: the list itself would answer with the caller's own alone.
 * @throws {StileError} permissionDenied
 */
export async function requireAllTokens(client: ApiClient): Promise<void> {
  const { may } = asJson((await client.signIns.me()).body);
  if (asJson(may)['list_all_tokens'] !== false) return;
  const body = { status: 403, kind: 'PermissionDenied', message: 'Forbidden.' };
  throw new StileError('permissionDenied', body.message, {
    details: { answer: { status: body.status, kind: body.kind, body } },
  });
}
