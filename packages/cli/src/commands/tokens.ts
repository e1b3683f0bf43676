/** `stile tokens …`: named API tokens of oneself, and of others where one may (tokens.md §3.2). */
import type { ApiClient } from '@stile/client/api';
import { apiOptions } from '../arguments/standard-flags.ts';
import type { Command, CommandContext, Flag, Operands } from '../command.ts';
import { asJson } from '../resources/table-view.ts';
import { durationSeconds } from '../sign-ins/durations.ts';
import {
  given,
  givenBool,
  givenText,
  matchOriginFlag,
  mintingFlags,
  restrictionFlags,
  showNewToken,
} from '../sign-ins/minting.ts';
import {
  chosenUser,
  findUser,
  loginNames,
  loginScopeFlag,
  userFlag,
  withLoginName,
} from '../sign-ins/people.ts';
import { sessionsEndedText, warnUnconfirmed } from '../sign-ins/revocation.ts';
import { checkScopes } from '../sign-ins/scope-check.ts';
import { signInAttempt } from '../sign-ins/sign-in-attempt.ts';
import { tokenIdOf, tokenOf } from '../sign-ins/token-choice.ts';
import { readToken, restrictionCells, type TokenView } from '../sign-ins/token-view.ts';
import { styledTable } from '../terminal/styled-table.ts';

const noun = 'auth token';

const createFlags: readonly Flag[] = [
  { name: 'name', alias: 'n', type: 'string', help: 'Name of the token, unique among your live ones.' },
  { name: 'description', type: 'string', help: 'A note for people.' },
  {
    name: 'lifetime',
    type: 'string',
    env: 'TOKEN_LIFETIME',
    help: 'How long the token lives, as 8h, 30d or 1y. Without it the server decides.',
  },
  {
    name: 'idle',
    type: 'string',
    help: 'How long the token lives without use, as 12h. 0, the default, is no limit.',
  },
  ...restrictionFlags,
  matchOriginFlag,
  userFlag,
  loginScopeFlag,
];

async function create(context: CommandContext): Promise<number> {
  const { flags } = context;
  const scopes = given(context, 'scope');
  const lifetime = givenText(context, 'lifetime');
  if (lifetime !== undefined) durationSeconds(lifetime, '-lifetime');
  const idle = givenText(context, 'idle');
  const idleSeconds = idle === undefined ? undefined : durationSeconds(idle, '-idle', { isZeroLegal: true });
  checkScopes(context, scopes, given(context, 'allow'));
  const what = { verb: 'create', noun, flags: mintingFlags('lifetime') };
  return signInAttempt(context, what, async ({ client }) => {
    const name = flags.text('user');
    const owner = name === '' ? undefined : (await findUser(context, client, name)).id;
    const { status, body } = await client.signIns.mint({
      type: 'api',
      user_id: owner,
      name: givenText(context, 'name'),
      description: givenText(context, 'description'),
      lifetime,
      time_to_stale_seconds: idleSeconds,
      token_scopes: scopes,
      allow_list: given(context, 'allow'),
      match_origin: givenBool(context, 'match-origin'),
    });
    return showNewToken(context, status, readToken(body));
  });
}

/** Everyone's owners, or the one user whose tokens are listed. */
interface Owners {
  readonly userId: string | undefined;
  readonly names: (tokens: readonly TokenView[]) => Promise<ReadonlyMap<string, string>>;
}

async function ownersOf(context: CommandContext, client: ApiClient): Promise<Owners> {
  if (context.flags.bool('all')) {
    return { userId: undefined, names: (tokens) => loginNames(client, tokens) };
  }
  const { id, loginName } = await chosenUser(context, client);
  return { userId: id, names: () => Promise.resolve(new Map([[id, loginName]])) };
}

function ownerOf(names: ReadonlyMap<string, string>, userId: string): string {
  return names.get(userId) || userId;
}

const restrictionTitles = ['scopes', 'allow list', 'last used', 'expires at', 'created at'] as const;

