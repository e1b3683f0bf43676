import { describe, expect, test } from 'vitest';
import { describeBothEngines } from '../../../../test/support/engines.ts';
import { eventually } from '../../../../test/support/eventually.ts';
import { ManualClock } from '../../../../test/support/manual-clock.ts';
import { addLiveWorker, fillDatabase, makeWorld } from '../../../../test/support/session-world.ts';
import { silentLogger } from '@stile/runtime';
import type { Database } from '../store/database.ts';
import type { ControllerTable, WorkerTable } from '../store/schema.ts';
import { ControllerPresence } from './controller-presence.ts';
import { listControllers } from './controller-repository.ts';
import { controllerNode, workerNode } from './node.ts';
import { NodeList } from './node-list.ts';
import { Readiness } from './readiness.ts';

const seconds = (count: number): number => count * 1_000_000;
const now = seconds(1_000_000);

function worker(fields: Partial<WorkerTable>): WorkerTable {
  const base: Partial<WorkerTable> = {
    id: 'w_1',
    name: null,
    address: '127.0.0.1:9202',
    release_version: null,
    config_tags: '{"a":["1"]}',
    api_tags: '{"a":["2"]}',
    controller_id: 'ctrl_1',
    last_seen_at: now,
    draining: 0,
    started_at: null,
    cpu_count: null,
    memory_bytes: null,
    created_at: 0,
  };
  return { ...base, ...fields } as WorkerTable;
}

describe('whether a node lives', () => {
  test.each<[string, Partial<WorkerTable>, string]>([
    ['heard of just now', {}, 'live'],
    ['heard of 14 s ago', { last_seen_at: now - seconds(14) }, 'live'],
    ['heard of 15 s ago', { last_seen_at: now - seconds(15) }, 'unavailable'],
    ['linked to no controller', { controller_id: null }, 'unavailable'],
    ['taking nothing new', { draining: 1 }, 'draining'],
    ['taking nothing new, and silent', { draining: 1, last_seen_at: now - seconds(16) }, 'unavailable'],
    ['heard of five minutes ago', { last_seen_at: now - seconds(300) }, 'dead'],
    ['never linked, made a minute ago', { last_seen_at: null, created_at: now - seconds(60) }, 'unavailable'],
    ['never linked, made an hour ago', { last_seen_at: null, created_at: now - seconds(3600) }, 'dead'],
  ])('a worker %s', (_what, fields, liveness) => {
    expect(workerNode(worker(fields), now).liveness).toBe(liveness);
  });

  test('a controller lives while it renews its row, and drains when it says so', () => {
    const row: ControllerTable = {
      id: 'ctrl_1',
      name: 'one',
      cluster_address: '127.0.0.1:9201',
      last_seen_at: now,
      release_version: 'Stile v0.1.0',
      started_at: now - 1,
      cpu_count: 2,
      memory_bytes: 3,
      draining: 0,
    };
    const livenessOf = (fields: Partial<ControllerTable>): string =>
      controllerNode({ ...row, ...fields }, now).liveness;
    expect(livenessOf({})).toBe('live');
    expect(livenessOf({ draining: 1 })).toBe('draining');
    expect(livenessOf({ last_seen_at: now - seconds(15) })).toBe('unavailable');
    expect(livenessOf({ last_seen_at: now - seconds(301) })).toBe('dead');
  });

  test('tags of the configuration and of the API stand together', () => {
    expect(workerNode(worker({}), now).tags).toEqual({ a: ['1', '2'] });
  });
});

