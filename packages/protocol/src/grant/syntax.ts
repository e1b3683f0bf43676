/**
 * First step of reading a grant: its text or JSON notation to plain parts (grants.md §1.1). No rule about what the parts
 * mean together; those are in `grant.ts`. Runs in a browser.
 */
import { StileError } from '../errors.ts';
import { quoted } from '../quoted.ts';

/** What a grant says, before any check of its meaning. */
export interface GrantParts {
  /** The deprecated `id` key. */
  readonly id: string | undefined;
  readonly ids: readonly string[];
  /** Type as it must be compared; undefined when absent. */
  readonly type: string | undefined;
  /** Lower-cased, in the order written, each once. */
  readonly actions: readonly string[];
  /** Undefined when absent; empty when given without a field. Each once, in the order written. */
  readonly outputFields: readonly string[] | undefined;
  /** Keys that no grant has; they are dropped, as in Boundary. */
  readonly unknownKeys: readonly string[];
}

/** Longest grant that is read, characters. Ours: it bounds the work of a hostile one. */
export const maxGrantLength = 32_768;

/** The error of everything that is wrong with a grant. `reason` says what, in words for its writer. */
export function grantError(reason: string, cause?: unknown): StileError {
  return new StileError('invalidArgument', reason, { cause });
}

/**
 * Splits a grant: JSON when it begins with `{`, else text. Lone surrogates become U+FFFD.
 * @throws {StileError} invalidArgument
 */
export function readGrantParts(grant: string): GrantParts {
  if (grant.length === 0) throw grantError('missing grant string');
  if (grant.length > maxGrantLength) throw grantError(`grant is longer than ${maxGrantLength} characters`);
  const clean = grant.replaceAll(/\p{Surrogate}/gu, '\uFFFD');
  return clean.startsWith('{') ? readJson(clean) : readText(clean);
}

function readText(grant: string): GrantParts {
  let id: string | undefined;
  let ids: readonly string[] = [];
  let type: string | undefined;
  let actions: readonly string[] = [];
  let outputFields: readonly string[] | undefined;
  const unknownKeys: string[] = [];
  for (const segment of grant.split(';')) {
    const [key, value] = readSegment(segment);
    switch (key) {
      case 'id':
        id = value;
        break;
      case 'ids':
        ids = elements(value, 'id');
        break;
      case 'type':
        type = value.toLowerCase();
        break;
      case 'actions':
        actions = elements(value, 'action').map((action) => action.toLowerCase());
        break;
      case 'output_fields':
        outputFields = [...(outputFields ?? []), ...(value === '' ? [] : elements(value, 'output field'))];
        break;
      default:
        unknownKeys.push(key);
    }
  }
  return parts({ id, ids, type, actions, outputFields, unknownKeys });
}

function readSegment(segment: string): readonly [key: string, value: string] {
  const [key = '', value, ...rest] = segment.split('=');
  const shown = quoted(segment);
  if (value === undefined || rest.length > 0) {
    throw grantError(`segment ${shown} not formatted correctly, wrong number of equal signs`);
  }
  if (key === '') throw grantError(`segment ${shown} not formatted correctly, missing key`);
  if (value === '' && key !== 'output_fields') {
    throw grantError(`segment ${shown} not formatted correctly, missing value`);
  }
  return [key, value];
}

function elements(list: string, what: string): readonly string[] {
  const values = list.split(',');
  if (values.includes('')) throw grantError(`empty ${what} in ${quoted(list)}`);
  return values;
}

function readJson(grant: string): GrantParts {
  const object = parseObject(grant);
  let id: string | undefined;
  let ids: readonly string[] = [];
  let type: string | undefined;
  let actions: readonly string[] = [];
  let outputFields: readonly string[] | undefined;
  const unknownKeys: string[] = [];
  for (const [key, value] of Object.entries(object)) {
    switch (key) {
      case 'id':
        id = element(value, 'id');
        break;
      case 'ids':
        ids = array(value, 'ids');
        break;
      case 'type':
        type = element(value, 'type');
        break;
      case 'actions':
        actions = array(value, 'actions').map((action) => action.toLowerCase());
        break;
      case 'output_fields':
        outputFields = array(value, 'output_fields');
        break;
      default:
        unknownKeys.push(key);
    }
  }
  return parts({ id, ids, type, actions, outputFields, unknownKeys });
}

function parseObject(grant: string): object {
  let value: unknown;
  try {
    value = JSON.parse(grant);
  } catch (cause) {
    throw grantError('grant is no legal JSON', cause);
  }
  // It begins with `{`, so what parses is an object; the check is for the compiler.
  if (typeof value !== 'object' || value === null) throw grantError('grant is no JSON object');
  return value;
}

function array(value: unknown, key: string): readonly string[] {
  if (!Array.isArray(value)) throw grantError(`"${key}" must be an array of strings`);
  return value.map((item: unknown) => element(item, key));
}

function element(value: unknown, key: string): string {
  if (typeof value !== 'string') throw grantError(`"${key}" must be made of strings`);
  if (value === '') throw grantError(`empty value in "${key}"`);
  if (/[,;=]/.test(value)) throw grantError(`value ${quoted(value)} may not contain "," ";" or "="`);
  return value;
}

function parts(found: GrantParts): GrantParts {
  return {
    ...found,
    actions: unique(found.actions),
    outputFields: found.outputFields && unique(found.outputFields),
  };
}

function unique(values: readonly string[]): readonly string[] {
  return [...new Set(values)];
}
