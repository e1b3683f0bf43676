/**
 * Tokens as files that only their owner can read: `$XDG_CONFIG_HOME/stile/tokens/<name>.json`, one a token name, so that two
 * logins at once do not overwrite each other. Replaced atomically; links and anything others can read are refused.
 */
import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { lstat, mkdir, open, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { StileError } from '@stile/protocol/errors';
import type { Environment } from '../arguments/environment.ts';
import { parseStoredToken, type StoredToken, type TokenStore } from './token-store.ts';

/** Longest entry that is read, bytes; a token object has about 700. */
const maxEntryBytes = 65_536;

/** Longest file name most file systems take, bytes. */
const maxNameBytes = 255;

function refuse(message: string, cause?: unknown): StileError {
  return new StileError('failedPrecondition', message, { cause });
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string'
    ? error.code
    : 'unknown error';
}

const problems: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  ENOSPC: 'the disk is full',
  ENOTDIR: 'a part of the path is no folder',
  EROFS: 'the file system is read-only',
};

/** Why the file system refused, in words where they are known. */
function reasonOf(error: unknown): string {
  const code = codeOf(error);
  return problems[code] ?? code;
}

/** The file store. */
export class FileTokenStore implements TokenStore {
  readonly type = 'file';
  readonly #base: string;
  readonly #folder: string;

  constructor(environment: Environment) {
    // A relative XDG_CONFIG_HOME is to be ignored (XDG base directory specification).
    const configured = environment.raw('XDG_CONFIG_HOME') ?? '';
    const home = environment.raw('HOME') ?? homedir();
    this.#base = join(isAbsolute(configured) ? configured : join(home, '.config'), 'stile');
    this.#folder = join(this.#base, 'tokens');
  }

  async lookup(name: string): Promise<StoredToken | undefined> {
    if (!(await this.#hasSafeFolder())) return undefined;
    const path = this.#pathOf(name);
    const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW).catch((cause: unknown) => {
      if (codeOf(cause) === 'ENOENT') return undefined;
      if (codeOf(cause) === 'ELOOP') throw refuse(`${path} is a symbolic link and is not read`, cause);
      throw refuse(`cannot read ${path}: ${reasonOf(cause)}`, cause);
    });
    if (file === undefined) return undefined;
    try {
      const status = await file.stat();
      if (!status.isFile()) throw refuse(`${path} is no regular file and is not read`);
      this.#checkOwner(path, status);
      if (status.size > maxEntryBytes) throw refuse(`${path} is too large to be a token`);
      return parseStoredToken(await file.readFile('utf8'));
    } finally {
      await file.close();
    }
  }

  async write(name: string, token: StoredToken): Promise<void> {
    const path = this.#pathOf(name);
    const fresh = `${this.#folder}/.${randomBytes(12).toString('hex')}.new`;
    try {
      await mkdir(this.#folder, { recursive: true, mode: 0o700 });
      await this.#hasSafeFolder();
      const file = await open(
        fresh,
        constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW,
        0o600,
      );
      try {
        await file.writeFile(`${JSON.stringify(token)}\n`);
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(fresh, path);
    } catch (cause) {
      // Where even this fails there is no file: the first error says why.
      await rm(fresh, { force: true }).catch(() => undefined);
      if (cause instanceof StileError) throw cause;
      throw refuse(`cannot store the token in ${this.#folder}: ${reasonOf(cause)}`, cause);
    }
  }

  async delete(name: string): Promise<void> {
    if (!(await this.#hasSafeFolder())) return;
    const path = this.#pathOf(name);
    try {
      await rm(path, { force: true });
    } catch (cause) {
      throw refuse(`cannot delete ${path}: ${reasonOf(cause)}`, cause);
    }
  }

  #pathOf(name: string): string {
    const file = `${encodeURIComponent(name)}.json`;
    if (name === '' || Buffer.byteLength(file) > maxNameBytes)
      throw refuse('the token name is empty or too long');
    return join(this.#folder, file);
  }

  /** Whether the folders are there. @throws {StileError} failedPrecondition when others could read or replace what is in them */
  async #hasSafeFolder(): Promise<boolean> {
    for (const path of [this.#base, this.#folder]) {
      const status = await lstat(path).catch((cause: unknown) => {
        const code = codeOf(cause);
        if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
        throw refuse(`cannot look at ${path}: ${code}`, cause);
      });
      if (status === undefined) return false;
      if (!status.isDirectory()) throw refuse(`${path} is no directory (a symbolic link is not followed)`);
      this.#checkOwner(path, status);
    }
    return true;
  }

  #checkOwner(path: string, status: { readonly mode: number; readonly uid: number }): void {
    const uid = process.getuid?.();
    // Windows has neither owner numbers nor mode bits; the profile folder protects the file there.
    if (uid === undefined) return;
    if (status.uid !== uid) throw refuse(`${path} belongs to another user and is not used`);
    if ((status.mode & 0o077) !== 0) {
      const mode = (status.mode & 0o777).toString(8).padStart(4, '0');
      throw refuse(`${path} can be read by others (mode ${mode}) and is not used; run: chmod go-rwx ${path}`);
    }
  }
}