describeBothEngines('nodes', (engineTest) => {
  test('are the controllers with what they said of themselves, and the workers', async () => {
    const clock = new ManualClock();
    const database = await engineTest.open();
    await fillDatabase(database, clock.nowUs());
    const world = await makeWorld(database, clock);
    const machine = { cpuCount: 4, memoryBytes: 2 ** 34 };
    const presence = new ControllerPresence({
      database,
      clock,
      log: silentLogger,
      name: 'one',
      releaseVersion: 'Stile v9.9.9',
      machine,
    });
    await presence.start('127.0.0.1:9201');
    const live = await addLiveWorker(world, { cpu_count: 8, memory_bytes: 2 ** 40 });
    const nodes = new NodeList({ database, clock, localId: presence.id });
    expect(await nodes.list()).toMatchObject([
      {
        id: presence.id,
        kind: 'controller',
        name: 'one',
        address: '127.0.0.1:9201',
        releaseVersion: 'Stile v9.9.9',
        liveness: 'live',
        startedAt: clock.nowUs(),
        ...machine,
      },
      { id: live.id, kind: 'worker', liveness: 'live', cpuCount: 8, memoryBytes: 2 ** 40 },
    ]);
    expect(await nodes.lookup('local')).toEqual({ id: presence.id, kind: 'controller' });
    expect(await nodes.lookup(live.id)).toEqual({ id: live.id, kind: 'worker' });
    expect(await nodes.lookup('w_unknown')).toBeUndefined();
    expect(await nodes.lookup('ctrl_unknown')).toBeUndefined();
    expect(await nodes.silentWorkers([live.id, 'w_gone', live.id])).toEqual([
      { id: 'w_gone', silentSeconds: undefined },
    ]);
    clock.advance(23_000);
    expect(await nodes.silentWorkers([live.id])).toEqual([{ id: live.id, silentSeconds: 23 }]);

    await presence.drain();
    expect((await nodes.list())[0]?.liveness).toBe('draining');
    await presence.close();
    expect((await nodes.list()).map((node) => node.kind)).toEqual(['worker']);
    await world.close();
  });

  test('a controller that drains while it renews its row stays one that drains', async () => {
    const clock = new ManualClock();
    const database = await engineTest.open();
    let release = (): void => undefined;
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    let late: Promise<unknown> | undefined;
    /** The renewal is late at the database. */
    const write: Database['write'] = (unit, options) => {
      if (clock.monotonicMs() === 0 || late !== undefined) return database.write(unit, options);
      const written = released.then(() => database.write(unit, options));
      late = written;
      return written;
    };
    const presence = new ControllerPresence({
      database: { ...database, reader: database.reader, write },
      clock,
      log: silentLogger,
      name: 'one',
    });
    await presence.start('127.0.0.1:9201');
    clock.advance(5_000);
    // The renewal has its row, and waits for the database.
    await eventually(() => (late === undefined ? undefined : true));
    const drained = presence.drain();
    release();
    await Promise.all([drained, late]);
    const nodes = new NodeList({ database, clock, localId: presence.id });
    const liveness = (): Promise<string | undefined> => nodes.list().then((list) => list[0]?.liveness);
    await eventually(async () => ((await liveness()) === 'draining' ? true : undefined));
    await presence.close();
  });

  test('a controller that starts again takes out what its earlier process left, and leaves the others', async () => {
    const clock = new ManualClock();
    const database = await engineTest.open();
    const open = async (name: string, address: string): Promise<ControllerPresence> => {
      const presence = new ControllerPresence({ database, clock, log: silentLogger, name });
      await presence.start(address);
      return presence;
    };
    const [killed, moved, other] = [
      await open('one', '127.0.0.1:9201'),
      await open('two', '127.0.0.1:1'),
      await open('three', '127.0.0.1:9201'),
    ];
    const rowIds = async (): Promise<string[]> =>
      (await listControllers(database.reader)).map(({ id }) => id);
    const successor = await open('one', '127.0.0.1:9201');
    expect(await rowIds()).not.toContain(killed.id);
    const secondOfTwo = await open('two', '127.0.0.1:2');
    expect(await rowIds()).toEqual([moved.id, other.id, successor.id, secondOfTwo.id].sort());
    for (const each of [killed, moved, other, successor, secondOfTwo]) await each.close();
  });

  test('a controller is ready when the database is current, it does not stop, and its worker lives', async () => {
    const clock = new ManualClock();
    const database = await engineTest.open();
    await fillDatabase(database, clock.nowUs());
    const world = await makeWorld(database, clock);
    const presence = { isDraining: false };
    const nodes = new NodeList({ database, clock, localId: 'ctrl_1' });
    const alone = new Readiness({ database, presence, nodes, hasWorker: false });
    const withWorker = new Readiness({ database, presence, nodes, hasWorker: true });
    await alone.require();
    await expect(withWorker.require()).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringMatching(/no worker/),
    });
    await addLiveWorker(world);
    await withWorker.require();
    presence.isDraining = true;
    await expect(alone.require()).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringMatching(/is stopping/),
    });
    presence.isDraining = false;
    await world.close();
    await database.close();
    await expect(alone.require()).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringMatching(/the database/),
    });
  });

  test('a controller is not ready on a database of an older version', async () => {
    const database = await engineTest.open({ isEmpty: true });
    const nodes = new NodeList({ database, clock: new ManualClock(), localId: 'ctrl_1' });
    const readiness = new Readiness({ database, presence: { isDraining: false }, nodes, hasWorker: false });
    await expect(readiness.require()).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringMatching(/older version/),
    });
  });
});
