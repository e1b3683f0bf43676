/**
 * PATCH bodies: which fields a request changes, and to what (http-api.md §1.8). The mask is `update_mask` of the query, else the
 * keys of the body; what is in the mask and absent or null in the body is cleared.
 */
import type { FieldError } from '@stile/protocol/errors';
import type { JsonObject } from './http/body.ts';
import {
  decodeKinds,
  fieldErrors,
  given,
  isObject,
  refuseFaults,
  requestMessage,
  valueProblem,
} from './schema/decode.ts';
import type { Changes, Field, FieldTable, Schema } from './schema/field.ts';

/** A checked PATCH. */
export interface Update<T extends FieldTable> {
  /** The version that the caller saw. */
  readonly version: number;
  readonly changes: Changes<T>;
  /**
   * Throws when nothing legal is to be changed; called after authorization, as Boundary does.
   * @throws {StileError} invalidArgument
   */
  readonly refuseEmpty: () => void;
}

const readOnlyText = 'This is a read only field and cannot be specified in an update request.';
const versionText = 'Existing resource version is required for an update.';
const defaultEmptyMask = {
  message: 'No valid fields included in the update mask.',
  description: 'No valid fields provided in the update mask.',
};

/** Unknown keys that an answer names at most: a body of megabytes would get an answer several times as large. */
const mostNamedFaults = 100;

/** Paths of a body: objects of the table are descended, everything else is a leaf. */
function pathsOf(fields: FieldTable, body: JsonObject, errors: FieldError[]): string[] {
  const paths: string[] = [];
  for (const name of Object.keys(body)) {
    const field = Object.hasOwn(fields, name) ? fields[name] : undefined;
    if (field === undefined) {
      errors.push({ name: name.slice(0, 100), description: 'This field does not exist.' });
      if (errors.length >= mostNamedFaults) break;
      continue;
    }
    const value = body[name];
    if (field.kind === 'object' && field.access !== 'output' && isObject(value)) {
      paths.push(...Object.keys(value).map((inner) => `${name}.${inner}`));
    } else paths.push(name);
  }
  return paths;
}

function isUpdatable(field: Field | undefined): field is Field {
  return field !== undefined && (field.access === 'update' || field.access === 'change');
}

interface Place {
  readonly field: Field;
  readonly value: unknown;
  readonly set: (value: unknown) => void;
}

/** Where a path of the mask leads: the field, its decoded value and a setter into the changes. Undefined: not updatable. */
function placeOf(
  path: string,
  fields: FieldTable,
  decoded: Readonly<Record<string, unknown>>,
  changes: Record<string, unknown>,
): Place | undefined {
  const [outer = '', inner] = path.split('.', 2);
  const field = Object.hasOwn(fields, outer) ? fields[outer] : undefined;
  if (!isUpdatable(field)) return undefined;
  if (inner === undefined) {
    const set = (value: unknown): void => {
      changes[outer] = value;
    };
    return field.kind === 'object' ? undefined : { field, value: decoded[outer], set };
  }
  if (field.kind !== 'object') return undefined;
  const nested = Object.hasOwn(field.fields, inner) ? field.fields[inner] : undefined;
  if (!isUpdatable(nested)) return undefined;
  const holder = decoded[outer];
  const set = (value: unknown): void => {
    const target = changes[outer];
    if (isObject(target)) Object.assign(target, { [inner]: value });
    else changes[outer] = { [inner]: value };
  };
  return { field: nested, value: isObject(holder) ? holder[inner] : undefined, set };
}

/** Applies one path of the mask to `changes`; the text of what is wrong with it, if anything. */
function applyPath(place: Place): string | undefined {
  const { field, value, set } = place;
  const refused = field.refused ?? field.refusedOnUpdate;
  if (value === undefined || (value === '' && field.cannotClear !== undefined)) {
    if (field.cannotClear !== undefined) return field.cannotClear;
    set(null);
    return undefined;
  }
  if (refused !== undefined) return refused;
  set(value);
  return valueProblem(field, value, set);
}

function checkFixedFields(fields: FieldTable, body: JsonObject, errors: FieldError[]): void {
  for (const name of ['id', 'created_time', 'updated_time']) {
    const value = given(body, name);
    if (Object.hasOwn(fields, name) && value !== undefined && value !== '')
      errors.push({ name, description: readOnlyText });
  }
}

/**
 * Reads a PATCH. `type` is the type of the resource: a body with another one is refused.
 * @throws {StileError} invalidArgument with every faulty field, unknown ones included
 */
export function decodeUpdate<T extends FieldTable>(
  schema: Schema<T>,
  body: JsonObject,
  options: { readonly mask?: readonly string[] | undefined; readonly type?: string },
): Update<T> {
  const fields: FieldTable = schema.fields;
  const errors: FieldError[] = [];
  const decoded = decodeKinds(fields, body, errors);
  checkFixedFields(fields, body, errors);
  const version = decoded['version'];
  if (!errors.some((error) => error.name === 'version') && (typeof version !== 'number' || version === 0)) {
    errors.push({ name: 'version', description: versionText });
  }
  const type = decoded['type'];
  if (options.type !== undefined && type !== undefined && type !== '' && type !== options.type) {
    errors.push({ name: 'type', description: 'Cannot modify the resource type.' });
  }
  const hasMask = options.mask !== undefined && options.mask.length > 0;
  const paths = hasMask ? expand(fields, body, options.mask ?? []) : pathsOf(fields, body, errors);
  const changes: Record<string, unknown> = {};
  for (const path of paths) {
    if (errors.some((error) => error.name === path)) continue;
    const place = placeOf(path, fields, decoded, changes);
    const problem = place === undefined ? undefined : applyPath(place);
    if (problem !== undefined) errors.push({ name: path, description: problem });
  }
  refuseFaults(requestMessage, errors);
  return {
    version: typeof version === 'number' ? version : 0,
    // Built from the table's own updatable fields and checked values: the codec's one cast.
    changes: changes as Changes<T>,
    refuseEmpty: () => refuseEmptyChanges(schema, changes),
  };
}

/** An object named whole in `update_mask` means the keys that the body has in it. */
function expand(fields: FieldTable, body: JsonObject, mask: readonly string[]): string[] {
  return mask.flatMap((path) => {
    const field = Object.hasOwn(fields, path) ? fields[path] : undefined;
    const value = given(body, path);
    if (field?.kind !== 'object' || !isObject(value)) return [path];
    return Object.keys(value).map((inner) => `${path}.${inner}`);
  });
}

function refuseEmptyChanges(schema: Schema, changes: object): void {
  if (Object.keys(changes).length > 0) return;
  const { message, description } = schema.emptyMask ?? defaultEmptyMask;
  throw fieldErrors(message, [{ name: 'update_mask', description }]);
}
