/** What a slow, a dead and a greedy viewer cost, and what time does to a stream: on a clock of the test's own where time matters. */
import { randomBytes } from 'node:crypto';
import { afterEach, describe, expect, test } from 'vitest';
import { silentLogger } from '@stile/runtime';
import { describeBothEngines } from '../../../../test/support/engines.ts';
import { startTestController, type TestController } from '../../../../test/support/controller.ts';
import { EventViewer } from '../../../../test/support/event-viewer.ts';
import { ManualClock } from '../../../../test/support/manual-clock.ts';
import { sessionRow } from '../../../../test/support/session-rows.ts';
import type { TokenStanding } from '../auth/token/auth-token-service.ts';
import type { Database } from '../store/database.ts';
import { countStreams } from './stream/event-stream-repository.ts';
import { EventStreams } from './stream/event-streams.ts';
import type { StreamView } from './viewer/stream-view.ts';
import type { ResponseLike } from './viewer/stream-socket.ts';

/** An answer whose peer takes as much as the test wants. */
class StubResponse implements ResponseLike {
  text = '';
  destroyed = false;
  isEnded = false;
  takesMore = true;
  readonly #listeners = new Map<string, (() => void)[]>();

  write(text: string): boolean {
    this.text += text;
    return this.takesMore;
  }

  end(): void {
    this.isEnded = true;
    if (this.takesMore) this.emit('close');
  }

  destroy(): void {
    this.destroyed = true;
    this.emit('close');
  }

  on(event: string, listener: () => void): void {
    this.#listeners.set(event, [...(this.#listeners.get(event) ?? []), listener]);
  }