async function list(context: CommandContext): Promise<number> {
  const { flags, output } = context;
  return signInAttempt(context, { verb: 'list', noun: 'auth tokens' }, async ({ client }) => {
    const owners = await ownersOf(context, client);
    const isWithDead = flags.bool('include-expired');
    const { status, body } = await client.collection('auth-tokens').list({
      scope_id: 'global',
      recursive: true,
      include_expired: isWithDead ? true : undefined,
      type: 'api',
      user_id: owners.userId,
    });
    const tokens = body.map(readToken);
    const names = await owners.names(tokens);
    if (output.isJson) {
      const items = tokens.map((token) => withLoginName(token, names));
      output.printJson({ status_code: status, items: items.length === 0 ? null : items });
      return 0;
    }
    if (tokens.length === 0) {
      output.print('No tokens found');
      return 0;
    }
    const more = [
      ...(flags.bool('all') ? [['owner', (token: TokenView) => ownerOf(names, token.userId)] as const] : []),
      ...(isWithDead ? [['status', (token: TokenView) => token.status] as const] : []),
    ];
    const header = ['id', 'name', ...restrictionTitles, ...more.map(([title]) => title)];
    const rows = tokens.map((token) => [
      token.id,
      token.name,
      ...restrictionCells(token),
      ...more.map(([, cell]) => cell(token)),
    ]);
    output.print(styledTable('columns', { header, rows }).join('\n'));
    return 0;
  });
}

async function view(context: CommandContext): Promise<number> {
  const { output, operands } = context;
  return signInAttempt(context, { verb: 'read', noun }, async ({ client }) => {
    const token = await tokenOf(context, client, operands[0] ?? '');
    const names = await loginNames(client, [token], [token.createdBy]);
    if (output.isJson) {
      output.printJson({ status_code: 200, item: withLoginName(token, names) });
      return 0;
    }
    const header = ['id', 'name', 'status', 'owner', 'created by', 'origin', ...restrictionTitles];
    const row = [
      token.id,
      token.name,
      token.status,
      ownerOf(names, token.userId),
      ownerOf(names, token.createdBy),
      token.origin,
      ...restrictionCells(token),
    ];
    output.print(styledTable('columns', { header, rows: [row] }).join('\n'));
    return 0;
  });
}

/** Ends a token and removes its row; the revocation comes first, because only it says what ended. */
export async function deleteToken(context: CommandContext, client: ApiClient, id: string): Promise<number> {
  const { output, flags } = context;
  const isCurl = flags.bool('output-curl-string');
  const revoked = isCurl ? undefined : await client.signIns.revoke(id);
  const { revocation } = asJson(revoked?.body);
  const { status } = await client.collection('auth-tokens').delete(id);
  if (output.isJson) {
    output.printJson({ status_code: status });
    return 0;
  }
  output.print(`Token has been deleted.\n${sessionsEndedText(revocation)}`);
  warnUnconfirmed(context, revocation);
  return 0;
}

async function remove(context: CommandContext): Promise<number> {
  const { output, flags, operands } = context;
  const isHard = flags.bool('delete');
  return signInAttempt(context, { verb: isHard ? 'delete' : 'revoke', noun }, async ({ client }) => {
    const id = await tokenIdOf(context, client, operands[0] ?? '');
    if (isHard) return deleteToken(context, client, id);
    const { status, body } = await client.signIns.revoke(id);
    const { revocation } = asJson(body);
    if (output.isJson) output.printJson({ status_code: status, item: body });
    else output.print(`Token has been expired.\n${sessionsEndedText(revocation)}`);
    warnUnconfirmed(context, revocation);
    return 0;
  });
}

/** A new secret for a token, shown as a new token is. */
export async function rotateToken(
  context: CommandContext,
  client: ApiClient,
  token: TokenView,
): Promise<number> {
  const { status, body } = await client.signIns.rotate(token.id, token.version);
  return showNewToken(context, status, readToken(body));
}

async function rotate(context: CommandContext): Promise<number> {
  return signInAttempt(context, { verb: 'rotate', noun }, async ({ client }) => {
    const token = await tokenOf(context, client, context.operands[0] ?? '');
    return rotateToken(context, client, token);
  });
}

