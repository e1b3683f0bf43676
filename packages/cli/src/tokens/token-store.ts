/** Where tokens are kept between commands: what a store is (cli.md §1.10). */
import type { LoginToken } from '@stile/client/api';

/** A stored login: the auth token object of the API, `token` included. Secret. */
export type StoredToken = LoginToken;

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
