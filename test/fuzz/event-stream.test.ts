/** Event streams: the parser in arbitrary pieces, the merge rule in arbitrary order, positions of arbitrary text, changes that wait. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { mergeDelta, mergeRow, SseParser, type EventRow, type ServerEvent } from '@stile/client/browser';
import { PendingChanges } from '../../packages/controller/src/events/viewer/pending-changes.ts';
import {
  decodePosition,
  encodePosition,
  resetReason,
} from '../../packages/controller/src/events/viewer/stream-position.ts';
import { sessionRow } from '../support/session-rows.ts';

function parseAll(pieces: readonly string[]): { events: ServerEvent[]; id: string } {
  const parser = new SseParser();
  const events = pieces.flatMap((piece) => parser.push(piece));
  return { events, id: parser.lastEventId };
}

/** Cuts a text at the given places. */
function pieces(text: string, cuts: readonly number[]): string[] {
  const places = [...new Set(cuts.map((cut) => cut % (text.length + 1)))].toSorted((a, b) => a - b);
  const edges = [0, ...places, text.length];
  return edges.slice(1).map((end, at) => text.slice(edges[at], end));
}

const fieldText = fc
  .array(
    fc.constantFrom('data', 'event', 'id', ':', ' ', '\n', '\r', '\r\n', '\n\n', 'x', '\uFEFF', '\0', 'ü'),
    {
      maxLength: 60,
    },
  )
  .map((parts) => parts.join(''));
const json = fc.json().map((text) => text.replaceAll(/[\n\r]/g, ' '));
const status = fc.constantFrom('pending', 'active', 'canceling', 'terminated');

describe('the parser of server-sent events', () => {
  test('gives the same events however the text is cut', () => {
    fc.assert(
      fc.property(fieldText, fc.array(fc.nat(), { maxLength: 12 }), (text, cuts) => {
        expect(parseAll(pieces(text, cuts))).toEqual(parseAll([text]));
      }),
    );
  });

  test('gives back what was written, whichever line end is used', () => {
    const events = fc.array(fc.record({ event: fc.stringMatching(/^[a-z-]{1,12}$/), data: json }));
    fc.assert(
      fc.property(events, fc.constantFrom('\n', '\r', '\r\n'), fc.array(fc.nat()), (sent, end, cuts) => {
        const text = sent
          .map(({ event, data }) => [`: hi`, `event: ${event}`, `data: ${data}`, '', ''].join(end))
          .join('');
        expect(parseAll(pieces(text, cuts)).events).toEqual(sent);
      }),
    );
  });

  test('keeps the id of an event without data, and of none', () => {
    expect(parseAll([': heartbeat\nid: 7\n\n'])).toEqual({ events: [], id: '7' });
    expect(parseAll(['id: a\0b\n\n']).id).toBe('');
  });

  test('refuses an event that never ends', () => {
    const parser = new SseParser();
    const piece = `data: ${'x'.repeat(1_000_000)}`;
    expect(() => {
      for (let at = 0; at < 20; at += 1) parser.push(piece);
    }).toThrow('an event of more than');
  });
});

