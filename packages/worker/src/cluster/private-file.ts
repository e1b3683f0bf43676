/** Writes a file that only its owner reads (0600), replaced atomically and durably: a crash leaves the old one or the new, never half. */
import { closeSync, fsyncSync, mkdirSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';

/** Writes `text`; the folder is made (0700) when it is missing. @throws {Error} of the file system */
export function writePrivateFile(folder: string, name: string, text: string): void {
  const path = join(folder, name);
  const next = `${path}.new`;
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  rmSync(next, { force: true });
  const file = openSync(next, 'wx', 0o600);
  try {
    writeSync(file, text);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(next, path);
  syncFolder(folder);
}

/** The rename itself is durable only when the folder is (fsync(2)). */
function syncFolder(folder: string): void {
  const handle = openSync(folder, 'r');
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}
