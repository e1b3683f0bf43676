/** Optional programs of the machine: a test that needs one is skipped locally by name, and fails where everything is mandatory. */
import { spawnSync } from 'node:child_process';

/** True in CI (`.ci/run`): nothing may be skipped. */
export const isEverythingRequired: boolean = process.env.STILE_TEST_REQUIRE_ALL === '1';

/** Where a program is, or undefined. `/usr/sbin` counts too: sshd lives there and is often not in PATH. */
export function findProgram(name: string): string | undefined {
  const path = `${process.env.PATH ?? ''}:/usr/sbin:/usr/local/sbin:/sbin`;
  const found = spawnSync('/bin/sh', ['-c', 'command -v "$1"', 'sh', name], {
    encoding: 'utf8',
    env: { PATH: path },
  });
  const text = found.stdout.trim();
  return found.status === 0 && text !== '' ? text : undefined;
}

/** Whether tests that need the programs must be skipped here; prints which are missing. Never true in CI. */
export function mustSkipWithout(...programs: readonly string[]): boolean {
  const missing = programs.filter((name) => findProgram(name) === undefined);
  if (missing.length === 0) return false;
  console.warn(
    `tests that need ${missing.join(', ')} ${isEverythingRequired ? 'will fail' : 'are skipped'}: not installed`,
  );
  return !isEverythingRequired;
}
