/** Credentials that the controller brokered, read by kind for the helpers of `connect` (session-protocol.md §7.5). */
import type { SessionCredential } from '@stile/client/api';
import { StileError } from '@stile/protocol/errors';

/** One credential as a helper uses it. Fields are empty where it has none. Secret. */
export interface BrokeredCredential {
  readonly kind: 'password-login' | 'password' | 'private-key' | 'other';
  readonly username: string;
  readonly password: string;
  readonly privateKey: string;
  readonly passphrase: string;
  /** As received, for printing what no helper used. */
  readonly received: SessionCredential;
}

function asRecord(value: unknown): Readonly<Record<string, unknown>> {
  // Every property is checked where it is read.
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function kindOf(fields: {
  username: string;
  password: string;
  privateKey: string;
}): BrokeredCredential['kind'] {
  if (fields.username !== '' && fields.password !== '') return 'password-login';
  if (fields.username !== '' && fields.privateKey !== '') return 'private-key';
  return fields.password === '' ? 'other' : 'password';
}

/** Reads one credential: its typed fields, else what its decoded secret offers. */
export function readCredential(received: SessionCredential): BrokeredCredential {
  const typed = asRecord(received.credential);
  const source = Object.keys(typed).length > 0 ? typed : asRecord(asRecord(received.secret)['decoded']);
  const fields = {
    username: text(source['username']),
    password: text(source['password']),
    privateKey: text(source['private_key']),
    passphrase: text(source['private_key_passphrase']),
  };
  return { ...fields, kind: kindOf(fields), received };
}

/**
 * A server's user name, fit for an argument list: no leading dash, no white space, no control character, nothing a remote shell
 * would read (Coder CVE-2026-55427 is what happens otherwise).
 * @throws {StileError} invalidArgument
 */
export function safeUsername(name: string): string {
  if (/^[\p{L}\p{N}_.@\\+$][\p{L}\p{N}_.@\\+$-]*$/u.test(name)) return name;
  throw new StileError(
    'invalidArgument',
    `the brokered user name ${JSON.stringify(name)} is not used: it holds characters that no user name should`,
  );
}

/**
 * A secret that goes on one line of a file: a line break in it could add settings of the server's choice.
 * @throws {StileError} invalidArgument
 */
export function singleLine(secret: string): string {
  if (/\p{Cc}/u.test(secret)) {
    throw new StileError(
      'invalidArgument',
      'the brokered password is not used: it holds a line break or control character',
    );
  }
  return secret;
}
