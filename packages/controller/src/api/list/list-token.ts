/**
 * List tokens: where a paged list stands, in a text that clients keep and cannot change (http-api.md §1.10). A keyed MAC makes
 * it ours; the hash of the caller's grants ties it to what the caller could see when it was issued.
 */
import { timingSafeEqual } from 'node:crypto';
import { StileError } from '@stile/protocol/errors';

/** Makes and checks MACs under the controller's versioned data keys. */
export interface TokenMac {
  mac(label: string, data: Uint8Array): { readonly mac: Uint8Array; readonly keyVersion: number };
  macWith(keyVersion: number, label: string, data: Uint8Array): Uint8Array;
}

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
const macBytes = 16;
const headBytes = 4 + macBytes;
/** Longest token that is looked at, characters. */
const maxTokenLength = 2048;
/** A token lives this long, microseconds: as long as deletions are remembered. */
const lifetimeUs = 30 * 24 * 3600 * 1_000_000;

/** The 400 of everything that is wrong with a list token. */
export function listTokenError(message: string, cause?: unknown): StileError {
  return new StileError('invalidListToken', message, { details: { op: 'listtoken.Validate' }, cause });
}

const undecodable = 'list token cannot be decoded';

/** Writes a token: key version, MAC, JSON; base64url. */
export function encodeListToken(token: ListToken, keys: TokenMac): string {
  const data = Buffer.from(JSON.stringify(token), 'utf8');
  const { mac, keyVersion } = keys.mac(label, data);
  const head = Buffer.alloc(headBytes);
  head.writeUInt32BE(keyVersion, 0);
  head.set(mac.subarray(0, macBytes), 4);
  return Buffer.concat([head, data]).toString('base64url');
}

/** The data of a token whose MAC is right. */
function openToken(text: string, keys: TokenMac): Buffer {
  if (text.length > maxTokenLength || !/^[A-Za-z0-9_-]+$/.test(text)) throw listTokenError(undecodable);
  const bytes = Buffer.from(text, 'base64url');
  if (bytes.length <= headBytes) throw listTokenError(undecodable);
  const data = bytes.subarray(headBytes);
  let expected: Uint8Array;
  try {
    expected = keys.macWith(bytes.readUInt32BE(0), label, data);
  } catch (cause) {
    throw listTokenError(undecodable, cause);
  }
  if (!timingSafeEqual(expected.subarray(0, macBytes), bytes.subarray(4, headBytes)))
    throw listTokenError(undecodable);
  return data;
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
  const token = JSON.parse(openToken(text, keys).toString('utf8')) as ListToken;
  if (token.grantsHash !== expected.grantsHash)
    throw listTokenError('grants have changed since list token was issued');
  if (token.resource !== expected.resource) {
    throw listTokenError('list token resource type does not match expected resource type');
  }
  if (expected.nowUs - token.issuedAt > lifetimeUs) throw listTokenError('list token was expired');
  return token;
}
