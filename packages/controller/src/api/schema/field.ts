/**
 * The field table of a resource: one row a JSON field. Input validation, update masks, TypeScript types, the order and omission
 * rules of answers, output_fields and the OpenAPI document all come from it (http-api.md §1.3, §1.7, §1.8).
 */

/**
 * When a field may be given: `output` never, `create` when the resource is made, `update` in a PATCH, `change` in both.
 * A field that may not be given and is given all the same is ignored, unless it has a `refused` text.
 */
export type Access = 'output' | 'create' | 'update' | 'change';

interface Shared {
  readonly access: Access;
  /** What the field means, for the OpenAPI document. */
  readonly summary?: string;
  /** Shown also when empty: a wrapper field (http-api.md §1.3). */
  readonly isAlwaysShown?: true;
  /** Never in an answer. */
  readonly isWriteOnly?: true;
  /** Must be given on create; the text says so when it is not. */
  readonly required?: string;
  /** May not be set to null or `""` in a PATCH; the text says so. */
  readonly cannotClear?: string;
  /** May never be given; the text says why. */
  readonly refused?: string;
  /** May not be given on create; the text says why. */
  readonly refusedOnCreate?: string;
  /** May not be given in a PATCH; the text says why. */
  readonly refusedOnUpdate?: string;
}

/** A text. `trim` marks names and descriptions, which are cut of white space and must be printable. */
export interface StringField extends Shared {
  readonly kind: 'string';
  readonly trim?: 'name' | 'description';
  /** Longest value in UTF-16 units; default 4096. */
  readonly maxLength?: number;
  readonly enum?: readonly string[];
  /** A text when the value is not legal. */
  readonly rule?: (value: string) => string | undefined;
}

/** A whole number of 32 bits. */
export interface NumberField extends Shared {
  readonly kind: 'uint32' | 'int32';
  readonly rule?: (value: number) => string | undefined;
}

/** A boolean. */
export interface BooleanField extends Shared {
  readonly kind: 'bool';
}

/** A list of texts. */
export interface StringsField extends Shared {
  readonly kind: 'strings';
}

/** An object with fields of its own. `strict` objects (`attributes`) refuse unknown keys and wrong types as a whole. */
export interface ObjectField extends Shared {
  readonly kind: 'object';
  readonly fields: FieldTable;
  readonly strict?: true;
}

/** An object of whatever keys and values. */
export interface JsonField extends Shared {
  readonly kind: 'json';
}

/** Any JSON at all; null counts as absent. */
export interface AnyField extends Shared {
  readonly kind: 'any';
}

/** A list of objects. */
export interface ListField extends Shared {
  readonly kind: 'list';
  readonly fields: FieldTable;
}

/** Texts to lists of texts, as tags are. */
export interface MapField extends Shared {
  readonly kind: 'map';
}

/** Output only: `time` is epoch microseconds shown as RFC 3339, `int64` a number shown as a string, `bytes` shown as base64. */
export interface OutputField extends Shared {
  readonly kind: 'time' | 'int64' | 'bytes';
  readonly access: 'output';
}

/** One row of the table. */
export type Field =
  | StringField
  | NumberField
  | BooleanField
  | StringsField
  | ObjectField
  | JsonField
  | AnyField
  | ListField
  | MapField
  | OutputField;

/** JSON name to field, in the order of answers. */
export type FieldTable = Readonly<Record<string, Field>>;

/** What a kind of field holds in code. */
type ValueOf<F extends Field> = F extends { kind: 'string' }
  ? string
  : F extends { kind: 'uint32' | 'int32' | 'time' | 'int64' }
    ? number
    : F extends { kind: 'bool' }
      ? boolean
      : F extends { kind: 'strings' }
        ? readonly string[]
        : F extends { kind: 'json' }
          ? Readonly<Record<string, unknown>>
          : F extends { kind: 'bytes' }
            ? Uint8Array
            : F extends { kind: 'map' }
              ? Readonly<Record<string, readonly string[]>>
              : F extends { kind: 'list'; fields: infer T extends FieldTable }
                ? readonly Output<T>[]
                : F extends { kind: 'object'; fields: infer T extends FieldTable }
                  ? Output<T>
                  : never;

/** Values of an answer; what is absent, null or empty is left out. */
export type Output<T extends FieldTable> = {
  readonly [K in keyof T]?: ValueOf<T[K]> | null | undefined;
};

type InputValueOf<F extends Field> = F extends { kind: 'object'; fields: infer T extends FieldTable }
  ? Input<T>
  : F extends { kind: 'list'; fields: infer T extends FieldTable }
    ? readonly Input<T>[]
    : ValueOf<F>;

type GivenOnCreate<T extends FieldTable> = {
  [K in keyof T]: T[K]['access'] extends 'create' | 'change' ? K : never;
}[keyof T];

type Demanded<T extends FieldTable> = {
  [K in GivenOnCreate<T>]: T[K] extends { required: string } ? K : never;
}[GivenOnCreate<T>];

/** Checked values of a create request or of the body of an action. */
export type Input<T extends FieldTable> = {
  readonly [K in Demanded<T>]: InputValueOf<T[K]>;
} & {
  readonly [K in Exclude<GivenOnCreate<T>, Demanded<T>>]?: InputValueOf<T[K]>;
};

/** Changes of a PATCH: a key that is present is to be set, null means cleared. Nested objects have changes of their own. */
export type Changes<T extends FieldTable> = {
  readonly [K in keyof T as T[K]['access'] extends 'update' | 'change' ? K : never]?: T[K] extends {
    kind: 'object';
    fields: infer N extends FieldTable;
  }
    ? Changes<N>
    : InputValueOf<T[K]> | null;
};

/** A resource as the API shows it. */
export interface Schema<T extends FieldTable = FieldTable> {
  /** Name of the component in the OpenAPI document. */
  readonly name: string;
  readonly fields: T;
  /** Message of a PATCH that changes nothing legal, and the text of its field `update_mask` (http-api.md §1.8). */
  readonly emptyMask?: { readonly message: string; readonly description: string };
}

/** Keeps the literal types of a field table. */
export function schemaOf<const T extends FieldTable>(
  name: string,
  fields: T,
  more: Omit<Schema<T>, 'name' | 'fields'> = {},
): Schema<T> {
  return { name, fields, ...more };
}
