/** `stile auth generate-token` and `login-with-token`: a secret that hands a sign-in over, and what it is exchanged for (tokens.md §3.3). */
import type { AuthenticateAnswer } from '@stile/client/api';
import { Secret } from '@stile/runtime/secret';
import { clientOptions, connectionOptions, outputOptions } from '../../arguments/standard-flags.ts';
import type { Command, CommandContext } from '../../command.ts';
import { durationSeconds } from '../../sign-ins/durations.ts';
import {
  given,
  givenBool,
  givenText,
  matchOriginFlag,
  mintingFlags,
  restrictionFlags,
  showNewToken,
} from '../../sign-ins/minting.ts';
import { readSecret } from '../../sign-ins/secret-source.ts';
import { checkScopes } from '../../sign-ins/scope-check.ts';
import { signInAttempt, usage } from '../../sign-ins/sign-in-attempt.ts';
import { readToken } from '../../sign-ins/token-view.ts';
import { reportFailure, withApi } from '../../tokens/api-session.ts';
import { finishLogin } from '../../tokens/finish-login.ts';
import { authCommand, groups } from './groups.ts';

/** The object of `attrs=`. @throws {StileError} invalidFlag */
function attributesOf(text: string): Readonly<Record<string, unknown>> | undefined {
  if (text === '') return undefined;
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value))
      return Object.fromEntries(Object.entries(value));
  } catch {
    // Said below, with every other text that is no object.
  }
  throw usage(`attrs must be a JSON object, as {"host":"web1"}: ${JSON.stringify(text)} is none`);
}

/** `ttl=`: null is as long as the deployment allows. */
function lifetimeOf(text: string | undefined): string | null | undefined {
  if (text === undefined || text === 'null') return text === 'null' ? null : undefined;
  durationSeconds(text, 'ttl');
  return text;
}

async function generate(context: CommandContext): Promise<number> {
  const { flags } = context;
  const scopes = given(context, 'scope');
  const attributes = attributesOf(flags.text('attrs'));
  const lifetime = lifetimeOf(givenText(context, 'ttl'));
  checkScopes(context, scopes, given(context, 'allow'));
  const what = { verb: 'create', noun: 'auth token', flags: mintingFlags('ttl') };
  return signInAttempt(context, what, async ({ client }) => {
    const { status, body } = await client.signIns.mint({
      type: 'one-time',
      lifetime,
      attributes,
      match_origin: givenBool(context, 'match-origin'),
      single_use: givenBool(context, 'single-use'),
      token_scopes: scopes,
      allow_list: given(context, 'allow'),
    });
    return showNewToken(context, status, readToken(body));
  });
}

/** Longest token read from standard input, characters. */
const maxTokenLength = 4096;

async function fromStdin({ streams }: CommandContext): Promise<Secret> {
  let text = '';
  for await (const chunk of streams.stdin) {
    text += String(chunk);
    if (text.length > maxTokenLength) throw usage('standard input holds more than a token');
  }
  return new Secret(text.trim());
}

async function oneTimeToken(context: CommandContext): Promise<Secret> {
  const source = context.flags.text('token');
  const token = source === '-' ? await fromStdin(context) : await readSecret(context, source, '-token');
  if (token.reveal() === '') throw usage('-token: there is no token');
  return token;
}

async function loginWithToken(context: CommandContext): Promise<number> {
  const token = await oneTimeToken(context);
  return withApi(
    context,
    async ({ client }) => {
      try {
        const { status, body } = await client.signIns.exchange(token);
        // The answer is that of `authenticate`.
        return await finishLogin(context, status, (body ?? {}) as AuthenticateAnswer);
      } catch (error) {
        return reportFailure(context, error, {
          verb: 'perform',
          noun: 'authentication',
          context: 'Error from controller when performing authentication',
          call: 'Exchange',
        });
      }
    },
    { isAnonymous: true },
  );
}

/** The options of a command that needs no token: `-token` is its own. */
const anonymousOptions = [
  connectionOptions,
  { ...clientOptions, flags: clientOptions.flags.filter((flag) => flag.name !== 'token') },
  outputOptions,
];

/** The commands of this module. */
export const oneTimeTokenCommands: readonly Command[] = [
  authCommand({
    path: 'auth generate-token',
    summary: 'Create a one-time token to hand a sign-in over',
    description:
      'Creates a secret that can be exchanged for a login, once, with "stile auth login-with-token" or by a browser, and prints it, alone, on standard output. It does nothing else.',
    examples: [
      'stile auth generate-token ttl=600 attrs={} match_origin=true',
      'stile auth generate-token -scope target:read',
    ],
    groups: groups([
      {
        name: 'ttl',
        type: 'string',
        help: 'How long it can be exchanged, in seconds or as 10m; null: as long as the server allows. Without it ten minutes.',
      },
      { name: 'attrs', type: 'string', help: 'Notes to the token, a JSON object.' },
      matchOriginFlag,
      { name: 'single-use', type: 'boolean', help: 'It can be exchanged once, unless this is false.' },
      ...restrictionFlags,
    ]),
    run: generate,
  }),
  authCommand({
    path: 'auth login-with-token',
    summary: 'Log in with a one-time token',
    description:
      'Exchanges a one-time token for a login and stores its token for the commands that follow, as "stile authenticate" does.',
    examples: ['stile auth login-with-token -token env://ONE_TIME_TOKEN'],
    groups: [
      ...anonymousOptions,
      {
        title: 'Command Options',
        flags: [
          {
            name: 'token',
            type: 'string',
            secret: true,
            help: 'Where to read the one-time token from: env://NAME, file://PATH, or - for standard input.',
          },
        ],
      },
    ],
    check: ({ flags }) => (flags.text('token') === '' ? { message: '-token is required' } : undefined),
    run: loginWithToken,
  }),
];