describe('the merge rule', () => {
  const version = fc.integer({ min: 1, max: 5 });
  /** What a server can say of one session: each version has one status. */
  const rows = fc
    .tuple(
      fc.shuffledSubarray(['pending', 'active', 'canceling', 'terminated']),
      fc.array(fc.tuple(version, fc.nat())),
    )
    .map(([, given]) =>
      given.map(([each, bytes]): EventRow => ({
        id: 's_1',
        version: each,
        status: ['pending', 'active', 'canceling', 'terminated', 'terminated'][each - 1] ?? 'terminated',
        bytes_up: bytes,
      })),
    );

  test('ends with the same row in whatever order rows come, however often', () => {
    fc.assert(
      fc.property(
        rows.chain((list) =>
          fc.tuple(fc.constant(list), fc.shuffledSubarray(list, { minLength: list.length })),
        ),
        ([list, shuffled]) => {
          const end = (each: readonly EventRow[]): EventRow | undefined =>
            each.reduce<EventRow | undefined>((row, next) => mergeRow(row, next), undefined);
          expect(end([...shuffled, ...shuffled])).toEqual(end(list));
        },
      ),
    );
  });

  test('never takes a status or a counter back', () => {
    const order = ['pending', 'active', 'canceling', 'terminated'];
    const any = fc.record({ version, status, bytes_up: fc.nat() });
    fc.assert(
      fc.property(fc.array(any, { minLength: 1 }), (list) => {
        let row: EventRow | undefined;
        for (const each of list) {
          const before = row;
          row = mergeRow(before, { id: 's_1', ...each });
          if (before === undefined) continue;
          expect(Number(row['bytes_up'])).toBeGreaterThanOrEqual(Number(before['bytes_up']));
          expect(row.version).toBeGreaterThanOrEqual(before.version ?? 0);
          if (row.version === before.version) {
            expect(order.indexOf(row.status ?? '')).toBeGreaterThanOrEqual(
              order.indexOf(before.status ?? ''),
            );
          }
        }
      }),
    );
  });

  test('gives the very same row, and no change, for what is known', () => {
    const rows = new Map<string, EventRow>();
    const row = { id: 's_1', version: 2, status: 'active', actions: ['read'], scope: { id: 'p_1' } };
    expect(mergeDelta(rows, { rows: [row] })).toEqual(new Set(['s_1']));
    const before = rows.get('s_1');
    const again = { ...row, actions: ['read'], scope: { id: 'p_1' } };
    expect(mergeDelta(rows, { rows: [again, { ...row, version: 1, status: 'pending' }] })).toEqual(new Set());
    expect(rows.get('s_1')).toBe(before);
  });

  test('is not fooled by names that every object has', () => {
    const rows = new Map<string, EventRow>();
    const hostile = JSON.parse('{"id":"__proto__","version":1,"__proto__":{"x":1}}') as EventRow;
    mergeDelta(rows, { rows: [hostile] });
    mergeDelta(rows, { rows: [{ id: '__proto__', version: 2 }], removed: ['constructor'] });
    expect([...rows.keys()]).toEqual(['__proto__']);
    expect(({} as { x?: number }).x).toBeUndefined();
  });
});

describe('positions', () => {
  const key = fc.stringMatching(/^[A-Za-z0-9_-]{1,32}$/);

  test('are read as they were written', () => {
    const position = fc.record({
      atUs: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
      viewKey: key,
      rightsKey: key,
    });
    fc.assert(
      fc.property(position, (each) => {
        expect(decodePosition(encodePosition(each))).toEqual(each);
      }),
    );
  });

  test('of any other text lead to a reset, never to an error', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fieldText), (text) => {
        const now = { nowUs: 1_000_000_000_000, viewKey: 'a', rightsKey: 'b' };
        expect(resetReason(text, now)).toBeDefined();
      }),
    );
  });

  test('are kept for ten minutes, and for their own question and rights', () => {
    const now = { nowUs: 2_000_000_000_000, viewKey: 'a', rightsKey: 'b' };
    const at = (atUs: number, viewKey = 'a', rightsKey = 'b'): string | undefined =>
      resetReason(encodePosition({ atUs, viewKey, rightsKey }), now);
    expect(at(now.nowUs - 599_000_000)).toBeUndefined();
    expect(at(now.nowUs - 601_000_000)).toBe('position too old');
    expect(at(now.nowUs + 31_000_000)).toBe('position unknown');
    expect(at(now.nowUs, 'x')).toBe('filter changed');
    expect(at(now.nowUs, 'a', 'x')).toBe('grants changed');
  });
});

describe('changes that wait', () => {
  test('are never more than there are sessions, and the newest of each', () => {
    const change = fc.tuple(fc.integer({ min: 0, max: 9 }), fc.integer({ min: 1, max: 20 }));
    fc.assert(
      fc.property(fc.array(change, { maxLength: 300 }), (list) => {
        const pending = new PendingChanges();
        const newest = new Map<string, number>();
        for (const [id, each] of list) {
          pending.add(sessionRow({ id: `s_${id}`, version: each }));
          newest.set(`s_${id}`, Math.max(newest.get(`s_${id}`) ?? 0, each));
          expect(pending.size).toBe(newest.size);
        }
        const taken = [...pending.take()].map(
          ([id, one]) => [id, one.kind === 'row' ? one.row.version : 0] as const,
        );
        expect(new Map(taken)).toEqual(newest);
        expect(pending.size).toBe(0);
      }),
    );
  });
});
