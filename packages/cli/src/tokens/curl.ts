/** A request as a curl command for `-output-curl-string`: the token stays out of it (cli.md §1.9). */
import type { ApiRequest } from '@stile/client/api';
import type { Environment } from '../arguments/environment.ts';

/** `text` in single quotes for a POSIX shell. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", `'"'"'`)}'`;
}

function word(text: string): string {
  return /^[\w.-]+$/.test(text) ? text : quoted(text);
}

/** What stands for the token: a command that prints it, or `<token>`. */
export function tokenHint(
  environment: Environment,
  stored: { readonly type: string; readonly name: string } | undefined,
): string {
  if (stored !== undefined) {
    return `$(stile config get-token -keyring-type ${stored.type} -token-name ${word(stored.name)})`;
  }
  return environment.get('KEYRING_TYPE') === 'none' ? '<token>' : '$(stile config get-token)';
}

/** Fields whose values are secret, whatever they hold. */
const secretField =
  /(?:^|_)(?:password|passphrase|secret|secrets|private_key|certificate_key|token|object|otp|code)$/;

/** A secret in the body is replaced: the line ends up in a terminal's history. */
function withoutSecrets(body: string): string {
  return JSON.stringify(JSON.parse(body), (key, value: unknown) =>
    secretField.test(key) && value !== null ? `<${key}>` : value,
  );
}

/** The command line. @param hint what stands for the token; undefined: no Authorization header */
export function curlLine(request: ApiRequest, hint: string | undefined): string {
  const words = ['curl'];
  if (request.method !== 'GET') words.push('-X', request.method);
  if (hint !== undefined) words.push(`-H "Authorization: Bearer ${hint}"`);
  words.push('-H "Content-Type: application/json"');
  if (request.body !== undefined) words.push('-d', quoted(withoutSecrets(request.body)));
  words.push(quoted(request.url));
  return words.join(' ');
}
