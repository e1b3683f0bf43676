/** `stile authenticate` and `stile authenticate password`: from a login name and password to a stored token (cli.md §2.1, 3.2). */
import type { ApiAnswer, ApiClient, AuthenticateAnswer } from '@stile/client/api';
import { StileError } from '@stile/protocol/errors';
import { idPrefix } from '@stile/protocol/ids';
import type { Secret } from '@stile/runtime/secret';
import { apiOptions } from '../arguments/standard-flags.ts';
import type { Command, CommandContext, Flag } from '../command.ts';
import { readSecret, secretOf } from '../sign-ins/secret-source.ts';
import { ask } from '../terminal/prompt.ts';
import { reportFailure, withApi } from '../tokens/api-session.ts';
import { finishLogin } from '../tokens/finish-login.ts';
import { primaryAuthMethod } from '../tokens/primary-auth-method.ts';

const scopeFlag: Flag = {
  name: 'scope-id',
  type: 'string',
  completesFrom: 'scope',
  env: 'SCOPE_ID',
  default: 'global',
  help: 'Scope whose primary auth method is used.',
};

const otpFlag: Flag = {
  name: 'otp',
  type: 'string',
  secret: true,
  help: 'Where to read the code of the second factor from, or a recovery code: env://NAME or file://PATH. Without it you are asked where one is needed.',
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
  otpFlag,
];

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
  /** The code of the second factor, where it was given before it was asked for. */
  readonly otp: Secret | undefined;
}

async function readLogin(context: CommandContext): Promise<Login> {
  const { flags, streams } = context;
  const loginName =
    flags.text('login-name') || (await ask(streams, 'login name', 'Please enter the login name: '));
  const password = await secretOf(context, {
    flag: 'password',
    what: 'password',
    question: 'Please enter the password (it will be hidden): ',
  });
  const code = flags.text('otp');
  return { loginName, password, otp: code === '' ? undefined : await readSecret(context, code, '-otp') };
}

/** Whether the answer asks for the code of the second factor: 401 with the field `attributes.otp` (tokens.md §5.1). */
function wantsCode(error: unknown): boolean {
  if (!(error instanceof StileError) || error.details?.answer?.status !== 401) return false;
  return (error.details.requestFields ?? []).some((field) => field.name === 'attributes.otp');
}

/** Logs in; asks for the code of the second factor where the user has one and a terminal is there. */
async function logIn(
  context: CommandContext,
  client: ApiClient,
  { authMethodId, login }: { authMethodId: string; login: Login },
): Promise<ApiAnswer<AuthenticateAnswer>> {
  try {
    return await client.authenticatePassword(authMethodId, login);
  } catch (error) {
    if (!wantsCode(error) || login.otp !== undefined) throw error;
    if (context.streams.stdin.isTTY !== true) {
      if (!context.output.isJson)
        context.output.warn('Give the code of the second factor with -otp env://NAME.');
      throw error;
    }
  }
  const otp = await secretOf(context, {
    flag: 'otp',
    what: 'code of the second factor',
    question: 'Please enter the code of your second factor, or a recovery code: ',
  });
  return client.authenticatePassword(authMethodId, { ...login, otp });
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
      const { status, body } = await logIn(context, client, { authMethodId, login });
      return await finishLogin(context, status, body);
    } catch (error) {
      // What the person got wrong or gave up at the question for the code is no failure of the call.
      if (error instanceof StileError && (error.code === 'invalidFlag' || error.code === 'aborted'))
        throw error;
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
    groups: [...apiOptions, { title: 'Command Options', flags: [scopeFlag, otpFlag] }],
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
