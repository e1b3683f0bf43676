import { Secret } from '@stile/runtime';
import { describe, expect, it } from 'vitest';
import { generateRootKey, rootKeyOf } from './root-key.ts';

describe('root key', () => {
  it('unwraps what it wrapped, and the same text is the same key', async () => {
    const text = generateRootKey();
    const wrapped = await rootKeyOf(text).wrap(Buffer.from('0123456789abcdef0123456789abcdef'));
    expect(Buffer.from(wrapped).includes('0123456789abcdef')).toBe(false);
    const again = rootKeyOf(new Secret(`  ${text.reveal()}\n`));
    expect(again.id).toBe(rootKeyOf(text).id);
    expect(Buffer.from(await again.unwrap(wrapped)).toString()).toBe('0123456789abcdef0123456789abcdef');
  });

  it('refuses what another root key wrapped, and what was altered or cut', async () => {
    const key = rootKeyOf(generateRootKey());
    const wrapped = await key.wrap(new Uint8Array(32));
    await expect(rootKeyOf(generateRootKey()).unwrap(wrapped)).rejects.toMatchObject({
      code: 'failedPrecondition',
    });
    for (let at = 0; at < wrapped.length; at++) {
      const altered = Uint8Array.from(wrapped);
      altered[at] = (altered[at] ?? 0) ^ 1;
      await expect(key.unwrap(altered)).rejects.toMatchObject({ code: 'failedPrecondition' });
      await expect(key.unwrap(wrapped.subarray(0, at))).rejects.toMatchObject({ code: 'failedPrecondition' });
    }
  });

  it.each([
    '',
    ' ',
    'null',
    'A'.repeat(42),
    'A'.repeat(45),
    '='.repeat(44),
    `${'A'.repeat(42)}!=`,
    'ü'.repeat(43),
  ])('refuses %j as a key without showing it', (text) => {
    expect(() => rootKeyOf(new Secret(text))).toThrow(
      expect.objectContaining({ code: 'invalidConfig', message: expect.not.stringContaining('AAAA') }),
    );
  });
});
