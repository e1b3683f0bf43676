/** What request bodies say of a token's name, limits and life: read and checked for every verb that takes them (tokens.md §1.3, §1.5, §2). */
import { readAllowList, readTokenScopes } from '@stile/protocol/token-scope';
import { durationForm, longestDurationSeconds, parseTokenDuration } from '@stile/protocol/token-duration';
import type { FieldError } from '@stile/protocol/errors';
import type { JsonObject } from '../http/body.ts';

/** Longest description, UTF-16 units. */
export const longestDescription = 1024;
/** Longest attributes as JSON, bytes. */
export const longestAttributes = 4096;

/** What is wrong with a name, if anything. */
export function nameProblem(name: string): string | undefined {
  const isLegal = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(name) && !name.startsWith('at_');
  return isLegal
    ? undefined
    : 'A name has 1 to 64 characters of A-Z a-z 0-9 . _ -, begins with a letter or digit, and not with at_.';
}

/** What a request says of its limits, canonical. */
export interface Limits {
  readonly tokenScopes: readonly string[] | undefined;
  readonly allowList: readonly string[] | undefined;
}

/** The limits, canonical; faults are added to `errors`. */
export function readLimits(
  decoded: { readonly token_scopes?: readonly string[]; readonly allow_list?: readonly string[] },
  errors: FieldError[],
): Limits {
  const read = (
    name: 'token_scopes' | 'allow_list',
    reader: typeof readTokenScopes,
  ): readonly string[] | undefined => {
    const entries = decoded[name]?.flatMap((entry) => entry.split(','));
    if (entries === undefined) return undefined;
    const result = reader(entries);
    if ('value' in result) return result.value;
    errors.push({ name, description: result.problem });
    return undefined;
  };
  return {
    tokenScopes: read('token_scopes', readTokenScopes),
    allowList: read('allow_list', readAllowList),
  };
}

/** Seconds of a duration that must not be zero, by either spelling; null where the body says null. */
export function readLifetime(
  body: JsonObject,
  decoded: { readonly time_to_live_seconds?: number; readonly lifetime?: string },
  errors: FieldError[],
): number | null | undefined {
  const isNull = (name: string): boolean => Object.hasOwn(body, name) && body[name] === null;
  const { time_to_live_seconds: seconds, lifetime } = decoded;
  if (seconds !== undefined && lifetime !== undefined) {
    errors.push({ name: 'lifetime', description: 'Give either lifetime or time_to_live_seconds.' });
  }
  if (lifetime !== undefined) {
    const parsed = parseTokenDuration(lifetime);
    if (parsed !== undefined && parsed > 0) return parsed;
    errors.push({ name: 'lifetime', description: `Must be ${durationForm}, and more than zero.` });
  }
  if (seconds === 0 || (seconds ?? 0) > longestDurationSeconds) {
    errors.push({
      name: 'time_to_live_seconds',
      description: 'Must be a whole number of seconds above zero.',
    });
  }
  return isNull('time_to_live_seconds') || isNull('lifetime') ? null : seconds;
}

const timePattern = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)$/;

/** Epoch microseconds of a time in the future. */
export function readTime(text: string | undefined, nowUs: number, errors: FieldError[]): number | undefined {
  if (text === undefined) return undefined;
  const at = timePattern.test(text) ? Date.parse(text) * 1000 : NaN;
  if (Number.isNaN(at)) {
    errors.push({ name: 'expiration_time', description: 'Must be a time as in 2026-12-31T23:59:59Z.' });
  } else if (at <= nowUs) {
    errors.push({
      name: 'expiration_time',
      description: 'Must be in the future; revoke the token to end it now.',
    });
  }
  return at;
}
