/** Pages, refreshes and list tokens over a list that changes while it is read. */
import { createHmac } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { StileError } from '@stile/protocol/errors';
import type { Clock } from '@stile/runtime';
import { Query, type RawQuery } from '../http/query.ts';
import {
  listPage,
  readListParameters,
  type CountedRows,
  type ListServices,
  type ListSource,
  type PageRequest,
} from './list-page.ts';
import { decodeListToken, encodeListToken, type TokenMac } from './list-token.ts';

interface Row {
  readonly id: string;
  readonly created_at: number;
  updated_at: number;
  isHidden?: boolean;
  hasEnded?: boolean;
}

interface Page {
  readonly items?: readonly { readonly id: string }[];
  readonly response_type: string;
  readonly list_token?: string;
  readonly sort_by: string;
  readonly sort_dir: string;
  readonly removed_ids?: readonly string[];
  readonly est_item_count?: number;
}

const minuteUs = 60_000_000;

const keys: TokenMac = {
  mac: (label, data) => ({ mac: createHmac('sha256', `one${label}`).update(data).digest(), keyVersion: 1 }),
  macWith: (version, label, data) => {
    if (version !== 1) throw new StileError('internal', 'no such key');
    return createHmac('sha256', `one${label}`).update(data).digest();
  },
};

/** A list in memory with the order of the store. */
class Rows implements ListSource<Row> {
  rows: Row[] = [];
  readonly deleted: { id: string; at: number }[] = [];
  nowUs = 1_800_000_000_000_000;
  pages = 0;
  /** What looking at a row costs, milliseconds. */
  rowMs = 0;
  #workedMs = 0;

  add(id: string, more: Partial<Row> = {}): Row {
    this.nowUs += 1000;
    const row = { id, created_at: this.nowUs, updated_at: this.nowUs, ...more };
    this.rows.push(row);
    return row;
  }

  touch(row: Row): void {
    this.nowUs += 1000;
    row.updated_at = this.nowUs;
  }

  remove(row: Row): void {
    this.nowUs += 1000;
    this.rows = this.rows.filter((each) => each !== row);
    this.deleted.push({ id: row.id, at: this.nowUs });
  }

  page(request: PageRequest): Promise<readonly Row[]> {
    this.pages += 1;
    const at = (row: Row): number => (request.phase === 'created' ? row.created_at : row.updated_at);
    const { after, updatedSince = 0, limit } = request;
    const isAfter = (row: Row): boolean =>
      after === undefined || at(row) < after.at || (at(row) === after.at && row.id < after.id);
    const rows = this.rows
      .filter((row) => isAfter(row) && row.updated_at >= updatedSince)
      .sort((a, b) => at(b) - at(a) || (a.id < b.id ? 1 : -1));
    return Promise.resolve(rows.slice(0, limit));
  }

  stamps(row: Row): Row {
    this.#workedMs += this.rowMs;
    return row;
  }

  render(rows: readonly Row[]): Promise<readonly (object | undefined)[]> {
    return Promise.resolve(
      rows.map((row) => (row.isHidden === true ? undefined : { id: row.id, name: `n${row.id}` })),
    );
  }

  hasLeft(row: Row): boolean {
    return row.hasEnded === true;
  }

  readonly counted: CountedRows = { table: 'target', permissions: new Map() };

  get services(): ListServices {
    const clock: Clock = {
      nowUs: () => this.nowUs,
      monotonicMs: () => this.#workedMs,
      setTimer: () => ({ cancel: () => undefined }),
    };
    return {
      keys,
      clock,
      maxPageSize: 1000,
      estimate: (_rows, limit) => Promise.resolve(Math.min(limit, this.rows.length)),
      deletedSince: (_type, since) =>
        Promise.resolve(this.deleted.filter((each) => each.at >= since).map((each) => each.id)),
    };
  }

