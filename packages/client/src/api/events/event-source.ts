/**
 * The controller's event stream, read for as long as somebody listens: it resumes by itself, on any controller, and says when the
 * connection is lost and found again (console.md §3.5). Runs in a browser too.
 */
import { StileError } from '@stile/protocol/errors';
import type { Query } from '../api-call.ts';
import type { ApiClient } from '../api-client.ts';
import { apiError, asRecord, retryAfterSeconds } from '../api-error.ts';
import type { ApiStreamResponse } from '../api-transport.ts';
import { SseParser } from './sse-parser.ts';

/** What happened: an event of the server with its data, or something about the connection. */
export type WatchEvent =
  | { readonly type: 'event'; readonly event: string; readonly data: unknown }
  /** The server answers; the events of the stream follow. */
  | { readonly type: 'open' }
  /** The connection is gone; the next try is in `retryMs`. */
  | { readonly type: 'lost'; readonly reason: string; readonly retryMs: number };

/** How a stream is read. */
export interface WatchOptions {
  readonly signal: AbortSignal;
  /** In [0, 1); spreads the tries. */
  readonly random?: () => number;
  /** A server silent for this long is gone, milliseconds. Default 40,000. */
  readonly silenceMs?: number;
  /** Waits; ends early when the signal does. For tests. */
  readonly wait?: (ms: number, signal: AbortSignal) => Promise<void>;
}

/** Silence after which a connection is dead, milliseconds: two heartbeats and some (console.md §3.2). */
const defaultSilenceMs = 40_000;
/** First wait after a loss, milliseconds; half to one and a half of it. */
const firstRetryMs = 1_000;
/** Longest wait, milliseconds. */
const longestRetryMs = 30_000;

/** What `fetch` and its signal leave open: a pause that a signal ends. */
function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const timer = setTimeout(done, ms);
    function done(): void {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    }
    signal.addEventListener('abort', done);
  });
}

/** Whether a client that is refused so may try again as it is. */
function isPassing(error: StileError): boolean {
  const status = error.details?.answer?.status;
  if (status === undefined) return error.code === 'controllerUnreachable' || error.code === 'invalidArgument';
  return status === 429 || status >= 500;
}

/**
 * Reads `GET /v1/events` until the signal ends it.
 * @throws {StileError} unsupported when the server has no such stream (list instead); unauthenticated, permissionDenied, notFound,
 * invalidArgument as it refuses the request
 */
export async function* watchEvents(
  client: Pick<ApiClient, 'openStream'>,
  query: Query,
  options: WatchOptions,
): AsyncGenerator<WatchEvent> {
  const { signal, random = Math.random, wait = pause } = options;
  let lastEventId = '';
  let failures = 0;
  while (!signal.aborted) {
    const connection = new Connection(signal, options.silenceMs ?? defaultSilenceMs);
    let reason = 'the server ended the stream';
    let leastMs = 0;
    try {
      const response = await client.openStream({
        path: 'events',
        query,
        signal: connection.signal,
        headers: lastEventId === '' ? {} : { 'last-event-id': lastEventId },
      });
      await requireStream(response);
      yield { type: 'open' };
      for await (const event of connection.events(response, lastEventId)) {
        failures = 0;
        reason = farewellOf(event) ?? reason;
        yield event;
      }
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof StileError) || !isPassing(error)) throw error;
      reason = connection.isSilent ? 'the server is silent' : error.message;
      leastMs = (error.details?.retryAfterSeconds ?? 0) * 1000;
    } finally {
      connection.end();
      lastEventId = connection.lastEventId ?? lastEventId;
    }
    if (signal.aborted) return;
    const retryMs = Math.max(
      leastMs,
      Math.min(longestRetryMs, firstRetryMs * 2 ** failures) * (0.5 + random()),
    );
    failures += 1;
    yield { type: 'lost', reason, retryMs };
    await wait(retryMs, signal);
  }
}

/** One connection, which ends when its server is silent for too long. */
class Connection {
  isSilent = false;
  /** The last id heard of; undefined before any. */
  lastEventId: string | undefined;
  readonly #silenceMs: number;
  readonly #controller = new AbortController();
  readonly #outer: AbortSignal;
  readonly #abort = (): void => this.#controller.abort();
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(outer: AbortSignal, silenceMs: number) {
    this.#outer = outer;
    this.#silenceMs = silenceMs;
    outer.addEventListener('abort', this.#abort);
    this.#heard();
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Idempotent. */
  end(): void {
    clearTimeout(this.#timer);
    this.#outer.removeEventListener('abort', this.#abort);
    this.#controller.abort();
  }

  async *events(response: ApiStreamResponse, lastEventId: string): AsyncGenerator<WatchEvent> {
    const parser = new SseParser();
    parser.lastEventId = lastEventId;
    for await (const piece of response.pieces) {
      this.#heard();
      const events = parser.push(piece);
      for (const { event, data } of events) yield { type: 'event', event, data: parsed(data) };
      // Not before its events were taken: whoever stops in between gets them again.
      this.lastEventId = parser.lastEventId;
    }
  }

  #heard(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.isSilent = true;
      this.#controller.abort();
    }, this.#silenceMs);
  }
}

/** Why the server says that it ends the stream; undefined for other events. */
function farewellOf(event: WatchEvent): string | undefined {
  if (event.type !== 'event' || event.event !== 'bye') return undefined;
  const { reason } = asRecord(event.data);
  return typeof reason === 'string' ? `the server ended the stream: ${reason}` : undefined;
}

/** Data that is no JSON is no object either: readers treat every field as possibly missing. */
function parsed(data: string): unknown {
  try {
    return JSON.parse(data) as unknown;
  } catch {
    return undefined;
  }
}

/** Most of an error's body that is read, characters. */
const maxErrorChars = 65_536;

/** @throws {StileError} as the answer says; unsupported when it is no event stream */
async function requireStream(response: ApiStreamResponse): Promise<void> {
  const { status } = response;
  const type = response.header('content-type') ?? '';
  if (status === 200 && /^text\/event-stream(?:;|$)/i.test(type)) return;
  let text = '';
  for await (const piece of response.pieces) {
    text += piece;
    if (text.length > maxErrorChars) break;
  }
  const body = parsed(text);
  // A server without the route answers 404 with nothing; ours names what it did not find.
  const hasNone = status < 400 || status === 405 || (status === 404 && asRecord(body)['kind'] === undefined);
  if (hasNone) throw new StileError('unsupported', 'the server has no event stream');
  throw apiError(status, body, retryAfterSeconds(response.header('retry-after')));
}
