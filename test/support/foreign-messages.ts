/** The messages of the session protocol by hand, from session-protocol.md §1.2 and §3.1: for the client of another make. */

const alphabet = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz';

/** What the authorization token holds, as far as a client needs it. */
export interface ForeignAuthorization {
  readonly sessionId: string;
  readonly targetId: string;
  readonly connectionLimit: number;
  /** Epoch milliseconds. */
  readonly expiresAtMs: number;
  readonly certificate: Buffer;
  /** 64 bytes. */
  readonly privateKey: Buffer;
  readonly endpoint: string;
  readonly workers: readonly string[];
}

/** First message of a client. */
export interface ForeignHandshake {
  readonly tofuToken: string;
  readonly isCancel?: boolean;
}

/** The worker's answer. */
export interface ForeignResult {
  /** Epoch milliseconds. */
  readonly expiresAtMs: number;
  readonly connectionLimit: number;
  /** Absent on the wire = 0. */
  readonly connectionsLeft: number;
  /** Field numbers in the order of the wire. */
  readonly fields: readonly number[];
}

type Field =
  { readonly number: number; readonly value: bigint } | { readonly number: number; readonly bytes: Buffer };

/** Base58 with the Bitcoin alphabet. */
export function fromBase58(text: string): Buffer {
  let value = 0n;
  for (const letter of text) {
    const digit = alphabet.indexOf(letter);
    if (digit < 0) throw new Error('not base58');
    value = value * 58n + BigInt(digit);
  }
  const hex = value.toString(16);
  const body = Buffer.from(hex.length % 2 === 1 ? `0${hex}` : hex, 'hex');
  const zeros = /^1*/.exec(text)?.[0].length ?? 0;
  return Buffer.concat([Buffer.alloc(zeros), body]);
}

function readVarint(bytes: Buffer, at: number): [value: bigint, next: number] {
  let value = 0n;
  for (let shift = 0n; shift < 70n; shift += 7n) {
    const byte = bytes[at];
    if (byte === undefined) throw new Error('varint is cut');
    at += 1;
    value |= BigInt(byte & 127) << shift;
    if (byte < 128) return [value, at];
  }
  throw new Error('varint too long');
}

/** The fields of a message in the order of the wire. */
export function readFields(bytes: Buffer): Field[] {
  const fields: Field[] = [];
  let at = 0;
  while (at < bytes.length) {
    const [key, afterKey] = readVarint(bytes, at);
    const number = Number(key >> 3n);
    const [value, afterValue] = readVarint(bytes, afterKey);
    if ((key & 7n) === 0n) {
      fields.push({ number, value });
      at = afterValue;
    } else if ((key & 7n) === 2n) {
      at = afterValue + Number(value);
      if (at > bytes.length) throw new Error('field is cut');
      fields.push({ number, bytes: bytes.subarray(afterValue, at) });
    } else throw new Error(`wire type ${key & 7n}`);
  }
  return fields;
}

function bytesOf(fields: readonly Field[], number: number): Buffer {
  const field = fields.find((each) => each.number === number);
  return field !== undefined && 'bytes' in field ? field.bytes : Buffer.alloc(0);
}

function int32Of(fields: readonly Field[], number: number): number {
  const field = fields.find((each) => each.number === number);
  return field !== undefined && 'value' in field ? Number(BigInt.asIntN(32, field.value)) : 0;
}

function timeOf(fields: readonly Field[], number: number): number {
  const inner = readFields(bytesOf(fields, number));
  const [seconds, nanos] = [1, 2].map((each) => {
    const field = inner.find((one) => one.number === each);
    return field !== undefined && 'value' in field ? Number(BigInt.asIntN(64, field.value)) : 0;
  });
  return (seconds ?? 0) * 1000 + (nanos ?? 0) / 1e6;
}

/** Reads a token. */
export function decodeAuthorization(token: string): ForeignAuthorization {
  const fields = readFields(fromBase58(token));
  const workers = fields
    .filter((field) => field.number === 150)
    .map((field) => ('bytes' in field ? bytesOf(readFields(field.bytes), 10).toString() : ''));
  return {
    sessionId: bytesOf(fields, 10).toString(),
    targetId: bytesOf(fields, 20).toString(),
    connectionLimit: int32Of(fields, 90),
    expiresAtMs: timeOf(fields, 105),
    certificate: bytesOf(fields, 120),
    privateKey: bytesOf(fields, 130),
    endpoint: bytesOf(fields, 141).toString(),
    workers,
  };
}

/** Bytes of a handshake. */
export function encodeHandshake(handshake: ForeignHandshake): Buffer {
  const tofu = Buffer.from(handshake.tofuToken);
  if (tofu.length > 127) throw new Error('a test wants a longer length prefix');
  const head = tofu.length === 0 ? Buffer.alloc(0) : Buffer.from([0x52, tofu.length]);
  const command = handshake.isCancel === true ? Buffer.from([0xa0, 0x01, 0x01]) : Buffer.alloc(0);
  return Buffer.concat([head, tofu, command]);
}

/** Reads the worker's answer. */
export function decodeResult(bytes: Buffer): ForeignResult {
  const fields = readFields(bytes);
  return {
    expiresAtMs: timeOf(fields, 10),
    connectionLimit: int32Of(fields, 20),
    connectionsLeft: int32Of(fields, 30),
    fields: fields.map((field) => field.number),
  };
}
