/**
 * The HTTP/1.1 upgrade to a WebSocket over a TLS socket, both ends (RFC 6455 §4; session-protocol.md §2.4). Hand-made and
 * narrow: one GET, one path, one subprotocol; everything else is answered with a status and the connection ends.
 */
import { createHash, randomBytes } from 'node:crypto';
import type { TLSSocket } from 'node:tls';
import { StileError } from '@stile/protocol/errors';
import type { HttpHead } from './http-head.ts';
import { headerTokens, parseHttpHead, readHttpHead } from './http-head.ts';

/** What a server accepts. */
export interface AcceptUpgradeOptions {
  readonly socket: TLSSocket;
  /** Path, without a query. Others get 404. */
  readonly path: string;
  /** Echoed when the client asked for it. */
  readonly subprotocol: string;
  /** Aborts when the time for the whole phase is over. */
  readonly signal: AbortSignal;
}

/** What a client asks for. */
export interface RequestUpgradeOptions {
  readonly socket: TLSSocket;
  /** Text for the Host header, `host:port`. */
  readonly host: string;
  readonly path: string;
  readonly subprotocol: string;
  readonly userAgent: string;
  readonly signal: AbortSignal;
}

/** RFC 6455 §1.3. */
const acceptGuid = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

/** The accept key for a client's key (RFC 6455 §4.2.2). */
export function acceptKeyOf(key: string): string {
  return createHash('sha1')
    .update(key + acceptGuid)
    .digest('base64');
}

/** A refusal: status and headers of the answer (session-protocol.md §2.4). */
interface Refusal {
  readonly status: string;
  readonly headers: readonly string[];
}

const refusals = {
  upgradeRequired: { status: '426 Upgrade Required', headers: ['Upgrade: websocket'] },
  methodNotAllowed: { status: '405 Method Not Allowed', headers: ['Allow: GET'] },
  version: { status: '400 Bad Request', headers: ['Sec-WebSocket-Version: 13'] },
  badRequest: { status: '400 Bad Request', headers: [] },
  forbidden: { status: '403 Forbidden', headers: [] },
  notFound: { status: '404 Not Found', headers: [] },
} as const satisfies Record<string, Refusal>;

/**
 * Server: reads the request, answers 101, and gives the bytes behind it. On a bad request the answer is sent and the socket
 * ended before it throws. The socket stays the caller's; it is left paused.
 * @throws {StileError} invalidFrame, frameTooLarge (head above 16 KiB), connectionReset, aborted
 */
export async function acceptUpgrade(options: AcceptUpgradeOptions): Promise<Buffer> {
  const { socket } = options;
  const { head, rest } = await readHttpHead(socket, options.signal);
  const request = parseHttpHead(head);
  const refusal = request === undefined ? refusals.badRequest : checkRequest(request, options);
  if (request === undefined || refusal !== undefined) {
    const answer = refusal ?? refusals.badRequest;
    socket.end(
      headText(`HTTP/1.1 ${answer.status}`, [...answer.headers, 'Connection: close', 'Content-Length: 0']),
    );
    socket.resume();
    throw new StileError('invalidFrame', `upgrade refused with ${answer.status}`);
  }
  const lines = [
    'Connection: Upgrade',
    'Upgrade: websocket',
    `Sec-WebSocket-Accept: ${acceptKeyOf(request.headers.get('sec-websocket-key')?.[0] ?? '')}`,
    'Cache-Control: no-store',
    `Date: ${new Date().toUTCString()}`,
  ];
  if (headerTokens(request, 'sec-websocket-protocol').includes(options.subprotocol)) {
    lines.push(`Sec-WebSocket-Protocol: ${options.subprotocol}`);
  }
  socket.write(headText('HTTP/1.1 101 Switching Protocols', lines));
  return rest;
}

function checkRequest(request: HttpHead, options: AcceptUpgradeOptions): Refusal | undefined {
  const [method, target = '', version] = request.startLine;
  if (target.split('?', 1)[0] !== options.path) return refusals.notFound;
  const lower = (name: string): string[] => headerTokens(request, name).map((token) => token.toLowerCase());
  if (version !== 'HTTP/1.1') return refusals.upgradeRequired;
  if (!lower('connection').includes('upgrade') || !lower('upgrade').includes('websocket')) {
    return refusals.upgradeRequired;
  }
  if (method !== 'GET') return refusals.methodNotAllowed;
  if (request.headers.get('sec-websocket-version')?.join() !== '13') return refusals.version;
  const keys = request.headers.get('sec-websocket-key') ?? [];
  if (keys.length !== 1 || !isKey(keys[0] ?? '')) return refusals.badRequest;
  return isForeignOrigin(request) ? refusals.forbidden : undefined;
}

/** Base64 of 16 bytes. */
function isKey(key: string): boolean {
  return /^[A-Za-z0-9+/]{22}==$/.test(key);
}

/** A browser sends Origin; a page of another host has no business here. */
function isForeignOrigin(request: HttpHead): boolean {
  const origins = request.headers.get('origin');
  if (origins === undefined) return false;
  const host = request.headers.get('host')?.[0] ?? '';
  return !origins.every(
    (origin) => URL.canParse(origin) && new URL(origin).host.toLowerCase() === host.toLowerCase(),
  );
}

/**
 * Client: asks for the upgrade, checks the answer, and gives the bytes behind it. The socket stays the caller's; it is left
 * paused.
 * @throws {StileError} workerUnreachable (not a 101, wrong accept key or subprotocol), frameTooLarge, connectionReset, aborted
 */
export async function requestUpgrade(options: RequestUpgradeOptions): Promise<Buffer> {
  const { socket } = options;
  const key = randomBytes(16).toString('base64');
  socket.write(
    headText(`GET ${options.path} HTTP/1.1`, [
      `Host: ${options.host}`,
      `User-Agent: ${options.userAgent}`,
      'Connection: Upgrade',
      'Upgrade: websocket',
      'Sec-WebSocket-Version: 13',
      `Sec-WebSocket-Key: ${key}`,
      `Sec-WebSocket-Protocol: ${options.subprotocol}`,
    ]),
  );
  const { head, rest } = await readHttpHead(socket, options.signal);
  const answer = parseHttpHead(head);
  const problem = answer === undefined ? 'the worker does not speak HTTP' : checkAnswer(answer, key, options);
  if (problem !== undefined) throw new StileError('workerUnreachable', problem);
  return rest;
}

function checkAnswer(answer: HttpHead, key: string, options: RequestUpgradeOptions): string | undefined {
  const status = answer.startLine[1] ?? '';
  if (status !== '101') return `expected handshake response status code 101 but got ${status.slice(0, 3)}`;
  if (answer.headers.get('sec-websocket-accept')?.join() !== acceptKeyOf(key)) {
    return 'the worker answered the WebSocket upgrade with a wrong accept key';
  }
  if (!headerTokens(answer, 'upgrade').some((token) => token.toLowerCase() === 'websocket')) {
    return 'the worker answered the WebSocket upgrade without an Upgrade header';
  }
  const subprotocol = answer.headers.get('sec-websocket-protocol')?.join() ?? '';
  if (subprotocol !== options.subprotocol)
    return `unexpected negotiated protocol: ${subprotocol.slice(0, 64)}`;
  return answer.headers.has('sec-websocket-extensions')
    ? 'the worker chose an extension nobody offered'
    : undefined;
}

function headText(startLine: string, lines: readonly string[]): string {
  return `${[startLine, ...lines].join('\r\n')}\r\n\r\n`;
}
