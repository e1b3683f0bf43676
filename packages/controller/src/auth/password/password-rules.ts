/** The rules of password auth methods and accounts: minimum lengths, login names, passwords (http-api.md §2.2, §2.4). Pure. */
import { invalidField } from '@stile/protocol';

/** Lower case letters, digits, full stop and hyphen. */
const loginNamePattern = /^[a-z0-9.-]+$/;
/** What a method demands when it says nothing else, characters (http-api.md §2.2). */
export const defaultMinimums = { loginName: 3, password: 8 } as const;

/** Longest login name, characters; longer names of newer tables are refused too (http-api.md §1.7). */
export const maxLoginNameLength = 128;
/** Longest password, bytes of UTF-8: a phrase fits, a body that only costs time does not. */
export const maxPasswordBytes = 4096;

/** Whether an account can have this login name. It is taken as it is: neither trimmed nor made lower case. */
export function isLoginName(loginName: string): boolean {
  return loginName.length <= maxLoginNameLength && loginNamePattern.test(loginName);
}

/**
 * The login name of a new or changed account, white space around it cut.
 * @throws {StileError} invalidArgument, field `login_name`
 */
export function checkLoginName(loginName: string, minLength: number): string {
  const trimmed = loginName.trim();
  if (trimmed === '') throw invalidField('login_name', 'This is a required field for this type.');
  if (!isLoginName(trimmed)) {
    throw invalidField(
      'login_name',
      'Only lower case letters, digits, "." and "-" are allowed, 128 at most.',
    );
  }
  if (trimmed.length < minLength)
    throw invalidField('login_name', `Must be at least ${minLength} characters.`);
  return trimmed;
}

/** @throws {StileError} invalidArgument, field `password` unless told otherwise */
export function checkPassword(password: string, minLength: number, field = 'password'): void {
  // Characters as a person counts them, so that a password of emoji is as long as it looks.
  if (Array.from(password).length < minLength) throw invalidField(field, 'Password is too short.');
  if (Buffer.byteLength(password) > maxPasswordBytes) throw invalidField(field, 'Password is too long.');
}
