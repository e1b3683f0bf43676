/** `stile authenticate` and `stile authenticate password`: from a login name and password to a stored token (cli.md §2.1, 3.2). */
import type { ApiClient, AuthenticateAnswer, LoginToken } from '@stile/client/api';
import { StileError } from '@stile/protocol/errors';
import { idPrefix } from '@stile/protocol/ids';
import { Secret } from '@stile/runtime/secret';
import { apiOptions } from '../arguments/standard-flags.ts';
import type { Command, CommandContext, Flag } from '../command.ts';
import { block, localTime, printable } from '../terminal/layout.ts';
import { ask, askSecret } from '../terminal/prompt.ts';
import { reportFailure, withApi } from '../tokens/api-session.ts';
import { readIndirect } from '../tokens/token-source.ts';
import { tokenPlace } from '../tokens/token-place.ts';

const scopeFlag: Flag = {
  name: 'scope-id',
  type: 'string',
  env: 'SCOPE_ID',
  default: 'global',
  help: 'Scope whose primary auth method is used.',
};

const passwordFlags: readonly Flag[] = [
  scopeFlag,
  {
    name: 'auth-method-id',
    type: 'string',
    env: 'AUTH_METHOD_ID',
    help: 'Auth method to log in at. Without it the primary auth method of the scope is used.',
  },
  {
    name: 'login-name',
    type: 'string',
    env: 'AUTHENTICATE_PASSWORD_LOGIN_NAME',
    help: 'Login name. Without it you are asked.',
  },
  {
    name: 'password',
    type: 'string',
    env: 'AUTHENTICATE_PASSWORD_PASSWORD',
    secret: true,
    help: 'Where to read the password from: env://NAME or file://PATH. Without it you are asked.',
  },
];

/** The primary auth method of a scope. @throws {StileError} invalidFlag when it has none; what the call throws */
async function primaryAuthMethod(client: ApiClient, scopeId: string): Promise<string> {
  const { body } = await client.resource('auth-methods').list({ scope_id: scopeId });
  const primary = body.find((method) => method.is_primary === true)?.id;
  if (typeof primary === 'string') return primary;
  throw new StileError(
    'invalidFlag',
    `Primary auth method not found for scope ID: '${scopeId}'. Please set a primary auth method on this scope or pass one explicitly using an authenticate sub command (see 'stile authenticate -h') along with the -auth-method-id flag.`,
  );
}

async function chooseAuthMethod(context: CommandContext, client: ApiClient): Promise<string> {
  const given = context.flags.text('auth-method-id');
  const id = given || (await primaryAuthMethod(client, context.flags.text('scope-id')));
  // An id that was given is sent as it is; the controller knows best.
  if (given === '' && idPrefix(id) !== 'ampw') {
    throw new StileError(
      'invalidFlag',
      `The primary auth method ${JSON.stringify(id)} of scope ${JSON.stringify(context.flags.text('scope-id'))} is not of type password; give one with -auth-method-id`,
    );
  }
  return id;
}

interface Login {
  readonly loginName: string;
  readonly password: Secret;
}

async function readLogin(context: CommandContext): Promise<Login> {
  const { flags, streams } = context;
  const loginName =
    flags.text('login-name') || (await ask(streams, 'login name', 'Please enter the login name: '));
  const source = flags.text('password');
  const password =
    source === ''
      ? new Secret(await askSecret(streams, 'password', 'Please enter the password (it will be hidden): '))
      : await readIndirect(source, '-password', context);
  return { loginName, password };
}

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

async function finish(context: CommandContext, status: number, answer: AuthenticateAnswer): Promise<number> {
  if (context.output.isJson) {
    // The recorded behaviour: JSON is for scripts, and nothing is stored (cli.md §5.3).
    context.output.printJson({ status_code: status, item: sorted(answer) });
    return 0;
  }
  const token = answer.attributes ?? {};
  context.output.printLines(tokenLines(token));
  await keepToken(context, token);
  return 0;
}

async function run(context: CommandContext): Promise<number> {
  const work = async (client: ApiClient): Promise<number> => {
    let authMethodId: string;
    try {
      authMethodId = await chooseAuthMethod(context, client);
    } catch (error) {
      if (!(error instanceof StileError)) throw error;
      const isOurs = error.code === 'invalidFlag';
      context.output.error(
        isOurs ? error.message : `Error looking up primary auth method ID: ${error.message}`,
      );
      return 3;
    }
    const login = await readLogin(context);
    try {
      const { status, body } = await client.authenticatePassword(authMethodId, login);
      return await finish(context, status, body);
    } catch (error) {
      return reportFailure(context, error, {
        verb: 'perform',
        noun: 'authentication',
        context: 'Error from controller when performing authentication',
        call: 'Authenticate',
      });
    }
  };
  return withApi(context, ({ client }) => work(client), { isAnonymous: true });
}

/** The commands of this module. */
export const commands: readonly Command[] = [
  {
    path: 'authenticate',
    summary: 'Authenticate at the primary auth method of a scope',
    description:
      'Logs in at the primary auth method of the scope (global, unless -scope-id names another) and stores the token for the commands that follow.',
    examples: ['stile authenticate', 'stile authenticate -scope-id o_1234567890'],
    groups: [...apiOptions, { title: 'Command Options', flags: [scopeFlag] }],
    run,
  },
  {
    path: 'authenticate password',
    summary: 'Authenticate with a login name and password',
    description:
      'Logs in with a login name and a password and stores the token for the commands that follow. What is not given is asked for, the password without echo.',
    examples: [
      'stile authenticate password -login-name admin',
      'stile authenticate password -login-name admin -password env://PASSWORD -keyring-type none',
    ],
    groups: [...apiOptions, { title: 'Command Options', flags: passwordFlags }],
    run,
  },
];
