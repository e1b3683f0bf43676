/**
 * Tokens in URLs: refused before anything else, since addresses end up in logs, histories and `Referer` (tokens.md §1.9). The address of
 * the page that a request comes from counts as well: whoever sent it has the token in an address.
 */
import { invalidField, type StileError } from '@stile/protocol/errors';

const parameters: ReadonlySet<string> = new Set([
  'token',
  'access_token',
  'auth_token',
  'session',
  'session_token',
]);
const tokenPattern = /(at_[0-9A-Za-z]{10})_s1[0-9A-Za-z]{49}/;

/** What an address gives away. */
export interface ExposedToken {
  /** Public id of the token, where it can be told. */
  readonly authTokenId: string | undefined;
  readonly error: StileError;
}

/**
 * The text with its percent signs resolved, as often as somebody may have encoded it. Only characters of ASCII: a token has no others,
 * and a wrong percent sign elsewhere must not hide it.
 */
function decoded(text: string): string {
  let plain = text;
  for (let times = 0; times < 3; times++) {
    const next = plain.replaceAll(/%([2-7][0-9a-fA-F])/g, (_all, hex: string) =>
      String.fromCharCode(parseInt(hex, 16)),
    );
    if (next === plain) break;
    plain = next;
  }
  return plain;
}

function tokenIn(url: string): RegExpExecArray | null {
  return tokenPattern.exec(url) ?? (url.includes('%') ? tokenPattern.exec(decoded(url)) : null);
}

function namesToken(url: string): boolean {
  const query = url.indexOf('?');
  if (query < 0) return false;
  return [...new URLSearchParams(url.slice(query + 1)).keys()].some((name) =>
    parameters.has(name.toLowerCase()),
  );
}

/**
 * Whether the path or query of a request holds a token, or a parameter for one; undefined when not.
 * @param referrer the `Referer` header: its parameters are no business of ours, a token in it is
 */
export function exposedToken(url: string, referrer?: string): ExposedToken | undefined {
  const found = tokenIn(url) ?? (referrer === undefined ? null : tokenIn(referrer));
  const isNamed = namesToken(url);
  if (found === null && !isNamed) return undefined;
  return {
    authTokenId: found?.[1],
    error: invalidField('token', 'Tokens are not accepted in URLs.'),
  };
}
