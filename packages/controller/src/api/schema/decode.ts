/**
 * Reads request bodies by their field table: JSON values to typed ones, every fault under its field name. Wrong types and
 * illegal values are 400, never a crash, whatever the body holds.
 */
import { type FieldError, invalidField, invalidRequestMessage, StileError } from '@stile/protocol/errors';
import type { JsonObject } from '../http/body.ts';
import type { Field, FieldTable, Input, ObjectField, Schema } from './field.ts';
import { isStorable, textProblem } from './text-rules.ts';

/** Message of create, read, update and delete faults. */
export const requestMessage: string = invalidRequestMessage;
/** Message of faults in the body of an action. */
export const fieldsMessage = 'Errors in provided fields.';

const strictMismatch = 'Attribute fields do not match the expected format.';
/** Longest text of a field that says nothing else, UTF-16 units. */
const defaultMaxLength = 4096;
/** Most unknown fields that are named. */
const mostNamed = 10;
/** Most entries of a list in a body; a larger one is no sensible request and would become one SQL statement. */
const maxListEntries = 10_000;

/** Values by field name, checked for their kind. Keys that were absent or null are absent. */
export type Decoded = Record<string, unknown>;

/** Makes the 400 for faulty fields; sorted by name, as clients expect (http-api.md §1.4). */
export function fieldErrors(message: string, errors: readonly FieldError[]): StileError {
  const requestFields = [...errors].sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
  return new StileError('invalidArgument', message, { details: { requestFields } });
}

/**
 * Throws when there are faults.
 * @throws {StileError} invalidArgument
 */
export function refuseFaults(message: string, errors: readonly FieldError[]): void {
  if (errors.length > 0) throw fieldErrors(message, errors);
}

/** Whether a parsed JSON value is an object. */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A key of a body; never one of its prototype. Null counts as absent (http-api.md §1.3). */
export function given(body: JsonObject, name: string): unknown {
  return Object.hasOwn(body, name) ? (body[name] ?? undefined) : undefined;
}

function decodeInteger(value: unknown, lowest: number, highest: number): number | undefined {
  const number =
    typeof value === 'number'
      ? value
      : typeof value === 'string' && /^-?\d{1,10}$/.test(value)
        ? Number(value)
        : NaN;
  return Number.isInteger(number) && number >= lowest && number <= highest ? number : undefined;
}

function decodeStrings(value: unknown): readonly string[] | undefined {
  if (!Array.isArray(value) || value.length > maxListEntries) return undefined;
  const entries: readonly unknown[] = value;
  return entries.every((entry): entry is string => typeof entry === 'string' && isStorable(entry))
    ? entries
    : undefined;
}

/** A map of lists of texts; entries with null count as absent. Made anew: a key may be the name of an inherited property. */
function decodeMap(value: unknown): Readonly<Record<string, readonly string[]>> | undefined {
  if (!isObject(value)) return undefined;
  const entries: [string, readonly string[]][] = [];
  for (const [key, list] of Object.entries(value)) {
    if (list === null) continue;
    const texts = decodeStrings(list);
    if (texts === undefined || !isStorable(key) || entries.length >= maxListEntries) return undefined;
    entries.push([key, texts]);
  }
  return Object.fromEntries(entries);
}

/** What each kind demands, in words. */
const kindWords: Readonly<Record<Field['kind'], string>> = {
  string: 'This field must be a text.',
  uint32: 'This field must be a whole number from 0 to 4294967295.',
  int32: 'This field must be a whole number from -2147483648 to 2147483647.',
  bool: 'This field must be true or false.',
  strings: 'This field must be a list of texts.',
  object: 'This field must be an object.',
  json: 'This field must be an object.',
  any: 'This field may be any JSON.',
  list: 'This field must be a list of objects.',
  time: 'This is a read only field.',
  int64: 'This is a read only field.',
  bytes: 'This is a read only field.',
  map: 'This field must be an object of lists of texts.',
};

