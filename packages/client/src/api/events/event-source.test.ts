/** Reading an event stream from a server that fails in every way: it is found again, or the caller hears why not. */
import { afterEach, describe, expect, test } from 'vitest';
import { startScriptedApi, type ScriptedApi } from '../../../../../test/support/scripted-api.ts';
import { ApiClient } from '../api-client.ts';
import { watchEvents, type WatchEvent, type WatchOptions } from './event-source.ts';
import { pollList } from './list-polling.ts';

type Answer = Parameters<typeof startScriptedApi>[0];

const apis: ScriptedApi[] = [];
afterEach(async () => {
  for (const api of apis.splice(0)) await api.close();
});

async function start(answer: Answer): Promise<ScriptedApi> {
  const api = await startScriptedApi(answer);
  apis.push(api);
  return api;
}

/** Reads until `count` events came; waits are noted, not waited. */
async function read(
  api: ScriptedApi,
  count: number,
  options: Partial<WatchOptions> = {},
): Promise<{ events: WatchEvent[]; waits: number[] }> {
  const stop = new AbortController();
  const waits: number[] = [];
  const events: WatchEvent[] = [];
  const wait = (ms: number): Promise<void> => {
    waits.push(ms);
    return Promise.resolve();
  };
  const client = new ApiClient({ address: api.address });
  const all = { signal: stop.signal, random: () => 0.5, wait, ...options };
  for await (const event of watchEvents(client, { topic: 'sessions' }, all)) {
    events.push(event);
    if (events.length >= count) stop.abort();
  }
  return { events, waits };
}

const head = { 'content-type': 'text/event-stream' };

describe('an event stream', () => {
  test('goes on after a loss, with the id of the last event', async () => {
    let calls = 0;
    const api = await start((_request, response) => {
      calls += 1;
      response.writeHead(200, head);
      response.end(`event: delta\nid: p${calls}\ndata: {"rows":[],"n":${calls}}\n\n`);
      return undefined;
    });
    const { events, waits } = await read(api, 6);
    expect(events.map((each) => each.type)).toEqual(['open', 'event', 'lost', 'open', 'event', 'lost']);
    expect(api.requests.map((each) => each.headers['last-event-id'])).toEqual([undefined, 'p1']);
    expect(waits).toEqual([1000, 1000]);
  });

  test('waits longer after each failure in a row, at most half a minute and as long as Retry-After says', async () => {
    let calls = 0;
    const api = await start((_request, response) => {
      calls += 1;
      if (calls !== 8) return { status: 503, body: { kind: 'Unavailable', message: 'no database' } };
      response.setHeader('retry-after', '120');
      return { status: 429, body: { kind: 'ResourceExhausted', message: 'too many' } };
    });
    const { waits } = await read(api, 8);
    expect(waits).toEqual([1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 120_000]);
  });

  test('takes a silent server for gone', async () => {
    const api = await start((_request, response) => {
      response.writeHead(200, head);
      response.write('event: hello\ndata: {}\n\n');
      return undefined;
    });
    const { events } = await read(api, 3, { silenceMs: 50 });
    expect(events.at(-1)).toMatchObject({ type: 'lost', reason: 'the server is silent' });
  });

  test.each([
    [401, { kind: 'Unauthenticated', message: 'no' }, 'unauthenticated'],
    [403, { kind: 'PermissionDenied', message: 'no' }, 'permissionDenied'],
    [404, { kind: 'NotFound', message: 'no such scope' }, 'notFound'],
    [400, { kind: 'InvalidArgument', message: 'no' }, 'invalidArgument'],
    [404, '', 'unsupported'],
    [405, '', 'unsupported'],
    [200, { items: [] }, 'unsupported'],
    [302, '', 'unsupported'],
  ])('refused with %i %j is an error: %s', async (status, body, code) => {
    const api = await start(() => ({ status, body }));
    await expect(read(api, 1)).rejects.toMatchObject({ code });
    expect(api.requests).toHaveLength(1);
  });

  test('survives data that is no JSON and an event that never ends', async () => {
    const api = await start((_request, response) => {
      response.writeHead(200, head);
      response.write('event: delta\ndata: {nonsense\n\n');
      const piece = `data: ${'x'.repeat(1_000_000)}`;
      for (let at = 0; at < 20; at += 1) response.write(piece);
      return undefined;
    });
    const { events } = await read(api, 3);
    expect(events[1]).toEqual({ type: 'event', event: 'delta', data: undefined });
    expect(events[2]).toMatchObject({ type: 'lost' });
  });

  test('sends the token in a header, never in the address', async () => {
    const api = await start(() => ({ status: 401, body: { kind: 'Unauthenticated' } }));
    const token = { reveal: () => 'at_1234567890_s1secret' };
    const client = new ApiClient({ address: api.address, token });
    const stream = watchEvents(client, {}, { signal: new AbortController().signal });
    await expect(stream.next()).rejects.toMatchObject({ code: 'unauthenticated' });
    expect(api.requests[0]?.headers.authorization).toBe('Bearer at_1234567890_s1secret');
    expect(api.requests[0]?.path).not.toContain('secret');
  });
});

