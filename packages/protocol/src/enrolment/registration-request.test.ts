import { createHmac, randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { encodeBase58 } from '../codec/base58.ts';
import { StileError } from '../errors.ts';
import {
  approvalProof,
  decodeRegistrationRequest,
  encodeRegistrationRequest,
  isApprovalProof,
  registrationFingerprint,
} from './registration-request.ts';

const bytes = (length: number): fc.Arbitrary<Uint8Array> =>
  fc.uint8Array({ minLength: length, maxLength: length });
const request = fc.record({ publicKey: bytes(32), secret: bytes(32), signature: bytes(64) });

describe('a registration request', () => {
  test('comes back as it was, whatever white space is around it', () => {
    fc.assert(
      fc.property(request, (each) => {
        expect(decodeRegistrationRequest(` ${encodeRegistrationRequest(each)}\n`)).toEqual(each);
      }),
    );
  });

  test('that is none is refused without repeating it', () => {
    const damaged = fc.oneof(
      fc.string(),
      fc
        .uint8Array({ maxLength: 200 })
        .filter((each) => each.length !== 129)
        .map(encodeBase58),
    );
    fc.assert(
      fc.property(damaged, (text) => {
        try {
          decodeRegistrationRequest(text);
          expect.unreachable();
        } catch (error) {
          expect(error).toBeInstanceOf(StileError);
          if (text.length > 8) expect((error as StileError).message).not.toContain(text);
        }
      }),
    );
  });

  test('of another version is refused', () => {
    expect(() => decodeRegistrationRequest(encodeBase58(Buffer.alloc(129, 2)))).toThrow(StileError);
  });

  test('is not written with a part of another length', () => {
    const part = { publicKey: randomBytes(32), secret: randomBytes(31), signature: randomBytes(64) };
    expect(() => encodeRegistrationRequest(part)).toThrow(StileError);
  });

  test('has a fingerprint that people can compare', () => {
    expect(registrationFingerprint(new Uint8Array(32))).toBe('6668-7aad-f862-bd77-6c8f-c18b-8e9f-8e20');
  });
});

describe('the proof of an approval', () => {
  const answer = { workerId: 'w_1', certificate: Buffer.from([1, 2]), caCertificates: [Buffer.from([3])] };
  const key = new Uint8Array(32);

  test('is an HMAC over every part with its length', () => {
    const part = (value: Uint8Array): Buffer => Buffer.concat([Buffer.of(0, 0, 0, value.length), value]);
    const expected = createHmac('sha256', 's')
      .update('stile/approval/v1')
      .update(Buffer.concat([key, Buffer.from('w_1'), Buffer.of(1, 2), Buffer.of(3)].map(part)))
      .digest();
    expect(isApprovalProof(expected, approvalProof(Buffer.from('s'), key, answer))).toBe(true);
  });

  test.each([
    ['another secret', approvalProof(Buffer.from('t'), key, answer)],
    ['another worker', approvalProof(Buffer.from('s'), key, { ...answer, workerId: 'w_2' })],
    ['another certificate', approvalProof(Buffer.from('s'), key, { ...answer, certificate: Buffer.of(1) })],
    ['other authorities', approvalProof(Buffer.from('s'), key, { ...answer, caCertificates: [] })],
    ['another key', approvalProof(Buffer.from('s'), new Uint8Array(32).fill(1), answer)],
    ['a shorter one', approvalProof(Buffer.from('s'), key, answer).subarray(1)],
  ])('does not hold for %s', (_what, proof) => {
    expect(isApprovalProof(approvalProof(Buffer.from('s'), key, answer), proof)).toBe(false);
  });
});
