/**
 * Pages of the Cluster API (tokens.md §4.2): `limit`, and `start`, which is the `next` of the page before. A `next` names the last row that was
 * shown, so that pages stay whole while rows come and go; it is signed and serves the same query of the same user only.
 */
import { invalidField } from '@stile/protocol/errors';
import { createHash } from 'node:crypto';
import type { Call } from '../operation.ts';
import { openSignedText, signText, type TokenMac } from '../http/signed-text.ts';
import type { ClusterParameter } from './cluster-operation.ts';

const label = 'api/v2/page';
const defaultLimit = 100;
const mostItems = 1000;
/** Most rows that may be skipped: more is a mistake, and costs the database as much as it would show. */
const mostSkipped = 1_000_000;
/** Parameters that say which page, not which query. */
const pageNames: ReadonlySet<string> = new Set(['limit', 'start', 'offset']);

/** Which page of a query; `P` names the last row of the page before. */
export interface PageInput<P> {
  readonly limit: number;
  readonly after: P | undefined;
  /** Rows that are skipped first. */
  readonly offset: number | undefined;
  /** Ties the next page to this query. */
  readonly query: string;
}

/** Position behind a row of a list that is newest first. */
export interface RowPosition {
  /** When it was made, epoch microseconds. */
  readonly at: number;
  readonly id: string;
}

/** `limit` and `start`. */
export const pageParameters: readonly ClusterParameter[] = [
  {
    name: 'limit',
    in: 'query',
    description: 'Most items wanted.',
    schema: { type: 'integer', minimum: 1, maximum: mostItems, default: defaultLimit },
  },
  {
    name: 'start',
    in: 'query',
    description: 'The `next` of the page before, with the same other parameters.',
    schema: { type: 'string' },
  },
];

/** `offset`, which some lists take as well. */
export const offsetParameter: ClusterParameter = {
  name: 'offset',
  in: 'query',
  description: 'Items to skip. Not together with `start`.',
  schema: { type: 'integer', minimum: 0, maximum: mostSkipped },
};

/** A whole number of the query; undefined when it is absent. @throws {StileError} invalidArgument */
function wholeNumber(call: Call, name: string, range: readonly [number, number]): number | undefined {
  if (!call.query.names.includes(name)) return undefined;
  const text = call.query.text(name);
  const value = /^\d{1,7}$/.test(text) ? Number(text) : NaN;
  if (value >= range[0] && value <= range[1]) return value;
  throw invalidField(name, `This parameter must be a whole number from ${range[0]} to ${range[1]}.`);
}

/** What a `next` is tied to: who asks, what for, and every parameter that is not about the page; 128 bits. */
function queryKey(path: string, call: Call): string {
  const { query, caller, params } = call;
  const parts = query.names
    .filter((name) => !pageNames.has(name))
    .toSorted()
    .map((name) => [name, query.text(name)]);
  const text = JSON.stringify([path, params, caller.userId, parts]);
  return createHash('sha256').update(text).digest('base64url').slice(0, 22);
}

/**
 * Reads which page is wanted.
 * @throws {StileError} invalidArgument naming `limit`, `offset` or `start`
 */
export function readPage<P extends object>(path: string, call: Call, keys: TokenMac): PageInput<P> {
  const limit = wholeNumber(call, 'limit', [1, mostItems]) ?? defaultLimit;
  const offset = wholeNumber(call, 'offset', [0, mostSkipped]);
  const query = queryKey(path, call);
  if (!call.query.names.includes('start')) return { limit, after: undefined, offset, query };
  if (offset !== undefined)
    throw invalidField('offset', 'This parameter cannot be used together with start.');
  // Signed by nextOf over exactly this shape.
  const opened = openSignedText(label, call.query.text('start'), keys) as { q: string; p: P } | undefined;
  if (opened?.q !== query) {
    throw invalidField('start', 'This is not the next of an earlier page of the same query.');
  }
  return { limit, after: opened.p, offset, query };
}

/** A page of the answer: at most `limit` of the rows, of which one more was asked for, and `next` when there is more. */
export function pageOfRows<R, P extends object>(
  rows: readonly R[],
  page: PageInput<P>,
  how: { readonly position: (row: R) => P; readonly keys: TokenMac },
): { readonly rows: readonly R[]; readonly next: { readonly next?: string } } {
  const shown = rows.slice(0, page.limit);
  const last = shown.at(-1);
  if (rows.length <= page.limit || last === undefined) return { rows: shown, next: {} };
  return { rows: shown, next: { next: signText(label, { q: page.query, p: how.position(last) }, how.keys) } };
}

/** Position of a row of a list that is newest first. */
export function rowPosition(row: { readonly id: string; readonly created_at: number }): RowPosition {
  return { at: row.created_at, id: row.id };
}
