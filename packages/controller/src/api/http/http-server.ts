/** The HTTP server below an API listener: plain or TLS, with the times and sizes that keep slow and large requests from holding it up. */
import { createServer as createPlainServer, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';

/** How it listens. */
export interface HttpServerOptions {
  /** PEM; absent = plain HTTP. */
  readonly tls?: { readonly certificate: string; readonly privateKey: string } | undefined;
  /** Largest headers of a request together, bytes. Default 16 KiB. */
  readonly maxHeaderBytes?: number;
  /** The headers of a request must be there within this time, milliseconds. Default 10 s. */
  readonly headersTimeoutMs?: number;
  /** The whole request must be there within this time, milliseconds. Default 60 s: 4 MiB at 70 kB/s. */
  readonly receiveTimeoutMs?: number;
  /** An idle keep-alive connection is closed after this, milliseconds. Default 75 s. */
  readonly keepAliveMs?: number;
}

/** Default time for the headers of a request, milliseconds: slow clients give their socket back. */
const defaultHeadersTimeoutMs = 10_000;
/** Default time for the whole request, milliseconds. */
const defaultReceiveTimeoutMs = 60_000;
/** Default time until an idle keep-alive connection is closed, milliseconds. */
const defaultKeepAliveMs = 75_000;
/** Default size of all headers, bytes. */
const defaultMaxHeaderBytes = 16 * 1024;

/** Makes it; the caller listens and closes. */
export function createHttpServer(options: HttpServerOptions): Server {
  const headersTimeoutMs = options.headersTimeoutMs ?? defaultHeadersTimeoutMs;
  const limits = {
    headersTimeout: headersTimeoutMs,
    requestTimeout: options.receiveTimeoutMs ?? defaultReceiveTimeoutMs,
    keepAliveTimeout: options.keepAliveMs ?? defaultKeepAliveMs,
    connectionsCheckingInterval: Math.min(2_000, headersTimeoutMs),
    maxHeaderSize: options.maxHeaderBytes ?? defaultMaxHeaderBytes,
  };
  if (options.tls === undefined) return createPlainServer(limits);
  return createTlsServer({
    ...limits,
    cert: options.tls.certificate,
    key: options.tls.privateKey,
    minVersion: 'TLSv1.2',
    handshakeTimeout: headersTimeoutMs,
  });
}
