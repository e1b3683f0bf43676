/**
 * A cookie of the API as a cookie file that curl reads (`curl --cookie FILE`, Netscape format), bound to the controller's host and
 * readable by its owner alone (tokens.md §3.1).
 */
import { randomBytes } from 'node:crypto';
import { open, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { parseApiAddress } from '@stile/client/api';
import { StileError } from '@stile/protocol/errors';

/** What a cookie file is made of. */
export interface JarContents {
  /** As the server gives it: `__Host-stile-session=…; Path=/; HttpOnly; Secure; SameSite=Strict`. */
  readonly cookie: string;
  /** Address of the controller. */
  readonly address: string;
  /** RFC 3339; a text that is no time makes a cookie of the session. */
  readonly expirationTime: string;
}

/** Host of an address as curl knows it: an IPv6 address without brackets, a socket as `localhost`. */
function hostOf(address: string): string {
  const url = parseApiAddress(address);
  return url.protocol === 'unix:' ? 'localhost' : url.hostname.replace(/^\[(.*)\]$/, '$1');
}

/**
 * The text of the file.
 * @throws {StileError} internal when the server's cookie could not stand in a line of it
 */
export function cookieJarText({ cookie, address, expirationTime }: JarContents): string {
  const [pair = '', ...attributes] = cookie.split(';').map((part) => part.trim());
  const [, name, value] = /^([!-:<-~]+?)=([!-:<-~]*)$/.exec(pair) ?? [];
  if (name === undefined || value === undefined)
    throw new StileError('internal', 'the controller answered with a cookie that is none');
  const has = (attribute: string): boolean => attributes.some((each) => each.toLowerCase() === attribute);
  const seconds = Math.floor(Date.parse(expirationTime) / 1000);
  const fields = [
    `${has('httponly') ? '#HttpOnly_' : ''}${hostOf(address)}`,
    'FALSE',
    '/',
    has('secure') ? 'TRUE' : 'FALSE',
    String(Number.isFinite(seconds) ? seconds : 0),
    name,
    value,
  ];
  return `# Netscape HTTP Cookie File\n\n${fields.join('\t')}\n`;
}

/**
 * Writes the file, mode 0600, in one step: whoever reads it sees all of it or what was there before. A link is replaced, not followed.
 * @throws {StileError} failedPrecondition naming the path
 */
export async function writeCookieJar(path: string, contents: JarContents): Promise<void> {
  const text = cookieJarText(contents);
  const temporary = join(dirname(path), `.${basename(path)}.${randomBytes(6).toString('hex')}`);
  try {
    const file = await open(temporary, 'wx', 0o600);
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (cause) {
    await rm(temporary, { force: true });
    const why = cause instanceof Error && 'code' in cause ? String(cause.code) : String(cause);
    throw new StileError('failedPrecondition', `cannot write the cookie file ${path}: ${why}`, { cause });
  }
}
