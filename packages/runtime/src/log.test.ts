import { Writable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { createLogger, scrubAuthTokens } from './log.ts';
import { Secret } from './secret.ts';
import { inspect } from 'node:util';

function memory(): { destination: Writable; text: () => string } {
  const chunks: string[] = [];
  const destination = new Writable({
    write(chunk: Buffer, _encoding, done) {
      chunks.push(chunk.toString());
      done();
    },
  });
  return { destination, text: () => chunks.join('') };
}

describe('log', () => {
  it('takes the secret part of an auth token out of messages, facts and error texts', () => {
    const { destination, text } = memory();
    const log = createLogger({ destination, level: 'debug' }).child({ part: 'x' });
    const token = 'at_0123456789_8kqZsecretSECRET';
    log.info({ token, err: new Error(`bad ${token}`) }, `saw ${token}`);
    expect(text()).toContain('at_0123456789_<redacted>');
    expect(text()).not.toContain('8kqZ');
    expect(JSON.parse(text())).toMatchObject({ level: 'info', part: 'x' });
  });

  it.each(['\n', '\t', '"', '=', '_', 'x', '%20', 'Bearer '])(
    'takes a whole token out whatever stands before it: %j',
    (before) => {
      const { destination, text } = memory();
      const secret = `s1${'aB3'.repeat(16)}z`;
      createLogger({ destination }).info({ err: new Error(`${before}at_0123456789_${secret}`) }, 'x');
      expect(text()).toContain('at_0123456789_<redacted>');
      expect(text()).not.toContain(secret.slice(2, 10));
    },
  );

  it('leaves words that only look a little like a token', () => {
    const words = 'format_of_all format_0123456789_x at_0123456789 at_012345678_x that_is_all';
    expect(scrubAuthTokens(words)).toBe(words);
  });

  it('shows a Secret as <redacted> in logs, JSON, inspect and text', () => {
    const { destination, text } = memory();
    const secret = new Secret('hunter2');
    createLogger({ destination }).info({ secret, deep: { secret } }, 'x');
    const everything =
      text() + JSON.stringify({ secret }) + inspect({ secret }) + ('' + secret.toString()) + String(secret);
    expect(everything).not.toContain('hunter2');
    expect(everything.split('<redacted>').length).toBeGreaterThanOrEqual(6);
    expect(secret.reveal()).toBe('hunter2');
  });

  it('refuses an unknown level', () => {
    expect(() => createLogger({ level: 'loud' })).toThrow(RangeError);
  });
});
