/**
 * One message of the cluster link to bytes and back (proto/controller/servers/v1 Frame). Before a message is decoded its
 * outline is walked without allocating, so that a hostile peer cannot make a small frame into a large object.
 */
import { stile } from '../../gen/cluster.js';
import type { ClusterMethod, ClusterRequest, ClusterResponse } from './calls.ts';
import { callCodecs, isClusterMethod } from './codec.ts';
import { isErrorCode, StileError, type ErrorCode } from '../errors.ts';
import { decodeMessage } from '../codec/wire.ts';

const { Frame: WireFrame } = stile.controller.servers.v1;

/** Largest frame either side sends or reads, bytes: a heartbeat about 30,000 connections. */
export const maxFrameBytes: number = 1024 * 1024;
/** Most fields that the body of one frame and the messages in it may have: bounds the decoded size to some 20 MB. */
export const maxFrameFields = 65_536;
/** Longest error text that is taken from the wire, characters. */
const maxErrorText = 1024;
/** Field numbers from here up are answers. */
const firstAnswerField = 100;

/** A request, typed by its method. */
export interface RequestFrame<M extends ClusterMethod = ClusterMethod> {
  readonly kind: 'request';
  readonly id: number;
  readonly method: M;
  readonly request: ClusterRequest<M>;
}

/** An answer, typed by its method. */
export interface ResponseFrame<M extends ClusterMethod = ClusterMethod> {
  readonly kind: 'response';
  readonly id: number;
  readonly method: M;
  readonly response: ClusterResponse<M>;
}

/** The failure of a call. `message` holds no secret. */
export interface ErrorFrame {
  readonly kind: 'error';
  readonly id: number;
  readonly code: ErrorCode;
  readonly message: string;
}

/** A request or an answer of a newer peer. */
export interface UnknownFrame {
  readonly kind: 'unknownRequest' | 'unknownResponse';
  readonly id: number;
}

/** What may be sent. */
export type OutgoingFrame =
  { readonly [M in ClusterMethod]: RequestFrame<M> | ResponseFrame<M> }[ClusterMethod] | ErrorFrame;

/** What may arrive. */
export type IncomingFrame = OutgoingFrame | UnknownFrame;

/**
 * Bytes of a request.
 * @throws {StileError} frameTooLarge.
 */
export function encodeRequest<M extends ClusterMethod>(
  id: number,
  method: M,
  request: ClusterRequest<M>,
): Uint8Array {
  return encode({ id, [method]: callCodecs[method].encodeRequest(request) });
}

/**
 * Bytes of an answer.
 * @throws {StileError} frameTooLarge.
 */
export function encodeResponse<M extends ClusterMethod>(
  id: number,
  method: M,
  response: ClusterResponse<M>,
): Uint8Array {
  return encode({ id, [`${method}Ok`]: callCodecs[method].encodeResponse(response) });
}

/** Bytes of a failure. Of an internal error only the word goes over the wire. */
export function encodeError(id: number, error: StileError): Uint8Array {
  const message = error.code === 'internal' ? 'internal error' : error.message.slice(0, maxErrorText);
  return encode({ id, error: { code: error.code, message } });
}

function encode(frame: stile.controller.servers.v1.Frame.$Properties): Uint8Array {
  const bytes = WireFrame.encode(frame).finish(true);
  if (bytes.length > maxFrameBytes) {
    throw new StileError('frameTooLarge', `cluster message is larger than ${maxFrameBytes} bytes`);
  }
  return bytes;
}

/**
 * Reads one frame of the hostile wire.
 * @throws {StileError} frameTooLarge, invalidFrame (no Frame, no id, two bodies, too many fields, a value out of range).
 */
export function decodeFrame(bytes: Uint8Array, maxBytes: number = maxFrameBytes): IncomingFrame {
  if (bytes.length > maxBytes) {
    throw new StileError('frameTooLarge', `cluster message is larger than ${maxBytes} bytes`);
  }
  const bodyField = new Outline(bytes).bodyField();
  const frame = decodeMessage(WireFrame, bytes, {
    code: 'invalidFrame',
    message: 'cluster message cannot be read',
  });
  const id = frame.id;
  if (id === 0) throw invalid('cluster message has no id');
  const body = frame.body;
  if (body === undefined) {
    return { kind: bodyField < firstAnswerField ? 'unknownRequest' : 'unknownResponse', id };
  }
  if (body === 'error') return readError(id, frame.error?.code ?? '', frame.error?.message ?? '');
  if (body.endsWith('Ok')) {
    const method = body.slice(0, -2);
    if (isClusterMethod(method)) return readResponse(id, method, frame);
  }
  if (isClusterMethod(body)) return readRequest(id, body, frame);
  throw invalid('cluster message has an unknown body');
}

