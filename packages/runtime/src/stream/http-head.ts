/** Reads and parses one HTTP/1.1 head (start line and headers), bounded and strict; for the WebSocket upgrade only. */
import type { Socket } from 'node:net';
import { StileError } from '@stile/protocol/errors';

/** A parsed head. */
export interface HttpHead {
  /** The three parts of the start line: method, target, version; or version, status, text. */
  readonly startLine: readonly string[];
  /** Values by lower-case name, in order. */
  readonly headers: ReadonlyMap<string, readonly string[]>;
}

/** Longest head, bytes. A real client's has 250. */
export const maxHeadBytes = 16_384;

const endOfHead = Buffer.from('\r\n\r\n');

/**
 * Reads up to the empty line. Leaves the socket paused and without listeners of its own.
 * @throws {StileError} frameTooLarge, connectionReset, aborted (by the signal)
 */
export function readHttpHead(socket: Socket, signal: AbortSignal): Promise<{ head: Buffer; rest: Buffer }> {
  return new Promise((resolve, reject) => {
    let bytes: Buffer = Buffer.alloc(0);
    const settle = (error?: StileError): void => {
      socket.pause();
      socket.off('data', onData).off('end', onGone).off('close', onGone).off('error', onGone);
      signal.removeEventListener('abort', onAbort);
      if (error !== undefined) reject(error);
    };
    const onGone = (): void =>
      settle(new StileError('connectionReset', 'the peer went away during the upgrade'));
    const onAbort = (): void => settle(new StileError('aborted', 'the upgrade took too long'));
    const onData = (piece: Buffer): void => {
      const searchFrom = Math.max(0, bytes.length - endOfHead.length);
      bytes = bytes.length === 0 ? piece : Buffer.concat([bytes, piece]);
      const end = bytes.indexOf(endOfHead, searchFrom);
      if (end > maxHeadBytes || (end < 0 && bytes.length > maxHeadBytes)) {
        settle(new StileError('frameTooLarge', `an HTTP head is longer than ${maxHeadBytes} bytes`));
      } else if (end >= 0) {
        settle();
        resolve({ head: bytes.subarray(0, end), rest: bytes.subarray(end + endOfHead.length) });
      }
    };
    if (signal.aborted) {
      onAbort();
      return;
    }
    signal.addEventListener('abort', onAbort);
    socket.on('end', onGone).on('close', onGone).on('error', onGone).on('data', onData);
    socket.resume();
  });
}

const headerLine = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*([\t\x20-\x7e\x80-\xff]*)$/;

/** The head that `bytes` (without the empty line) hold, or undefined when they hold none. */
export function parseHttpHead(bytes: Buffer): HttpHead | undefined {
  const [first = '', ...lines] = bytes.toString('latin1').split('\r\n');
  const start = /^([!-~]+) ([!-~]+)(?: ([ -~]*))?$/.exec(first);
  if (start === null) return undefined;
  const headers = new Map<string, string[]>();
  for (const line of lines) {
    const match = headerLine.exec(line);
    if (match === null) return undefined;
    const name = (match[1] ?? '').toLowerCase();
    const values = headers.get(name);
    const value = (match[2] ?? '').trimEnd();
    if (values === undefined) headers.set(name, [value]);
    else values.push(value);
  }
  return { startLine: [start[1] ?? '', start[2] ?? '', start[3] ?? ''], headers };
}

/** The comma-separated tokens of all headers of this lower-case name. */
export function headerTokens(head: HttpHead, name: string): string[] {
  return (head.headers.get(name) ?? []).flatMap((value) => value.split(',').map((token) => token.trim()));
}
