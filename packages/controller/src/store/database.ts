/** The store as the rest of the controller sees it: typed queries to read, one way to write, events after the commit. */
import { resolve } from 'node:path';
import { StileError } from '@stile/protocol';
import type { Clock, Logger } from '@stile/runtime';
import type { Database } from './engine/contract.ts';
import { openPostgres } from './postgres/postgres-database.ts';
import { openSqlite } from './sqlite/sqlite-database.ts';

export type { Connection } from './engine/connection.ts';
export type { Database, WriteOptions } from './engine/contract.ts';

/** What opening a database needs. */
export interface OpenDatabaseOptions {
  /** `sqlite:///absolute/path.db`, a plain path, or `postgresql://user:password@host:port/name?sslmode=…`. */
  readonly url: string;
  readonly clock: Clock;
  readonly log: Logger;
  /** PostgreSQL: most connections at a time, beside the one that listens. Default 16. */
  readonly maxConnections?: number;
}

/** Where a database url leads. */
export type DatabaseAddress =
  | { readonly engine: 'sqlite'; readonly path: string }
  | { readonly engine: 'postgres'; readonly url: string };

const schemePattern = /^([a-z][a-z0-9+.-]*):/i;

/**
 * Reads a database url. The text may hold a password, so errors do not show it.
 * @throws {StileError} invalidConfig
 */
export function parseDatabaseUrl(url: string): DatabaseAddress {
  const scheme = schemePattern.exec(url)?.[1]?.toLowerCase();
  switch (scheme) {
    case 'postgres':
    case 'postgresql':
      return { engine: 'postgres', url };
    case 'sqlite':
    case 'file': {
      const path = pathOf(url.slice(scheme.length + 1));
      if (path.startsWith('/') && path.length > 1) return { engine: 'sqlite', path };
      break;
    }
    case undefined:
      if (!/^\s*$|\0|^:/.test(url)) return { engine: 'sqlite', path: resolve(url) };
      break;
    default:
      break;
  }
  throw new StileError(
    'invalidConfig',
    'the database url must be sqlite:///absolute/path.db, a path, or postgresql://user:password@host:port/name',
  );
}

function pathOf(rest: string): string {
  try {
    return decodeURIComponent(rest.startsWith('//') ? rest.slice(2) : rest);
  } catch {
    // A stray % is no escape: an empty path is refused by the caller with the legal forms.
    return '';
  }
}

/**
 * Opens a database; the schema is not looked at (`needsMigration`).
 * @throws {StileError} invalidConfig, unavailable, storageFull, failedPrecondition (file in use)
 */
export function openDatabase(options: OpenDatabaseOptions): Promise<Database> {
  const address = parseDatabaseUrl(options.url);
  if (address.engine === 'sqlite') return openSqlite({ path: address.path, log: options.log });
  return openPostgres({ ...options, url: address.url });
}