  async list(query: RawQuery = {}, context = { resource: 'target', grantsHash: 'g' }): Promise<Page> {
    this.nowUs += 1000;
    const parameters = readListParameters(new Query(query), 1000);
    return (await listPage(this, parameters, context, this.services)) as Page;
  }
}

function rowsOf(count: number): Rows {
  const rows = new Rows();
  for (let at = 0; at < count; at += 1) rows.add(`t_${String(at).padStart(6, '0')}`);
  return rows;
}
const idsOf = (page: Page): string[] => (page.items ?? []).map((item) => item.id);
const errorOf = async (
  work: Promise<unknown>,
): Promise<{ code: string; message: string; op: string | undefined }> => {
  try {
    await work;
  } catch (error) {
    if (error instanceof StileError)
      return { code: error.code, message: error.message, op: error.details?.op };
    throw error;
  }
  throw new Error('nothing was refused');
};

describe('the first pass', () => {
  test('an empty list is complete and has no token', async () => {
    expect(await new Rows().list()).toEqual({
      response_type: 'complete',
      sort_by: 'created_time',
      sort_dir: 'desc',
    });
  });

  test('what fits one page is complete, newest first, counted exactly', async () => {
    const page = await rowsOf(3).list({ page_size: '3' });
    expect(page).toMatchObject({ response_type: 'complete', est_item_count: 3 });
    expect(idsOf(page)).toEqual(['t_000002', 't_000001', 't_000000']);
    expect(Object.keys(page)).toEqual([
      'items',
      'response_type',
      'list_token',
      'sort_by',
      'sort_dir',
      'est_item_count',
    ]);
  });

  test('pages follow each other to the end, the estimate repeated', async () => {
    const rows = rowsOf(5);
    const first = await rows.list({ page_size: '2' });
    expect(first).toMatchObject({ response_type: 'delta', est_item_count: 5 });
    const second = await rows.list({ page_size: '2', list_token: first.list_token });
    expect(second).toMatchObject({ response_type: 'delta', est_item_count: 5 });
    const third = await rows.list({ page_size: '2', list_token: second.list_token });
    expect(third).toMatchObject({ response_type: 'complete', est_item_count: 5 });
    expect([...idsOf(first), ...idsOf(second), ...idsOf(third)]).toHaveLength(5);
  });

  test('a page size over the maximum is the maximum, 0 too', async () => {
    const rows = rowsOf(1200);
    expect(idsOf(await rows.list({ page_size: '4000000000' }))).toHaveLength(1000);
    expect(idsOf(await rows.list({ page_size: '0' }))).toHaveLength(1000);
  });

  test.each(['-1', 'abc', '1.5', '99999999999', ' 1', '0x10'])(
    'page size %s is refused by name',
    async (size) => {
      expect(await errorOf(rowsOf(1).list({ page_size: size }))).toMatchObject({ code: 'invalidArgument' });
    },
  );

  test('hidden rows do not shorten a page', async () => {
    const rows = rowsOf(20);
    for (const row of rows.rows.slice(5)) row.isHidden = true;
    const page = await rows.list({ page_size: '5' });
    expect(idsOf(page)).toHaveLength(5);
    expect(page.response_type).toBe('complete');
  });

  test('a filter sees the item as shown, and a page is filled with what matches', async () => {
    const rows = rowsOf(2000);
    const page = await rows.list({ page_size: '3', filter: '"/item/name" matches "0[05]$"' });
    expect(idsOf(page)).toEqual(['t_001905', 't_001900', 't_001805']);
    expect(page.response_type).toBe('delta');
  });

  test('a filter that matches nothing looks at so many rows a request, and goes on with the token', async () => {
    const rows = rowsOf(25_000);
    const filter = '"/item/id" == "t_000000"';
    const seen: Page[] = [];
    let token: string | undefined;
    do {
      const page = await rows.list({
        filter,
        page_size: '10',
        ...(token === undefined ? {} : { list_token: token }),
      });
      seen.push(page);
      token = page.response_type === 'delta' ? page.list_token : undefined;
    } while (token !== undefined);
    expect(seen.map((page) => page.response_type)).toEqual(['delta', 'delta', 'complete']);
    expect(seen.flatMap(idsOf)).toEqual(['t_000000']);
  });

  test('a costly filter shares the event loop, ends after a second of work, and goes on with the token', async () => {
    const rows = rowsOf(490);
    rows.rowMs = 10;
    let turns = 0;
    let isDone = false;
    const takeTurn = (): void => {
      turns += 1;
      if (!isDone) setImmediate(takeTurn);
    };
    setImmediate(takeTurn);
    const filter = '"/item/id" == "t_000000"';
    let page = await rows.list({ filter });
    isDone = true;
    expect(turns).toBeGreaterThan(40);
    expect(page).toMatchObject({ response_type: 'delta' });
    let requests = 1;
    for (; page.response_type === 'delta'; requests += 1) {
      page = await rows.list({ filter, list_token: page.list_token ?? '' });
    }
    expect(idsOf(page)).toEqual(['t_000000']);
    expect(requests).toBe(5);
  });

  test('a filter that does not parse is 400 and names the field', async () => {
    expect(await errorOf(rowsOf(1).list({ filter: 'foo bar' }))).toMatchObject({
      code: 'invalidArgument',
      message: 'Improperly formatted identifier.',
    });
  });
});

