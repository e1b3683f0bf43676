/**
 * A client of another make: written from the wire facts alone (session-protocol.md §1–3), without any code of ours, so that it
 * fails where our worker and our client would be wrong together. TLS by Node, upgrade, frames and protobuf by hand.
 */
import { createHash, createPrivateKey, randomBytes, randomInt } from 'node:crypto';
import { isIP } from 'node:net';
import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls';
import { FrameReader, encodeFrame, opcode, type FrameEvent } from './foreign-frames.ts';
import {
  decodeAuthorization,
  decodeResult,
  encodeHandshake,
  type ForeignAuthorization,
  type ForeignHandshake,
  type ForeignResult,
} from './foreign-messages.ts';

/** Longest wait for anything a worker should answer at once, milliseconds. */
const answerMs = 20_000;

/** How a connection departs from the recorded client. */
export interface ForeignOptions {
  /** ALPN offered; default `http/1.1` then the session id. `[]` offers none. */
  readonly alpn?: readonly string[];
  /** SNI; default none for an IP address, as the recorded client. */
  readonly serverName?: string;
  /** Another certificate and key (PEM), or none. */
  readonly certificate?: { readonly cert: string; readonly key: string } | 'none';
  /** Lines of the upgrade request after the first; default the recorded ones. */
  readonly headers?: readonly string[];
  /** First line of the upgrade; default `GET /v1/proxy HTTP/1.1`. */
  readonly requestLine?: string;
}

/** What ended before an upgrade: a TLS alert, an HTTP status, or a connection that just closed. */
export class ForeignRefusal extends Error {
  /** TLS alert number, when there was one. */
  readonly alert: number | undefined;
  /** HTTP status, when it was not 101. */
  readonly status: number | undefined;

  constructor(message: string, seen: { alert?: number | undefined; status?: number; cause?: unknown } = {}) {
    super(message, { cause: seen.cause });
    this.alert = seen.alert;
    this.status = seen.status;
  }
}

/** 20 characters, as each client process chooses once. */
export function newTofuToken(): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';
  return Array.from({ length: 20 }, () => alphabet[randomInt(alphabet.length)]).join('');
}

/** Certificate and key of an authorization as PEM. */
export function pemPairOf(auth: ForeignAuthorization): { readonly cert: string; readonly key: string } {
  const prefix = Buffer.from('302e020100300506032b657004220420', 'hex');
  const der = Buffer.concat([prefix, auth.privateKey.subarray(0, 32)]);
  const key = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
  return {
    cert: `-----BEGIN CERTIFICATE-----\n${auth.certificate.toString('base64')}\n-----END CERTIFICATE-----\n`,
    key: key.export({ type: 'pkcs8', format: 'pem' }).toString(),
  };
}

/** host and port of a worker's address. */
export function splitAddress(address: string): { readonly host: string; readonly port: number } {
  const at = address.lastIndexOf(':');
  return { host: address.slice(0, at).replace(/^\[|\]$/g, ''), port: Number(address.slice(at + 1)) };
}

/** TLS options of the recorded client. */
export function tlsOptions(auth: ForeignAuthorization, options: ForeignOptions = {}): ConnectionOptions {
  const shown = options.certificate === 'none' ? {} : (options.certificate ?? pemPairOf(auth));
  const alpn = options.alpn ?? ['http/1.1', auth.sessionId];
  return {
    ...shown,
    ...(alpn.length > 0 ? { ALPNProtocols: [...alpn] } : {}),
    ...(options.serverName === undefined ? {} : { servername: options.serverName }),
    minVersion: 'TLSv1.3',
    maxVersion: 'TLSv1.3',
    rejectUnauthorized: false,
    checkServerIdentity: () => undefined,
  };
}

function alertOf(error: Error): number | undefined {
  const found = /alert number (\d+)/.exec(error.message)?.[1];
  return found === undefined ? undefined : Number(found);
}

