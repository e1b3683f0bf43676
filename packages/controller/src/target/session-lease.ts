/**
 * The lease of a target's sessions: how long a worker may go on serving without a renewal (design.md §5). `strict` is what
 * Boundary's workers do; the default gives running connections a minute.
 */

/** Seconds of the default lease, `grace=60s`. */
export const defaultLeaseSeconds = 60;
/** Seconds of `strict`. */
export const strictLeaseSeconds = 15;
/** Shortest and longest grace, seconds: several heartbeats, and a day. */
export const leaseSecondsRange = { minimum: 5, maximum: 86_400 } as const;

/** What to tell a person who wrote another text. */
export const sessionLeaseRule =
  'This must be "strict" or "grace=" and a duration from 5s to 24h, such as "grace=60s" or "grace=1h30m".';

const secondsOf = { h: 3600, m: 60, s: 1 } as const;

/** Seconds of a lease text; undefined when it is not legal. null = the default. */
export function parseSessionLease(text: string | null): number | undefined {
  if (text === null) return defaultLeaseSeconds;
  if (text === 'strict') return strictLeaseSeconds;
  // Whole hours, minutes and seconds, in this order, each once at most; bounded, so that nothing overflows.
  const match = /^grace=(?=\d)(?:(\d{1,6})h)?(?:(\d{1,6})m)?(?:(\d{1,6})s)?$/.exec(text);
  if (match === null) return undefined;
  const [, hours = '0', minutes = '0', seconds = '0'] = match;
  const total = Number(hours) * secondsOf.h + Number(minutes) * secondsOf.m + Number(seconds) * secondsOf.s;
  return total >= leaseSecondsRange.minimum && total <= leaseSecondsRange.maximum ? total : undefined;
}
