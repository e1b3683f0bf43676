/** Flags and steps that every command has that mints a token: restrictions, lifetimes, and what is said on stderr (tokens.md §2.1, §3.2). */
import { legalTokenScopes } from '@stile/protocol/token-scope';
import { StileError } from '@stile/protocol/errors';
import type { CommandContext, Flag } from '../command.ts';
import { printable } from '../terminal/layout.ts';
import { secondTime } from '../terminal/styled-table.ts';
import type { TokenView } from './token-view.ts';

/** `-scope` and `-allow`. */
export const restrictionFlags: readonly Flag[] = [
  {
    name: 'scope',
    type: 'string',
    repeat: true,
    completes: legalTokenScopes().map(({ name }) => name),
    help: 'Token scope, as target:read: what the token may do of what you may. Without any the token may do all you may; "stile tokens scopes" lists them.',
  },
  {
    name: 'allow',
    type: 'string',
    repeat: true,
    help: 'Entry of the allow list, as target:ttcp_1234567890 or target:*: what the token may touch. What no entry names is out of its reach.',
  },
];

/** Flags of fields whose flag has another name. @param lifetime the flag that says how long the token lives */
export function mintingFlags(lifetime: string): Readonly<Record<string, string>> {
  return {
    time_to_live_seconds: lifetime,
    lifetime,
    time_to_stale_seconds: 'idle',
    token_scopes: 'scope',
    allow_list: 'allow',
    user_id: 'user',
    attributes: 'attrs',
  };
}

/** `-match-origin`. */
export const matchOriginFlag: Flag = {
  name: 'match-origin',
  type: 'boolean',
  help: 'The token works only from the address that made it.',
};

/** The values of a repeatable flag; undefined for none, so that nothing is sent. */
export function given(context: CommandContext, flag: string): readonly string[] | undefined {
  const values = context.flags.list(flag);
  return values.length === 0 ? undefined : values;
}

/** A text flag; undefined when it was not given, so that nothing is sent. */
export function givenText(context: CommandContext, flag: string): string | undefined {
  return context.flags.text(flag) || undefined;
}

/** A boolean flag; undefined when it was not given. */
export function givenBool(context: CommandContext, flag: string): boolean | undefined {
  return context.flags.isGiven(flag) ? context.flags.bool(flag) : undefined;
}

/** Says on stderr which token was made and when it ends. */
export function announce({ output }: CommandContext, token: TokenView): void {
  const name = token.name === '' ? '' : ` ${JSON.stringify(token.name)}`;
  const end = token.expirationTime === '' ? '' : `, ends at ${secondTime(token.expirationTime)}`;
  output.warn(printable(`Auth token ${token.id}${name}${end}. It is shown this once.`));
}

/** Prints a new token alone on stdout, and on stderr what it is; the answer in JSON. @throws {StileError} internal without a token */
export function showNewToken(context: CommandContext, status: number, token: TokenView): number {
  if (token.token === '') throw new StileError('internal', 'the controller answered without the token');
  if (context.output.isJson) {
    context.output.printJson({ status_code: status, item: token.json });
    return 0;
  }
  announce(context, token);
  context.output.print(printable(token.token));
  return 0;
}
