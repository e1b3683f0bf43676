/**
 * `stile read|update|delete <id> [flags]` rewritten to the command of the id's type (cli.md §1.12), and the search for the
 * longest command path at the start of a command line. Pure.
 */
import { idPrefix } from '@stile/protocol/ids';

/** Prefix of an id to the group of commands and, where updates have one, the subtype word. */
const groups: Readonly<Record<string, readonly [group: string, subtype?: string]>> = {
  at: ['auth-tokens'],
  ampw: ['auth-methods', 'password'],
  acctpw: ['accounts', 'password'],
  o: ['scopes'],
  p: ['scopes'],
  global: ['scopes'],
  u: ['users'],
  alt: ['aliases', 'target'],
  hcst: ['host-catalogs', 'static'],
  hsst: ['host-sets', 'static'],
  hst: ['hosts', 'static'],
  ttcp: ['targets', 'tcp'],
  s: ['sessions'],
  w: ['workers'],
};

/** The words of the real command, or undefined where the id's type is unknown or there is none. */
export function expandShortcut(words: readonly string[]): string[] | undefined {
  const [verb, id, ...rest] = words;
  if (verb !== 'read' && verb !== 'update' && verb !== 'delete') return undefined;
  if (id === undefined || id.startsWith('-')) return undefined;
  const prefix = idPrefix(id);
  const found = Object.hasOwn(groups, prefix) ? groups[prefix] : undefined;
  if (found === undefined) return undefined;
  const [group, subtype] = found;
  const path = verb === 'update' && subtype !== undefined ? [group, verb, subtype] : [group, verb];
  return [...path, '-id', id, ...rest];
}
