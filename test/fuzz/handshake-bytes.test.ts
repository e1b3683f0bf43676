// Property tests of what a client and a worker read from each other: authorization token, handshake messages, base58.
import {
  decodeAuthorizationToken,
  decodeBase58,
  decodeClientHandshake,
  decodeHandshakeResult,
  encodeAuthorizationToken,
  encodeBase58,
  encodeClientHandshake,
  encodeHandshakeResult,
  maxHandshakeBytes,
  StileError,
  type SessionAuthorization,
} from '@stile/protocol';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hostileBytes, valueOrStileError } from '../support/hostile-bytes.ts';

const micros = fc.integer({ min: 0, max: 8_000_000_000_000_000 });
const text = fc.string({ unit: 'binary', maxLength: 40 });
const port = fc.integer({ min: 0, max: 65_535 });
const int32 = { min: -1, max: 2 ** 31 - 1 };

const authorization: fc.Arbitrary<SessionAuthorization> = fc.record({
  sessionId: fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 }),
  targetId: text,
  scope: fc.record({ id: text, type: text, name: text, description: text, parentScopeId: text }),
  createdAt: micros,
  type: text,
  connectionLimit: fc.integer(int32),
  endpointPort: port,
  expiresAt: micros,
  certificate: fc.uint8Array({ minLength: 1, maxLength: 600 }),
  privateKey: fc.uint8Array({ minLength: 64, maxLength: 64 }),
  hostId: text,
  endpoint: text,
  workerAddresses: fc.array(text, { maxLength: 20 }),
  defaultClientPort: port,
});

const handshake = fc.record({
  tofuToken: fc.string({ unit: 'grapheme-ascii', minLength: 20, maxLength: 20 }),
  command: fc.constantFrom('connect' as const, 'cancel' as const),
  capabilities: fc.array(text, { maxLength: 5 }),
});

const result = fc.record({
  expiresAt: micros,
  connectionLimit: fc.integer(int32),
  connectionsLeft: fc.integer(int32),
  capabilities: fc.array(text, { maxLength: 5 }),
});

describe('base58', () => {
  it('comes back to the same bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 900 }), fc.nat(5), (bytes, zeros) => {
        bytes.fill(0, 0, zeros);
        expect(decodeBase58(encodeBase58(bytes), 900)).toEqual(bytes);
      }),
    );
  });

  it('reads any text as bytes that give the same text, or refuses it', () => {
    const near = fc.string({ unit: fc.constantFrom(...'123ABCxyz0OIl \n'.split('')), maxLength: 60 });
    fc.assert(
      fc.property(fc.oneof(near, text), (input) => {
        const bytes = valueOrStileError(() => decodeBase58(input, 100));
        if (!(bytes instanceof StileError)) expect(encodeBase58(bytes)).toBe(input);
      }),
    );
  });
});

describe('authorization token', () => {
  it('comes back as it was', () => {
    fc.assert(
      fc.property(authorization, (value) => {
        expect(decodeAuthorizationToken(encodeAuthorizationToken(value))).toEqual(value);
      }),
    );
  });

  it('near a good one is read or refused, and what is read can be written again', () => {
    const [good] = fc.sample(authorization, { numRuns: 1, seed: 7 });
    if (!good) throw new Error('no sample');
    const bytes = decodeBase58(encodeAuthorizationToken(good), 8192);
    fc.assert(
      fc.property(hostileBytes([bytes]), (mutatedBytes) => {
        const read = valueOrStileError(() => decodeAuthorizationToken(encodeBase58(mutatedBytes)));
        if (read instanceof StileError) expect(read.code).toBe('invalidAuthorizationToken');
        else expect(decodeAuthorizationToken(encodeAuthorizationToken(read))).toEqual(read);
      }),
      { numRuns: 2000 },
    );
  });

  it('of any text is read or refused', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 3000 }), (input) => {
        const read = valueOrStileError(() => decodeAuthorizationToken(input));
        if (read instanceof StileError) expect(read.code).toBe('invalidAuthorizationToken');
      }),
    );
  });
});

describe('handshake messages', () => {
  it('come back as they were', () => {
    fc.assert(
      fc.property(handshake, result, (first, answer) => {
        expect(decodeClientHandshake(encodeClientHandshake(first))).toEqual(first);
        expect(decodeHandshakeResult(encodeHandshakeResult(answer))).toEqual(answer);
      }),
    );
  });

  it('near good ones are read or refused with a code of the handshake', () => {
    const good = [
      ...fc.sample(handshake, { numRuns: 3, seed: 7 }).map(encodeClientHandshake),
      ...fc.sample(result, { numRuns: 3, seed: 7 }).map(encodeHandshakeResult),
    ];
    const codes = ['invalidHandshake', 'unreadableHandshake', 'invalidTofuToken', 'frameTooLarge'];
    const oversized = fc.uint8Array({ minLength: maxHandshakeBytes - 2, maxLength: maxHandshakeBytes + 2 });
    fc.assert(
      fc.property(fc.oneof({ weight: 50, arbitrary: hostileBytes(good) }, oversized), (bytes) => {
        for (const decode of [decodeClientHandshake, decodeHandshakeResult]) {
          const read = valueOrStileError(() => decode(bytes));
          if (read instanceof StileError) expect(codes).toContain(read.code);
        }
      }),
      { numRuns: 2000 },
    );
  });
});
