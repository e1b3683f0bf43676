/**
 * A line of the shell as words (tokens.md §3.4): bare, quoted by the rules of POSIX shells without expansion or substitution, or JSON.
 * Also reads a line that is still being typed, for completion. Pure.
 */
import { StileError } from '@stile/protocol/errors';

/** One word of a line. */
export interface LineWord {
  /** Without its quotes. */
  readonly text: string;
  /** Offset of its first character in the line, and of what follows it, UTF-16 units. */
  readonly start: number;
  readonly end: number;
  /** Whether it stands in the line as it is: without quotes, escapes and JSON. */
  readonly isBare: boolean;
}

/** What was found in a line. */
export interface ScannedLine {
  readonly words: readonly LineWord[];
  /** Why the line cannot run; undefined when it can. */
  readonly problem: string | undefined;
  /** The quote that is still open at the end of the line. */
  readonly openQuote: '"' | "'" | undefined;
  /** Whether a value that began as JSON is none: it may still be typed. */
  readonly isJsonOpen: boolean;
  /** Where a comment begins. */
  readonly commentStart: number | undefined;
}

/** What parts words. */
const blank = /[ \t\n\r\v\f]/;

/** What stands before a value: nothing, or a key with `=`. */
const valueStart = /^(?:-{0,2}[A-Za-z][\w-]*=)?$/;

/** What may follow a backslash within double quotes (POSIX.1 §2.2.3); before anything else the backslash stays. */
const escapedInDouble: ReadonlySet<string> = new Set(['$', '`', '"', '\\']);

/** A bare word that begins so was meant as JSON. */
const looksLikeJson = /^[[{]\s*"/;

class Scanner {
  readonly #line: string;
  #at = 0;
  #text = '';
  #isBare = true;
  #problem: string | undefined;
  #openQuote: '"' | "'" | undefined;
  #isJsonOpen = false;

  constructor(line: string) {
    this.#line = line;
  }

  scan(): ScannedLine {
    const words: LineWord[] = [];
    let commentStart: number | undefined;
    while (this.#skipBlanks()) {
      if (this.#line[this.#at] === '#') {
        commentStart = this.#at;
        break;
      }
      words.push(this.#word());
    }
    return {
      words,
      problem: this.#problem,
      openQuote: this.#openQuote,
      isJsonOpen: this.#isJsonOpen,
      commentStart,
    };
  }

  /** @returns whether anything follows */
  #skipBlanks(): boolean {
    while (blank.test(this.#line[this.#at] ?? '')) this.#at += 1;
    return this.#at < this.#line.length;
  }

  #word(): LineWord {
    const start = this.#at;
    this.#text = '';
    this.#isBare = true;
    while (this.#at < this.#line.length && !blank.test(this.#line[this.#at] ?? '')) this.#piece();
    return { text: this.#text, start, end: this.#at, isBare: this.#isBare };
  }

  #piece(): void {
    const character = this.#line[this.#at] ?? '';
    switch (character) {
      case "'":
        this.#single();
        break;
      case '"':
        this.#double();
        break;
      case '\\':
        this.#escape();
        break;
      default: {
        const opens = character === '{' || character === '[';
        if (opens && this.#isBare && valueStart.test(this.#text) && this.#json()) break;
        this.#text += character;
        this.#at += 1;
      }
    }
  }

  #fail(problem: string): void {
    this.#problem ??= problem;
  }

  #single(): void {
    this.#isBare = false;
    const end = this.#line.indexOf("'", this.#at + 1);
    this.#text += this.#line.slice(this.#at + 1, end < 0 ? undefined : end);
    if (end < 0) this.#unclosed("'");
    else this.#at = end + 1;
  }

  #unclosed(quote: '"' | "'"): void {
    this.#fail(`the quote ${quote} at column ${this.#at + 1} is never closed`);
    this.#openQuote = quote;
    this.#at = this.#line.length;
  }

  #double(): void {
    this.#isBare = false;
    for (let at = this.#at + 1; at < this.#line.length; at += 1) {
      const character = this.#line[at] ?? '';
      const next = this.#line[at + 1] ?? '';
      if (character === '"') {
        this.#at = at + 1;
        return;
      }
      if (character === '\\' && escapedInDouble.has(next)) {
        this.#text += next;
        at += 1;
      } else this.#text += character;
    }
    this.#unclosed('"');
  }

  #escape(): void {
    this.#isBare = false;
    const next = this.#line[this.#at + 1];
    if (next === undefined) this.#fail('the line ends in a backslash; write \\\\ for the character itself');
    this.#text += next ?? '';
    this.#at += 2;
    this.#at = Math.min(this.#at, this.#line.length);
  }

  /** Takes a JSON object or list as it stands. @returns whether there was one */
  #json(): boolean {
    const rest = this.#line.slice(this.#at);
    const json = jsonAtStart(rest);
    if (json === undefined) {
      if (looksLikeJson.test(rest)) {
        this.#fail(`what begins at column ${this.#at + 1} is no JSON; quote it if it is meant as a text`);
        this.#isJsonOpen = true;
      }
      return false;
    }
    this.#text += json;
    this.#at += json.length;
    this.#isBare = false;
    return true;
  }
}

/** Length of the text up to the bracket that closes the first one; undefined when none does. */
function closedLength(text: string): number | undefined {
  let depth = 0;
  for (let at = 0; at < text.length; at += 1) {
    const character = text[at];
    if (character === '"') {
      at = stringEnd(text, at);
    } else if (character === '{' || character === '[') depth += 1;
    else if (character === '}' || character === ']') depth -= 1;
    if (depth === 0) return at + 1;
  }
  return undefined;
}

/** Offset of the quote that ends a JSON string; the end of the text when none does. */
function stringEnd(text: string, start: number): number {
  let at = start + 1;
  while (at < text.length && text[at] !== '"') at += text[at] === '\\' ? 2 : 1;
  return at;
}

/** The JSON object or list that the text begins with, and that a blank or the end follows. */
function jsonAtStart(text: string): string | undefined {
  const length = closedLength(text);
  if (length === undefined || !blank.test(text[length] ?? ' ')) return undefined;
  const json = text.slice(0, length);
  try {
    JSON.parse(json);
    return json;
  } catch {
    // Not JSON: a bare word that begins with a bracket.
    return undefined;
  }
}

/** Reads a line that may be unfinished. */
export function scanLine(line: string): ScannedLine {
  return new Scanner(line).scan();
}

/**
 * The words of a line that shall run; none of an empty one and of a comment (`# …`).
 * @throws {StileError} invalidFlag for an open quote, a backslash at the end, broken JSON
 */
export function parseLine(line: string): readonly LineWord[] {
  const { words, problem } = scanLine(line);
  if (problem !== undefined) throw new StileError('invalidFlag', problem);
  return words;
}

/** A text as one word of a line: behind an open quote, which it closes, or with backslashes where it needs them. */
export function spellWord(text: string, quote: '"' | "'" | ''): string {
  if (quote === "'" || text === '') return `'${text.replaceAll("'", `'\\''`)}'`;
  if (quote === '"') return `"${text.replace(/[$`"\\]/g, '\\$&')}"`;
  return text.replace(/[^\p{L}\p{N}_@%+:,./=-]/gu, '\\$&');
}
