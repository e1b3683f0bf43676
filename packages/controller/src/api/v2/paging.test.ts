import { createHmac } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Call } from '../operation.ts';
import { Query } from '../http/query.ts';
import type { TokenMac } from '../http/signed-text.ts';
import { pageOfRows, readPage, rowPosition, type RowPosition } from './paging.ts';

function keysOf(version: number): TokenMac {
  const macOf = (key: number, label: string, data: Uint8Array): Uint8Array =>
    createHmac('sha256', `${key} ${label}`).update(data).digest();
  return {
    mac: (label, data) => ({ mac: macOf(version, label, data), keyVersion: version }),
    macWith: (keyVersion, label, data) => {
      if (keyVersion > version) throw new Error('no such version');
      return macOf(keyVersion, label, data);
    },
  };
}
const keys = keysOf(3);
const path = 'sessions/';

function callOf(query: Readonly<Record<string, string | string[]>>, userId = 'u_1', params = {}): Call {
  // A page is read from nothing but these.
  return { query: new Query(query), caller: { userId }, params } as unknown as Call;
}

const read = (query: Readonly<Record<string, string | string[]>>): ReturnType<typeof readPage<RowPosition>> =>
  readPage<RowPosition>(path, callOf(query), keys);

function nextOf(query: Readonly<Record<string, string>> = {}): string {
  const rows = [
    { id: 's_2', created_at: 20 },
    { id: 's_1', created_at: 10 },
  ];
  const page = readPage<RowPosition>(path, callOf({ ...query, limit: '1' }), keys);
  return pageOfRows(rows, page, { position: rowPosition, keys }).next.next ?? '';
}

const faultOf = (work: () => unknown): string => {
  try {
    work();
  } catch (error) {
    const { code, details } = error as { code: string; details?: { requestFields?: { name: string }[] } };
    return `${code} ${details?.requestFields?.[0]?.name ?? ''}`;
  }
  return 'fine';
};

describe('a page of the Cluster API', () => {
  test('has 100 items when no limit is given, and takes limits from 1 to 1000', () => {
    expect(read({})).toMatchObject({ limit: 100, after: undefined, offset: undefined });
    expect(read({ limit: '1' }).limit).toBe(1);
    expect(read({ limit: '1000' }).limit).toBe(1000);
    for (const limit of ['0', '1001', '-1', '1.5', '1e2', '', ' 5', '0x10', '99999999999999999999', '١']) {
      expect({ limit, fault: faultOf(() => read({ limit })) }).toEqual({
        limit,
        fault: 'invalidArgument limit',
      });
    }
    expect(faultOf(() => read({ limit: ['1', '2'] }))).toBe('invalidArgument limit');
  });

  test('goes on behind the last row shown, whatever limit the next request has', () => {
    const start = nextOf({ username: 'user' });
    expect(read({ username: 'user', start, limit: '7' })).toMatchObject({
      limit: 7,
      after: { at: 20, id: 's_2' },
    });
  });

  test('the last page has no next', () => {
    const page = read({ limit: '2' });
    const rows = [
      { id: 's_2', created_at: 20 },
      { id: 's_1', created_at: 10 },
    ];
    expect(pageOfRows(rows, page, { position: rowPosition, keys })).toEqual({ rows, next: {} });
    expect(pageOfRows([], page, { position: rowPosition, keys })).toEqual({ rows: [], next: {} });
  });

  test('case 64: a start that is forged, of another query, path or user, or with an offset, is refused', () => {
    const start = nextOf({ username: 'user' });
    const refused = 'invalidArgument start';
    expect(faultOf(() => read({ start }))).toBe(refused);
    expect(faultOf(() => read({ username: 'admin', start }))).toBe(refused);
    expect(faultOf(() => read({ username: 'user', user_id: 'u_1', start }))).toBe(refused);
    const call = callOf({ username: 'user', start });
    expect(faultOf(() => readPage('users/', call, keys))).toBe(refused);
    expect(faultOf(() => readPage(path, callOf({ username: 'user', start }, 'u_2'), keys))).toBe(refused);
    expect(
      faultOf(() => readPage(path, callOf({ username: 'user', start }, 'u_1', { id: 'w_1' }), keys)),
    ).toBe(refused);
    expect(faultOf(() => read({ username: 'user', start, offset: '0' }))).toBe('invalidArgument offset');
    expect(faultOf(() => read({ start: '' }))).toBe(refused);
    expect(faultOf(() => read({ username: 'user', start: [start, start] }))).toBe(refused);
    // The key that signed it was destroyed, or never was.
    expect(faultOf(() => readPage(path, call, keysOf(2)))).toBe(refused);
  });

  test('case 64: no start that somebody changed is taken, and none makes anything but a refusal', () => {
    const start = nextOf();
    fc.assert(
      fc.property(
        fc.nat({ max: start.length - 1 }),
        fc.string({ minLength: 1, maxLength: 1 }),
        (at, other) => {
          const changed = start.slice(0, at) + other + start.slice(at + 1);
          // The unused bits of the last character may differ.
          fc.pre(!Buffer.from(changed, 'base64url').equals(Buffer.from(start, 'base64url')));
          expect(faultOf(() => read({ start: changed }))).toBe('invalidArgument start');
        },
      ),
    );
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 3000 }), (text) => {
        expect(faultOf(() => read({ start: text }))).toBe('invalidArgument start');
      }),
    );
  });
});
