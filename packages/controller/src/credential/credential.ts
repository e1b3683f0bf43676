/**
 * Rules of static credentials (http-api.md §2.13): one table of what each type is made of, and what of it is secret. Pure; SQL is in
 * credential-repository.ts, use cases in credential-service.ts.
 */
import { invalidField, type StileError, type IdKind } from '@stile/protocol';
import type { CredentialStoreTable, CredentialTable } from '../store/schema.ts';

/** Container of credentials. */
export type CredentialStore = CredentialStoreTable;
/** `username_password` and its siblings. */
export type CredentialType = CredentialTable['type'];
/** A credential without what is sealed. */
export type Credential = Omit<CredentialTable, 'secret_sealed' | 'passphrase_sealed' | 'mac_key_version'>;

/** Attributes that are shown as they are. */
export type PlainAttribute = 'username' | 'domain';
/** Attributes that are sealed and shown as `<name>_hmac`. */
export type SecretAttribute = 'password' | 'private_key' | 'private_key_passphrase' | 'object';

/** What a type is made of. */
export interface CredentialKind {
  readonly id: IdKind;
  /** Prefixes of its ids, older ones included (http-api.md §1.11). */
  readonly prefixes: readonly string[];
  readonly plain: readonly PlainAttribute[];
  /** The attribute that must be there. */
  readonly secret: Exclude<SecretAttribute, 'private_key_passphrase'>;
  /** The one that may be there besides. */
  readonly passphrase?: 'private_key_passphrase';
  /** Text for an attribute that a new credential lacks. */
  readonly required: string;
}

const requiredFor = (words: string): string => `Field required for creating ${words} credential.`;

/** Text of an attribute that a PATCH may not clear. */
export const cannotBeEmpty = 'This is a required field and cannot be set to empty.';

/** Every type. */
export const credentialKinds: Readonly<Record<CredentialType, CredentialKind>> = {
  username_password: {
    id: 'credentialUsernamePassword',
    prefixes: ['credup', 'cred'],
    plain: ['username'],
    secret: 'password',
    required: requiredFor('a username-password'),
  },
  username_password_domain: {
    id: 'credentialUsernamePasswordDomain',
    prefixes: ['credupd'],
    plain: ['username', 'domain'],
    secret: 'password',
    required: requiredFor('a username-password-domain'),
  },
  password: {
    id: 'credentialPassword',
    prefixes: ['credp'],
    plain: [],
    secret: 'password',
    required: requiredFor('a password'),
  },
  ssh_private_key: {
    id: 'credentialSshPrivateKey',
    prefixes: ['credspk'],
    plain: ['username'],
    secret: 'private_key',
    passphrase: 'private_key_passphrase',
    required: requiredFor('an SSH private key'),
  },
  json: {
    id: 'credentialJson',
    prefixes: ['credjson'],
    plain: [],
    secret: 'object',
    required: cannotBeEmpty,
  },
};

/** Prefixes of ids of static credentials. */
export const credentialPrefixes: readonly string[] = Object.values(credentialKinds).flatMap(
  (kind) => kind.prefixes,
);

/** Whether a text names a type. */
export function isCredentialType(text: string): text is CredentialType {
  return Object.hasOwn(credentialKinds, text);
}

/** The type that an id tells; undefined when it is none of a credential. */
export function credentialTypeOf(id: string): CredentialType | undefined {
  const prefix = id.slice(0, id.indexOf('_'));
  return (Object.keys(credentialKinds) as CredentialType[]).find((type) =>
    credentialKinds[type].prefixes.includes(prefix),
  );
}

/** A 400 that names one attribute. */
export function attributeRefused(attribute: SecretAttribute, description: string): StileError {
  return invalidField(`attributes.${attribute}`, description);
}

/** JSON with the keys of every object in order: equal objects have equal texts, however they were written. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(sorted(value));
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).map(([key, each]): [string, unknown] => [key, sorted(each)]);
  // Made by definition, not by assignment: a key `__proto__` stays a key.
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)));
}

/** Which secret of a credential. */
export type SealedColumn = 'secret' | 'passphrase';

/** Where a secret belongs: part of its seal, so that a value moved to another row does not open. */
export function sealContext(column: SealedColumn, id: string): string {
  return `credential/${column}/${id}`;
}