/** The value of a simple field, or undefined when it is of another kind. */
function decodeSimple(field: Field, value: unknown): unknown {
  switch (field.kind) {
    case 'string':
      return typeof value === 'string' && isStorable(value) ? value : undefined;
    case 'uint32':
      return decodeInteger(value, 0, 4_294_967_295);
    case 'int32':
      return decodeInteger(value, -2_147_483_648, 2_147_483_647);
    case 'bool':
      return typeof value === 'boolean' ? value : undefined;
    case 'strings':
      return decodeStrings(value);
    case 'json':
      return isObject(value) ? value : undefined;
    case 'any':
      return value;
    case 'object':
    case 'list':
    case 'time':
    case 'int64':
    case 'bytes':
      return undefined;
    case 'map':
      return decodeMap(value);
  }
}

/** Values of a strict object and of those in it; undefined when a key is unknown or a value of another kind. */
function decodeStrict(field: ObjectField, value: unknown): Decoded | undefined {
  if (!isObject(value)) return undefined;
  const decoded: Decoded = {};
  for (const name of Object.keys(value)) {
    const inner = Object.hasOwn(field.fields, name) ? field.fields[name] : undefined;
    if (inner === undefined) return undefined;
    const raw = given(value, name);
    if (raw === undefined) continue;
    const known = inner.kind === 'object' ? decodeStrict(inner, raw) : decodeSimple(inner, raw);
    if (known === undefined) return undefined;
    decoded[name] = known;
  }
  return decoded;
}

function decodeList(fields: FieldTable, value: unknown): readonly Decoded[] | undefined {
  if (!Array.isArray(value) || value.length > maxListEntries) return undefined;
  const items: Decoded[] = [];
  for (const entry of value as readonly unknown[]) {
    if (!isObject(entry)) return undefined;
    const errors: FieldError[] = [];
    items.push(decodeKinds(fields, entry, errors));
    if (errors.length > 0) return undefined;
  }
  return items;
}

function decodeField(field: Field, value: unknown): unknown {
  if (field.kind === 'object') {
    if (field.strict === true) return decodeStrict(field, value);
    if (!isObject(value)) return undefined;
    const errors: FieldError[] = [];
    const inner = decodeKinds(field.fields, value, errors);
    return errors.length > 0 ? undefined : inner;
  }
  return field.kind === 'list' ? decodeList(field.fields, value) : decodeSimple(field, value);
}

/**
 * First pass: every known field that is present, as its kind. Output fields are skipped. Faults are added to `errors`.
 * @throws {StileError} invalidArgument for a strict object that does not fit: reported alone, as Boundary does
 */
export function decodeKinds(fields: FieldTable, body: JsonObject, errors: FieldError[]): Decoded {
  const decoded: Decoded = {};
  for (const [name, field] of Object.entries(fields)) {
    const raw = given(body, name);
    if (raw === undefined || field.access === 'output') continue;
    const value = decodeField(field, raw);
    if (value !== undefined) decoded[name] = value;
    else if (field.kind === 'object' && field.strict === true) {
      throw invalidField(name, strictMismatch);
    } else errors.push({ name, description: kindWords[field.kind] });
  }
  return decoded;
}

/**
 * Names what the table does not have. Boundary drops such fields (http-api.md §1.3); calls that are ours alone refuse them where one that is
 * dropped, or misspelt, would do more than was asked for.
 */
export function checkUnknown(fields: FieldTable, body: JsonObject, errors: FieldError[]): void {
  const unknown = Object.keys(body).filter((name) => !Object.hasOwn(fields, name));
  for (const name of unknown.slice(0, mostNamed)) {
    // The name is the sender's text.
    const shown = /^[a-z][a-z_]{0,63}$/i.test(name) ? name : 'body';
    errors.push({ name: shown, description: `There is no such field: ${Object.keys(fields).join(', ')}.` });
  }
}

/** What is wrong with a value that has the right kind; `set` puts a trimmed one back. */
export function valueProblem(
  field: Field,
  value: unknown,
  set: (value: unknown) => void,
): string | undefined {
  if (field.kind === 'string' && typeof value === 'string') {
    const text = field.trim === undefined ? value : value.trim();
    if (field.trim !== undefined) set(text);
    const problem = field.trim === undefined ? undefined : textProblem(field.trim, text);
    if (problem !== undefined) return problem;
    const longest = field.maxLength ?? (field.trim === 'name' ? 1024 : defaultMaxLength);
    if (text.length > longest) return `This field may have at most ${longest} characters.`;
    if (field.enum !== undefined && !field.enum.includes(text))
      return `This field must be one of ${field.enum.join(', ')}.`;
    return field.rule?.(text);
  }
  if ((field.kind === 'uint32' || field.kind === 'int32') && typeof value === 'number')
    return field.rule?.(value);
  return undefined;
}

