/**
 * Recorded answers of another controller as test data (test/fixtures/http): reads one, sends its request, and says where our
 * answer differs. Placeholders stand for values that differ from run to run and are bound as they are met.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { HostPort } from '@stile/runtime';
import { call, type HttpAnswer } from './http-client.ts';

/** One recorded call. */
export interface Recorded {
  readonly name: string;
  readonly request: {
    readonly method: string;
    readonly path: string;
    readonly auth: string;
    readonly headers?: Readonly<Record<string, string>>;
    readonly body?: unknown;
    readonly raw_body?: string;
  };
  readonly response: {
    readonly status: number;
    readonly headers: Readonly<Record<string, string | readonly string[]>>;
    readonly body: unknown;
  };
}

/** Placeholder to value. */
export type Bindings = Map<string, string>;

const folder = join(import.meta.dirname, '../fixtures/http');
const placeholder =
  /<(?:[a-z]+_id(?:_\d+)?|time|token|list_token|authorization_token|certificate base64 DER|half of token|n|hmac|private_key PEM)>/g;

/** Reads a recorded call. */
export function readRecorded(name: string): Recorded {
  return JSON.parse(readFileSync(join(folder, `${name}.json`), 'utf8')) as Recorded;
}

/** `text` with bound placeholders filled in; an id that is not bound becomes one that does not exist. */
export function filled(text: string, bindings: Bindings): string {
  return text.replace(placeholder, (found) => {
    const id = /^<([a-z]+)_id/.exec(found)?.[1];
    return bindings.get(found) ?? (id === undefined ? found : `${id}_0000000000`);
  });
}

function filledBody(value: unknown, bindings: Bindings): unknown {
  return value === undefined ? undefined : (JSON.parse(filled(JSON.stringify(value), bindings)) as unknown);
}

/** Sends the request of a recorded call. `tokens` has the auth token of each account by name. */
export function sendRecorded(
  address: HostPort,
  { request }: Recorded,
  bindings: Bindings,
  tokens: Readonly<Record<string, string>>,
): Promise<HttpAnswer> {
  const token = request.auth === 'none' ? undefined : (tokens[request.auth] ?? request.auth);
  return call(address, {
    method: request.method,
    path: filled(request.path, bindings),
    headers: { ...(token === undefined ? {} : { Authorization: `Bearer ${token}` }), ...request.headers },
    body: request.raw_body ?? filledBody(request.body, bindings),
  });
}

/** What each placeholder stands for. */
function patternOf(found: string): string {
  const id = /^<([a-z]+)_id/.exec(found)?.[1];
  if (id !== undefined) return `${id}_[0-9A-Za-z]{10}`;
  if (found === '<hmac>') return '[A-Za-z0-9_-]{43}';
  return found === '<time>' ? '\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d(?:\\.\\d+)?Z' : '[^\\s]+';
}

const escaped = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

/** Whether a text is the recorded one; binds what its placeholders stand for. */
function isSameText(recorded: string, actual: string, bindings: Bindings): boolean {
  const names: string[] = [];
  let pattern = '';
  let from = 0;
  for (const found of recorded.matchAll(placeholder)) {
    const bound = found[0].includes('_id') ? bindings.get(found[0]) : undefined;
    pattern +=
      escaped(recorded.slice(from, found.index)) +
      `(${bound === undefined ? patternOf(found[0]) : escaped(bound)})`;
    names.push(found[0]);
    from = found.index + found[0].length;
  }
  const match = new RegExp(`^${pattern}${escaped(recorded.slice(from))}$`, 's').exec(actual);
  if (match === null) return false;
  for (const [at, name] of names.entries()) {
    const value = match[at + 1];
    if (name.includes('_id') && value !== undefined) bindings.set(name, value);
  }
  return true;
}

/** How answers may differ from the record. */
export interface Tolerance {
  /** Keys, wherever they stand, whose values are compared by type only. */
  readonly loose?: readonly string[];
  /** Keys that we have and the record has not. */
  readonly added?: readonly string[];
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Items of a list that the record knows by a real id; what earlier recorded calls made has a placeholder. */
function knownItems(items: readonly unknown[]): readonly Readonly<Record<string, unknown>>[] {
  return items
    .filter(isRecord)
    .filter((item) => typeof item['id'] === 'string' && !item['id'].startsWith('<'));
}

/** One comparison: what was found, and how strict it is. */
interface Comparison {
  readonly found: string[];
  readonly bindings: Bindings;
  readonly tolerance: Tolerance;
}

function compareObjects(
  expected: Readonly<Record<string, unknown>>,
  given: Readonly<Record<string, unknown>>,
  path: string,
  comparison: Comparison,
): void {
  for (const name of Object.keys(expected))
    compare(expected[name], given[name], `${path}.${name}`, comparison);
  for (const name of Object.keys(given)) {
    const isKnown = name in expected || comparison.tolerance.added?.includes(name) === true;
    if (!isKnown) comparison.found.push(`${path}.${name}: only ours`);
  }
}

function compareLists(
  expected: readonly unknown[],
  given: readonly unknown[],
  path: string,
  comparison: Comparison,
): void {
  if (path === '.items') {
    for (const item of knownItems(expected)) {
      const ours = given.filter(isRecord).find((each) => each['id'] === item['id']);
      compare(item, ours, `.items[${String(item['id'])}]`, comparison);
    }
    return;
  }
  if (expected.length !== given.length) {
    comparison.found.push(`${path}: ${expected.length} recorded, ours ${given.length}`);
  }
  for (const [at, item] of expected.entries()) compare(item, given[at], `${path}[${at}]`, comparison);
}

function compare(expected: unknown, given: unknown, path: string, comparison: Comparison): void {
  const differ = (): void => {
    comparison.found.push(`${path}: recorded ${JSON.stringify(expected)}, ours ${JSON.stringify(given)}`);
  };
  const key = path.slice(path.lastIndexOf('.') + 1);
  if (typeof expected !== typeof given || Array.isArray(expected) !== Array.isArray(given)) differ();
  else if (comparison.tolerance.loose?.includes(key) === true) return;
  else if (Array.isArray(expected) && Array.isArray(given)) compareLists(expected, given, path, comparison);
  else if (isRecord(expected) && isRecord(given)) compareObjects(expected, given, path, comparison);
  else if (typeof expected === 'string' && typeof given === 'string') {
    if (!isSameText(expected, given, comparison.bindings)) differ();
  } else if (expected !== given) differ();
}

/** Where `actual` differs from `recorded`, one line each. */
export function differences(
  recorded: unknown,
  actual: unknown,
  bindings: Bindings,
  tolerance: Tolerance = {},
): readonly string[] {
  const found: string[] = [];
  compare(recorded ?? undefined, actual, '', { found, bindings, tolerance });
  return found;
}

const sameHeaders = [
  'Cache-Control',
  'Content-Security-Policy',
  'Content-Type',
  'Strict-Transport-Security',
  'X-Content-Type-Options',
  'Access-Control-Allow-Origin',
  'Access-Control-Expose-Headers',
  'Vary',
];

/** Where headers differ. Rate headers are not compared: a limiter is optional (http-api.md §6.1). */
export function headerDifferences({ response }: Recorded, actual: HttpAnswer): readonly string[] {
  return sameHeaders.flatMap((name) => {
    // An answer without a body has no type to tell.
    if (name === 'Content-Type' && response.body === null) return [];
    const recorded = response.headers[name];
    const ours = actual.headers[name.toLowerCase()];
    return recorded === undefined || recorded === ours
      ? []
      : [`${name}: recorded ${String(recorded)}, ours ${String(ours)}`];
  });
}
