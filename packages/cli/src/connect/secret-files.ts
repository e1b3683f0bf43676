/** Files with secrets for a child program: in a folder only the user can read, gone when the command ends. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Owns one temporary folder, made with the first file. */
export class SecretFiles {
  #folder: string | undefined;

  /** Writes a file of mode 0600. @returns its path */
  async write(name: string, content: string): Promise<string> {
    // mkdtemp makes the folder with mode 0700.
    this.#folder ??= await mkdtemp(join(tmpdir(), 'stile-connect-'));
    const path = join(this.#folder, name);
    await writeFile(path, content, { mode: 0o600, flag: 'wx' });
    return path;
  }

  /** Removes everything. Idempotent. */
  async remove(): Promise<void> {
    const folder = this.#folder;
    this.#folder = undefined;
    if (folder !== undefined) await rm(folder, { recursive: true, force: true });
  }
}
