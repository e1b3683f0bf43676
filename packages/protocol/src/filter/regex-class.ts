/** Character classes of RE2: what one character of a pattern may match. Used by regex-syntax.ts. Runs in a browser. */
import { StileError } from '../errors.ts';

/** Whether a code point matches. */
export type CharTest = (char: number) => boolean;

/** Part of a class: a range of code points, both ends included, or a test. */
export type ClassItem = readonly [from: number, to: number] | CharTest;

type Range = readonly [number, number];

const digit: readonly Range[] = [[48, 57]];
const upper: readonly Range[] = [[65, 90]];
const lower: readonly Range[] = [[97, 122]];
const word: readonly Range[] = [...digit, ...upper, [95, 95], ...lower];
const perlSpace: readonly Range[] = [
  [9, 10],
  [12, 13],
  [32, 32],
];

const perlClasses: ReadonlyMap<string, readonly Range[]> = new Map([
  ['d', digit],
  ['w', word],
  ['s', perlSpace],
]);

const posixClasses: ReadonlyMap<string, readonly Range[]> = new Map<string, readonly Range[]>([
  ['alnum', [...digit, ...upper, ...lower]],
  ['alpha', [...upper, ...lower]],
  ['ascii', [[0, 127]]],
  [
    'blank',
    [
      [9, 9],
      [32, 32],
    ],
  ],
  [
    'cntrl',
    [
      [0, 31],
      [127, 127],
    ],
  ],
  ['digit', digit],
  ['graph', [[33, 126]]],
  ['lower', lower],
  ['print', [[32, 126]]],
  [
    'punct',
    [
      [33, 47],
      [58, 64],
      [91, 96],
      [123, 126],
    ],
  ],
  [
    'space',
    [
      [9, 13],
      [32, 32],
    ],
  ],
  ['upper', upper],
  ['word', word],
  ['xdigit', [...digit, [65, 70], [97, 102]]],
]);

/** `\d`, `\W`, …; undefined for another letter. */
export function perlClass(letter: string): CharTest | undefined {
  const ranges = perlClasses.get(letter.toLowerCase());
  return ranges && classTest(ranges, { isNegated: letter !== letter.toLowerCase(), foldsCase: false });
}

/** `alpha` or `^alpha` of `[[:alpha:]]`; undefined for another name. */
export function posixClass(name: string): CharTest | undefined {
  const isNegated = name.startsWith('^');
  const ranges = posixClasses.get(isNegated ? name.slice(1) : name);
  return ranges && classTest(ranges, { isNegated, foldsCase: false });
}

/**
 * `\pL`, `\p{Greek}`, `\p{^Lu}`: a general category or a script.
 * @throws {StileError} invalidArgument
 */
export function unicodeClass(name: string, isNegated: boolean): CharTest {
  const isInner = name.startsWith('^');
  const plain = isInner ? name.slice(1) : name;
  const property = propertyTest(plain);
  return isInner === isNegated ? property : (char) => !property(char);
}

function propertyTest(name: string): CharTest {
  if (name === 'Any') return () => true;
  if (/^[A-Za-z_]{1,32}$/.test(name)) {
    // Names are letters only, so that nothing of the pattern can reach this small expression about one character.
    for (const query of [`gc=${name}`, `sc=${name}`]) {
      const test = propertyRegex(query);
      if (test) return (char) => char <= 0x10ffff && test.test(String.fromCodePoint(char));
    }
  }
  throw new StileError('invalidArgument', `invalid character class range \\p{${name.slice(0, 32)}}`);
}

function propertyRegex(query: string): RegExp | undefined {
  try {
    return new RegExp(`^\\p{${query}}$`, 'u');
  } catch {
    // No such property: the caller tries another kind and reports it.
    return undefined;
  }
}

/** One test of many items; characters of ASCII are looked up in a table. */
export function classTest(
  items: readonly ClassItem[],
  options: { readonly isNegated: boolean; readonly foldsCase: boolean },
): CharTest {
  const { isNegated, foldsCase } = options;
  const isIn = (char: number): boolean =>
    items.some((item) => (typeof item === 'function' ? item(char) : char >= item[0] && char <= item[1]));
  const slow: CharTest = (char) => {
    const found = isIn(char) || (foldsCase && caseVariants(char).some(isIn));
    return found !== isNegated;
  };
  const ascii = Array.from({ length: 128 }, (_, char) => slow(char));
  return (char) => (char < 128 ? (ascii[char] ?? false) : slow(char));
}

/** A character in its other cases, without itself. */
function caseVariants(char: number): readonly number[] {
  const text = String.fromCodePoint(char);
  const variants = [text.toLowerCase(), text.toUpperCase(), text.toUpperCase().toLowerCase()];
  // Simple folding only: a variant of several characters (ß, SS) is none. K and ſ have a third case in Unicode.
  const more = char === 107 || char === 75 ? [0x212a] : char === 115 || char === 83 ? [0x17f] : [];
  return [...variants.flatMap((variant) => singlePoint(variant)), ...more].filter((other) => other !== char);
}

function singlePoint(text: string): readonly number[] {
  const point = text.codePointAt(0);
  return point !== undefined && String.fromCodePoint(point) === text ? [point] : [];
}
