/** The query of a request as typed values: unknown keys are ignored, known ones must be legal (http-api.md §1.3, §7). */
import { invalidField } from '@stile/protocol/errors';

/** The query as fastify parsed it: a key that was given twice has an array. */
export type RawQuery = Readonly<Record<string, string | readonly string[] | undefined>>;

const maxUint32 = 4_294_967_295;

/** Reads the query of one request. */
export class Query {
  readonly #raw: RawQuery;

  constructor(raw: RawQuery) {
    this.#raw = raw;
  }

  /** Names of the parameters that are there, each once. */
  get names(): readonly string[] {
    return Object.keys(this.#raw);
  }

  /**
   * A text; `''` when absent.
   * @throws {StileError} invalidArgument when given twice
   */
  text(name: string): string {
    const value = this.#raw[name];
    if (value === undefined) return '';
    if (typeof value !== 'string') throw invalidField(name, 'This parameter was given more than once.');
    return value;
  }

  /**
   * A boolean in the spellings of Go's ParseBool; false when absent or empty.
   * @throws {StileError} invalidArgument
   */
  flag(name: string): boolean {
    const value = this.text(name);
    if (['', '0', 'f', 'F', 'false', 'FALSE', 'False'].includes(value)) return false;
    if (['1', 't', 'T', 'true', 'TRUE', 'True'].includes(value)) return true;
    throw invalidField(name, 'This parameter must be true or false.');
  }

  /**
   * A whole number from 0 to 2^32 − 1; 0 when absent or empty.
   * @throws {StileError} invalidArgument
   */
  count(name: string): number {
    const value = this.text(name);
    if (value === '') return 0;
    const number = /^\d{1,10}$/.test(value) ? Number(value) : NaN;
    if (!(number <= maxUint32))
      throw invalidField(name, 'This parameter must be a whole number from 0 to 4294967295.');
    return number;
  }

  /**
   * Texts separated by commas, of one key or several; undefined when absent.
   */
  list(name: string): readonly string[] | undefined {
    const value = this.#raw[name];
    if (value === undefined) return undefined;
    const texts = typeof value === 'string' ? [value] : value;
    return texts.flatMap((text) => text.split(',')).filter((text) => text !== '');
  }
}
