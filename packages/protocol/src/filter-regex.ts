/**
 * Regular expressions of `matches` in filters: RE2's syntax, matched in time linear in pattern × text. JavaScript's own engine
 * backtracks (a hostile `(a|a)*b` would stop the process) and lacks `(?i)`. Runs in a browser.
 */
import { parsePattern, type Assertion, type CharTest, type PatternNode } from './filter-regex-syntax.ts';
import { StileError } from './errors.ts';

/** Most instructions of one pattern, repetitions counted out: `[a-z]{200}` has 200. */
export const maxPatternSize = 512;

/** Steps that a filter may still take for one item. */
export interface StepBudget {
  left: number;
}

type Instruction =
  | { readonly op: 'char'; readonly test: CharTest; next: number }
  | { readonly op: 'assert'; readonly what: Assertion; next: number }
  | { readonly op: 'split'; next: number; other: number }
  | { readonly op: 'match' };

/**
 * One compiled pattern. Supported is what RE2 has: literals, `.`, classes (`[a-z]`, `[[:alpha:]]`, `\d`, `\pL`), groups, flags
 * `i m s U`, `* + ? {n,m}` greedy or lazy, `^ $ \A \z \b \B`, `|`, `\Q…\E`. Refused, as by RE2: back references, lookaround;
 * and, as limits of ours: more than `maxPatternSize` instructions, groups nested deeper than 50.
 */
export class LinearRegex {
  readonly #program: Instruction[] = [];
  readonly #start: number;
  #compiled = 0;

  /** @throws {StileError} invalidArgument: not RE2 syntax, or too large */
  constructor(pattern: string) {
    const match = this.#emit({ op: 'match' });
    this.#start = this.#compile(parsePattern(pattern), match);
  }

  /** Whether the pattern occurs in `text`; undefined when the budget ran out before that was known. */
  test(text: string, budget: StepBudget): boolean | undefined {
    const run = new Run(this.#program);
    let before = -1;
    for (let at = 0; ;) {
      const char = text.codePointAt(at) ?? -1;
      run.add(this.#start);
      if (run.close(before, char)) return true;
      budget.left -= run.steps;
      if (budget.left < 0) return undefined;
      if (char < 0) return false;
      run.advance(char);
      before = char;
      at += char > 0xffff ? 2 : 1;
    }
  }

  #emit(instruction: Instruction): number {
    if (this.#program.length > maxPatternSize) throw tooLarge();
    return this.#program.push(instruction) - 1;
  }

  /** Emits a node that goes on at `next`; returns where it begins. Built from the end, so targets are known. */
  #compile(node: PatternNode, next: number): number {
    // Repetitions of nothing emit nothing; this count ends them.
    this.#compiled += 1;
    if (this.#compiled > 8 * maxPatternSize) throw tooLarge();
    switch (node.kind) {
      case 'char':
        return this.#emit({ op: 'char', test: node.test, next });
      case 'assert':
        return this.#emit({ op: 'assert', what: node.what, next });
      case 'sequence':
        return node.parts.reduceRight((after, part) => this.#compile(part, after), next);
      case 'choice': {
        const entries = node.parts.map((part) => this.#compile(part, next));
        return entries.reduceRight((other, entry) => this.#emit({ op: 'split', next: entry, other }));
      }
      case 'repeat':
        return this.#repeat(node, next);
    }
  }

  #repeat(node: Extract<PatternNode, { kind: 'repeat' }>, next: number): number {
    let entry = next;
    if (node.max === Infinity) {
      const loop: Instruction = { op: 'split', next: 0, other: next };
      entry = this.#emit(loop);
      loop.next = this.#compile(node.part, entry);
    } else {
      for (let i = node.min; i < node.max; i += 1) {
        entry = this.#emit({ op: 'split', next: this.#compile(node.part, entry), other: next });
      }
    }
    for (let i = 0; i < node.min; i += 1) entry = this.#compile(node.part, entry);
    return entry;
  }
}

function tooLarge(): StileError {
  return new StileError('invalidArgument', 'error parsing regexp: expression is too large');
}

/** The set of states a match is in: Thompson's simulation. Every state is visited once a character, so no pattern is slow. */
class Run {
  readonly #program: readonly Instruction[];
  /** Character that a state was last visited at, so that the set needs no clearing. */
  readonly #visited: Int32Array;
  #pending: number[] = [];
  #waiting: number[] = [];
  #round = 0;
  /** States visited by the last `close`. */
  steps = 0;

  constructor(program: readonly Instruction[]) {
    this.#program = program;
    this.#visited = new Int32Array(program.length).fill(-1);
  }

  add(state: number): void {
    this.#pending.push(state);
  }

  /** Follows everything that takes no character, between the two given ones (-1 at an end). True when a match is reached. */
  close(before: number, after: number): boolean {
    this.#waiting = [];
    this.steps = 0;
    const stack = this.#pending;
    for (let state = stack.pop(); state !== undefined; state = stack.pop()) {
      if (this.#visited[state] === this.#round) continue;
      this.#visited[state] = this.#round;
      this.steps += 1;
      const instruction = this.#program[state];
      if (instruction === undefined || instruction.op === 'match') return true;
      if (instruction.op === 'char') this.#waiting.push(state);
      else if (instruction.op === 'split') stack.push(instruction.other, instruction.next);
      else if (holds(instruction.what, before, after)) stack.push(instruction.next);
    }
    this.#round += 1;
    return false;
  }

  /** Takes one character. */
  advance(char: number): void {
    const pending: number[] = [];
    for (const state of this.#waiting) {
      const instruction = this.#program[state];
      if (instruction?.op === 'char' && instruction.test(char)) pending.push(instruction.next);
    }
    this.#pending = pending;
  }
}

function holds(what: Assertion, before: number, after: number): boolean {
  switch (what) {
    case 'textStart':
      return before < 0;
    case 'textEnd':
      return after < 0;
    case 'lineStart':
      return before < 0 || before === 10;
    case 'lineEnd':
      return after < 0 || after === 10;
    case 'wordBoundary':
      return isWord(before) !== isWord(after);
    case 'noWordBoundary':
      return isWord(before) === isWord(after);
  }
}

/** [0-9A-Za-z_], as in RE2. */
function isWord(char: number): boolean {
  return (
    (char >= 48 && char <= 57) || (char >= 65 && char <= 90) || char === 95 || (char >= 97 && char <= 122)
  );
}
