/** Values as Go's `strconv` and `time` read them, because scripts that use the Boundary CLI write them so (cli.md §1.1). */

/** A text that was read, or the words Go has for what is wrong with it. */
export type Parsed<T> = { readonly value: T } | { readonly problem: string };

const trueWords: ReadonlySet<string> = new Set(['1', 't', 'T', 'TRUE', 'true', 'True']);
const falseWords: ReadonlySet<string> = new Set(['0', 'f', 'F', 'FALSE', 'false', 'False']);

/** A boolean: `1 t T TRUE true True` and their opposites. */
export function parseBoolean(text: string): Parsed<boolean> {
  if (trueWords.has(text)) return { value: true };
  if (falseWords.has(text)) return { value: false };
  return { problem: `strconv.ParseBool: parsing ${JSON.stringify(text)}: invalid syntax` };
}

const integer =
  /^(?:0[xX](?:_?[0-9a-fA-F])+|0[oO](?:_?[0-7])+|0[bB](?:_?[01])+|0(?:_?[0-7])*|[1-9](?:_?[0-9])*)$/;

/** An integer with Go's base prefixes; a leading `0` alone means octal. Beyond ±2^53 is out of range. */
export function parseInteger(text: string, options: { signed: boolean }): Parsed<number> {
  const parser = options.signed ? 'strconv.ParseInt' : 'strconv.ParseUint';
  const sign = options.signed ? /^[+-]/.exec(text)?.[0] : undefined;
  const digits = text.slice(sign?.length ?? 0);
  const fail = (why: string): Parsed<number> => ({
    problem: `${parser}: parsing ${JSON.stringify(text)}: ${why}`,
  });
  if (!integer.test(digits)) return fail('invalid syntax');
  const plain = digits.replaceAll('_', '').replace(/^0+(?=[0-7])/, '0o');
  const magnitude = Number(plain);
  if (!Number.isSafeInteger(magnitude)) return fail('value out of range');
  return { value: sign === '-' && magnitude !== 0 ? -magnitude : magnitude };
}

const unitMs: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  μs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};

/** Longest duration Go can hold: 2^63 − 1 nanoseconds, in ms. */
const longestDurationMs = 9_223_372_036_854.775;

/**
 * A Go duration (`1h30m`, `-5s`, `250ms`) in milliseconds. A number without unit means seconds, `system` means −1 s
 * (cli.md §1.1).
 */
export function parseDuration(text: string): Parsed<number> {
  if (text === 'system') return { value: -1000 };
  const full = /[smh]$/.test(text) ? text : `${text}s`;
  const fail: Parsed<number> = { problem: `time: invalid duration ${JSON.stringify(full)}` };
  const [, sign = '', rest = ''] = /^([+-]?)(.*)$/s.exec(full) ?? [];
  if (!/^(?:(?:\d+\.?\d*|\.\d+)[a-zµμ]+)+$/.test(rest)) return fail;
  let total = 0;
  for (const [, amount = '', unit = ''] of rest.matchAll(/(\d+\.?\d*|\.\d+)([a-zµμ]+)/g)) {
    const factor = Object.hasOwn(unitMs, unit) ? unitMs[unit] : undefined;
    if (factor === undefined) {
      return { problem: `time: unknown unit ${JSON.stringify(unit)} in duration ${JSON.stringify(full)}` };
    }
    total += Number(amount) * factor;
  }
  if (total > longestDurationMs) return fail;
  return { value: sign === '-' && total !== 0 ? -total : total };
}
