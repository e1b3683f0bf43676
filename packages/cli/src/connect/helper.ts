/** What a helper of `connect` is: a program of the user's, and the arguments that lead it through the proxy (cli.md §4.5). */
import type { SessionAuthorization } from '@stile/protocol';
import { StileError } from '@stile/protocol/errors';
import type { FlagValues } from '../arguments/flag-values.ts';
import type { Flag } from '../command.ts';
import type { BrokeredCredential } from './brokered-credentials.ts';
import type { SecretFiles } from './secret-files.ts';

/** What a helper builds its arguments from. */
export interface HelperInput {
  /** Address of the local listener. */
  readonly ip: string;
  readonly port: number;
  readonly style: string;
  readonly flags: FlagValues;
  readonly authorization: SessionAuthorization;
  readonly credentials: readonly BrokeredCredential[];
  readonly files: SecretFiles;
}

/** How to start the program. */
export interface HelperPlan {
  /** Before what the user passed after `--`, because the program insists on it. */
  readonly leading?: readonly string[];
  readonly args: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  /** Credentials that need not be shown, because the program gets them. */
  readonly consumed?: readonly BrokeredCredential[];
  readonly warnings?: readonly string[];
}

/** One subcommand of `connect`. */
export interface Helper {
  readonly name: string;
  readonly summary: string;
  /** Title of its flags in help. */
  readonly title: string;
  /** The first is the default; each is also the program's name. */
  readonly styles: readonly [string, ...string[]];
  /** As `CONNECT_SSH_STYLE`. */
  readonly styleVariable: string;
  readonly flags: readonly Flag[];
  readonly example: string;
  /** @throws {StileError} invalidArgument for a value of the server that must not reach an argument list */
  readonly plan: (input: HelperInput) => Promise<HelperPlan>;
}

/** `-username`. */
export const usernameFlag: Flag = {
  name: 'username',
  type: 'string',
  env: 'CONNECT_USERNAME',
  help: 'User name to log in with. A brokered credential takes precedence, where the program gets one.',
};

/** `-dbname`. */
export const dbnameFlag: Flag = {
  name: 'dbname',
  type: 'string',
  env: 'CONNECT_DBNAME',
  help: 'Database to connect to.',
};

/** `[flag, value]`, or nothing for an empty value. */
export function option(flag: string, value: string): string[] {
  return value === '' ? [] : [flag, value];
}

/** The host of the session's endpoint, fit for an argument list; `''` when it has none. @throws {StileError} invalidArgument */
export function endpointHost(authorization: SessionAuthorization): string {
  const url = URL.canParse(authorization.endpoint) ? new URL(authorization.endpoint) : undefined;
  return checkedHost(url?.hostname.replace(/^\[|\]$/g, '') ?? '');
}

/** A host name or IP address, or an error. @throws {StileError} invalidArgument */
export function checkedHost(host: string): string {
  if (
    host === '' ||
    /^[\p{L}\p{N}_](?:[\p{L}\p{N}_.-]*[\p{L}\p{N}_])?$/u.test(host) ||
    /^[0-9a-fA-F:]+$/.test(host)
  )
    return host;
  throw new StileError(
    'invalidArgument',
    `the host name ${JSON.stringify(host)} is not used: it is no host name`,
  );
}

/** `ip:port`. */
export function addressOf(input: { readonly ip: string; readonly port: number }): string {
  return input.ip.includes(':') ? `[${input.ip}]:${input.port}` : `${input.ip}:${input.port}`;
}
