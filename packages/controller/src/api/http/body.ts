/**
 * The body of a request: read with a limit, then its first JSON value parsed. Second step of the request pipeline, after the
 * caller is known (the limit depends on it).
 */
import { isUtf8 } from 'node:buffer';
import type { IncomingMessage } from 'node:http';
import { invalidField, StileError } from '@stile/protocol/errors';

/** A JSON object as it came; read its keys by name only. */
export type JsonObject = Readonly<Record<string, unknown>>;

/** Largest body of a caller without a valid auth token, bytes (http-api.md §7). */
export const anonymousBodyLimitBytes: number = 64 * 1024;

/** Levels of objects and arrays that a body may have; no call needs more than 4. */
const maxDepth = 100;

const emptyBody: JsonObject = Object.freeze({});

function tooLarge(limitBytes: number): StileError {
  return new StileError('payloadTooLarge', `the request body is larger than ${limitBytes} bytes`);
}

/**
 * Reads the whole body. The rest of a body that is too large is left unread: the answer must close the connection.
 * @throws {StileError} payloadTooLarge, aborted (the client went away)
 */
export async function readBody(message: IncomingMessage, limitBytes: number): Promise<Buffer> {
  const declared = message.headers['content-length'];
  if (declared !== undefined && Number(declared) > limitBytes) throw tooLarge(limitBytes);
  const chunks: Buffer[] = [];
  let size = 0;
  return new Promise((resolve, reject) => {
    const stop = (): void => {
      message.off('data', onData).off('end', onEnd).off('error', onError).off('close', onClose);
    };
    const onData = (chunk: Buffer): void => {
      size += chunk.length;
      if (size <= limitBytes) {
        chunks.push(chunk);
        return;
      }
      stop();
      message.pause();
      reject(tooLarge(limitBytes));
    };
    const onEnd = (): void => {
      stop();
      resolve(chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks));
    };
    const onError = (cause?: Error): void => {
      stop();
      reject(new StileError('aborted', 'the client went away while sending', { cause }));
    };
    const onClose = (): void => onError();
    message.on('data', onData).on('end', onEnd).on('error', onError).on('close', onClose);
  });
}

function isJsonSpace(code: number): boolean {
  return code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09;
}

const bodyError = (description: string): StileError => invalidField('body', description);

/**
 * Offset behind the object that begins at `start`: brackets are counted outside of strings, so this is right for every legal
 * JSON text and merely some offset for another, which JSON.parse then refuses.
 */
function endOfObject(text: string, start: number): number {
  let depth = 0;
  let isInString = false;
  for (let at = start; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (isInString) {
      if (code === 0x5c) at += 1;
      else if (code === 0x22) isInString = false;
    } else if (code === 0x22) isInString = true;
    else if (code === 0x7b || code === 0x5b) {
      depth += 1;
      if (depth > maxDepth) throw bodyError(`The body is nested deeper than ${maxDepth} levels.`);
    } else if (code === 0x7d || code === 0x5d) {
      depth -= 1;
      if (depth === 0) return at + 1;
    }
  }
  return text.length;
}

/**
 * The first JSON value of a body, which must be an object; what follows it is ignored, an empty body and `null` are `{}`
 * (http-api.md §1.3, §7).
 * @throws {StileError} invalidArgument
 */
export function parseBody(bytes: Buffer): JsonObject {
  if (!isUtf8(bytes)) throw bodyError('The body is not UTF-8 text.');
  const text = bytes.toString('utf8');
  let start = 0;
  while (start < text.length && isJsonSpace(text.charCodeAt(start))) start += 1;
  if (start === text.length || /^null(?![\w"])/.test(text.slice(start, start + 5))) return emptyBody;
  if (text[start] !== '{') throw bodyError('The body must be a JSON object.');
  const end = endOfObject(text, start);
  try {
    return JSON.parse(text.slice(start, end)) as JsonObject;
  } catch {
    // What the parser says of it may quote the body.
    throw bodyError('The body is not valid JSON.');
  }
}

/**
 * The fields of a form. Nothing but a form is taken: a web page can send other types without asking (tokens.md §4.2).
 * @throws {StileError} invalidArgument
 */
export function parseForm(bytes: Buffer, contentType: string): URLSearchParams {
  const type = contentType.split(';', 1)[0]?.trim().toLowerCase();
  if (type !== 'application/x-www-form-urlencoded') {
    throw bodyError('The body must be of type application/x-www-form-urlencoded.');
  }
  if (!isUtf8(bytes)) throw bodyError('The body is not UTF-8 text.');
  return new URLSearchParams(bytes.toString('utf8'));
}
