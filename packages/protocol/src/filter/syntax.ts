/**
 * Parser of the filter language (go-bexpr 0.1.15, http-api.md §1.10): text to a tree. Errors say where the text stops making
 * sense and what could stand there, as the original's parser does: the furthest place that any rule reached. Runs in a browser.
 */
import { LinearRegex } from './regex.ts';
import { StileError } from '../errors.ts';
import { FilterScanner, spaceLabel } from './scanner.ts';
import { readGoString } from './go-string.ts';

/** Where a value is found: one name or index a step. */
export type Selector = readonly string[];

/** Comparison, without its negation. */
export type MatchOperator = 'equal' | 'in' | 'isEmpty' | 'matches';

/** One comparison. */
export interface MatchExpression {
  readonly kind: 'match';
  readonly selector: Selector;
  readonly operator: MatchOperator;
  readonly isNegated: boolean;
  /** Text of the value; how it is read depends on what the selector finds. */
  readonly value: string;
  readonly regex: LinearRegex | undefined;
}

/** `any` or `all` over a list or a map. */
export interface EachExpression {
  readonly kind: 'any' | 'all';
  readonly selector: Selector;
  /** Name for the value of a list or the key of a map, when only one name is given. */
  readonly name: string | undefined;
  /** Name for the index or key, when two are given and it is not `_`. */
  readonly keyName: string | undefined;
  /** Name for the value, when two are given and it is not `_`. */
  readonly valueName: string | undefined;
  readonly body: Expression;
}

/** A parsed filter. */
export type Expression =
  | { readonly kind: 'and' | 'or'; readonly parts: readonly Expression[] }
  | { readonly kind: 'not'; readonly part: Expression }
  | EachExpression
  | MatchExpression;

/** Longest filter, characters. Ours: Node reads 16 KiB of request line and headers. */
export const maxFilterLength = 16_384;
/** Deepest nesting of parentheses, `not` and quantifiers. Ours. */
export const maxFilterDepth = 100;
/** Most `matches` in one filter: each costs more than any other term. Ours. */
const maxRegexes = 16;

/**
 * Parses a filter.
 * @throws {StileError} invalidArgument
 */
export function parseExpression(text: string): Expression {
  if (text.length > maxFilterLength) {
    throw new StileError('invalidArgument', `filter is longer than ${maxFilterLength} characters`);
  }
  return new FilterParser(text).parse();
}

/** The operators that stand between a selector and a value. */
const comparisons: readonly {
  readonly operator: MatchOperator;
  readonly isNegated: boolean;
  readonly accept: (scan: FilterScanner) => boolean;
}[] = [
  { operator: 'equal', isNegated: false, accept: (scan) => scan.symbol('==') },
  { operator: 'equal', isNegated: true, accept: (scan) => scan.symbol('!=') },
  { operator: 'in', isNegated: false, accept: (scan) => scan.words('contains') },
  { operator: 'in', isNegated: true, accept: (scan) => scan.words('not', 'contains') },
  { operator: 'matches', isNegated: false, accept: (scan) => scan.words('matches') },
  { operator: 'matches', isNegated: true, accept: (scan) => scan.words('not', 'matches') },
];

/** A rule that does not apply returns undefined; its caller goes back by `attempt`. */
class FilterParser {
  readonly #scan: FilterScanner;
  #depth = 0;
  #regexes = 0;

  constructor(text: string) {
    this.#scan = new FilterScanner(text);
  }

  parse(): Expression {
    this.#scan.space();
    const expression = this.#or();
    if (expression) {
      this.#scan.space();
      if (this.#scan.isAtEnd) return expression;
      this.#scan.missed('EOF');
    }
    throw this.#scan.failure();
  }

  #or(): Expression | undefined {
    return this.#joined('or', () => this.#joined('and', () => this.#not()));
  }