describe('a refresh', () => {
  test('shows what changed, what is new and what is gone, then is ready again', async () => {
    const rows = rowsOf(4);
    rows.nowUs += minuteUs;
    const first = await rows.list();
    rows.nowUs += minuteUs;
    const [oldest, second] = rows.rows;
    if (oldest === undefined || second === undefined) throw new Error('no rows');
    rows.touch(oldest);
    rows.remove(second);
    rows.add('t_new');
    rows.nowUs += minuteUs;
    const refresh = await rows.list({ list_token: first.list_token });
    expect(refresh).toMatchObject({
      response_type: 'complete',
      sort_by: 'updated_time',
      removed_ids: [second.id],
    });
    expect(idsOf(refresh)).toEqual(['t_new', oldest.id]);
    rows.nowUs += minuteUs;
    const quiet = await rows.list({ list_token: refresh.list_token });
    expect(quiet).toMatchObject({ response_type: 'complete', sort_by: 'updated_time' });
    expect(quiet.items).toBeUndefined();
    expect(quiet.removed_ids).toBeUndefined();
    expect(quiet.list_token).toBeDefined();
  });

  test('has pages too', async () => {
    const rows = rowsOf(5);
    const first = await rows.list();
    rows.nowUs += minuteUs;
    for (const row of rows.rows) rows.touch(row);
    const one = await rows.list({ list_token: first.list_token, page_size: '3' });
    const two = await rows.list({ list_token: one.list_token, page_size: '3' });
    expect([one.response_type, two.response_type]).toEqual(['delta', 'complete']);
    expect([...idsOf(one), ...idsOf(two)].sort()).toEqual(rows.rows.map((row) => row.id));
  });

  test('looks back half a minute further: commits may be later than their stamps', async () => {
    const rows = rowsOf(1);
    const first = await rows.list();
    const refresh = await rows.list({ list_token: first.list_token });
    expect(idsOf(refresh)).toEqual(['t_000000']);
  });

  test('tells that a row has left the list without being deleted', async () => {
    const rows = rowsOf(3);
    const first = await rows.list();
    rows.nowUs += minuteUs;
    const [row] = rows.rows;
    if (row === undefined) throw new Error('no row');
    row.hasEnded = true;
    rows.touch(row);
    expect(await rows.list({ list_token: first.list_token })).toMatchObject({ removed_ids: [row.id] });
  });
});

