// Owns what a bench starts (processes, folders) and gives it back in reverse order, also after a failure or Ctrl-C.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Process ids and folders that must not outlive this process, whatever happens. */
const pids = new Set();
const folders = new Set();

process.on('exit', () => {
  for (const pid of pids) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // Already gone: that is what was wanted.
    }
  }
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

/** Remembers a child process until `forgetPid`. */
export function rememberPid(pid) {
  pids.add(pid);
}

/** The child is gone. */
export function forgetPid(pid) {
  pids.delete(pid);
}

/** Ids of the children that run now. */
export function childPids() {
  return [...pids];
}

/** Things to close, last first. */
export class Scope {
  #closers = [];

  /** Runs `close` when the scope ends. */
  defer(close) {
    this.#closers.push(close);
  }

  /** A folder that is removed with the scope. */
  temporaryFolder(name) {
    const folder = mkdtempSync(join(tmpdir(), `stile-bench-${name}-`));
    folders.add(folder);
    this.defer(() => {
      rmSync(folder, { recursive: true, force: true });
      folders.delete(folder);
    });
    return folder;
  }

  /** Closes everything; the first error is thrown after all are closed. */
  async close() {
    const errors = [];
    for (let close = this.#closers.pop(); close !== undefined; close = this.#closers.pop()) {
      try {
        await close();
      } catch (error) {
        errors.push(error);
      }
    }
    if (errors.length > 0) throw errors[0];
  }
}
