/**
 * Reads the text of a filter piece by piece and remembers the furthest place where something was looked for in vain: that is
 * what an error tells. Base of the parser in syntax.ts. Runs in a browser.
 */
import { StileError } from '../errors.ts';

/** Label of white space in errors. */
export const spaceLabel = '[ \\t\\r\\n]';

/** A place in a text. Every reader moves on when it finds what it looks for, and stays otherwise. */
export class FilterScanner {
  readonly #text: string;
  #at = 0;
  #furthest = 0;
  readonly #expected = new Set<string>();

  constructor(text: string) {
    this.#text = text;
  }

  /** Offset of the next character. */
  get at(): number {
    return this.#at;
  }

  /** Whether everything was read. */
  get isAtEnd(): boolean {
    return this.#at === this.#text.length;
  }

  /** The next character without reading it; empty at the end. */
  get next(): string {
    return this.#text.charAt(this.#at);
  }

  /** What was read since an offset. */
  since(start: number): string {
    return this.#text.slice(start, this.#at);
  }

  /** Goes back to where `rule` began when it finds nothing. */
  attempt<T>(rule: () => T | undefined): T | undefined {
    const start = this.#at;
    const result = rule();
    if (result === undefined) this.#at = start;
    return result;
  }

  /** Reads exactly `text`. */
  accept(text: string): boolean {
    if (this.#text.startsWith(text, this.#at)) {
      this.#at += text.length;
      return true;
    }
    // Labels are made only where they count: most misses are behind the furthest place.
    if (this.#at >= this.#furthest) this.missed(JSON.stringify(text));
    return false;
  }

  /** Reads everything before `end` and `end` itself; undefined when that does not come. */
  readUntil(end: string): string | undefined {
    const found = this.#text.indexOf(end, this.#at);
    if (found < 0) return undefined;
    const text = this.#text.slice(this.#at, found);
    this.#at = found + end.length;
    return text;
  }

  /** Reads one character of a class; empty when another comes. */
  one(allowed: RegExp, label: string): string {
    const point = this.#text.codePointAt(this.#at);
    const char = point === undefined ? '' : String.fromCodePoint(point);
    if (char === '' || !allowed.test(char)) {
      this.missed(label);
      return '';
    }
    this.#at += char.length;
    return char;
  }

  /** Reads all characters of a class from here on. */
  many(allowed: RegExp, label: string): string {
    const start = this.#at;
    while (this.one(allowed, label) !== '');
    return this.since(start);
  }

  /** Reads white space, also none. Returns whether there was some. */
  space(): boolean {
    const start = this.#at;
    while (isSpace(this.#text.charCodeAt(this.#at))) this.#at += 1;
    this.missed(spaceLabel);
    return this.#at > start;
  }

  /** Reads an operator of signs: white space around it may be left out. */
  symbol(sign: string): boolean {
    this.space();
    if (!this.accept(sign)) return false;
    this.space();
    return true;
  }

  /** Reads an operator of words: white space before, between and behind. */
  words(...words: readonly string[]): boolean {
    return words.every((word) => this.space() && this.accept(word)) && this.space();
  }

  /** Notes that `label` was looked for here. */
  missed(label: string): void {
    if (this.#at < this.#furthest) return;
    if (this.#at > this.#furthest) this.#expected.clear();
    this.#furthest = this.#at;
    this.#expected.add(label);
  }

  /** The error about the furthest place. */
  failure(): StileError {
    const labels = [...this.#expected].toSorted();
    const last = labels.pop() ?? '';
    const list = labels.length === 0 ? last : `${labels.join(', ')} or ${last}`;
    return this.problem(this.#furthest, `no match found, expected: ${list}`);
  }

  /** An error at an offset: `1:14 (13): …` is line, column and offset, as the original writes them. */
  problem(offset: number, what: string): StileError {
    const before = this.#text.slice(0, offset).split('\n');
    const column = (before.at(-1)?.length ?? 0) + 1;
    return new StileError('invalidArgument', `${before.length}:${column} (${offset}): ${what}`);
  }
}

function isSpace(code: number): boolean {
  return code === 32 || code === 9 || code === 10 || code === 13;
}
