/** How one HTTP request of the API client is carried: the seam between the client and `fetch` or `node:https`. */
import { StileError } from '@stile/protocol/errors';

/** HTTP methods of the API. */
export type ApiMethod = 'GET' | 'POST' | 'PATCH' | 'DELETE';

/** One request, complete. Header values hold the auth token: never log them. */
export interface ApiRequest {
  readonly method: ApiMethod;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
  readonly signal: AbortSignal;
}

/** One answer, complete. */
export interface ApiResponse {
  readonly status: number;
  /** A header by its lower-case name. */
  readonly header: (name: string) => string | undefined;
  readonly body: string;
}

/**
 * Carries one request. It must not follow a redirect, because the token would go with it.
 * @throws {StileError} controllerUnreachable when no answer came
 */
export type ApiTransport = (request: ApiRequest) => Promise<ApiResponse>;

/** The beginning of an answer that goes on. */
export interface ApiStreamResponse {
  readonly status: number;
  /** A header by its lower-case name. */
  readonly header: (name: string) => string | undefined;
  /** The body as text, in pieces as they come. Ends with the answer; throws when the connection breaks. */
  readonly pieces: AsyncIterable<string>;
}

/**
 * Carries one request whose answer goes on until the request's signal ends it. It must not follow a redirect.
 * @throws {StileError} controllerUnreachable when no answer began
 */
export type ApiStreamTransport = (request: ApiRequest) => Promise<ApiStreamResponse>;

/** Largest answer that is read, bytes: a hostile server must not fill our memory. */
export const maxAnswerBytes = 67_108_864;

/** What Go names a method in its errors, which the recorded texts show: `Get`. */
export function methodWord(method: ApiMethod): string {
  return method.charAt(0) + method.slice(1).toLowerCase();
}

/** The error of a request that got no answer: `Get "url": why`. */
export function unreachable(request: ApiRequest, why: string, cause?: unknown): StileError {
  const message = `${methodWord(request.method)} ${JSON.stringify(request.url)}: ${why}`;
  return new StileError('controllerUnreachable', message, { cause });
}

async function boundedText(response: Response, request: ApiRequest): Promise<string> {
  if (response.body === null) return '';
  const decoder = new TextDecoder();
  let text = '';
  let bytes = 0;
  // for await over a web stream is not in every browser; a reader is.
  const reader = response.body.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return text + decoder.decode();
    bytes += value.byteLength;
    if (bytes > maxAnswerBytes) {
      await reader.cancel();
      throw unreachable(request, `answer is larger than ${maxAnswerBytes} bytes`);
    }
    text += decoder.decode(value, { stream: true });
  }
}

/** The transport of browsers, and of node where no TLS options are needed. */
export const fetchTransport: ApiTransport = async (request) => {
  try {
    const response = await fetch(request.url, {
      method: request.method,
      headers: request.headers,
      redirect: 'manual',
      signal: request.signal,
      ...(request.body === undefined ? {} : { body: request.body }),
    });
    // A browser shows a redirect that was not followed as status 0.
    if (response.type === 'opaqueredirect') throw unreachable(request, 'the server answered with a redirect');
    return {
      status: response.status,
      header: (name) => response.headers.get(name) ?? undefined,
      body: await boundedText(response, request),
    };
  } catch (cause) {
    if (cause instanceof StileError) throw cause;
    if (request.signal.aborted)
      throw unreachable(request, 'the request was given up: no answer in time', cause);
    throw unreachable(request, 'no answer', cause);
  }
};

async function* piecesOf(request: ApiRequest, response: Response): AsyncGenerator<string> {
  if (response.body === null) return;
  const decoder = new TextDecoder();
  const reader = response.body.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield decoder.decode(value, { stream: true });
    }
  } catch (cause) {
    throw unreachable(request, 'the connection broke', cause);
  } finally {
    // Whoever stops reading ends the connection; what it says about that is of no interest any more.
    await reader.cancel().catch(() => undefined);
  }
}

/** The transport of browsers for answers that go on. */
export const fetchStreamTransport: ApiStreamTransport = async (request) => {
  try {
    const response = await fetch(request.url, {
      method: request.method,
      headers: request.headers,
      redirect: 'manual',
      signal: request.signal,
    });
    if (response.type === 'opaqueredirect') throw unreachable(request, 'the server answered with a redirect');
    return {
      status: response.status,
      header: (name) => response.headers.get(name) ?? undefined,
      pieces: piecesOf(request, response),
    };
  } catch (cause) {
    if (cause instanceof StileError) throw cause;
    throw unreachable(request, 'no answer', cause);
  }
};
