/**
 * List tokens: where a paged list stands, in a text that clients keep and cannot change (http-api.md §1.10). A keyed MAC makes
 * it ours; the hash of the caller's grants ties it to what the caller could see when it was issued.
 */
import { StileError } from '@stile/protocol/errors';
import { openSignedText, signText, type TokenMac } from '../http/signed-text.ts';

export type { TokenMac } from '../http/signed-text.ts';

/** Position behind an item: its time (created or updated, epoch microseconds) and id. */
export interface ListPosition {
  readonly at: number;
  readonly id: string;
}

/**
 * Where a list stands. `paging`: within the first pass, newest created first. `ready`: a pass is complete; the next call asks
 * what changed. `refreshing`: within such a pass, newest updated first.
 */
export type ListState =
  | { readonly phase: 'paging'; readonly startedAt: number; readonly after: ListPosition }
  | { readonly phase: 'ready'; readonly startedAt: number }
  | {
      readonly phase: 'refreshing';
      readonly startedAt: number;
      readonly after: ListPosition;
      /** Changes since then are shown. */
      readonly since: number;
      /** Deletions since then are shown next. */
      readonly deletedSince: number;
    };

/** A decoded token. */
export interface ListToken {
  readonly resource: string;
  readonly grantsHash: string;
  /** When it was made. */
  readonly issuedAt: number;
  readonly state: ListState;
  /** Estimate of the first page, repeated on the others. */
  readonly estimate: number;
}

const label = 'api/list-token';
/** A token lives this long, microseconds: as long as deletions are remembered. */
const lifetimeUs = 30 * 24 * 3600 * 1_000_000;

/** The 400 of everything that is wrong with a list token. */
export function listTokenError(message: string): StileError {
  return new StileError('invalidListToken', message, { details: { op: 'listtoken.Validate' } });
}

const undecodable = 'list token cannot be decoded';

/** Writes a token. */
export function encodeListToken(token: ListToken, keys: TokenMac): string {
  return signText(label, token, keys);
}

/** What a token must agree with. */
export interface ListTokenExpectation {
  /** Resource type of the list, as in grants. */
  readonly resource: string;
  /** Hash of the caller's grants of that type. */
  readonly grantsHash: string;
  /** Epoch microseconds. */
  readonly nowUs: number;
}

/**
 * Reads and checks a token. Grants are compared first: they cover one resource type, so that the token of another list is
 * told so (recorded order).
 * @throws {StileError} invalidListToken
 */
export function decodeListToken(text: string, keys: TokenMac, expected: ListTokenExpectation): ListToken {
  // The MAC was made by encodeListToken over exactly this shape.
  const token = openSignedText(label, text, keys) as ListToken | undefined;
  if (token === undefined) throw listTokenError(undecodable);
  if (token.grantsHash !== expected.grantsHash)
    throw listTokenError('grants have changed since list token was issued');
  if (token.resource !== expected.resource) {
    throw listTokenError('list token resource type does not match expected resource type');
  }
  if (expected.nowUs - token.issuedAt > lifetimeUs) throw listTokenError('list token was expired');
  return token;
}
