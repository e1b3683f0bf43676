/**
 * How long a token lives, as people write it: Go's units plus `d` and `y` (tokens.md §1.5). One reader for the API, the configuration file
 * and the command line. Pure; runs in a browser.
 */

/** What a duration must look like, for error messages. */
export const durationForm =
  'a whole number of seconds, or numbers with the units y, d, h, m and s, as in 30d or 1d12h30m';

/** Longest duration that can be written, seconds: what epoch microseconds can be added to without losing any. */
export const longestDurationSeconds: number = 100 * 365 * 24 * 3600;

const unitNanoseconds: Readonly<Record<string, bigint>> = {
  ns: 1n,
  us: 1_000n,
  µs: 1_000n,
  μs: 1_000n,
  ms: 1_000_000n,
  s: 1_000_000_000n,
  m: 60_000_000_000n,
  h: 3_600_000_000_000n,
  d: 86_400_000_000_000n,
  y: 31_536_000_000_000_000n,
};

const second = 1_000_000_000n;
/** Longest text that is read at all; a longer one is no duration. */
const longestText = 64;
const part = /(\d{1,18})(?:\.(\d{1,18}))?([a-zµμ]+)/gy;

/** Nanoseconds of one part; undefined when it is no whole number of them, or the unit is unknown. */
function nanosecondsOf(whole: string, fraction: string, unit: string): bigint | undefined {
  const factor = Object.hasOwn(unitNanoseconds, unit) ? unitNanoseconds[unit] : undefined;
  if (factor === undefined) return undefined;
  const scale = 10n ** BigInt(fraction.length);
  const scaled = BigInt(whole + fraction) * factor;
  return scaled % scale === 0n ? scaled / scale : undefined;
}

/**
 * Seconds of a duration, a whole number from 0 up; undefined for anything that is none: a sign, a fraction of a second, an unknown unit,
 * or more than a hundred years. Zero is legal here: whether it means "none" is for the caller to know.
 */
export function parseTokenDuration(text: string): number | undefined {
  if (text === '' || text.length > longestText) return undefined;
  const written = /^\d+$/.test(text) ? `${text}s` : text;
  let total = 0n;
  let end = 0;
  for (const match of written.matchAll(part)) {
    const [all, whole = '', fraction = '', unit = ''] = match;
    const nanoseconds = nanosecondsOf(whole, fraction, unit);
    if (nanoseconds === undefined) return undefined;
    total += nanoseconds;
    end = match.index + all.length;
  }
  if (end !== written.length || total % second !== 0n) return undefined;
  const seconds = total / second;
  return seconds <= BigInt(longestDurationSeconds) ? Number(seconds) : undefined;
}

/** The same number of seconds as people write it, without units of zero: `1d12h30m`; `0s` for none. */
export function formatDuration(seconds: number): string {
  let rest = seconds;
  let text = '';
  for (const [unit, size] of [
    ['d', 86_400],
    ['h', 3_600],
    ['m', 60],
    ['s', 1],
  ] as const) {
    const count = Math.floor(rest / size);
    rest -= count * size;
    if (count > 0) text += `${count}${unit}`;
  }
  return text === '' ? '0s' : text;
}
