/** A value that must not be printed: whatever turns it into text by accident shows `<redacted>`. Runs in a browser too. */

const shown = '<redacted>';

/** Holds a secret; only `reveal` gives it out, so that every use can be found by searching for that word. */
export class Secret<T = string> {
  readonly #value: T;

  constructor(value: T) {
    this.#value = value;
  }

  /** The secret itself. Do not store, log or throw it. */
  reveal(): T {
    return this.#value;
  }

  /** `<redacted>`. */
  toString(): string {
    return shown;
  }

  /** `<redacted>`, in JSON. */
  toJSON(): string {
    return shown;
  }

  /** `<redacted>`, in template strings, concatenations and `util.format`. */
  [Symbol.toPrimitive](): string {
    return shown;
  }

  static {
    // The hook of `util.inspect` and `console.log`, by its registered symbol so that no `node:` import is needed.
    Object.defineProperty(this.prototype, Symbol.for('nodejs.util.inspect.custom'), { value: () => shown });
  }
}
