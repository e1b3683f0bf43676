/**
 * Filters of lists and workers: go-bexpr expressions, parsed once and evaluated on plain JSON (http-api.md §1.10). The
 * controller applies them; the CLI and the console check them before a call. Runs in a browser.
 */
import { StileError } from './errors.ts';
import { evaluate } from './filter/evaluate.ts';
import { parseExpression, type Expression } from './filter/syntax.ts';

export { maxFilterDepth, maxFilterLength } from './filter/syntax.ts';

/**
 * A parsed filter. One may be evaluated on many values; evaluation is pure, takes bounded time and never throws.
 *
 * What no filter of the original's language meets in practice is refused or cut: texts above 16,384 characters, nesting above
 * 100, more than 16 `matches`, regular expressions above 1,024 characters or 512 instructions; and a value on which evaluation takes
 * more than 250,000 steps does not match. Regular expressions have RE2's syntax and linear time (see `filter/regex.ts`); back references
 * and lookaround do not exist there.
 */
export class Filter {
  /** As written. */
  readonly text: string;
  readonly #expression: Expression;

  constructor(text: string, expression: Expression) {
    this.text = text;
    this.#expression = expression;
  }

  /**
   * Whether a value passes. Selectors start at it: for lists it is `{ item }`, for workers `{ name, tags }`. What cannot be
   * evaluated does not match: a missing object on the way, a comparison of unlike things.
   */
  matches(value: unknown): boolean {
    return evaluate(this.#expression, value) === true;
  }
}

/**
 * Parses a filter.
 * @throws {StileError} invalidArgument; the message says where and what was expected, `details` names the field `filter`
 */
export function parseFilter(text: string): Filter {
  try {
    return new Filter(text, parseExpression(text));
  } catch (cause) {
    if (!(cause instanceof StileError)) throw cause;
    const description = `This field could not be parsed. ${cause.message}`;
    throw new StileError('invalidArgument', cause.message, {
      details: { requestFields: [{ name: 'filter', description }] },
      cause,
    });
  }
}