function readRequest<M extends ClusterMethod>(
  id: number,
  method: M,
  frame: stile.controller.servers.v1.Frame,
): IncomingFrame {
  const wire = frame[method];
  if (!wire) throw invalid('cluster message has no body');
  // The union of all methods' frames cannot be built by a generic function; method and request belong together here.
  return { kind: 'request', id, method, request: callCodecs[method].decodeRequest(wire) } as IncomingFrame;
}

function readResponse<M extends ClusterMethod>(
  id: number,
  method: M,
  frame: stile.controller.servers.v1.Frame,
): IncomingFrame {
  const wire = frame[`${method}Ok`];
  if (!wire) throw invalid('cluster message has no body');
  // As in readRequest.
  return { kind: 'response', id, method, response: callCodecs[method].decodeResponse(wire) } as IncomingFrame;
}

/** An error code of a newer peer is `internal` here; control characters do not reach a log or a terminal. */
function readError(id: number, code: string, message: string): ErrorFrame {
  const clean = message.slice(0, maxErrorText).replaceAll(/\p{Cc}/gu, ' ');
  return isErrorCode(code)
    ? { kind: 'error', id, code, message: clean }
    : { kind: 'error', id, code: 'internal', message: 'internal error' };
}

function invalid(message: string): StileError {
  return new StileError('invalidFrame', message);
}

/** Fields of a body that hold repeated messages with repeated fields of their own: hello's tags and sessions, heartbeat's. */
const nestedFields: Readonly<Record<number, readonly number[]>> = { 11: [2, 4], 12: [1] };

/** Walks the wire format of one frame and counts. */
class Outline {
  readonly #bytes: Uint8Array;
  #at = 0;
  #fields = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** Number of the one body field. */
  bodyField(): number {
    let body = 0;
    this.#walk(this.#bytes.length, (field, end) => {
      if (field === 1) return;
      if (body !== 0) throw invalid('cluster message has two bodies');
      body = field;
      const nested = nestedFields[field];
      this.#walk(end, (inner, innerEnd) => {
        if (nested?.includes(inner)) this.#walk(innerEnd, () => undefined);
      });
    });
    if (body === 0) throw invalid('cluster message has no body');
    return body;
  }

  /** Visits every field up to `end`; `visit` may walk into the field's own bytes, which end at its second argument. */
  #walk(end: number, visit: (field: number, end: number) => void): void {
    while (this.#at < end) {
      this.#fields += 1;
      if (this.#fields > maxFrameFields) throw invalid('cluster message has too many fields');
      const tag = this.#varint(end);
      const field = Math.floor(tag / 8);
      const fieldEnd = this.#fieldEnd(tag % 8, end);
      if (field === 0 || fieldEnd > end) throw invalid('cluster message cannot be read');
      if (tag % 8 === 2) visit(field, fieldEnd);
      this.#at = fieldEnd;
    }
  }

  /** Where the field that starts here ends; for length-delimited ones `#at` is moved to the first byte of content. */
  #fieldEnd(wireType: number, end: number): number {
    switch (wireType) {
      case 0:
        this.#varint(end);
        return this.#at;
      case 1:
        return this.#at + 8;
      case 2:
        return this.#varint(end) + this.#at;
      case 5:
        return this.#at + 4;
      default:
        // Groups (3, 4) are not part of proto3, 6 and 7 of nothing.
        throw invalid('cluster message cannot be read');
    }
  }

  #varint(end: number): number {
    let value = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      const byte = this.#at < end ? (this.#bytes[this.#at] ?? 0) : -1;
      if (byte < 0) break;
      this.#at += 1;
      value += (byte & 127) * 2 ** shift;
      if (byte < 128) return value;
    }
    throw invalid('cluster message cannot be read');
  }
}
