/**
 * What an event stream would say, found by reading a list again and again: for servers that have no stream (console.md §3.5). A list
 * token asks what changed; where the server takes it no longer, everything is read anew.
 */
import { StileError } from '@stile/protocol/errors';
import type { ApiAnswer, Query } from '../api-call.ts';
import type { ApiClient } from '../api-client.ts';
import { asRecord, asText } from '../api-error.ts';
import type { WatchEvent, WatchOptions } from './event-source.ts';

/** Time between two looks, milliseconds; foreign servers allow 150 lists in 30 s. */
const pollMs = 10_000;
/** Items of one page. */
const pageSize = 1_000;
/** Most pages of one look: a server that never says `complete` must not keep a client for ever. */
const maxPages = 10_000;

/** How a list is polled. */
export interface PollOptions extends Pick<WatchOptions, 'signal'> {
  /** Waits; ends early when the signal does. */
  readonly wait: (ms: number, signal: AbortSignal) => Promise<void>;
  /** Milliseconds. Default 10,000. */
  readonly everyMs?: number;
}

/**
 * Reads a list until the signal ends it; gives the events of a stream.
 * @throws {StileError} what the list throws but for outages, which are waited out
 */
export async function* pollList(
  client: Pick<ApiClient, 'call'>,
  list: { readonly path: string; readonly query: Query },
  options: PollOptions,
): AsyncGenerator<WatchEvent> {
  const { signal, wait, everyMs = pollMs } = options;
  let token = '';
  let isFirst = true;
  while (!signal.aborted) {
    let waitMs = everyMs;
    try {
      for await (const page of pagesFrom(client, list, { token, signal })) {
        token = page.token;
        const event = isFirst ? 'snapshot' : 'delta';
        if (isFirst || page.rows.length + page.removed.length > 0) {
          yield { type: 'event', event, data: { topic: list.path, rows: page.rows, removed: page.removed } };
        }
      }
      if (isFirst) yield { type: 'event', event: 'snapshot-end', data: {} };
      isFirst = false;
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof StileError)) throw error;
      const next = afterFailure(error, everyMs);
      if (next === undefined) throw error;
      waitMs = next.waitMs;
      if (next.isAnew) {
        [token, isFirst] = ['', true];
        yield { type: 'event', event: 'reset', data: { reason: 'position too old' } };
      } else yield { type: 'lost', reason: error.message, retryMs: waitMs };
    }
    if (!signal.aborted) await wait(waitMs, signal);
  }
}

function afterFailure(error: StileError, everyMs: number): { waitMs: number; isAnew: boolean } | undefined {
  if (error.code === 'invalidListToken') return { waitMs: 0, isAnew: true };
  const status = error.details?.answer?.status;
  const isPassing =
    status === undefined ? error.code === 'controllerUnreachable' : status === 429 || status >= 500;
  if (!isPassing) return undefined;
  return { waitMs: Math.max(everyMs, (error.details?.retryAfterSeconds ?? 0) * 1000), isAnew: false };
}

interface Page {
  readonly token: string;
  readonly rows: readonly unknown[];
  readonly removed: readonly unknown[];
}

async function* pagesFrom(
  client: Pick<ApiClient, 'call'>,
  list: { readonly path: string; readonly query: Query },
  from: { readonly token: string; readonly signal: AbortSignal },
): AsyncGenerator<Page> {
  let { token } = from;
  for (let page = 0; page < maxPages; page += 1) {
    const query = { ...list.query, page_size: pageSize, list_token: token === '' ? undefined : token };
    const answer: ApiAnswer = await client.call({
      method: 'GET',
      path: list.path,
      query,
      signal: from.signal,
    });
    const body = asRecord(answer.body);
    token = asText(body['list_token']);
    yield { token, rows: arrayOf(body['items']), removed: arrayOf(body['removed_ids']) };
    if (body['response_type'] !== 'delta' || token === '') return;
  }
}

function arrayOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
