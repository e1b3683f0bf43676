/** Where tokens are kept between commands: the interface of the stores, and the choice by `-keyring-type` (cli.md §1.10). */
import { StileError } from '@stile/protocol/errors';
import type { AuthToken } from '@stile/client/api';
import type { CommandContext } from '../command.ts';

/** A stored login: the auth token object of the API, `token` included. Secret. */
export type StoredToken = AuthToken;

/** One place for tokens. */
export interface TokenStore {
  /** As `-keyring-type` names it. */
  readonly type: 'file' | 'pass';
  /** The token of that name, if there is one. @throws {StileError} failedPrecondition when the place is not safe or not readable */
  lookup(name: string): Promise<StoredToken | undefined>;
  /** Stores, replacing. @throws {StileError} failedPrecondition */
  write(name: string, token: StoredToken): Promise<void>;
  /** Removes; nothing there is no error. @throws {StileError} failedPrecondition */
  delete(name: string): Promise<void>;
}

/** Which store the flags choose. */
export interface TokenPlace {
  readonly name: string;
  /** Undefined for `none`. */
  readonly store: TokenStore | undefined;
}

/** Reads a token object that a store kept; undefined when it is none. */
export function parseStoredToken(text: string): StoredToken | undefined {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== 'object' || value === null) return undefined;
    const fields = Object.entries(value).filter(([, field]) => typeof field === 'string');
    return Object.fromEntries(fields);
  } catch {
    // A damaged entry is as good as none: the user logs in again, which replaces it.
    return undefined;
  }
}

/**
 * The store of `-keyring-type` and the name of `-token-name`.
 * @throws {StileError} invalidFlag for another type, naming the types there are
 */
export async function tokenPlace(context: CommandContext): Promise<TokenPlace> {
  const { flags, environment, output } = context;
  const name = flags.text('token-name');
  const type = flags.text('keyring-type');
  if (name === 'none') {
    output.warn('"-token-name=none" is deprecated, please use "-keyring-type=none"');
    return { name, store: undefined };
  }
  switch (type) {
    case 'none':
      return { name, store: undefined };
    case 'auto':
    case 'file': {
      const { FileTokenStore } = await import('./file-token-store.ts');
      return { name, store: new FileTokenStore(environment) };
    }
    case 'pass': {
      const { PassTokenStore } = await import('./pass-token-store.ts');
      return { name, store: new PassTokenStore() };
    }
    default:
      throw new StileError(
        'invalidFlag',
        `Invalid keyring type ${JSON.stringify(type)}: this program has "auto", "file", "pass" and "none"`,
      );
  }
}
