/** Memory of another process, as the kernel counts it. */
import { readFileSync } from 'node:fs';

/** Resident memory of a process in bytes (`/proc`, Linux). */
export function residentBytes(pid: number): number {
  const found = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  if (found === undefined) throw new Error(`no VmRSS for process ${pid}`);
  return Number(found) * 1024;
}

/** Watches the resident memory of a process until `stop`, which gives the highest value seen. */
export function watchMemory(pid: number): { readonly stop: () => number } {
  let most = residentBytes(pid);
  const timer = setInterval(() => {
    most = Math.max(most, residentBytes(pid));
  }, 20);
  return {
    stop: () => {
      clearInterval(timer);
      most = Math.max(most, residentBytes(pid));
      return most;
    },
  };
}
