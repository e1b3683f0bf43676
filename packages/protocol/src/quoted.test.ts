import { expect, test } from 'vitest';
import { validateGrantForWrite } from './grant.ts';
import { quoted } from './quoted.ts';

test('a text is quoted as JSON writes it, a long one by its beginning', () => {
  expect(quoted('a "b"\n\u0007')).toBe(String.raw`"a \"b\"\n\u0007"`);
  expect(quoted('x'.repeat(256))).toBe(`"${'x'.repeat(256)}"`);
  expect(quoted('x'.repeat(257))).toBe(`"${'x'.repeat(256)}…"`);
});

test.each(['z', 'id=u_1;actions=read;zzz=', 'ids=*;type=target;actions=read;output_fields=;zzz='])(
  'the answer to a grant that may not be written is short, however long the grant is: %s',
  (start) => {
    const grant = start + 'z'.repeat(20_000);
    let description = '';
    try {
      validateGrantForWrite(grant, { explain: true });
    } catch (error) {
      description = JSON.stringify(error instanceof Error && 'details' in error ? error.details : '');
    }
    expect(description.length).toBeGreaterThan(100);
    expect(description.length).toBeLessThan(1000);
  },
);
