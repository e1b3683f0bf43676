/**
 * Between protobuf's numbers and ours: 64-bit values, timestamps and byte fields as the codecs of this package use them.
 * Long values never leave this file.
 */
import { Reader } from 'protobufjs/minimal.js';
import { StileError, type ErrorCode } from '../errors.ts';

/** A protobuf timestamp as the generated code gives it; `seconds` may be a Long at run time whatever its type says. */
interface WireTimestamp {
  readonly seconds?: number | null;
  readonly nanos?: number | null;
}

/** What a Long looks like; generated code hands them out for 64-bit fields wherever the package `long` is installed. */
interface LongLike {
  readonly low: number;
  readonly high: number;
  readonly unsigned: boolean;
}

function isLong(value: unknown): value is LongLike {
  return (
    typeof value === 'object' && value !== null && 'low' in value && 'high' in value && 'unsigned' in value
  );
}

/**
 * A 64-bit wire value as a number.
 * @throws {StileError} the given code when it is not a safe integer.
 */
export function toSafeInteger(value: unknown, code: ErrorCode, what: string): number {
  const high = isLong(value) ? (value.unsigned ? value.high >>> 0 : value.high) : 0;
  const number = isLong(value) ? high * 2 ** 32 + (value.low >>> 0) : value;
  if (typeof number !== 'number' || !Number.isSafeInteger(number)) {
    throw new StileError(code, `${what} is out of range`);
  }
  return number;
}

/**
 * Epoch microseconds of a timestamp; absent means 0. Parts of a microsecond are cut.
 * @throws {StileError} the given code when it is before 1970, after a safe integer, or not well formed.
 */
export function fromTimestamp(
  timestamp: WireTimestamp | null | undefined,
  code: ErrorCode,
  what: string,
): number {
  if (timestamp === null || timestamp === undefined) return 0;
  const seconds = toSafeInteger(timestamp.seconds ?? 0, code, what);
  const nanos = timestamp.nanos ?? 0;
  const micros = seconds * 1e6 + Math.floor(nanos / 1000);
  if (seconds < 0 || nanos < 0 || nanos > 999_999_999 || !Number.isSafeInteger(micros)) {
    throw new StileError(code, `${what} is out of range`);
  }
  return micros;
}

/** A timestamp of epoch microseconds; 0 stands for absent. */
export function toTimestamp(micros: number): { seconds: number; nanos: number } | null {
  if (micros === 0) return null;
  const seconds = Math.floor(micros / 1e6);
  return { seconds, nanos: (micros - seconds * 1e6) * 1000 };
}

/** A copy of a byte field: the decoder hands out views of the received message, which the socket may own. */
export function copyBytes(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes);
}

/**
 * Decodes `bytes` with a generated decoder and drops unknown fields (their bytes are not kept).
 * @throws {StileError} the given code, with the decoder's error as its cause.
 */
export function decodeMessage<T>(
  decoder: { decode(reader: Reader): T },
  bytes: Uint8Array,
  error: { code: ErrorCode; message: string },
): T {
  const reader = Reader.create(bytes);
  reader.discardUnknown = true;
  try {
    return decoder.decode(reader);
  } catch (cause) {
    throw new StileError(error.code, error.message, { cause });
  }
}
