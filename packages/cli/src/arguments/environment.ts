/** The environment as commands see it: `STILE_X` first, then `BOUNDARY_X`. The only reader of `process.env` is main.ts. */

/** Variables by name, as `process.env`. */
export type Variables = Readonly<Record<string, string | undefined>>;

/** Read-only view of environment variables with the two product prefixes. */
export class Environment {
  readonly #variables: Variables;

  constructor(variables: Variables) {
    this.#variables = variables;
  }

  /** The value of `STILE_<suffix>`, else `BOUNDARY_<suffix>`. Set but empty counts as set (cli.md §1.2). */
  get(suffix: string): string | undefined {
    return this.#variables[`STILE_${suffix}`] ?? this.#variables[`BOUNDARY_${suffix}`];
  }

  /** The value of a variable by its full name. */
  raw(name: string): string | undefined {
    return this.#variables[name];
  }

  /** A copy of all variables, for a child process. */
  copy(): Record<string, string | undefined> {
    return { ...this.#variables };
  }
}