/** Opens TLS to a worker and checks that it shows the very certificate of the session. */
export async function openTls(
  auth: ForeignAuthorization,
  options: ForeignOptions & { readonly worker?: string } = {},
): Promise<TLSSocket> {
  const address = splitAddress(options.worker ?? auth.workers[0] ?? '');
  const name = options.serverName ?? (isIP(address.host) === 0 ? address.host : undefined);
  const socket = connect({
    ...address,
    ...tlsOptions(auth, { ...options, ...(name === undefined ? {} : { serverName: name }) }),
  });
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(() => {
      socket.destroy();
      reject(new ForeignRefusal('no TLS handshake in time'));
    }, answerMs);
    const fail = (error?: Error): void => {
      clearTimeout(timer);
      const cause = error ?? new Error('closed');
      reject(new ForeignRefusal(`TLS: ${cause.message}`, { alert: alertOf(cause), cause }));
    };
    socket.once('error', fail).once('close', () => fail());
    socket.once('secureConnect', () => {
      clearTimeout(timer);
      resolve();
    });
  });
  socket.on('error', () => undefined);
  if (!socket.getPeerCertificate().raw.equals(auth.certificate)) {
    socket.destroy();
    throw new ForeignRefusal('the worker showed another certificate than that of the session');
  }
  return socket;
}

const recordedHeaders = (host: string, key: string): string[] => [
  `Host: ${host}`,
  'User-Agent: Go-http-client/1.1',
  'Connection: Upgrade',
  `Sec-Websocket-Key: ${key}`,
  'Sec-Websocket-Protocol: boundary-tcp-proxy-v1',
  'Sec-Websocket-Version: 13',
  'Upgrade: websocket',
  'Accept-Encoding: gzip',
];

/** An upgraded connection. Whoever opened it destroys it. */
export class ForeignConnection {
  readonly socket: TLSSocket;
  readonly tofuToken: string;
  /** Header lines of the 101 answer, names in lower case. */
  readonly responseHeaders: ReadonlyMap<string, string>;
  readonly #events: FrameEvent[] = [];
  readonly #reader: FrameReader = new FrameReader((event) => this.#take(event));
  #wake: () => void = () => undefined;
  #rest: Buffer = Buffer.alloc(0);

