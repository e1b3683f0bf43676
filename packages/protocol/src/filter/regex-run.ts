/**
 * Runs a compiled regular expression on a text: Thompson's simulation of all ways at once, with the steps it found kept as a
 * table (a lazily built automaton), so that the usual cost is one look-up a character. Runs in a browser.
 */
import type { CharTest } from './regex-class.ts';
import type { Assertion } from './regex-syntax.ts';

/** Steps that a filter may still take for one item. */
export interface StepBudget {
  left: number;
}

/** One instruction; `next` and `other` are indexes into the program. */
export type Instruction =
  | { readonly op: 'char'; readonly test: CharTest; readonly next: number }
  | { readonly op: 'assert'; readonly what: Assertion; readonly next: number }
  | { readonly op: 'split'; next: number; readonly other: number }
  | { readonly op: 'match' };

/** What an assertion needs to know of the character before: none, a line feed, one of a word, another. */
type Before = 'none' | 'line' | 'word' | 'other';

/** All instructions that may come next, and what was before them. */
interface State {
  readonly pending: readonly number[];
  readonly before: Before;
  /** Known steps: character (-1 for the end of the text) to what follows. */
  readonly steps: Map<number, Step>;
}

/** The next state, or the answer. */
type Step = State | boolean;

/** Bounds of the table; it is emptied when one is reached. They keep it below some 2 MB, whatever the pattern. */
const maxStates = 256;
const maxKnownSteps = 4096;

/** A program with its table. The table is a cache: answers do not depend on it. */
export class RegexRun {
  readonly #program: readonly Instruction[];
  readonly #entry: number;
  readonly #states = new Map<string, State>();
  #knownSteps = 0;
  /** Instruction to the last round in which it was seen, so that the set needs no clearing. */
  readonly #seen: Int32Array;
  #round = 0;

  constructor(program: readonly Instruction[], entry: number) {
    this.#program = program;
    this.#entry = entry;
    this.#seen = new Int32Array(program.length);
  }

  /** Whether the pattern occurs in `text`; undefined when the budget is spent before that is known. */
  test(text: string, budget: StepBudget): boolean | undefined {
    let state = this.#stateOf([], 'none');
    for (let at = 0; ;) {
      const char = text.codePointAt(at) ?? -1;
      budget.left -= 1;
      const step = state.steps.get(char) ?? this.#learn(state, char, budget);
      if (typeof step === 'boolean') return step;
      if (budget.left < 0) return undefined;
      state = step;
      at += char > 0xffff ? 2 : 1;
    }
  }

  #learn(state: State, char: number, budget: StepBudget): Step {
    const step = this.#step(state, char, budget);
    if (this.#knownSteps >= maxKnownSteps) this.#forget();
    this.#knownSteps += 1;
    state.steps.set(char, step);
    return step;
  }

  #step(state: State, char: number, budget: StepBudget): Step {
    const waiting = this.#close(state, char, budget);
    if (waiting === undefined) return true;
    if (char < 0) return false;
    this.#round += 1;
    const pending: number[] = [];
    for (const { test, next } of waiting) {
      if (this.#seen[next] !== this.#round && test(char)) {
        this.#seen[next] = this.#round;
        pending.push(next);
      }
    }
    return this.#stateOf(pending, beforeOf(char));
  }

  /** Follows all that takes no character; a match may begin anywhere. Undefined when a match ends here. */
  #close(
    state: State,
    after: number,
    budget: StepBudget,
  ): Extract<Instruction, { op: 'char' }>[] | undefined {
    this.#round += 1;
    const waiting: Extract<Instruction, { op: 'char' }>[] = [];
    const stack = [this.#entry, ...state.pending];
    for (let index = stack.pop(); index !== undefined; index = stack.pop()) {
      if (this.#seen[index] === this.#round) continue;
      this.#seen[index] = this.#round;
      budget.left -= 1;
      const instruction = this.#program[index];
      if (instruction === undefined || instruction.op === 'match') return undefined;
      if (instruction.op === 'char') waiting.push(instruction);
      else if (instruction.op === 'split') stack.push(instruction.other, instruction.next);
      else if (holds(instruction.what, state.before, after)) stack.push(instruction.next);
    }
    return waiting;
  }

  #stateOf(pending: number[], before: Before): State {
    const key = `${before} ${pending.toSorted((a, b) => a - b).join(' ')}`;
    const known = this.#states.get(key);
    if (known) return known;
    if (this.#states.size >= maxStates) this.#forget();
    const state: State = { pending, before, steps: new Map() };
    this.#states.set(key, state);
    return state;
  }

  #forget(): void {
    for (const state of this.#states.values()) state.steps.clear();
    this.#states.clear();
    this.#knownSteps = 0;
  }
}

function beforeOf(char: number): Before {
  if (char === 10) return 'line';
  return isWord(char) ? 'word' : 'other';
}

function holds(what: Assertion, before: Before, after: number): boolean {
  switch (what) {
    case 'textStart':
      return before === 'none';
    case 'textEnd':
      return after < 0;
    case 'lineStart':
      return before === 'none' || before === 'line';
    case 'lineEnd':
      return after < 0 || after === 10;
    case 'wordBoundary':
      return (before === 'word') !== isWord(after);
    case 'noWordBoundary':
      return (before === 'word') === isWord(after);
  }
}

/** [0-9A-Za-z_], as in RE2. */
function isWord(char: number): boolean {
  return (
    (char >= 48 && char <= 57) || (char >= 65 && char <= 90) || char === 95 || (char >= 97 && char <= 122)
  );
}