/** Second pass of a create: what must be there, what may not, and each value's own rule. */
export function checkCreate(fields: FieldTable, decoded: Decoded, errors: FieldError[], prefix = ''): void {
  for (const [name, field] of Object.entries(fields)) {
    if (field.access === 'output' || errors.some((error) => error.name === prefix + name)) continue;
    const value = decoded[name];
    const refused = field.refused ?? field.refusedOnCreate;
    const set = (changed: unknown): void => {
      decoded[name] = changed;
    };
    let problem: string | undefined;
    if (value === undefined || (value === '' && field.required !== undefined)) problem = field.required;
    else if (refused !== undefined) problem = refused;
    else problem = valueProblem(field, value, set);
    if (problem !== undefined) errors.push({ name: prefix + name, description: problem });
    else if (field.kind === 'object' && field.strict === true && isObject(value)) {
      checkCreate(field.fields, value, errors, `${name}.`);
    }
  }
}

/** What no create request may carry. */
function checkReadOnly(fields: FieldTable, body: JsonObject, errors: FieldError[]): void {
  for (const name of ['id', 'created_time', 'updated_time']) {
    const value = given(body, name);
    if (Object.hasOwn(fields, name) && value !== undefined && value !== '') {
      errors.push({ name, description: 'This is a read only field.' });
    }
  }
  const version = given(body, 'version');
  if (Object.hasOwn(fields, 'version') && version !== undefined && version !== 0) {
    errors.push({ name: 'version', description: 'Cannot specify this field in a create request.' });
  }
}

/** How a create request differs from the rule. */
export interface CreateOptions {
  /** Whether the attributes can be judged: not when the type itself is wrong (http-api.md §2.10). Default yes. */
  readonly hasAttributes?: (body: JsonObject) => boolean;
  /** Further faults that need several fields. */
  readonly also?: (decoded: Decoded, errors: FieldError[]) => void;
}

/**
 * The checked values of a create request. Unknown keys are ignored (http-api.md §1.3).
 * @throws {StileError} invalidArgument with every faulty field
 */
export function decodeCreate<T extends FieldTable>(
  schema: Schema<T>,
  body: JsonObject,
  options: CreateOptions = {},
): Input<T> {
  const withAttributes = options.hasAttributes?.(body) ?? true;
  const fields: FieldTable = withAttributes ? schema.fields : withoutStrict(schema.fields);
  const errors: FieldError[] = [];
  checkReadOnly(fields, body, errors);
  const decoded = decodeKinds(fields, body, errors);
  for (const [name, field] of Object.entries(fields)) {
    // An absent strict object is checked as an empty one, so that its required fields are named.
    if (field.kind === 'object' && field.strict === true && field.access !== 'output') decoded[name] ??= {};
  }
  checkCreate(fields, decoded, errors);
  options.also?.(decoded, errors);
  refuseFaults(requestMessage, errors);
  // The passes above made every value what the table says: this is the codec's one cast.
  return decoded as Input<T>;
}

function withoutStrict(fields: FieldTable): FieldTable {
  return Object.fromEntries(
    Object.entries(fields).filter(([, field]) => !(field.kind === 'object' && field.strict === true)),
  );
}

/**
 * The body of an action: known fields by kind. What must be there is the action's own rule, since the texts differ.
 * @throws {StileError} invalidArgument for a value of the wrong kind
 */
export function decodeAction<T extends FieldTable>(
  fields: T,
  body: JsonObject,
  message: string = fieldsMessage,
): Input<T> {
  const errors: FieldError[] = [];
  const decoded = decodeKinds(fields, body, errors);
  refuseFaults(message, errors);
  return decoded as Input<T>;
}
