// Property tests of the frame parser: what was written is read however it is cut, and garbage is a StileError, never a hang.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { StileError } from '@stile/protocol';
import {
  FrameParser,
  encodeFrame,
  opcodes,
  type FrameHandler,
} from '../../packages/runtime/src/stream/websocket-frame.ts';

class Collector implements FrameHandler {
  readonly messages: Buffer[] = [];
  readonly controls: Buffer[] = [];
  #pieces: Buffer[] = [];
  onMessageStart(): void {
    this.#pieces = [];
  }
  onPayload(piece: Buffer): void {
    this.#pieces.push(Buffer.from(piece));
  }
  onMessageEnd(): void {
    this.messages.push(Buffer.concat(this.#pieces));
  }
  onControl(_opcode: number, payload: Buffer): void {
    this.controls.push(payload);
  }
}

/** Cuts bytes at the given places (taken modulo the length). */
function cut(bytes: Buffer, places: readonly number[]): Buffer[] {
  const at = [0, ...places.map((place) => place % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
  return at.slice(1).map((end, i) => Buffer.from(bytes.subarray(at[i], end)));
}

function masked(frame: Buffer, key: Uint8Array): Buffer {
  // The key stands in the last four bytes of the header, which a zero key left empty.
  const payloadBytes = frame.length - headerBytes(frame);
  const start = frame.length - payloadBytes;
  Buffer.from(key).copy(frame, start - 4);
  for (let i = 0; i < payloadBytes; i += 1) frame[start + i] = (frame[start + i] ?? 0) ^ (key[i & 3] ?? 0);
  return frame;
}

function headerBytes(frame: Buffer): number {
  const length = (frame[1] ?? 0) & 0x7f;
  return 6 + (length < 126 ? 0 : length === 126 ? 2 : 8);
}

const payload = fc.oneof(
  fc.uint8Array({ maxLength: 200 }),
  fc.uint8Array({ minLength: 65_530, maxLength: 65_540, size: 'max' }),
);
const key = fc.uint8Array({ minLength: 4, maxLength: 4 });
const places = fc.array(fc.nat(), { maxLength: 12 });

describe('frames', () => {
  it('are read as they were written, masked with any key and cut anywhere', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(payload, key), { maxLength: 5 }), places, (messages, cuts) => {
        const wire = messages.map(([bytes, mask]) => masked(encodeFrame(opcodes.binary, bytes, true), mask));
        const collector = new Collector();
        const parser = new FrameParser(collector, { isMasked: true, maxMessageBytes: Infinity });
        for (const piece of cut(Buffer.concat(wire), cuts)) parser.push(piece);
        expect(collector.messages.length).toBe(messages.length);
        collector.messages.forEach((message, i) => {
          expect(message.equals(Buffer.from(messages[i]?.[0] ?? []))).toBe(true);
        });
      }),
      { numRuns: 60 },
    );
  });

  it('of garbage are a StileError or nothing, with bounded memory', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), places, fc.boolean(), (bytes, cuts, isMasked) => {
        const collector = new Collector();
        const parser = new FrameParser(collector, { isMasked, maxMessageBytes: 32_768 });
        try {
          for (const piece of cut(Buffer.from(bytes), cuts)) parser.push(piece);
        } catch (error) {
          expect(error).toBeInstanceOf(StileError);
        }
        const seen = [...collector.messages, ...collector.controls].reduce(
          (sum, each) => sum + each.length,
          0,
        );
        expect(seen).toBeLessThanOrEqual(bytes.length);
      }),
      { numRuns: 500 },
    );
  });
});
