/** Parsed flags of one command with where each value came from: command line, environment or default (cli.md §1.2). */

/** Where a value came from. */
export type FlagOrigin = 'flag' | 'environment' | 'default';

/** One parsed value; numbers for int, uint and duration (ms). */
export interface FlagValue {
  readonly value: string | number | boolean | readonly string[];
  readonly origin: FlagOrigin;
}

/** One value of a repeatable flag. */
export interface RepeatedValue {
  readonly name: string;
  readonly text: string;
}

/** Typed access to parsed flags. Asking for a flag by the wrong type is a bug and throws a TypeError. */
export class FlagValues {
  readonly #values: ReadonlyMap<string, FlagValue>;
  readonly #repeated: readonly RepeatedValue[];

  /** `repeated` are the values of repeatable flags on the command line, in the order in which they stand there. */
  constructor(values: ReadonlyMap<string, FlagValue>, repeated: readonly RepeatedValue[] = []) {
    this.#values = values;
    this.#repeated = repeated;
  }

  /** Where the value came from; undefined when the flag has none. */
  origin(name: string): FlagOrigin | undefined {
    return this.#values.get(name)?.origin;
  }

  /** The value that the command line gives; undefined when it gives none. */
  given(name: string): FlagValue | undefined {
    const value = this.#values.get(name);
    return value?.origin === 'flag' ? value : undefined;
  }

  /** Whether command line or environment gave the flag. */
  isGiven(name: string): boolean {
    const origin = this.origin(name);
    return origin === 'flag' || origin === 'environment';
  }

  /** The text of a string flag; `''` when it has none. */
  text(name: string): string {
    const value = this.#values.get(name)?.value ?? '';
    if (typeof value !== 'string') throw new TypeError(`flag ${name} is not a string`);
    return value;
  }

  /** The value of a boolean flag; false when it has none. */
  bool(name: string): boolean {
    const value = this.#values.get(name)?.value ?? false;
    if (typeof value !== 'boolean') throw new TypeError(`flag ${name} is not a boolean`);
    return value;
  }

  /** The value of an int, uint or duration (ms) flag; undefined when it has none. */
  number(name: string): number | undefined {
    const value = this.#values.get(name)?.value;
    if (value !== undefined && typeof value !== 'number') throw new TypeError(`flag ${name} is not a number`);
    return value;
  }

  /** The values of a repeatable flag; empty when it has none. */
  list(name: string): readonly string[] {
    const value = this.#values.get(name)?.value ?? [];
    if (typeof value !== 'object') throw new TypeError(`flag ${name} is not a list`);
    return value;
  }

  /** The values that the command line gives to several repeatable flags, in its order. */
  inOrder(names: ReadonlySet<string>): readonly RepeatedValue[] {
    return this.#repeated.filter(({ name }) => names.has(name));
  }
}
