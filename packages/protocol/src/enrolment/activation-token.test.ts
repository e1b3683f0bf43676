import { describe, expect, it } from 'vitest';
import { decodeActivationToken, encodeActivationToken } from './activation-token.ts';

const token = {
  workerId: 'w_1234567890',
  secret: new Uint8Array(32).fill(7),
  caFingerprint: new Uint8Array(32).map((_, i) => i),
};

describe('activation token', () => {
  it('reads what it wrote, with white space around it', () => {
    expect(decodeActivationToken(` ${encodeActivationToken(token)}\n`)).toEqual(token);
  });

  it.each([
    '',
    'stwa_',
    'stwa_1',
    'at_1234567890_abc',
    encodeActivationToken(token).slice(0, 60),
    'stwa_0OIl',
  ])('refuses %j with invalidArgument', (text) => {
    expect(() => decodeActivationToken(text)).toThrow(expect.objectContaining({ code: 'invalidArgument' }));
  });

  it('does not show the text of a token it refuses', () => {
    const damaged = `${encodeActivationToken(token)}zzzzzzzzzzzzzzzzzzzz`;
    try {
      decodeActivationToken(`x${damaged}`);
      expect.unreachable();
    } catch (error) {
      expect(String(error)).not.toContain(damaged.slice(5, 15));
    }
  });

  it('refuses to make a token of parts that do not have their form', () => {
    expect(() => encodeActivationToken({ ...token, secret: new Uint8Array(31) })).toThrow();
    expect(() => encodeActivationToken({ ...token, workerId: 's_1' })).toThrow();
  });
});