describe('a list that is read again and again', () => {
  async function poll(api: ScriptedApi, count: number): Promise<{ events: WatchEvent[]; waits: number[] }> {
    const stop = new AbortController();
    const events: WatchEvent[] = [];
    const waits: number[] = [];
    const wait = (ms: number): Promise<void> => {
      waits.push(ms);
      return Promise.resolve();
    };
    const client = new ApiClient({ address: api.address, maxRetries: 0 });
    for await (const event of pollList(
      client,
      { path: 'sessions', query: {} },
      { signal: stop.signal, wait },
    )) {
      events.push(event);
      if (events.length >= count) stop.abort();
    }
    return { events, waits };
  }

  const names = (events: readonly WatchEvent[]): string[] =>
    events.map((each) => (each.type === 'event' ? each.event : each.type));

  test('gives a snapshot, then what changed, and begins anew when its token is refused', async () => {
    let calls = 0;
    const api = await start(() => {
      calls += 1;
      if (calls === 1)
        return { status: 200, body: { response_type: 'delta', list_token: 'a', items: [{ id: 's_1' }] } };
      if (calls === 2)
        return { status: 200, body: { response_type: 'complete', list_token: 'b', items: [{ id: 's_2' }] } };
      if (calls === 3)
        return { status: 200, body: { response_type: 'complete', list_token: 'c', removed_ids: ['s_1'] } };
      if (calls === 4) return { status: 400, body: { kind: 'invalid list token', message: 'no' } };
      return { status: 200, body: { response_type: 'complete', list_token: 'd', items: [] } };
    });
    const { events, waits } = await poll(api, 7);
    expect(names(events)).toEqual([
      'snapshot',
      'snapshot',
      'snapshot-end',
      'delta',
      'reset',
      'snapshot',
      'snapshot-end',
    ]);
    expect(events[3]).toMatchObject({ data: { rows: [], removed: ['s_1'] } });
    expect(waits).toEqual([10_000, 10_000, 0]);
    expect(api.requests.map((each) => new URL(each.path, 'http://x').searchParams.get('list_token'))).toEqual(
      [null, 'a', 'b', 'c', null],
    );
  });

  test('waits out an outage, as long as it is asked to, and reports a refusal', async () => {
    let calls = 0;
    const api = await start((_request, response) => {
      calls += 1;
      if (calls === 1) {
        response.setHeader('retry-after', '30');
        return { status: 429, body: {} };
      }
      return { status: 403, body: { kind: 'PermissionDenied', message: 'Forbidden.' } };
    });
    await expect(poll(api, 9)).rejects.toMatchObject({ code: 'permissionDenied' });
    expect(calls).toBe(2);
  });
});
