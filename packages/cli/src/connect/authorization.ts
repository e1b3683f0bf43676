/** Where the session of a `connect` comes from: a token that was handed over, or a call to the controller (cli.md §4.1, 4.2). */
import type { ApiClient, SessionAuthorizationAnswer, SessionCredential } from '@stile/client/api';
import { StileError } from '@stile/protocol/errors';
import type { CheckFailure, CommandContext } from '../command.ts';
import { interruptedExitCode, type Interruption } from './interruption.ts';
import { reportFailure, withApi } from '../tokens/api-session.ts';
import { readIndirect } from '../tokens/token-source.ts';

/** A session to connect through. */
export interface ConnectAuthorization {
  /** Secret. */
  readonly token: string;
  /** Brokered credentials that came with it. Secret. */
  readonly credentials: readonly SessionCredential[];
  /** Set when this command asked for the session: a second way to end it. */
  readonly client: ApiClient | undefined;
  readonly sessionId: string;
}

/** Most that is read from standard input, bytes: a token with its JSON around it has a few thousand. */
const maxInputBytes = 4_194_304;

/** The target that flags or the leading word name. */
interface TargetChoice {
  readonly id: string;
  readonly name: string;
  readonly scopeId: string;
  readonly scopeName: string;
}

function choice(context: CommandContext): TargetChoice {
  const { flags } = context;
  const id = context.positional ?? flags.text('target-id');
  // A scope from the environment yields to an id on the command line (cli.md §5.6).
  const scope = (flag: string): string =>
    id !== '' && flags.origin(flag) === 'environment' ? '' : flags.text(flag);
  return {
    id,
    name: flags.text('target-name'),
    scopeId: scope('target-scope-id'),
    scopeName: scope('target-scope-name'),
  };
}

/** The rules on target flags (cli.md §4.2). */
export function checkTarget(context: CommandContext): CheckFailure | undefined {
  const { flags } = context;
  const { id, name, scopeId, scopeName } = choice(context);
  if (context.positional !== undefined && flags.text('target-id') !== '') {
    return { message: 'The target was given both as the first word and via -target-id' };
  }
  if (flags.text('authz-token') !== '') {
    if (flags.origin('authz-token') === 'environment' && (id !== '' || name !== '')) return undefined;
    if (id !== '') return { message: '-target-id and -authz-token cannot both be specified' };
    return name === '' ? undefined : { message: '-target-name and -authz-token cannot both be specified' };
  }
  const hasScope = scopeId !== '' || scopeName !== '';
  if (id !== '') {
    return name !== '' || hasScope
      ? { message: 'Cannot specify a target ID and also other lookup parameters' }
      : undefined;
  }
  if (name !== '' && scopeId !== '' && scopeName !== '') {
    return { message: 'Cannot specify both a target scope ID and a target scope name' };
  }
  return name !== '' && hasScope
    ? undefined
    : {
        message:
          'Target ID was not passed in, but no combination of target name and scope ID/name was passed in either',
      };
}

async function readInput(context: CommandContext): Promise<string> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  for await (const piece of context.streams.stdin) {
    const buffer = Buffer.from(piece);
    bytes += buffer.length;
    if (bytes > maxInputBytes)
      throw new StileError(
        'invalidAuthorizationToken',
        'standard input is too long for an authorization token',
      );
    pieces.push(buffer);
  }
  return Buffer.concat(pieces).toString('utf8').trim();
}

function asRecord(value: unknown): Readonly<Record<string, unknown>> {
  // Every property is checked where it is read.
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

/** The bare token, the API's JSON, or the command line's envelope. A text that only looks like JSON is taken as it is. */
export function parseHandedOver(text: string): { token: string; credentials: readonly SessionCredential[] } {
  if (!text.startsWith('{')) return { token: text, credentials: [] };
  let outer: Readonly<Record<string, unknown>>;
  try {
    outer = asRecord(JSON.parse(text));
  } catch {
    // Not JSON after all; decoding the token will say so.
    return { token: text, credentials: [] };
  }
  const item = asRecord(outer['item']);
  const answer: SessionAuthorizationAnswer = typeof outer['authorization_token'] === 'string' ? outer : item;
  const { authorization_token: token, credentials } = answer;
  return {
    token: typeof token === 'string' ? token.trim() : '',
    credentials: Array.isArray(credentials) ? credentials : [],
  };
}

async function handedOver(context: CommandContext, value: string): Promise<ConnectAuthorization> {
  let text = value;
  if (value === '-') text = await readInput(context);
  else if (/^(?:env|file):\/\//.test(value))
    text = (await readIndirect(value, '-authz-token', context)).reveal();
  return { ...parseHandedOver(text.trim()), client: undefined, sessionId: '' };
}

/** Asks the controller. @returns the session, or the exit code after the reason was printed */
async function askController(
  context: CommandContext,
  interruption: Interruption,
): Promise<ConnectAuthorization | number> {
  const { flags, output } = context;
  const { id, name, scopeId, scopeName } = choice(context);
  const hostId = flags.text('host-id');
  let granted: ConnectAuthorization | undefined;
  const exitCode = await withApi(
    context,
    async ({ client }) => {
      interruption.open();
      if (context.line?.signal.aborted === true) return interruptedExitCode;
      try {
        const { body } = await client.authorizeSession({
          target: id || name,
          ...(hostId === '' ? {} : { hostId }),
          ...(scopeId === '' ? {} : { scopeId }),
          ...(scopeName === '' ? {} : { scopeName }),
        });
        granted = {
          token: body.authorization_token ?? '',
          credentials: body.credentials ?? [],
          client,
          sessionId: body.session_id ?? '',
        };
        if (!interruption.isAsked) return 0;
        await client.cancelSession(granted.sessionId);
        granted = undefined;
        return interruptedExitCode;
      } catch (error) {
        granted = undefined;
        const code = reportFailure(context, error, {
          verb: 'authorize-session',
          noun: 'against target',
          context: 'Error from controller when performing authorize-session action against given target',
          call: 'AuthorizeSession',
        });
        if (error instanceof StileError && error.code === 'unauthenticated' && !output.isJson) {
          output.warn('\nLog in first: run "stile authenticate".');
        }
        return code;
      }
    },
    { endsItself: true },
  );
  return granted ?? exitCode;
}

/**
 * The session of this command.
 * @returns the session, or the exit code after the reason was printed
 * @throws {StileError} invalidFlag, invalidAuthorizationToken for an unusable `-authz-token`
 */
export async function obtainAuthorization(
  context: CommandContext,
  interruption: Interruption,
): Promise<ConnectAuthorization | number> {
  const { id, name } = choice(context);
  const value = context.flags.text('authz-token');
  // A token from the environment yields to a target on the command line, as a scope does.
  const isOverruled = context.flags.origin('authz-token') === 'environment' && (id !== '' || name !== '');
  return value === '' || isOverruled ? askController(context, interruption) : handedOver(context, value);
}
