/** Memory of another process, as the kernel counts it. */
import { readFileSync } from 'node:fs';

/** Resident memory of a process in bytes (`/proc`, Linux). */
export function residentBytes(pid: number): number {
  const found = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  if (found === undefined) throw new Error(`no VmRSS for process ${pid}`);
  return Number(found) * 1024;
}

/** A bound on the growth of a process. */
export interface MemoryBound {
  /** Fails when the process has grown beyond the bound at any time. */
  check(): void;
  /** Ends the watch, and fails likewise. Idempotent. */
  stop(): void;
}

/** Watches a process from now on; it may grow by so many bytes. */
export function boundMemory(pid: number, mostBytes: number): MemoryBound {
  const before = residentBytes(pid);
  let most = 0;
  const look = (): void => {
    most = Math.max(most, residentBytes(pid) - before);
  };
  const check = (): void => {
    look();
    if (most > mostBytes)
      throw new Error(`process ${pid} has grown by ${most} bytes, more than ${mostBytes}`);
  };
  const timer = setInterval(() => {
    try {
      look();
    } catch {
      // The process is gone; `check` says so.
      clearInterval(timer);
    }
  }, 20);
  return {
    check,
    stop: () => {
      clearInterval(timer);
      check();
    },
  };
}
