import { describe, expect, it } from 'vitest';
import { errorTable, isErrorCode, StileError, toStileError } from './errors.ts';

const rows = Object.entries(errorTable);

describe('error table', () => {
  it.each(rows)('%s has numbers that every edge can use, and words for people', (_, traits) => {
    expect(traits.status).toBeGreaterThanOrEqual(400);
    expect(traits.status).toBeLessThan(600);
    const isCloseCode = (code: number): boolean =>
      (code >= 1000 && code <= 1015 && code !== 1004) || (code >= 3000 && code < 5000);
    expect(isCloseCode(traits.closeCode)).toBe(true);
    expect([1, 2, 3]).toContain(traits.exitCode);
    expect(traits.kind).not.toBe('');
    expect(traits.description).toMatch(/^[^A-Z].*[^.]$/);
  });

  it('gives different meanings different words', () => {
    const descriptions = rows.map(([, traits]) => traits.description);
    expect(new Set(descriptions).size).toBe(descriptions.length);
  });

  it.each([
    ['invalidArgument', 'InvalidArgument', 400],
    ['unauthenticated', 'Unauthenticated', 401],
    ['permissionDenied', 'PermissionDenied', 403],
    ['notFound', 'NotFound', 404],
    ['unsupported', 'Unimplemented', 405],
    ['internal', 'Internal', 500],
    ['invalidListToken', 'invalid list token', 400],
  ] as const)('%s is %s with status %i on the API', (code, kind, status) => {
    expect([errorTable[code].kind, errorTable[code].status]).toEqual([kind, status]);
  });

  it.each(['constructor', '__proto__', 'toString', '', 'InvalidArgument'])('%j is no code', (name) => {
    expect(isErrorCode(name)).toBe(false);
  });
});

describe('StileError', () => {
  it('keeps code, message, details and cause, and knows its row of the table', () => {
    const cause = new Error('ECONNREFUSED');
    const details = { requestFields: [{ name: 'id', description: 'wrong' }] };
    const error = new StileError('endpointRefused', 'dial endpoint', { details, cause });
    expect(error).toMatchObject({ name: 'StileError', code: 'endpointRefused', details, cause });
    expect(error.traits).toBe(errorTable.endpointRefused);
    expect(error).toBeInstanceOf(Error);
  });

  it('has no cause when none was given', () => {
    expect(Object.hasOwn(new StileError('internal', 'x'), 'cause')).toBe(false);
  });

  it.each([new TypeError('secret'), 'secret', undefined, null, { message: 'secret' }])(
    'made of %s shows nothing of it and keeps it as the cause',
    (thrown) => {
      const error = toStileError(thrown);
      expect([error.code, error.message]).toEqual(['internal', 'internal error']);
      expect(error.cause).toBe(thrown);
    },
  );

  it('made of a StileError is that error', () => {
    const error = new StileError('conflict', 'x');
    expect(toStileError(error)).toBe(error);
  });
});
