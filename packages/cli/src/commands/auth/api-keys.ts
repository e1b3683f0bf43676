/** `stile auth api-key …`: named tokens under the names that TrueNAS has for them (tokens.md §5.2). */
import type { ApiClient } from '@stile/client/api';
import type { Command, CommandContext, Flag } from '../../command.ts';
import { scopesOfAllowlist, allowlistOfScopes } from '../../sign-ins/key-allowlist.ts';
import { given, givenText, restrictionFlags, showNewToken } from '../../sign-ins/minting.ts';
import { loginNames, whoAmI, withLoginName } from '../../sign-ins/people.ts';
import { checkScopes } from '../../sign-ins/scope-check.ts';
import { propertiesOf } from '../../sign-ins/property-words.ts';
import { signInAttempt, usage } from '../../sign-ins/sign-in-attempt.ts';
import { givenTokenId } from '../../sign-ins/token-choice.ts';
import { readToken, restriction, type TokenView } from '../../sign-ins/token-view.ts';
import { secondTime, styledTable } from '../../terminal/styled-table.ts';
import { deleteToken, rotateToken } from '../tokens.ts';
import { authCommand, groups, showNothing } from './groups.ts';

const noun = 'API key';

/** The properties of a key: how a table and how JSON show it. */
const properties: Readonly<
  Record<string, readonly [cell: (key: TokenView) => string, json: (key: TokenView) => unknown]>
> = {
  id: [(key) => key.id, (key) => key.id],
  name: [(key) => key.name, (key) => key.name],
  created_at: [(key) => secondTime(key.createdTime), (key) => key.createdTime],
  expires_at: [(key) => secondTime(key.expirationTime), (key) => key.expirationTime],
  allowlist: [(key) => restriction(key.tokenScopes), (key) => allowlistOfScopes(key.tokenScopes)],
};

const propertyNames = Object.keys(properties);

function keyTable(keys: readonly TokenView[], chosen: readonly string[]): string {
  const rows = keys.map((key) => chosen.map((name) => properties[name]?.[0](key) ?? ''));
  return styledTable('box', { header: chosen, rows }).join('\n');
}

/** A key in JSON: as `tokens list` has it, and its allowlist; or the properties that were named. */
function keyJson(key: TokenView, chosen: readonly string[], names: ReadonlyMap<string, string>): object {
  if (chosen === propertyNames)
    return { ...withLoginName(key, names), allowlist: allowlistOfScopes(key.tokenScopes) };
  return Object.fromEntries(chosen.map((name) => [name, properties[name]?.[1](key)]));
}

async function query(context: CommandContext): Promise<number> {
  const { output } = context;
  const chosen = propertiesOf(context.operands, propertyNames, 'API keys');
  return signInAttempt(context, { verb: 'list', noun: 'API keys' }, async ({ client }) => {
    const { id, loginName } = await whoAmI(client);
    const { status, body } = await client
      .collection('auth-tokens')
      .list({ scope_id: 'global', recursive: true, type: 'api', user_id: id });
    const keys = body.map(readToken);
    if (output.isJson) {
      const names = new Map([[id, loginName]]);
      const items = keys.map((key) => keyJson(key, chosen, names));
      output.printJson({ status_code: status, items: items.length === 0 ? null : items });
    } else output.print(keyTable(keys, chosen));
    return 0;
  });
}

/** The id that `id=` names. @throws {StileError} invalidFlag for what is none */
function keyId(context: CommandContext): string {
  const argument = context.flags.text('id');
  const id = givenTokenId(context, argument);
  if (id === undefined)
    throw usage(`id must be the ID of an API key (at_…), not ${JSON.stringify(argument)}`);
  return id;
}

async function readKey(client: ApiClient, id: string): Promise<{ status: number; key: TokenView }> {
  const { status, body } = await client.collection('auth-tokens').read(id);
  return { status, key: readToken(body) };
}

async function getInstance(context: CommandContext): Promise<number> {
  const id = keyId(context);
  return signInAttempt(context, { verb: 'read', noun }, async ({ client }) => {
    const { status, key } = await readKey(client, id);
    if (context.output.isJson) {
      const names = await loginNames(client, [key]);
      context.output.printJson({ status_code: status, item: keyJson(key, propertyNames, names) });
    } else context.output.print(keyTable([key], propertyNames));
    return 0;
  });
}

/** Token scopes of `allowlist=` and `-scope`; undefined for neither. @throws {StileError} invalidFlag */
function scopesOf(context: CommandContext): readonly string[] | undefined {
  const text = context.flags.text('allowlist');
  const fromList = text === '' ? [] : scopesOfAllowlist(text);
  const scopes = [...fromList, ...(given(context, 'scope') ?? [])];
  return scopes.length === 0 ? undefined : scopes;
}

