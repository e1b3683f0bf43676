/** Which fields of an item a caller may see (grants.md §2.6): the last part of every access decision. */

/** Fields that an anonymous caller sees when no grant names fields. */
const anonymousFields: ReadonlySet<string> = new Set([
  'id',
  'scope',
  'scope_id',
  'plugin_id',
  'plugin',
  'name',
  'description',
  'type',
  'is_primary',
  'primary_auth_method_id',
  'authorized_actions',
  'authorized_collection_actions',
]);

/** A set of top-level JSON names, or all of them. */
export class OutputFields {
  /** Every field: the default of a caller who is somebody. */
  static readonly all: OutputFields = new OutputFields(undefined);
  /** The default of an anonymous caller. */
  static readonly anonymous: OutputFields = new OutputFields(anonymousFields);
  /** No field at all. */
  static readonly none: OutputFields = new OutputFields(new Set());

  readonly #names: ReadonlySet<string> | undefined;

  private constructor(names: ReadonlySet<string> | undefined) {
    this.#names = names;
  }

  /** The fields that grants name; `*` among them is all. */
  static of(names: ReadonlySet<string>): OutputFields {
    return names.has('*') ? OutputFields.all : new OutputFields(names);
  }

  /** Whether every field may be seen. */
  get isAll(): boolean {
    return this.#names === undefined;
  }

  /** Names, sorted; undefined for all. */
  get names(): readonly string[] | undefined {
    return this.#names && [...this.#names].toSorted();
  }

  includes(field: string): boolean {
    return this.#names === undefined || this.#names.has(field);
  }

  /** `item` with only the fields that may be seen; the item itself when all may. */
  apply<T extends object>(item: T): Partial<T> {
    const names = this.#names;
    if (names === undefined) return item;
    // Object.fromEntries forgets the types of the fields; what is left is a part of T.
    return Object.fromEntries(Object.entries(item).filter(([name]) => names.has(name))) as Partial<T>;
  }
}
