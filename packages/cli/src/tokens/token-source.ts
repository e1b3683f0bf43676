/** Which auth token a command sends: `-token`, then the environment, then the store (cli.md §1.10). */
import { readFile } from 'node:fs/promises';
import { StileError } from '@stile/protocol/errors';
import { Secret } from '@stile/runtime/secret';
import type { CommandContext } from '../command.ts';
import { localTime, printable } from '../terminal/layout.ts';
import { tokenPlace } from './token-place.ts';

/** The token of a command and where it is kept. */
export interface TokenSource {
  /** Undefined: the call is anonymous. */
  readonly token: Secret | undefined;
  /** Where the token is from, for messages: `-token`, `STILE_TOKEN`, `BOUNDARY_TOKEN`; undefined: the store. */
  readonly givenBy: string | undefined;
  /** Set when the store was asked: its type and the token's name. */
  readonly stored: { readonly type: string; readonly name: string } | undefined;
}

/**
 * The text behind `env://NAME`, `file://PATH` or `string://TEXT`, white space around it cut.
 * @param what the flag, for errors
 * @throws {StileError} invalidFlag for another form, or when there is nothing behind it
 */
export async function readIndirect(text: string, what: string, context: CommandContext): Promise<Secret> {
  const [, scheme = '', rest = ''] = /^(env|file|string):\/\/(.*)$/s.exec(text) ?? [];
  switch (scheme) {
    case 'env': {
      const value = context.environment.raw(rest);
      if (value === undefined) throw invalid(`${what}: the environment variable ${rest} is not set`);
      if (value === '') throw invalid(`${what}: the environment variable ${rest} is empty`);
      return new Secret(value.trim());
    }
    case 'file':
      try {
        return new Secret((await readFile(rest, 'utf8')).trim());
      } catch (cause) {
        throw invalid(`${what}: cannot read the file ${rest}`, cause);
      }
    case 'string':
      return new Secret(rest.trim());
    default:
      throw invalid(
        `${what} must be env://NAME or file://PATH, so that the secret is not visible to other processes`,
      );
  }
}

function invalid(message: string, cause?: unknown): StileError {
  return new StileError('invalidFlag', message, { cause });
}

/** The token as a secret, or an error where it could not stand in a header. @throws {StileError} invalidFlag */
function checked(token: Secret, source: string): Secret {
  if (!/^[\x21-\x7e]*$/.test(token.reveal())) {
    throw invalid(
      `the token from ${source} is no auth token: it holds a line break, a space or another character that none has`,
    );
  }
  return token;
}

function missingToken(name: string): string {
  return `Token must be provided via STILE_TOKEN env var or -token flag. Reading the token can also be disabled via -keyring-type=none.\nNo token is stored under the name ${JSON.stringify(name)}; run "stile authenticate" to log in.`;
}

/** Whether a time of the API lies in the past. It is only a hint: the controller decides by its own clock. */
function hasExpired(time: string | undefined): time is string {
  return time !== undefined && Date.parse(time) < Date.now();
}

function expiredToken(name: string, time: string): string {
  return printable(
    `The token ${JSON.stringify(name)} expired at ${localTime(time)}; run "stile authenticate" to log in again.`,
  );
}

const deprecatedVariable =
  'Direct usage of BOUNDARY_TOKEN env var is deprecated; please use "-token env://<env var name>" format, e.g. "-token env://BOUNDARY_TOKEN" to specify an env var to use.';

function storedUnused(name: string): string {
  return `STILE_TOKEN is set and comes first: the stored token ${JSON.stringify(printable(name))} is not used. Unset the variable to use it.`;
}

/** A token that a flag or a variable gave. */
function given(token: Secret, by: string): TokenSource {
  return { token: checked(token, by), givenBy: by, stored: undefined };
}

/** The token from the environment: `STILE_TOKEN`, or `BOUNDARY_TOKEN` with the recorded warning. */
function fromEnvironment(context: CommandContext): TokenSource | undefined {
  const { environment, output, flags } = context;
  const own = environment.raw('STILE_TOKEN') ?? '';
  if (own !== '') {
    // The order is a fact (cli.md §1.10); who names a stored token on the command line expects another one.
    if (flags.origin('token-name') === 'flag') output.warn(storedUnused(flags.text('token-name')));
    return given(new Secret(own.trim()), 'STILE_TOKEN');
  }
  const foreign = environment.raw('BOUNDARY_TOKEN') ?? '';
  if (foreign === '') return undefined;
  output.warn(deprecatedVariable);
  return given(new Secret(foreign.trim()), 'BOUNDARY_TOKEN');
}

/**
 * Finds the token. A store that cannot be read is a warning and an anonymous call; none stored likewise.
 * @throws {StileError} invalidFlag for a bad `-token`, a token that is none, or an unknown keyring type
 */
export async function findToken(context: CommandContext): Promise<TokenSource> {
  const { flags, output } = context;
  const flag = flags.text('token');
  if (flag !== '') return given(await readIndirect(flag, '-token', context), '-token');
  const fromVariable = fromEnvironment(context);
  if (fromVariable !== undefined) return fromVariable;
  const { name, store } = await tokenPlace(context);
  const none = { token: undefined, givenBy: undefined };
  if (store === undefined) return { ...none, stored: undefined };
  const stored = { type: store.type, name };
  try {
    const found = await store.lookup(name);
    if (found?.token !== undefined) {
      if (hasExpired(found.expiration_time)) output.warn(expiredToken(name, found.expiration_time));
      return { ...none, token: checked(new Secret(found.token), 'the token store'), stored };
    }
    output.warn(missingToken(name));
  } catch (error) {
    if (!(error instanceof StileError)) throw error;
    output.warn(error.message);
  }
  return { ...none, stored };
}

/** Id of an auth token: its first two parts, `at_…` (http-api.md §1.5). */
export function tokenId(token: Secret): string {
  return token.reveal().split('_').slice(0, 2).join('_');
}