async function scopes(context: CommandContext): Promise<number> {
  const { output } = context;
  return signInAttempt(context, { verb: 'list', noun: 'token scopes' }, async ({ client }) => {
    const { status, body } = await client.signIns.tokenScopes();
    const items: unknown = asJson(body)['items'];
    if (output.isJson) {
      output.printJson({ status_code: status, items });
      return 0;
    }
    const rows = (Array.isArray(items) ? items.map(asJson) : []).map((item) => [
      textOf(item['name']),
      textOf(item['summary']),
    ]);
    output.print(styledTable('columns', { header: ['scope', 'description'], rows }).join('\n'));
    return 0;
  });
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

const tokenOperand: Operands = { name: 'NAME|ID', max: 1, isRequired: true, completesFrom: 'auth-token' };
const ownerFlags = [
  { ...userFlag, help: 'Owner of the name, by ID (u_…) or login name. The default is yourself.' },
  loginScopeFlag,
];

function groups(flags: readonly Flag[]): Command['groups'] {
  return [...apiOptions, { title: 'Command Options', flags }];
}

/** The commands of this module. */
export const commands: readonly Command[] = [
  {
    path: 'tokens create',
    summary: 'Create an API token',
    description:
      'Creates a named token for scripts and prints it, alone, on standard output. It is shown this once. It acts for you within its token scopes and its allow list, and ends by itself.',
    permission: 'auth-token:create:self',
    examples: [
      'stile tokens create -name deploy -lifetime 720h -scope target:read -scope target:authorize-session -allow target:ttcp_1234567890',
      'stile tokens create -name ci -user jeff',
    ],
    groups: groups(createFlags),
    run: create,
  },
  {
    path: 'tokens list',
    aliases: ['ls'],
    summary: 'List API tokens',
    description:
      'Lists your API tokens: those that work, and with -include-expired those that have ended too.',
    permission: 'auth-token:list',
    examples: ['stile tokens list', 'stile tokens list -all -include-expired'],
    groups: groups([
      { name: 'include-expired', type: 'boolean', help: 'Also tokens that have expired or were removed.' },
      {
        name: 'all',
        alias: 'a',
        type: 'boolean',
        help: "Everyone's tokens that you may read, with their owners.",
      },
      userFlag,
      loginScopeFlag,
    ]),
    check: ({ flags }) =>
      flags.bool('all') && flags.text('user') !== ''
        ? { message: 'Only one of -all and -user can be given' }
        : undefined,
    run: list,
  },
  {
    path: 'tokens view',
    summary: 'Show an API token',
    description: 'Shows what is known of one token, by its exact name or its ID; not the token itself.',
    permission: 'auth-token:read',
    examples: ['stile tokens view deploy', 'stile tokens view at_8fK2mQx71a'],
    operands: tokenOperand,
    groups: groups(ownerFlags),
    run: view,
  },
  {
    path: 'tokens remove',
    aliases: ['rm', 'delete'],
    summary: 'End an API token',
    description:
      'Ends a token at once, and with it the sessions that were authorized with it. Its row stays for those who list with -include-expired, unless it is deleted.',
    permission: 'auth-token:delete',
    examples: ['stile tokens remove deploy', 'stile tokens remove at_8fK2mQx71a -delete'],
    operands: tokenOperand,
    groups: groups([
      {
        name: 'delete',
        type: 'boolean',
        help: 'Also delete the row: nothing of the token is left but the audit.',
      },
      ...ownerFlags,
    ]),
    run: remove,
  },
  {
    path: 'tokens rotate',
    summary: 'Give an API token a new secret',
    description:
      'Gives a token a new secret and prints it, alone, on standard output. The old secret is dead; ID, restrictions and end stay.',
    permission: 'auth-token:update:self',
    examples: ['stile tokens rotate deploy'],
    operands: tokenOperand,
    groups: groups(ownerFlags),
    run: rotate,
  },
  {
    path: 'tokens scopes',
    summary: 'List the token scopes there are',
    description: 'Lists every token scope that a token can be given, with what it allows.',
    examples: ['stile tokens scopes'],
    groups: groups([]),
    run: scopes,
  },
];