  /** Terms between words; a loop, so that many terms cost no stack. */
  #joined(kind: 'and' | 'or', term: () => Expression | undefined): Expression | undefined {
    const first = term();
    if (!first) return undefined;
    const parts = [first];
    for (;;) {
      const next = this.#scan.attempt(() => (this.#scan.words(kind) ? term() : undefined));
      if (!next) return parts.length === 1 ? first : { kind, parts };
      parts.push(next);
    }
  }

  #not(): Expression | undefined {
    const negated = this.#scan.attempt(() => {
      if (!this.#scan.accept('not') || !this.#scan.space()) return undefined;
      const part = this.#deeper(() => this.#not());
      return part && ({ kind: 'not', part } as const);
    });
    return negated ?? this.#group();
  }

  #group(): Expression | undefined {
    if (!this.#scan.accept('(')) return this.#each() ?? this.#match();
    return this.#deeper(() => {
      this.#scan.space();
      const inner = this.#or();
      this.#scan.space();
      return inner && this.#scan.accept(')') ? inner : undefined;
    });
  }

  #each(): Expression | undefined {
    return this.#scan.attempt(() => {
      const kind = this.#scan.accept('any') ? 'any' : this.#scan.accept('all') ? 'all' : undefined;
      if (!kind || !this.#scan.space()) return undefined;
      const selector = this.#selector();
      if (!selector || !this.#scan.words('as')) return undefined;
      const names = this.#names();
      this.#scan.space();
      if (!names || !this.#scan.accept('{')) return undefined;
      const body = this.#deeper(() => {
        this.#scan.space();
        return this.#or();
      });
      this.#scan.space();
      return body && this.#scan.accept('}') ? { kind, selector, ...names, body } : undefined;
    });
  }

  /** `v`, `k, v` or `(k, v)`, where `_` drops one. */
  #names(): Pick<EachExpression, 'name' | 'keyName' | 'valueName'> | undefined {
    const hasParentheses = this.#scan.accept('(');
    const first = this.#name();
    if (first === undefined) return undefined;
    const second = this.#scan.attempt(() => {
      this.#scan.space();
      if (!this.#scan.accept(',')) return undefined;
      this.#scan.space();
      return this.#name();
    });
    this.#scan.space();
    if (hasParentheses && !this.#scan.accept(')')) return undefined;
    const named = (name: string): string | undefined => (name === '_' ? undefined : name);
    if (second === undefined) return { name: named(first), keyName: undefined, valueName: undefined };
    return { name: undefined, keyName: named(first), valueName: named(second) };
  }

  #name(): string | undefined {
    return this.#scan.accept('_') ? '_' : this.#identifier();
  }

  #match(): Expression | undefined {
    return this.#scan.attempt(() => this.#selectorFirst()) ?? this.#scan.attempt(() => this.#valueFirst());
  }

  #selectorFirst(): MatchExpression | undefined {
    const selector = this.#selector();
    if (!selector) return undefined;
    return this.#comparison(selector) ?? this.#emptiness(selector);
  }

  #comparison(selector: Selector): MatchExpression | undefined {
    for (const { operator, isNegated, accept } of comparisons) {
      const found = this.#scan.attempt(() => {
        const value = accept(this.#scan) ? this.#value() : undefined;
        if (value === undefined) return undefined;
        const regex = operator === 'matches' ? this.#regex(value) : undefined;
        return { kind: 'match', selector, operator, isNegated, value, regex } as const;
      });
      if (found) return found;
    }
    return undefined;
  }

  #emptiness(selector: Selector): MatchExpression | undefined {
    return this.#scan.attempt(() => {
      if (!this.#scan.space() || !this.#scan.accept('is') || !this.#scan.space()) return undefined;
      const isNegated =
        this.#scan.attempt(() => (this.#scan.accept('not') && this.#scan.space()) || undefined) ?? false;
      if (!this.#scan.accept('empty')) return undefined;
      return { kind: 'match', selector, operator: 'isEmpty', isNegated, value: '', regex: undefined };
    });
  }

  #valueFirst(): MatchExpression | undefined {
    const value = this.#value();
    if (value === undefined) return undefined;
    for (const isNegated of [false, true]) {
      const found = this.#scan.attempt(() => {
        if (!(isNegated ? this.#scan.words('not', 'in') : this.#scan.words('in'))) return undefined;
        const selector = this.#selector();
        return selector && { kind: 'match' as const, selector, operator: 'in' as const, isNegated, value };
      });
      if (found) return { ...found, regex: undefined };
    }
    return undefined;
  }

  #regex(pattern: string): LinearRegex {
    this.#regexes += 1;
    if (this.#regexes > maxRegexes) {
      throw new StileError('invalidArgument', `filter has more than ${maxRegexes} regular expressions`);
    }
    return new LinearRegex(pattern);
  }

  /** A JSON pointer in quotes, or names joined by dots. */
  #selector(): Selector | undefined {
    return this.#scan.attempt(() => this.#pointer()) ?? this.#dotted();
  }

  #pointer(): Selector | undefined {
    if (!this.#scan.accept('"')) return undefined;
    const path: string[] = [];
    while (this.#scan.accept('/')) {
      const segment = this.#scan.many(/[\p{L}\p{N}\-_.~:|]/u, '[\\pL\\pN-_.~:|]');
      if (segment === '') return undefined;
      // RFC 6901 §4: first ~1, then ~0.
      path.push(segment.replaceAll('~1', '/').replaceAll('~0', '~'));
    }
    return this.#scan.accept('"') ? path : undefined;
  }

  #dotted(): Selector | undefined {
    const first = this.#identifier();
    if (first === undefined) return undefined;
    const path = [first];
    for (;;) {
      const next = this.#scan.attempt(() => this.#step());
      if (next === undefined) return path;
      path.push(next);
    }
  }

  #step(): string | undefined {
    if (this.#scan.accept('.')) return this.#identifier() ?? (this.#scan.many(/[0-9]/, '[0-9]') || undefined);
    if (!this.#scan.accept('[')) return undefined;
    this.#scan.space();
    const index = this.#string();
    this.#scan.space();
    return this.#scan.accept(']') ? index : undefined;
  }

  #identifier(): string | undefined {
    const first = this.#scan.one(/[a-zA-Z]/, '[a-zA-Z]');
    return first === '' ? undefined : first + this.#scan.many(/[a-zA-Z0-9_/]/, '[a-zA-Z0-9_/]');
  }

  /** A value: a bare word, a number, a string. Its text; the type comes from what it is compared with. */
  #value(): string | undefined {
    const bare = this.#scan.attempt(() => this.#dotted());
    if (bare) return bare.join('.');
    return this.#scan.attempt(() => this.#number()) ?? this.#scan.attempt(() => this.#string());
  }

  #number(): string | undefined {
    const start = this.#scan.at;
    this.#scan.accept('-');
    if (!this.#scan.accept('0')) {
      if (this.#scan.one(/[1-9]/, '[1-9]') === '') return undefined;
      this.#scan.many(/[0-9]/, '[0-9]');
    }
    this.#scan.attempt(() => (this.#scan.accept('.') && this.#scan.many(/[0-9]/, '[0-9]')) || undefined);
    if (this.#scan.isAtEnd || /[ \t\r\n)}]/.test(this.#scan.next)) return this.#scan.since(start);
    this.#scan.missed(spaceLabel);
    this.#scan.missed('")"');
    return undefined;
  }

  #string(): string | undefined {
    const start = this.#scan.at;
    const quote = this.#scan.accept('`') ? '`' : this.#scan.accept('"') ? '"' : undefined;
    if (!quote) return undefined;
    const inner = this.#scan.readUntil(quote);
    if (inner === undefined) throw this.#scan.problem(start, 'Unterminated string literal');
    if (quote === '`') return inner;
    const value = readGoString(inner);
    if (value === undefined) throw this.#scan.problem(start, 'invalid escape in string literal');
    return value;
  }

  #deeper<T>(rule: () => T): T {
    this.#depth += 1;
    if (this.#depth > maxFilterDepth) {
      throw this.#scan.problem(this.#scan.at, `nested deeper than ${maxFilterDepth}`);
    }
    const result = rule();
    this.#depth -= 1;
    return result;
  }
}
