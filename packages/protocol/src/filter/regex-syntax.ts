/**
 * Parser for RE2's syntax of regular expressions (github.com/google/re2/wiki/Syntax), to a tree that `regex.ts` compiles.
 * What a group captures does not matter to a filter and is dropped. Runs in a browser.
 */
import { StileError } from '../errors.ts';
import {
  classTest,
  perlClass,
  posixClass,
  unicodeClass,
  type CharTest,
  type ClassItem,
} from './regex-class.ts';

export type { CharTest } from './regex-class.ts';

/** A condition on the place between two characters. */
export type Assertion = 'textStart' | 'textEnd' | 'lineStart' | 'lineEnd' | 'wordBoundary' | 'noWordBoundary';

/** A parsed pattern. Lazy and greedy repetition match the same texts, so the tree does not tell them apart. */
export type PatternNode =
  | { readonly kind: 'char'; readonly test: CharTest }
  | { readonly kind: 'assert'; readonly what: Assertion }
  | { readonly kind: 'sequence'; readonly parts: readonly PatternNode[] }
  | { readonly kind: 'choice'; readonly parts: readonly PatternNode[] }
  | { readonly kind: 'repeat'; readonly part: PatternNode; readonly min: number; readonly max: number };

/** Longest pattern, characters. Ours; a name that is looked for has a few dozen. */
const maxPatternLength = 1024;
/** Deepest nesting of groups; ours, RE2 has 1000. */
const maxDepth = 50;
/** Highest count in `{n,m}`, as in RE2. */
const maxRepeat = 1000;

interface Flags {
  /** `i` */
  foldsCase: boolean;
  /** `m`: ^ and $ match at lines */
  isMultiline: boolean;
  /** `s`: . matches a line feed */
  dotTakesAll: boolean;
}

/**
 * Parses a pattern.
 * @throws {StileError} invalidArgument, with RE2's words for what is wrong
 */
export function parsePattern(pattern: string): PatternNode {
  if (pattern.length > maxPatternLength) {
    throw invalid(`longer than ${maxPatternLength} characters`);
  }
  return new PatternParser(pattern).parse();
}

function invalid(why: string): StileError {
  return new StileError('invalidArgument', `error parsing regexp: ${why}`);
}

const escapes: ReadonlyMap<string, number> = new Map([
  ['a', 7],
  ['f', 12],
  ['n', 10],
  ['r', 13],
  ['t', 9],
  ['v', 11],
]);

const assertions: ReadonlyMap<string, Assertion> = new Map<string, Assertion>([
  ['A', 'textStart'],
  ['z', 'textEnd'],
  ['b', 'wordBoundary'],
  ['B', 'noWordBoundary'],
]);

class PatternParser {
  readonly #text: string;
  #at = 0;
  #depth = 0;
  #flags: Flags = { foldsCase: false, isMultiline: false, dotTakesAll: false };

  constructor(text: string) {
    this.#text = text;
  }