  emit(event: string): void {
    for (const listener of this.#listeners.get(event) ?? []) listener();
  }
}

const view: StreamView = {
  topics: ['sessions'],
  viewKey: 'v',
  rightsKey: 'r',
  wholeScopes: new Set(),
  maySee: () => true,
  counted: [],
  sessions: {
    permissions: new Map(),
    ownerId: 'u_1',
    includeTerminated: false,
    mayHearGone: () => true,
    show: (row) => ({ json: JSON.stringify({ id: row.id, version: row.version }) }),
  },
};
const caller = { userId: 'u_1', authTokenId: 'at_1' };

interface Stand {
  readonly streams: EventStreams;
  readonly clock: ManualClock;
  /** Where the token stands from now on. */
  standing: TokenStanding;
}

function standOver(database: Database, limits: { maxPerUser?: number; maxStreams?: number } = {}): Stand {
  const clock = new ManualClock();
  const stand: Stand = {
    clock,
    standing: { isGood: true, endsAt: clock.nowUs() + 60_000_000, caller },
    streams: new EventStreams({
      database,
      clock,
      log: silentLogger,
      tokens: { standings: () => Promise.resolve(new Map([['at_1', stand.standing]])) },
      sessions: { list: () => Promise.resolve([]) },
      workers: { list: () => Promise.resolve([]) },
      controllerId: 'ctrl_1',
      build: 'test',
      ...limits,
    }),
  };
  stand.streams.start();
  return stand;
}

async function open({ streams }: Stand): Promise<StubResponse> {
  const request = { caller, view: () => Promise.resolve(view), lastEventId: undefined };
  const response = new StubResponse();
  (await streams.admit(request)).attach(response);
  await expect.poll(() => response.text).toContain('event: snapshot-end');
  return response;
}

describeBothEngines('a stream and time', (engine) => {
  let stand: Stand | undefined;
  afterEach(() => stand?.streams.close());

  test('has a heartbeat every 15 seconds, with the position', async () => {
    stand = standOver(await engine.open());
    const response = await open(stand);
    const before = response.text.length;
    stand.clock.advance(14_000);
    await expect.poll(() => response.text.length).toBe(before);
    for (let second = 0; second < 3; second += 1) {
      stand.clock.advance(1_000);
      await new Promise((resolve) => setImmediate(resolve));
    }
    await expect.poll(() => response.text.slice(before)).toMatch(/^: heartbeat\nid: [0-9a-z]+\.v\.r\n\n$/);
  });

  test('is cut when its peer takes nothing for 30 seconds', async () => {
    stand = standOver(await engine.open());
    const response = await open(stand);
    response.takesMore = false;
    await advance(stand, 16);
    expect(response.text).toContain(': heartbeat');
    await advance(stand, 28);
    expect(response.destroyed).toBe(false);
    await advance(stand, 4);
    expect(response.destroyed).toBe(true);
    expect(stand.streams.size).toBe(0);
  });

  test.each([
    ['is behind', 44],
    ['does not read, which no write has shown yet,', 59],
  ])('that %s is told why it ends, and is cut when it does not take that soon', async (_what, seconds) => {
    stand = standOver(await engine.open());
    const response = await open(stand);
    await advance(stand, seconds);
    response.takesMore = false;
    await advance(stand, 59 - seconds);
    expect(response.isEnded).toBe(false);
    stand.standing = { isGood: false, reason: 'signed out' };
    await advance(stand, 1);
    stand.clock.advance(10);
    await expect.poll(() => response.isEnded).toBe(true);
    expect(response.text).toContain('event: bye');
    expect(response.destroyed).toBe(false);
    await advance(stand, 1);
    expect(response.destroyed).toBe(true);
  });

  test('case 20: ends at the instant its token does', async () => {
    stand = standOver(await engine.open());
    const response = await open(stand);
    await advance(stand, 59);
    expect(response.isEnded).toBe(false);
    stand.standing = { isGood: false, reason: 'signed out' };
    await advance(stand, 1);
    stand.clock.advance(10);
    await expect.poll(() => response.isEnded).toBe(true);
    expect(response.text).toContain('event: bye\ndata: {"reason":"signed out"}');
  });

  test('case 22: lives on when its token was used meanwhile, and by nothing else', async () => {
    stand = standOver(await engine.open());
    const response = await open(stand);
    const { clock } = stand;
    await advance(stand, 30);
    // Another request used the token: its idle end is later than it was.
    stand.standing = { isGood: true, endsAt: clock.nowUs() + 60_000_000, caller };
    await advance(stand, 45);
    expect(response.isEnded).toBe(false);
    stand.standing = { isGood: false, reason: 'signed out' };
    await advance(stand, 16);
    await expect.poll(() => response.isEnded).toBe(true);
  });

  test('is ended when token or rights cannot be looked at for ten seconds', async () => {
    stand = standOver(await engine.open());
    const failing = { isOn: false };
    const request = {
      caller,
      view: () => (failing.isOn ? Promise.reject(new Error('no database')) : Promise.resolve(view)),
      lastEventId: undefined,
    };
    const response = new StubResponse();
    (await stand.streams.admit(request)).attach(response);
    stand.standing = { isGood: true, endsAt: Infinity, caller };
    failing.isOn = true;
    await advance(stand, 62);
    expect(response.isEnded).toBe(false);
    await advance(stand, 14);
    expect(response.isEnded).toBe(true);
    expect(response.text).toContain('"reason":"rights unknown"');
  });

  test('gives its place back when nobody takes it, and is counted for its token as long as its controller lives', async () => {
    const database = await engine.open();
    stand = standOver(database, { maxPerUser: 1 });
    const { clock, streams } = stand;
    const seen = {
      id: 'ctrl_1',
      name: 'c1',
      cluster_address: '127.0.0.1:1',
      last_seen_at: clock.nowUs(),
      draining: 0,
    } as const;
    await database.write((tx) => tx.insertInto('controller').values(seen).execute());
    const request = { caller, view: () => Promise.resolve(view), lastEventId: undefined };
    await streams.admit(request);
    await expect(streams.admit(request)).rejects.toMatchObject({ code: 'tooManyRequests' });
    const count = async (): Promise<number> =>
      (await countStreams(database.reader, ['at_1', 'at_2'], clock.nowUs())).get('at_1') ?? 0;
    expect(await count()).toBe(1);
    clock.advance(10_001);
    await expect.poll(count).toBe(0);
    await open(stand);
    expect(await count()).toBe(1);
    // The controller is dead: nobody has renewed its row.
    expect((await countStreams(database.reader, ['at_1'], clock.nowUs() + 16_000_000)).size).toBe(0);
  });

  test('is refused when the controller has as many as it may, whoever asks', async () => {
    stand = standOver(await engine.open(), { maxStreams: 1 });
    await open(stand);
    const other = { ...caller, userId: 'u_2' };
    const request = { caller: other, view: () => Promise.resolve(view), lastEventId: undefined };
    await expect(stand.streams.admit(request)).rejects.toMatchObject({
      code: 'tooManyRequests',
      details: { retryAfterSeconds: 10 },
    });
  });

  test('that ended a minute ago leaves a view of what lives', async () => {
    const database = await engine.open();
    stand = standOver(database);
    const { clock } = stand;
    const response = await open(stand);
    const id = 's_1234567890';
    await database.write(async (tx) => {
      const row = sessionRow({
        id,
        status: 'terminated',
        end_reason: 'canceled',
        terminated_at: clock.nowUs(),
        updated_at: clock.nowUs(),
      });
      await tx.insertInto('session').values(row).execute();
      database.events.publishHere(tx, { type: 'session-changed', sessionId: id });
    });
    clock.advance(50);
    await expect.poll(() => response.text).toContain(`"rows":[{"id":"${id}","version":1}]`);
    await advance(stand, 59);
    expect(response.text).not.toContain('"removed"');
    await advance(stand, 3);
    await expect.poll(() => response.text).toContain(`"removed":["${id}"]`);
  });
});

/** Lets seconds pass one by one, and what they start have its turns. */
async function advance({ clock }: Stand, seconds: number): Promise<void> {
  for (let second = 0; second < seconds; second += 1) {
    clock.advance(1_000);
    for (let turn = 0; turn < 3; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  }
}

describe('a viewer that stops reading', () => {
  let world: TestController | undefined;
  const opened: EventViewer[] = [];
  afterEach(async () => {
    for (const viewer of opened.splice(0)) viewer.close();
    await world?.stop();
  });

  test.each(['identity', 'gzip'])(
    'holds one change for each session at most, and has the newest of all when it reads again (%s)',
    async (encoding) => {
      world = await startTestController({ apiRateLimitDisable: true });
      const { database, eventStreams } = world.controller.parts;
      const ids = Array.from({ length: 400 }, (_, at) => `s_${String(at).padStart(10, '0')}`);
      const rows = ids.map((id) =>
        sessionRow({
          id,
          scope_id: 'p_1234567890',
          expires_at: 4e15,
          user_id: 'u_x',
          // Chance does not compress, and fills the sockets.
          endpoint: `tcp://${randomBytes(1_000).toString('hex')}`,
        }),
      );
      await database.write(async (tx) => {
        for (const row of rows) await tx.insertInto('session').values(row).execute();
      });
      const query = 'topic=sessions&scope_id=global&recursive=true';
      const viewer = await EventViewer.open(world.api, query, {
        token: world.admin,
        headers: { 'accept-encoding': encoding },
      });
      opened.push(viewer);
      await viewer.event('snapshot-end');
      expect(viewer.headers['content-encoding']).toBe(encoding === 'gzip' ? 'gzip' : undefined);
      expect(viewer.rows.size).toBe(ids.length);
      viewer.pause();
      let version = 1;
      const change = async (): Promise<void> => {
        version += 1;
        await database.write(async (tx) => {
          await tx
            .updateTable('session')
            .set({ version, updated_at: Date.now() * 1000 })
            .execute();
          for (const sessionId of ids)
            database.events.publishHere(tx, { type: 'session-changed', sessionId });
        });
      };
      // Until the sockets of both sides are full, and then as much again.
      for (let full = 0; full < 20 && version < 20_000;) {
        await change();
        expect(eventStreams.waiting).toBeLessThanOrEqual(ids.length);
        full = eventStreams.waiting === ids.length ? full + 1 : 0;
      }
      expect(eventStreams.waiting).toBe(ids.length);
      viewer.resume();
      await viewer.until('the newest version of all', () =>
        [...viewer.rows.values()].every((row) => row.version === version),
      );
      expect(eventStreams.waiting).toBe(0);
    },
    60_000,
  );
});
