/**
 * One worker dialed: TCP, TLS 1.3 with the session certificate on both ends, HTTP upgrade (session-protocol.md §2). Proxy
 * variables of the environment are ignored, because the TLS is for the worker itself.
 */
import { isIP } from 'node:net';
import { connect, type TLSSocket } from 'node:tls';
import { StileError } from '@stile/protocol/errors';
import { proxyPath, proxySubprotocol } from '@stile/protocol/handshake';
import {
  formatHostPort,
  parseHostPort,
  requestUpgrade,
  WebSocketStream,
  type HostPort,
  type StreamBuffers,
} from '@stile/runtime/streams';
import type { SessionCredentials } from './session-authorization.ts';

/** How to dial one worker. */
export interface WorkerDialOptions {
  readonly credentials: SessionCredentials;
  readonly buffers: StreamBuffers;
  /** `host:port`, as the authorization data has it. */
  readonly address: string;
  /** Longest time for all of it, ms. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
}

const userAgent = 'stile';

/** What the codes of node's TLS and socket errors mean here. Anything else: the worker cannot be used. */
function toStileError(cause: NodeJS.ErrnoException, address: string): StileError {
  const make = (code: ConstructorParameters<typeof StileError>[0], message: string): StileError =>
    new StileError(code, message, { cause });
  const code: string = cause.code ?? 'unknown error';
  switch (code) {
    case 'ECONNREFUSED':
      return make('workerUnreachable', `unable to connect to worker at ${address}`);
    // Alert 80: how a worker says that it does not know the session, or may not serve it (session-protocol.md §2.3).
    case 'ERR_SSL_TLSV1_ALERT_INTERNAL_ERROR':
    case 'ERR_SSL_TLSV13_ALERT_INTERNAL_ERROR':
      return make('sessionNotAccepted', 'session credentials were not accepted, or session is unauthorized');
    case 'CERT_HAS_EXPIRED':
      return make('sessionExpired', 'the session has expired');
    case 'CERT_NOT_YET_VALID':
      return make(
        'sessionNotAccepted',
        "the session certificate is not valid yet: is this machine's clock behind?",
      );
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return make(
        'workerUnreachable',
        `unable to connect to worker at ${address}: its name does not resolve`,
      );
    case 'ETIMEDOUT':
      return make('workerUnreachable', `unable to connect to worker at ${address}: no answer in time`);
    default:
      return make('workerUnreachable', `error dialing the worker at ${address}: ${reasonOf(code)}`);
  }
}

function reasonOf(code: string): string {
  if (code === 'ECONNRESET') return 'it closed the connection';
  if (code.startsWith('ERR_SSL_') || code === 'EPROTO') return `TLS failed (${code})`;
  if (/CERT|SIGNATURE|ISSUER/.test(code)) return 'it did not show the certificate of this session';
  return code;
}

function firstError(error: Error): NodeJS.ErrnoException {
  const first: unknown = error instanceof AggregateError ? error.errors[0] : error;
  return first instanceof Error ? first : error;
}

/** TLS to the worker. The caller owns the socket; it is destroyed when this throws. */
async function connectTls(
  options: WorkerDialOptions,
  place: HostPort,
  signal: AbortSignal,
): Promise<TLSSocket> {
  const { credentials, address } = options;
  const socket = connect({
    host: place.host,
    port: place.port,
    secureContext: credentials.secureContext,
    ALPNProtocols: ['http/1.1', credentials.authorization.sessionId],
    ...(isIP(place.host) === 0 ? { servername: place.host } : {}),
    // The chain is checked against the session certificate alone; its name is the session's, not the worker's, and the bytes
    // are compared below.
    checkServerIdentity: () => undefined,
  });
  const abort = (): void => {
    socket.destroy();
  };
  signal.addEventListener('abort', abort);
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once('secureConnect', resolve);
      socket.on('error', (error) => reject(toStileError(firstError(error), address)));
      socket.once('close', () =>
        reject(
          new StileError(
            'workerUnreachable',
            `unable to connect to worker at ${address}: it closed the connection`,
          ),
        ),
      );
    });
    socket.pause();
    socket.setNoDelay(true);
    const shown = socket.getPeerX509Certificate()?.raw;
    if (shown === undefined || !credentials.certificate.equals(shown)) {
      throw new StileError(
        'workerUnreachable',
        `the worker at ${address} did not show the certificate of this session`,
      );
    }
    return socket;
  } catch (error) {
    socket.destroy();
    throw error;
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

/**
 * Dials one worker up to the WebSocket; the handshake message comes next.
 * @returns a stream that the caller owns
 * @throws {StileError} workerUnreachable, sessionNotAccepted, sessionExpired, aborted
 */
export async function dialWorker(options: WorkerDialOptions): Promise<WebSocketStream> {
  const { address, buffers } = options;
  const place = parseHostPort(address);
  const deadline = AbortSignal.timeout(options.timeoutMs);
  const signal = options.signal === undefined ? deadline : AbortSignal.any([options.signal, deadline]);
  let socket: TLSSocket | undefined;
  try {
    socket = await connectTls(options, place, signal);
    const head = await requestUpgrade({
      socket,
      host: formatHostPort(place.host, place.port),
      path: proxyPath,
      subprotocol: proxySubprotocol,
      userAgent,
      signal,
    });
    return new WebSocketStream({ socket, role: 'client', buffers, head });
  } catch (error) {
    socket?.destroy();
    if (options.signal?.aborted === true) {
      throw new StileError('aborted', 'the connection was given up', { cause: error });
    }
    if (deadline.aborted) {
      const seconds = Math.round(options.timeoutMs / 1000);
      throw new StileError(
        'workerUnreachable',
        `unable to connect to worker at ${address}: no answer within ${seconds} s`,
        { cause: error },
      );
    }
    throw named(error, address);
  }
}

/** Errors after the TLS handshake name the worker too: a refused certificate arrives only with the first read. */
function named(error: unknown, address: string): unknown {
  if (!(error instanceof StileError) || error.message.includes(address)) return error;
  if (
    error.code !== 'connectionReset' &&
    error.code !== 'workerUnreachable' &&
    error.code !== 'frameTooLarge'
  )
    return error;
  return new StileError('workerUnreachable', `error dialing the worker at ${address}: ${error.message}`, {
    cause: error,
  });
}