async function create(context: CommandContext): Promise<number> {
  const scopes = scopesOf(context);
  checkScopes(context, scopes, given(context, 'allow'));
  return signInAttempt(context, { verb: 'create', noun }, async ({ client }) => {
    const { status, body } = await client.signIns.mint({
      type: 'api',
      name: givenText(context, 'name'),
      token_scopes: scopes,
      allow_list: given(context, 'allow'),
    });
    return showNewToken(context, status, readToken(body));
  });
}

/** What `update` changes; empty for nothing. */
function changesOf(context: CommandContext): Readonly<Record<string, unknown>> {
  const scopes = scopesOf(context);
  checkScopes(context, scopes, undefined);
  const name = givenText(context, 'name');
  return {
    ...(name === undefined ? {} : { name }),
    ...(scopes === undefined ? {} : { token_scopes: scopes }),
  };
}

async function update(context: CommandContext): Promise<number> {
  const { flags } = context;
  const id = keyId(context);
  const changes = changesOf(context);
  const isReset = flags.bool('reset');
  if (Object.keys(changes).length === 0 && !isReset)
    throw usage('nothing to change: give name=, allowlist= or reset=true');
  return signInAttempt(context, { verb: 'update', noun }, async ({ client }) => {
    const hasChanges = Object.keys(changes).length > 0;
    const { status, body } = hasChanges
      ? await client.collection('auth-tokens').update({ id, changes })
      : await client.collection('auth-tokens').read(id);
    const key = readToken(body);
    return isReset ? rotateToken(context, client, key) : showNothing(context, status, key.json);
  });
}

async function remove(context: CommandContext): Promise<number> {
  const id = keyId(context);
  return signInAttempt(context, { verb: 'delete', noun }, ({ client }) => deleteToken(context, client, id));
}

const idFlag: Flag = { name: 'id', type: 'string', completesFrom: 'auth-token', help: 'ID of the key.' };
const nameFlag: Flag = {
  name: 'name',
  type: 'string',
  help: 'Name of the key, unique among your live ones.',
};
const allowlistFlag: Flag = {
  name: 'allowlist',
  type: 'string',
  help: 'What the key may do, as [{"method":"GET","resource":"target"}]. Methods are GET, SUBSCRIBE, POST, PUT, PATCH, DELETE, CALL (of "type.action") and *. Without it the key may do all you may.',
};

const requiresId: NonNullable<Command['check']> = ({ flags }) =>
  flags.text('id') === '' ? { message: 'id= is required' } : undefined;

/** The commands of this module. */
export const apiKeyCommands: readonly Command[] = [
  authCommand({
    path: 'auth api-key create',
    summary: 'Create an API key',
    description:
      'Creates an API key, which is a named API token, and prints it, alone, on standard output. It is shown this once.',
    permission: 'auth-token:create:self',
    examples: [`stile auth api-key create name=backup allowlist='[{"method":"GET","resource":"target"}]'`],
    groups: groups([nameFlag, allowlistFlag, ...restrictionFlags]),
    run: create,
  }),
  authCommand({
    path: 'auth api-key query',
    summary: 'List your API keys',
    description:
      'Lists your API keys that work: those that "stile tokens list" lists. With properties, only those.',
    permission: 'auth-token:list',
    examples: ['stile auth api-key query', 'stile auth api-key query name expires_at'],
    operands: { name: 'PROPERTY', max: propertyNames.length, completes: propertyNames },
    groups: groups([]),
    run: query,
  }),
  authCommand({
    path: 'auth api-key get-instance',
    summary: 'Show an API key',
    description: 'Shows what is known of one API key; not the key itself.',
    permission: 'auth-token:read',
    examples: ['stile auth api-key get-instance id=at_8fK2mQx71a'],
    groups: groups([idFlag]),
    check: requiresId,
    run: getInstance,
  }),
  authCommand({
    path: 'auth api-key update',
    summary: 'Rename an API key, narrow it, or give it a new secret',
    description:
      'Changes an API key: its name, its allowlist, which can only become narrower, or with reset=true its secret, which is printed, alone, on standard output.',
    permission: 'auth-token:update:self',
    examples: [
      'stile auth api-key update id=at_8fK2mQx71a name=nightly',
      'stile auth api-key update id=at_8fK2mQx71a reset=true',
    ],
    groups: groups([
      idFlag,
      nameFlag,
      allowlistFlag,
      ...restrictionFlags.filter((flag) => flag.name === 'scope'),
      { name: 'reset', type: 'boolean', help: 'Give the key a new secret; the old one is dead.' },
    ]),
    check: requiresId,
    run: update,
  }),
  authCommand({
    path: 'auth api-key delete',
    summary: 'Delete an API key',
    description: 'Ends an API key and deletes it, and ends the sessions that were authorized with it.',
    permission: 'auth-token:delete',
    examples: ['stile auth api-key delete id=at_8fK2mQx71a'],
    groups: groups([idFlag]),
    check: requiresId,
    run: remove,
  }),
];
