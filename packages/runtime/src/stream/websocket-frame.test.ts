import { describe, expect, it } from 'vitest';
import {
  FrameParser,
  decodeClosePayload,
  encodeClosePayload,
  encodeFrame,
  opcodes,
  type ControlOpcode,
  type FrameHandler,
} from './websocket-frame.ts';

/** What a parser found, as text. */
class Recorder implements FrameHandler {
  readonly found: string[] = [];
  onMessageStart(isText: boolean): void {
    this.found.push(isText ? 'text' : 'binary');
  }
  onPayload(piece: Buffer): void {
    this.found.push(`+${piece.toString('latin1')}`);
  }
  onMessageEnd(): void {
    this.found.push('end');
  }
  onControl(opcode: ControlOpcode, payload: Buffer): void {
    this.found.push(`control ${opcode} ${payload.toString('latin1')}`);
  }
}

function parserOf(options: { isMasked?: boolean; maxMessageBytes?: number } = {}): {
  parser: FrameParser;
  found: string[];
} {
  const recorder = new Recorder();
  const parser = new FrameParser(recorder, { isMasked: false, maxMessageBytes: Infinity, ...options });
  return { parser, found: recorder.found };
}

const hex = (text: string): Buffer => Buffer.from(text.replace(/ /g, ''), 'hex');

describe('FrameParser', () => {
  // RFC 6455 §5.7.
  it.each([
    ['an unmasked text message', '81 05 48656c6c6f', false, ['text', '+Hello', 'end']],
    ['a masked text message', '81 85 37fa213d 7f9f4d5158', true, ['text', '+Hello', 'end']],
    ['a fragmented text message', '01 03 48656c 80 02 6c6f', false, ['text', '+Hel', '+lo', 'end']],
    ['an unmasked ping', '89 05 48656c6c6f', false, ['control 9 Hello']],
    ['a masked pong', '8a 85 37fa213d 7f9f4d5158', true, ['control 10 Hello']],
    ['an empty binary message', '82 00', false, ['binary', 'end']],
    [
      'a ping between fragments',
      '02 01 61 89 00 80 01 62',
      false,
      ['binary', '+a', 'control 9 ', '+b', 'end'],
    ],
  ] as const)('reads %s, whole and byte by byte', (...row) => {
    const [, bytes, isMasked, expected] = row;
    const whole = parserOf({ isMasked });
    whole.parser.push(hex(bytes));
    expect(whole.found).toEqual(expected);
    const slow = parserOf({ isMasked });
    for (const byte of hex(bytes)) slow.parser.push(Buffer.from([byte]));
    const joined = (found: readonly string[]): string => found.join('').replace(/\+/g, '');
    expect(joined(slow.found)).toBe(joined(expected));
  });

  it.each([256, 65_535, 65_536, 200_000])('reads back a message of %d bytes that it wrote', (bytes) => {
    const payload = Buffer.alloc(bytes, 'x');
    for (const isMasked of [true, false]) {
      const { parser, found } = parserOf({ isMasked });
      parser.push(encodeFrame(opcodes.binary, payload, isMasked));
      expect(found.map((each) => each.length)).toEqual(['binary'.length, bytes + 1, 'end'.length]);
    }
  });

  it('unmasks long payloads at every offset in memory and in the mask', () => {
    const plain = Buffer.from(Array.from({ length: 300 }, (_, i) => i & 255));
    const key = hex('01a2b3c4');
    const masked = Buffer.from(plain.map((byte, i) => byte ^ (key[i & 3] ?? 0)));
    const frame = Buffer.concat([hex('82 fe 012c'), key, masked]);
    for (let cut = 8; cut < 20; cut += 1) {
      const memory = Buffer.alloc(400);
      frame.copy(memory, cut - 8);
      const placed = memory.subarray(cut - 8, cut - 8 + frame.length);
      const { parser, found } = parserOf({ isMasked: true });
      parser.push(placed.subarray(0, cut));
      parser.push(placed.subarray(cut));
      expect(
        found
          .slice(1, -1)
          .map((each) => each.slice(1))
          .join(''),
      ).toBe(plain.toString('latin1'));
    }
  });

  it.each([
    ['a reserved bit', 'c2 00', false, 'invalidFrame'],
    ['an unknown data opcode', '83 00', false, 'invalidFrame'],
    ['an unknown control opcode', '8b 00', false, 'invalidFrame'],
    ['a continuation of nothing', '80 00', false, 'invalidFrame'],
    ['a new message inside a message', '02 00 82 00', false, 'invalidFrame'],
    ['a fragmented ping', '09 00', false, 'invalidFrame'],
    ['a ping of 126 bytes', '89 7e 007e', false, 'invalidFrame'],
    ['a mask from a server', '82 80 00000000', false, 'invalidFrame'],
    ['no mask from a client', '82 00', true, 'invalidFrame'],
    ['2^53 bytes', '82 7f 0020000000000000', false, 'frameTooLarge'],
    ['2^63 bytes', '82 7f 8000000000000000', false, 'frameTooLarge'],
  ] as const)('refuses %s', (...row) => {
    const [, bytes, isMasked, code] = row;
    expect(() => parserOf({ isMasked }).parser.push(hex(bytes))).toThrow(expect.objectContaining({ code }));
  });

  it('refuses a message above its limit by what it declares, one frame or many, before its payload comes', () => {
    expect(() => parserOf({ maxMessageBytes: 4 }).parser.push(hex('82 05'))).toThrow(
      expect.objectContaining({ code: 'frameTooLarge' }),
    );
    const { parser } = parserOf({ maxMessageBytes: 4 });
    parser.push(hex('02 03 616161'));
    expect(() => parser.push(hex('80 02'))).toThrow(expect.objectContaining({ code: 'frameTooLarge' }));
  });

  it('stops where its handler holds it, and goes on from there', () => {
    const found: string[] = [];
    const parser: FrameParser = new FrameParser(
      {
        onMessageStart: () => undefined,
        onPayload: (piece) => found.push(piece.toString()),
        onMessageEnd: () => parser.hold(),
        onControl: () => undefined,
      },
      { isMasked: false, maxMessageBytes: Infinity },
    );
    parser.push(hex('82 01 61 82 01 62 82'));
    parser.push(hex('01 63'));
    expect(found).toEqual(['a']);
    expect(parser.heldBytes).toBe(6);
    parser.release();
    expect(found).toEqual(['a', 'b']);
    parser.release();
    expect(found).toEqual(['a', 'b', 'c']);
  });
});

describe('close payload', () => {
  it('round-trips code and reason, and knows a close without a code', () => {
    expect(decodeClosePayload(encodeClosePayload({ code: 1008, reason: 'tofu token not allowed' }))).toEqual({
      code: 1008,
      reason: 'tofu token not allowed',
    });
    expect(decodeClosePayload(encodeClosePayload({ code: 1005, reason: '' }))).toEqual({
      code: 1005,
      reason: '',
    });
  });

  it('cuts a long reason at a character', () => {
    const payload = encodeClosePayload({ code: 1000, reason: 'ä'.repeat(100) });
    expect(payload.length).toBeLessThanOrEqual(125);
    expect(decodeClosePayload(payload).reason).toBe('ä'.repeat(61));
  });

  it.each(['03', '03e7', '03ec', '03ed', '03ee', '0bb7', '1388', '03e8ff'])('refuses %s', (bytes) => {
    expect(() => decodeClosePayload(hex(bytes))).toThrow(expect.objectContaining({ code: 'invalidFrame' }));
  });
});
