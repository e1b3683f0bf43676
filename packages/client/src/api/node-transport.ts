/** The API client's transport for node: TLS options, unix sockets, one bounded answer, no redirect but one on the same origin. */
import * as http from 'node:http';
import * as https from 'node:https';
import { StileError } from '@stile/protocol/errors';
import {
  maxAnswerBytes,
  unreachable,
  type ApiRequest,
  type ApiResponse,
  type ApiStreamTransport,
  type ApiTransport,
} from './api-transport.ts';

/** How long a connection without a request is kept, ms: less than the 5 s after which servers and proxies of today close theirs. */
const idleConnectionMs = 4000;

/** Connections that stay open between requests, for a program that sends many. Owns its sockets until `close`. */
export class KeptConnections {
  readonly #http = new http.Agent({ keepAlive: true, timeout: idleConnectionMs });
  readonly #https = new https.Agent({ keepAlive: true, timeout: idleConnectionMs });

  /**
   * The agent of a request. One that changes something gets a connection of its own: a kept one can end under it, and nobody
   * would know whether the change was made.
   */
  agentFor(request: ApiRequest): http.Agent | false {
    if (request.method !== 'GET') return false;
    return request.url.startsWith('https:') ? this.#https : this.#http;
  }

  /** Closes every connection. Idempotent. */
  close(): void {
    this.#http.destroy();
    this.#https.destroy();
  }
}

/** TLS and socket options. Certificates and keys are PEM texts. */
export interface NodeTransportOptions {
  /** CA certificates that replace the system's. */
  readonly ca?: readonly string[];
  readonly clientCertificate?: string;
  readonly clientKey?: string;
  /** Name for SNI and verification. */
  readonly serverName?: string;
  /** Do not verify the controller's certificate. */
  readonly isInsecure?: boolean;
  /** Path of a unix socket to use instead of the URL's host. */
  readonly socketPath?: string;
  /** Default: every request has a socket of its own, closed with the answer. The caller closes them. */
  readonly connections?: KeptConnections;
}

/** Words for errors of the socket, as the recorded texts have them. */
function reasonOf(
  error: NodeJS.ErrnoException & { address?: string; port?: number; hostname?: string },
): string {
  const where = error.address === undefined ? '' : ` ${hostPort(error.address, error.port)}`;
  const code: string = error.code ?? 'unknown error';
  switch (code) {
    case 'ECONNREFUSED':
      return `dial tcp${where}: connect: connection refused`;
    case 'ENOENT':
      return `dial unix${where}: connect: no such file or directory`;
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return `dial tcp: lookup ${error.hostname ?? ''}: no such host`;
    case 'ETIMEDOUT':
      return `dial tcp${where}: i/o timeout`;
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
      return `dial tcp${where}: connect: no route to host`;
    case 'ECONNRESET':
      return 'the connection was closed without an answer';
    case 'EPROTO':
      return 'TLS handshake failed: does the controller speak TLS on this address?';
    default:
      return certificateReason(code) ?? `no answer (${code})`;
  }
}

function certificateReason(code: string): string | undefined {
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') {
    return "the controller's certificate is for another name; -tls-server-name sets the name to expect";
  }
  if (/CERT|SIGNATURE|ISSUER/.test(code)) {
    return `the controller's certificate is not trusted (${code}); -ca-cert names the CA to trust`;
  }
  return undefined;
}

