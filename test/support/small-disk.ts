/**
 * A file system of a few megabytes for one process: mounted in a mount namespace of that process alone (`unshare`), so that it
 * needs no cleaning and no privilege beyond user namespaces. The test reaches it through `/proc/PID/root`.
 */
import { spawnSync } from 'node:child_process';
import { userInfo } from 'node:os';
import { findProgram } from './required.ts';

const namespaces = userInfo().uid === 0 ? ['--mount'] : ['--user', '--map-root-user', '--mount'];

/** Whether this machine lets us mount one. */
export function canMountSmallDisk(folder: string): boolean {
  if (findProgram('unshare') === undefined) return false;
  const words = [...namespaces, 'mount', '-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', folder];
  return spawnSync('unshare', words, { stdio: 'ignore' }).status === 0;
}

/** Program and words that run `command` with a disk of `megabytes` at `folder`, with the same process id. */
export function onSmallDisk(
  folder: string,
  megabytes: number,
  command: readonly string[],
): { readonly program: string; readonly args: readonly string[] } {
  const script = 'mount -t tmpfs -o "size=$1m" tmpfs "$2" && shift 2 && exec "$@"';
  return {
    program: 'unshare',
    args: [...namespaces, 'sh', '-c', script, 'sh', String(megabytes), folder, ...command],
  };
}