  parse(): PatternNode {
    const node = this.#choice();
    if (this.#at < this.#text.length) throw invalid('unexpected )');
    return node;
  }

  #choice(): PatternNode {
    this.#depth += 1;
    if (this.#depth > maxDepth) throw invalid('expression nests too deeply');
    const parts = [this.#sequence()];
    while (this.#accept('|')) parts.push(this.#sequence());
    this.#depth -= 1;
    const [only] = parts;
    return parts.length === 1 && only ? only : { kind: 'choice', parts };
  }

  #sequence(): PatternNode {
    const parts: PatternNode[] = [];
    while (this.#at < this.#text.length && !this.#sees('|') && !this.#sees(')')) {
      if (this.#accept('\\Q')) this.#quoted(parts);
      else {
        const atom = this.#atom();
        if (atom) parts.push(this.#repeated(atom));
      }
    }
    return { kind: 'sequence', parts };
  }

  /** One piece; undefined for a change of flags, which is none. */
  #atom(): PatternNode | undefined {
    if (this.#accept('(')) return this.#group();
    if (this.#accept('[')) return { kind: 'char', test: this.#class() };
    if (this.#accept('^')) return assertion(this.#flags.isMultiline ? 'lineStart' : 'textStart');
    if (this.#accept('$')) return assertion(this.#flags.isMultiline ? 'lineEnd' : 'textEnd');
    if (this.#accept('.')) {
      return { kind: 'char', test: this.#flags.dotTakesAll ? () => true : (char) => char !== 10 };
    }
    if (this.#accept('\\')) return this.#escape();
    if (this.#sees('*') || this.#sees('+') || this.#sees('?')) {
      throw invalid('missing argument to repetition operator');
    }
    return this.#literal(this.#next());
  }

  #repeated(atom: PatternNode): PatternNode {
    const range = this.#range();
    if (!range) return atom;
    this.#accept('?');
    if (this.#sees('*') || this.#sees('+') || this.#sees('?') || this.#counts()) {
      throw invalid('invalid nested repetition operator');
    }
    return { kind: 'repeat', part: atom, min: range[0], max: range[1] };
  }

  /** How often, when a repetition follows. A brace that counts nothing is a literal. */
  #range(): readonly [min: number, max: number] | undefined {
    if (this.#accept('*')) return [0, Infinity];
    if (this.#accept('+')) return [1, Infinity];
    if (this.#accept('?')) return [0, 1];
    const counts = this.#counts();
    if (!counts) return undefined;
    this.#at += counts[0].length;
    const min = Number(counts[1]);
    const max = counts[2] === undefined ? min : counts[3] === '' ? Infinity : Number(counts[3]);
    if (min > maxRepeat || (max !== Infinity && max > maxRepeat) || max < min) {
      throw invalid('invalid repeat count');
    }
    return [min, max];
  }

  #counts(): RegExpExecArray | null {
    return this.#sees('{')
      ? /^\{(\d{1,5})(,(\d{0,5}))?\}/.exec(this.#text.slice(this.#at, this.#at + 16))
      : null;
  }

  #group(): PatternNode | undefined {
    const outer = this.#flags;
    this.#flags = { ...outer };
    if (this.#accept('?')) {
      const name = /^P?<[A-Za-z0-9_]+>/.exec(this.#text.slice(this.#at, this.#at + 64));
      if (name) this.#at += name[0].length;
      else if (this.#readFlags() === ')') return undefined;
    }
    const node = this.#choice();
    if (!this.#accept(')')) throw invalid('missing closing )');
    this.#flags = outer;
    return node;
  }

  /** Flags up to `:` or `)`, which is returned; with `)` they hold for the rest of the group around. */
  #readFlags(): string {
    let value = true;
    for (;;) {
      const char = this.#at < this.#text.length ? String.fromCodePoint(this.#next()) : '';
      if (char === ':' || char === ')') return char;
      if (char === '-' && value) value = false;
      else if (char === 'i') this.#flags.foldsCase = value;
      else if (char === 'm') this.#flags.isMultiline = value;
      else if (char === 's') this.#flags.dotTakesAll = value;
      // Ungreedy changes what is captured, not whether it matches.
      else if (char !== 'U') throw invalid('invalid or unsupported Perl syntax');
    }
  }

  /** Adds literals up to `\\E`; a repetition behind it is about the last one. */
  #quoted(parts: PatternNode[]): void {
    const end = this.#text.indexOf('\\E', this.#at);
    const stop = end < 0 ? this.#text.length : end;
    const literals: PatternNode[] = [];
    while (this.#at < stop) literals.push(this.#literal(this.#next()));
    if (end >= 0) this.#at = end + 2;
    const last = literals.pop();
    parts.push(...literals, ...(last ? [this.#repeated(last)] : []));
  }

  #escape(): PatternNode {
    const letter = this.#text.charAt(this.#at);
    const what = assertions.get(letter);
    if (what) {
      this.#at += 1;
      return assertion(what);
    }
    const test = this.#escapedClass();
    return test ? { kind: 'char', test } : this.#literal(this.#escapedChar());
  }

  /** A class like `\d` or `\pL`, behind the backslash. */
  #escapedClass(): CharTest | undefined {
    const letter = this.#text.charAt(this.#at);
    const perl = perlClass(letter);
    if (perl) {
      this.#at += 1;
      return perl;
    }
    if (letter !== 'p' && letter !== 'P') return undefined;
    this.#at += 1;
    const braced = /^\{([^}]{1,40})\}/.exec(this.#text.slice(this.#at, this.#at + 42));
    const name = braced ? (braced[1] ?? '') : this.#text.charAt(this.#at);
    this.#at += braced ? braced[0].length : 1;
    return unicodeClass(name, letter === 'P');
  }

  /** One character, behind the backslash. */
  #escapedChar(): number {
    if (this.#at >= this.#text.length) throw invalid('trailing backslash at end of expression');
    const rest = this.#text.slice(this.#at, this.#at + 12);
    const number = /^(?:x([0-9A-Fa-f]{2})|x\{([0-9A-Fa-f]{1,8})\}|(0[0-7]{0,2}|[1-7][0-7]{1,2}))/.exec(rest);
    if (number) {
      this.#at += number[0].length;
      const [, two, many, octal] = number;
      const char = octal === undefined ? Number.parseInt(two ?? many ?? '', 16) : Number.parseInt(octal, 8);
      if (char > 0x10ffff) throw invalid('invalid escape sequence');
      return char;
    }
    const char = this.#next();
    const letter = String.fromCodePoint(char);
    const control = escapes.get(letter);
    if (control !== undefined) return control;
    // Punctuation stands for itself; letters and digits are kept for what RE2 may mean by them (\1 is no back reference here).
    if (char >= 128 || /[0-9A-Za-z]/.test(letter)) throw invalid(`invalid escape sequence: \\${letter}`);
    return char;
  }

  /** A class, behind the `[`. */
  #class(): CharTest {
    const isNegated = this.#accept('^');
    const items: ClassItem[] = [];
    for (let isFirst = true; isFirst || !this.#accept(']'); isFirst = false) {
      if (this.#at >= this.#text.length) throw invalid('missing closing ]');
      items.push(this.#classItem());
    }
    return classTest(items, { isNegated, foldsCase: this.#flags.foldsCase });
  }

  #classItem(): ClassItem {
    const named = /^\[:(\^?[a-z]+):\]/.exec(this.#text.slice(this.#at, this.#at + 16));
    if (named) {
      const test = posixClass(named[1] ?? '');
      if (!test) throw invalid(`invalid character class range: ${named[0]}`);
      this.#at += named[0].length;
      return test;
    }
    if (this.#sees('\\')) {
      this.#at += 1;
      const test = this.#escapedClass();
      if (test) return test;
      this.#at -= 1;
    }
    const from = this.#classChar();
    // A minus before the end of the class stands for itself.
    if (!this.#sees('-') || this.#text.charAt(this.#at + 1) === ']') return [from, from];
    this.#at += 1;
    const to = this.#classChar();
    if (to < from) throw invalid('invalid character class range');
    return [from, to];
  }

  #classChar(): number {
    if (this.#at >= this.#text.length) throw invalid('missing closing ]');
    return this.#accept('\\') ? this.#escapedChar() : this.#next();
  }

  #literal(char: number): PatternNode {
    const { foldsCase } = this.#flags;
    const test: CharTest = foldsCase
      ? classTest([[char, char]], { isNegated: false, foldsCase })
      : (other) => other === char;
    return { kind: 'char', test };
  }

  #sees(text: string): boolean {
    return this.#text.startsWith(text, this.#at);
  }

  #accept(text: string): boolean {
    if (!this.#sees(text)) return false;
    this.#at += text.length;
    return true;
  }

  #next(): number {
    const char = this.#text.codePointAt(this.#at) ?? 0;
    this.#at += char > 0xffff ? 2 : 1;
    return char;
  }
}

function assertion(what: Assertion): PatternNode {
  return { kind: 'assert', what };
}
