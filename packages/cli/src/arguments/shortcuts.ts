/**
 * `stile read|update|delete <id> [flags]` rewritten to the command of the id's type (cli.md §1.12), and the search for the
 * longest command path at the start of a command line. Pure.
 */
import { idPrefix } from '@stile/protocol/ids';

/** Prefix of an id to the group of commands and, where updates have one, the subtype word. */
const groups: Readonly<Record<string, readonly [group: string, subtype?: string]>> = {
  acctldap: ['accounts', 'ldap'],
  acctoidc: ['accounts', 'oidc'],
  acctpw: ['accounts', 'password'],
  alt: ['aliases', 'target'],
  amldap: ['auth-methods', 'ldap'],
  amoidc: ['auth-methods', 'oidc'],
  ampw: ['auth-methods', 'password'],
  at: ['auth-tokens'],
  clvllt: ['credential-libraries', 'vault-ldap'],
  clvlt: ['credential-libraries', 'vault-generic'],
  clvsclt: ['credential-libraries', 'vault-ssh-certificate'],
  credjson: ['credentials', 'json'],
  credp: ['credentials', 'password'],
  credspk: ['credentials', 'ssh-private-key'],
  credup: ['credentials', 'username-password'],
  credupd: ['credentials', 'username-password-domain'],
  csst: ['credential-stores', 'static'],
  csvlt: ['credential-stores', 'vault'],
  g: ['groups'],
  global: ['scopes'],
  hcplg: ['host-catalogs', 'plugin'],
  hcst: ['host-catalogs', 'static'],
  hplg: ['hosts', 'plugin'],
  hsplg: ['host-sets', 'plugin'],
  hsst: ['host-sets', 'static'],
  hst: ['hosts', 'static'],
  mgldap: ['managed-groups', 'ldap'],
  mgoidc: ['managed-groups', 'oidc'],
  o: ['scopes'],
  p: ['scopes'],
  pst: ['policies', 'storage'],
  r: ['roles'],
  s: ['sessions'],
  sb: ['storage-buckets'],
  sr: ['session-recordings'],
  trdp: ['targets', 'rdp'],
  tssh: ['targets', 'ssh'],
  ttcp: ['targets', 'tcp'],
  u: ['users'],
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