describe('a list token', () => {
  test.each(['0', 'zzz', 'AAAA', '!!', 'a'.repeat(5000), '\0', 'ä'])(
    '%s cannot be decoded',
    async (token) => {
      expect(await errorOf(rowsOf(1).list({ list_token: token }))).toMatchObject({
        code: 'invalidListToken',
        op: 'listtoken.Validate',
      });
    },
  );

  test('with one bit changed anywhere is refused', async () => {
    const rows = rowsOf(3);
    const { list_token: token = '' } = await rows.list({ page_size: '1' });
    const bytes = Buffer.from(token, 'base64url');
    for (let at = 0; at < bytes.length; at += 1) {
      const changed = Buffer.from(bytes);
      changed.writeUInt8(bytes.readUInt8(at) ^ 1, at);
      expect(await errorOf(rows.list({ list_token: changed.toString('base64url') }))).toMatchObject({
        code: 'invalidListToken',
      });
    }
  });

  test('is refused when grants changed, for another list, and after 30 days', async () => {
    const rows = rowsOf(3);
    const { list_token: token } = await rows.list({ page_size: '1' });
    const query = { list_token: token };
    expect(await errorOf(rows.list(query, { resource: 'target', grantsHash: 'other' }))).toMatchObject({
      message: 'grants have changed since list token was issued',
    });
    expect(await errorOf(rows.list(query, { resource: 'session', grantsHash: 'other' }))).toMatchObject({
      message: 'grants have changed since list token was issued',
    });
    expect(await errorOf(rows.list(query, { resource: 'session', grantsHash: 'g' }))).toMatchObject({
      message: 'list token resource type does not match expected resource type',
    });
    rows.nowUs += 31 * 24 * 60 * minuteUs;
    expect(await errorOf(rows.list(query))).toMatchObject({ message: 'list token was expired' });
  });

  test('comes back as it was made', () => {
    const token = {
      resource: 'target',
      grantsHash: 'g',
      issuedAt: 5,
      estimate: 7,
      state: { phase: 'refreshing', startedAt: 1, after: { at: 2, id: 'x' }, since: 3, deletedSince: 4 },
    } as const;
    const expected = { resource: 'target', grantsHash: 'g', nowUs: 6 };
    expect(decodeListToken(encodeListToken(token, keys), keys, expected)).toEqual(token);
  });
});

describe('a client that keeps its copy by pages and refreshes', () => {
  test('ends with exactly what is there, whatever changed in between', async () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant('add' as const) }),
      fc.record({ kind: fc.constantFrom('touch' as const, 'remove' as const), at: fc.nat() }),
      fc.record({ kind: fc.constant('page' as const), size: fc.integer({ min: 1, max: 4 }) }),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 0, max: 12 }),
        fc.array(step, { maxLength: 40 }),
        async (count, steps) => {
          const rows = rowsOf(count);
          const copy = new Set<string>();
          let token: string | undefined;
          const read = async (size: number): Promise<string> => {
            const page = await rows.list({
              page_size: String(size),
              ...(token === undefined ? {} : { list_token: token }),
            });
            for (const id of page.removed_ids ?? []) copy.delete(id);
            for (const id of idsOf(page)) copy.add(id);
            token = page.list_token;
            return page.response_type;
          };
          for (const each of steps) {
            rows.nowUs += minuteUs;
            const row = 'at' in each ? rows.rows[each.at % Math.max(1, rows.rows.length)] : undefined;
            if (each.kind === 'add') rows.add(`x_${rows.nowUs}`);
            else if (each.kind === 'touch' && row !== undefined) rows.touch(row);
            else if (each.kind === 'remove' && row !== undefined) rows.remove(row);
            else if (each.kind === 'page') await read(each.size);
          }
          // To the end of the pass, and one quiet refresh after it.
          while ((await read(3)) === 'delta');
          while ((await read(3)) === 'delta');
          expect([...copy].sort()).toEqual(rows.rows.map((row) => row.id).sort());
        },
      ),
      { numRuns: 200 },
    );
  });
});
