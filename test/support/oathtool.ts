/** Codes of a foreign authenticator: Debian's `oathtool`, so that neither our library nor our tests judge themselves. */
import { execFileSync } from 'node:child_process';

/** The code that it shows for a base32 secret at a time (milliseconds since 1970). */
export function oathCode(
  secret: string,
  atMs: number,
  { digits = 6, intervalSeconds = 30 }: { readonly digits?: number; readonly intervalSeconds?: number } = {},
): string {
  const args = ['--totp', '-b', '-d', String(digits), '-s', `${intervalSeconds}s`];
  const at = ['-N', `@${Math.floor(atMs / 1000)}`];
  return execFileSync('oathtool', [...args, ...at, secret], { encoding: 'utf8' }).trim();
}
