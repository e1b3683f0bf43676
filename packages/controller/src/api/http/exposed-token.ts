/** Tokens in URLs: refused before anything else, since addresses end up in logs, histories and `Referer` (tokens.md §1.9). */
import { StileError } from '@stile/protocol/errors';

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

/** The text with its percent signs resolved, as often as somebody may have encoded it. */
function decoded(text: string): string {
  let plain = text;
  for (let times = 0; times < 3; times++) {
    let next: string;
    try {
      next = decodeURIComponent(plain);
    } catch {
      return plain; // no percent encoding: the text stands for itself
    }
    if (next === plain) break;
    plain = next;
  }
  return plain;
}

/** Whether the path or query of a request holds a token, or a parameter for one; undefined when not. */
export function exposedToken(url: string): ExposedToken | undefined {
  const found = tokenPattern.exec(url) ?? (url.includes('%') ? tokenPattern.exec(decoded(url)) : null);
  const query = url.indexOf('?');
  const isNamed =
    query >= 0 && [...new URLSearchParams(url.slice(query + 1)).keys()].some((name) => parameters.has(name));
  if (found === null && !isNamed) return undefined;
  return {
    authTokenId: found?.[1],
    error: new StileError('invalidArgument', 'Error in provided request.', {
      details: { requestFields: [{ name: 'token', description: 'Tokens are not accepted in URLs.' }] },
    }),
  };
}