function hostPort(address: string, port: number | undefined): string {
  if (port === undefined) return address;
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

/** Happy-eyeballs failures come as an AggregateError: its first error says why. */
function firstError(error: unknown): NodeJS.ErrnoException {
  if (error instanceof AggregateError && error.errors[0] instanceof Error) return error.errors[0];
  return error instanceof Error ? error : new Error('unknown error');
}

/** A redirect to the same origin, which may be followed with the token. */
function sameOriginRedirect(request: ApiRequest, response: ApiResponse): string | undefined {
  const location = response.header('location');
  if ((response.status !== 307 && response.status !== 308) || location === undefined) return undefined;
  const target = URL.canParse(location, request.url) ? new URL(location, request.url) : undefined;
  return target !== undefined && target.origin === new URL(request.url).origin ? target.href : undefined;
}

function requestOptions(options: NodeTransportOptions): https.RequestOptions {
  return {
    minVersion: 'TLSv1.2',
    rejectUnauthorized: options.isInsecure !== true,
    ...(options.ca === undefined ? {} : { ca: [...options.ca] }),
    ...(options.clientCertificate === undefined ? {} : { cert: options.clientCertificate }),
    ...(options.clientKey === undefined ? {} : { key: options.clientKey }),
    ...(options.serverName === undefined ? {} : { servername: options.serverName }),
    ...(options.socketPath === undefined ? {} : { socketPath: options.socketPath }),
  };
}

async function readAnswer(request: ApiRequest, message: http.IncomingMessage): Promise<ApiResponse> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  for await (const piece of message as AsyncIterable<Buffer>) {
    bytes += piece.length;
    if (bytes > maxAnswerBytes) {
      message.destroy();
      throw unreachable(request, `answer is larger than ${maxAnswerBytes} bytes`);
    }
    pieces.push(piece);
  }
  return {
    status: message.statusCode ?? 0,
    header: (name) => {
      const value = message.headers[name];
      return Array.isArray(value) ? value.join(', ') : value;
    },
    body: Buffer.concat(pieces).toString('utf8'),
  };
}

/** A kept connection ended under a request that changes nothing, before its answer began. */
class StaleConnection extends Error {}

/** The head of the answer; its body is still to come. */
function open(
  request: ApiRequest,
  options: NodeTransportOptions,
  agent: http.Agent | false,
): Promise<http.IncomingMessage> {
  const client = request.url.startsWith('https:') ? https : http;
  return new Promise<http.IncomingMessage>((resolve, reject) => {
    const sent = client.request(
      request.url,
      {
        ...requestOptions(options),
        agent,
        method: request.method,
        headers: request.headers,
        signal: request.signal,
      },
      resolve,
    );
    sent.on('error', (cause) => {
      const isStale = sent.reusedSocket && !request.signal.aborted;
      reject(isStale ? new StaleConnection('the kept connection has ended', { cause }) : cause);
    });
    sent.end(request.body);
  });
}

async function sendOnce(
  request: ApiRequest,
  options: NodeTransportOptions,
  agent: http.Agent | false,
): Promise<ApiResponse> {
  return readAnswer(request, await open(request, options, agent));
}

/** What went wrong, in words. */
function failure(request: ApiRequest, cause: unknown): StileError {
  if (cause instanceof StileError) return cause;
  if (request.signal.aborted)
    return unreachable(request, 'the request was given up: no answer in time', cause);
  return unreachable(request, reasonOf(firstError(cause)), cause);
}

async function* piecesOf(request: ApiRequest, message: http.IncomingMessage): AsyncGenerator<string> {
  message.setEncoding('utf8');
  try {
    for await (const piece of message as AsyncIterable<string>) yield piece;
  } catch (cause) {
    throw failure(request, cause);
  } finally {
    message.destroy();
  }
}

/** As `nodeTransport`, for answers that go on. */
export function nodeStreamTransport(options: NodeTransportOptions = {}): ApiStreamTransport {
  return async (request) => {
    try {
      const message = await open(request, options, false);
      return {
        status: message.statusCode ?? 0,
        header: (name) => {
          const value = message.headers[name];
          return Array.isArray(value) ? value.join(', ') : value;
        },
        pieces: piecesOf(request, message),
      };
    } catch (cause) {
      throw failure(request, cause);
    }
  };
}

/** Sends once more, on a fresh connection, what a kept one did not carry. */
async function sendKept(request: ApiRequest, options: NodeTransportOptions): Promise<ApiResponse> {
  try {
    return await sendOnce(request, options, options.connections?.agentFor(request) ?? false);
  } catch (error) {
    if (!(error instanceof StaleConnection)) throw error;
    return sendOnce(request, options, false);
  }
}

/** A transport with these options. */
export function nodeTransport(options: NodeTransportOptions = {}): ApiTransport {
  const send = async (request: ApiRequest): Promise<ApiResponse> => {
    try {
      return await sendKept(request, options);
    } catch (cause) {
      throw failure(request, cause);
    }
  };
  return async (request) => {
    const response = await send(request);
    const next = sameOriginRedirect(request, response);
    return next === undefined ? response : send({ ...request, url: next });
  };
}
