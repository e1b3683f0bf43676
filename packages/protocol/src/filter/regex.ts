/**
 * Regular expressions of `matches` in filters: RE2's syntax, matched in time linear in pattern × text. JavaScript's own engine
 * backtracks (a hostile `(a|a)*b` would stop the process) and lacks `(?i)`. Runs in a browser.
 */
import { StileError } from '../errors.ts';
import { RegexRun, type Instruction, type StepBudget } from './regex-run.ts';
import { parsePattern, type PatternNode } from './regex-syntax.ts';

export type { StepBudget } from './regex-run.ts';

/** Most instructions of one pattern, repetitions counted out: `[a-z]{200}` has 200. */
export const maxPatternSize = 512;

/**
 * One compiled pattern. Supported is what RE2 has: literals, `.`, classes (`[a-z]`, `[[:alpha:]]`, `\d`, `\pL`), groups, flags
 * `i m s U`, `* + ? {n,m}` greedy or lazy, `^ $ \A \z \b \B`, `|`, `\Q…\E`. Refused, as by RE2: back references, lookaround;
 * and, as limits of ours: more than `maxPatternSize` instructions, groups nested deeper than 50.
 */
export class LinearRegex {
  readonly #program: Instruction[] = [];
  readonly #run: RegexRun;
  #compiled = 0;

  /** @throws {StileError} invalidArgument: not RE2 syntax, or too large */
  constructor(pattern: string) {
    const match = this.#emit({ op: 'match' });
    this.#run = new RegexRun(this.#program, this.#compile(parsePattern(pattern), match));
  }

  /** Whether the pattern occurs in `text`; undefined when the budget is spent before that is known. */
  test(text: string, budget: StepBudget): boolean | undefined {
    return this.#run.test(text, budget);
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
      const loop: Extract<Instruction, { op: 'split' }> = { op: 'split', next: 0, other: next };
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
