/**
 * Lines of earlier shells: a file in the user's state directory that only they can read, 1,000 lines at most. What may hold a secret is
 * never kept, neither there nor for the arrow keys (tokens.md §3.4).
 */
import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { mkdir, open, rename, rm, type FileHandle } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, isAbsolute, join } from 'node:path';
import { StileError } from '@stile/protocol/errors';
import type { Environment } from '../arguments/environment.ts';
import { scanLine } from './line-parser.ts';

/** Most lines that are kept (tokens.md §3.4). */
export const maxHistoryLines = 1000;

/** A longer line is not kept, UTF-16 units: nobody looks for it with the arrow keys. */
const maxLineLength = 4096;

/** No more than this is read from the end of the file, bytes: 1,000 lines of ordinary length are far below it. */
const maxFileBytes = 4_194_304;

/** An auth token, also one whose end is missing or that another version made. */
const tokenPattern = /at_[0-9A-Za-z]{10}_[0-9A-Za-z]/;

/** Whatever could steer a terminal when the line is shown again. */
const unsafe = /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/u;

function namesSecret(text: string, secretNames: ReadonlySet<string>): boolean {
  const [, dashes = '', name = '', rest = ''] = /^(-{0,2})([A-Za-z][\w-]*)(=?)/.exec(text) ?? [];
  return (dashes !== '' || rest !== '') && secretNames.has(name.replaceAll('_', '-'));
}

/**
 * Whether a line may be kept: not one that begins with a blank, holds an auth token, or gives a flag that takes a secret.
 * @param secretNames names and short spellings of every such flag of every command: what the line is for may be mistyped
 */
export function mayKeep(line: string, secretNames: ReadonlySet<string>): boolean {
  if (line.trim() === '' || /^\s/.test(line) || line.length > maxLineLength || unsafe.test(line))
    return false;
  const texts = scanLine(line).words.map(({ text }) => text);
  if (tokenPattern.test(line) || texts.some((text) => tokenPattern.test(text))) return false;
  return !texts.some((text) => namesSecret(text, secretNames));
}

/** Where the file lies: `$XDG_STATE_HOME/stile/shell-history`, else below `~/.local/state`. */
export function historyPath(environment: Environment): string {
  // A relative path is to be ignored (XDG base directory specification).
  const configured = environment.raw('XDG_STATE_HOME') ?? '';
  const home = environment.raw('HOME') ?? homedir();
  return join(isAbsolute(configured) ? configured : join(home, '.local', 'state'), 'stile', 'shell-history');
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string'
    ? error.code
    : 'unknown error';
}

/** The file. Several shells may use it at once: a line is appended in one write. */
export class HistoryFile {
  readonly #path: string;
  #lineCount = 0;

  constructor(path: string) {
    this.#path = path;
  }

  /**
   * The kept lines, oldest first.
   * @throws {StileError} failedPrecondition when there is something that is not the user's own file, or it cannot be read or made
   */
  async load(): Promise<string[]> {
    return this.#withFile(async (file) => {
      const lines = await readLines(file);
      this.#lineCount = lines.length;
      return lines.filter((line) => line.trim() !== '' && !unsafe.test(line)).slice(-maxHistoryLines);
    });
  }

  /** Adds a line; the oldest one goes when there are too many. @throws {StileError} failedPrecondition as `load` */
  async append(line: string): Promise<void> {
    const lines = await this.#withFile(async (file) => {
      await file.appendFile(`${line}\n`);
      this.#lineCount += 1;
      return this.#lineCount > maxHistoryLines ? readLines(file) : undefined;
    });
    if (lines !== undefined) await this.#replace(lines.slice(-maxHistoryLines));
  }

  async #withFile<T>(work: (file: FileHandle) => Promise<T>): Promise<T> {
    try {
      await mkdir(dirname(this.#path), { recursive: true, mode: 0o700 });
      // O_NONBLOCK: a pipe in the file's place must not hold the shell up.
      const flags = constants.O_RDWR | constants.O_APPEND | constants.O_CREAT;
      const file = await open(this.#path, flags | constants.O_NOFOLLOW | constants.O_NONBLOCK, 0o600);
      try {
        await this.#makePrivate(file);
        return await work(file);
      } finally {
        await file.close();
      }
    } catch (cause) {
      if (cause instanceof StileError) throw cause;
      const why = codeOf(cause) === 'ELOOP' ? 'it is a symbolic link' : codeOf(cause);
      throw this.#refusal(why, cause);
    }
  }

  #refusal(why: string, cause?: unknown): StileError {
    return new StileError('failedPrecondition', `cannot use ${this.#path} for the history: ${why}`, {
      cause,
    });
  }

  async #makePrivate(file: FileHandle): Promise<void> {
    const status = await file.stat();
    if (!status.isFile()) throw this.#refusal('it is no regular file');
    const uid = process.getuid?.();
    // Windows has neither owner numbers nor mode bits; the profile folder protects the file there.
    if (uid === undefined) return;
    if (status.uid !== uid) throw this.#refusal('it belongs to another user');
    if ((status.mode & 0o077) !== 0) await file.chmod(0o600);
  }

  async #replace(lines: readonly string[]): Promise<void> {
    const fresh = `${this.#path}.${randomBytes(6).toString('hex')}.new`;
    try {
      const file = await open(fresh, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600);
      try {
        await file.writeFile(lines.map((line) => `${line}\n`).join(''));
      } finally {
        await file.close();
      }
      await rename(fresh, this.#path);
      this.#lineCount = lines.length;
    } catch (cause) {
      // Where even this fails there is no file: the first error says why.
      await rm(fresh, { force: true }).catch(() => undefined);
      throw this.#refusal(codeOf(cause), cause);
    }
  }
}

/** The complete lines of the file's end. */
async function readLines(file: FileHandle): Promise<string[]> {
  const { size } = await file.stat();
  const length = Math.min(size, maxFileBytes);
  const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, size - length);
  const lines = buffer.subarray(0, bytesRead).toString('utf8').split('\n');
  // The first line of a cut file may be half of one.
  return lines.slice(size > length ? 1 : 0).filter((line) => line !== '');
}