  private constructor(socket: TLSSocket, tofuToken: string, head: { lines: string[]; rest: Buffer }) {
    this.socket = socket;
    this.tofuToken = tofuToken;
    const headers = head.lines.slice(1).map((line): [string, string] => {
      const at = line.indexOf(':');
      return [line.slice(0, at).trim().toLowerCase(), line.slice(at + 1).trim()];
    });
    this.responseHeaders = new Map(headers);
    socket.on('data', (part: Buffer) => this.#reader.push(part));
    socket.once('close', () => this.#take({ kind: 'dropped' }));
    if (head.rest.length > 0) this.#reader.push(head.rest);
    if (socket.destroyed) this.#take({ kind: 'dropped' });
  }

  /**
   * TLS and upgrade.
   * @throws {ForeignRefusal} with the alert or status
   */
  static async open(
    auth: ForeignAuthorization,
    options: ForeignOptions & { readonly worker?: string; readonly tofuToken?: string } = {},
  ): Promise<ForeignConnection> {
    const socket = await openTls(auth, options);
    const key = randomBytes(16).toString('base64');
    const host = options.worker ?? auth.workers[0] ?? '';
    const lines = options.headers ?? recordedHeaders(host, key);
    socket.write(
      `${options.requestLine ?? 'GET /v1/proxy HTTP/1.1'}\r\n${lines.map((line) => `${line}\r\n`).join('')}\r\n`,
    );
    const head = await readHead(socket);
    const status = Number(head.lines[0]?.split(' ')[1]);
    if (status !== 101) {
      socket.destroy();
      throw new ForeignRefusal(`HTTP: ${head.lines[0] ?? ''}`, { status });
    }
    const connection = new ForeignConnection(socket, options.tofuToken ?? newTofuToken(), head);
    const accept = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
    if (options.headers === undefined && connection.responseHeaders.get('sec-websocket-accept') !== accept) {
      socket.destroy();
      throw new ForeignRefusal('wrong Sec-Websocket-Accept');
    }
    return connection;
  }

  #take(event: FrameEvent): void {
    this.#events.push(event);
    this.#wake();
  }

  /** The next message, close frame or end, in the order of the wire. Pings are answered and left out. */
  async next(deadlineMs: number = answerMs): Promise<FrameEvent> {
    const end = Date.now() + deadlineMs;
    for (;;) {
      const event = this.#events.shift();
      if (event !== undefined) return event;
      await new Promise<void>((resolve, reject) => {
        const timer = setTimeout(
          () => reject(new Error(`nothing from the worker within ${deadlineMs} ms`)),
          Math.max(1, end - Date.now()),
        );
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
      this.#wake = () => undefined;
    }
  }

  /** Sends one frame as it is; default a masked, final, binary one. */
  sendFrame(payload: Buffer | string, shape: Parameters<typeof encodeFrame>[1] = {}): void {
    this.socket.write(encodeFrame(Buffer.from(payload), shape));
  }

  /** Sends the handshake; the answer is the next event. */
  sendHandshake(change: Partial<ForeignHandshake> = {}): void {
    this.sendFrame(encodeHandshake({ tofuToken: this.tofuToken, ...change }));
  }

  /** Handshake and its result, or what came instead of one. */
  async handshake(change: Partial<ForeignHandshake> = {}): Promise<ForeignResult | FrameEvent> {
    this.sendHandshake(change);
    const event = await this.next();
    return event.kind === 'message' && event.opcode === opcode.binary ? decodeResult(event.payload) : event;
  }

  /**
   * Sends bytes of the stream and reads as many back, whatever the frames.
   * @throws {Error} when the connection ends before
   */
  async roundTrip(bytes: Buffer | string, deadlineMs: number = answerMs): Promise<void> {
    const sent = Buffer.from(bytes);
    this.sendFrame(sent);
    const back = await this.read(sent.length, deadlineMs);
    if (!back.equals(sent)) throw new Error('other bytes came back');
  }

  /** Exactly `count` bytes of the stream. */
  async read(count: number, deadlineMs: number = answerMs): Promise<Buffer> {
    let taken = this.#rest;
    while (taken.length < count) {
      const event = await this.next(deadlineMs);
      if (event.kind !== 'message')
        throw new Error(`ended after ${taken.length} of ${count} bytes: ${JSON.stringify(event)}`);
      taken = Buffer.concat([taken, event.payload]);
    }
    this.#rest = taken.subarray(count);
    return taken.subarray(0, count);
  }

  /** What ended the connection; bytes that still come are dropped. */
  async ended(deadlineMs: number = answerMs): Promise<Exclude<FrameEvent, { kind: 'message' }>> {
    const end = Date.now() + deadlineMs;
    for (;;) {
      const event = await this.next(end - Date.now());
      if (event.kind !== 'message') return event;
    }
  }

  /** A close frame, as the recorded client sends at its end. */
  close(code = 1000, reason = ''): void {
    const body = Buffer.alloc(2 + Buffer.byteLength(reason));
    body.writeUInt16BE(code);
    body.write(reason, 2);
    this.sendFrame(body, { opcode: opcode.close });
  }

  /** Ends it without a word. */
  destroy(): void {
    this.socket.destroy();
  }
}

/** Whether a handshake brought a result. */
export function isResult(answer: ForeignResult | FrameEvent): answer is ForeignResult {
  return 'connectionsLeft' in answer;
}

async function readHead(socket: TLSSocket): Promise<{ lines: string[]; rest: Buffer }> {
  let taken = Buffer.alloc(0);
  return new Promise((resolve, reject) => {
    const stop = (error?: Error): void => {
      clearTimeout(timer);
      socket.off('data', take).off('close', ended).off('error', failed);
      if (error !== undefined) {
        socket.destroy();
        reject(error);
      }
    };
    const ended = (): void => stop(new ForeignRefusal('closed before an answer'));
    const failed = (cause: Error): void =>
      stop(new ForeignRefusal(`TLS: ${cause.message}`, { alert: alertOf(cause), cause }));
    const timer = setTimeout(() => stop(new ForeignRefusal('no answer in time')), answerMs);
    const take = (part: Buffer): void => {
      taken = Buffer.concat([taken, part]);
      const end = taken.indexOf('\r\n\r\n');
      if (end < 0) return;
      stop();
      resolve({
        lines: taken.subarray(0, end).toString('latin1').split('\r\n'),
        rest: taken.subarray(end + 4),
      });
    };
    socket.on('data', take).once('close', ended).once('error', failed);
    if (socket.destroyed) ended();
  });
}

/** Reads an authorization token by the facts of §1. */
export function readAuthorization(token: string): ForeignAuthorization {
  return decodeAuthorization(token);
}
