import { expect, test } from 'vitest';
import { describeBothEngines } from '../../../../../test/support/engines.ts';
import { ManualClock } from '../../../../../test/support/manual-clock.ts';
import {
  addConnection,
  addLiveWorker,
  addSession,
  addTarget,
  fillDatabase,
  makeWorld,
} from '../../../../../test/support/session-world.ts';
import {
  deleteStaleTraffic,
  listTraffic,
  listWorkerLoads,
  replaceTraffic,
  trafficFreshUs,
} from './traffic-repository.ts';

describeBothEngines('measured traffic', (engineTest) => {
  test('is summed over workers, busiest first, old measurements and foreign sessions left out; reports at once do not clash', async () => {
    const clock = new ManualClock();
    const database = await engineTest.open();
    await fillDatabase(database, clock.nowUs());
    const world = await makeWorld(database, clock);
    const [one, two] = [await addLiveWorker(world), await addLiveWorker(world)];
    const target = await addTarget(world);
    const [quiet, busy, foreign] = [
      await addSession(world, target),
      await addSession(world, target),
      await addSession(world, target),
    ];
    await addConnection(world, one, quiet);
    await addConnection(world, one, busy);
    await addConnection(world, two, busy);
    const measure = (workerId: string, ...rates: [string, number, number][]): Promise<void> =>
      database.write((tx) =>
        replaceTraffic(
          tx,
          workerId,
          rates.map(([sessionId, up, down]) => ({ sessionId, up, down })),
          clock.nowUs(),
        ),
      );
    await measure(one.id, [quiet, 5, 6], [busy, 1, 10], [foreign, 9e15, 0], ['s_nobody', 1, 1]);
    await measure(two.id, [busy, 2, 0]);
    const since = (): number => clock.nowUs() - trafficFreshUs;
    expect(await listTraffic(database.reader, since())).toMatchObject([
      { session_id: busy, up: 3, down: 10, scope_id: target.scope_id },
      { session_id: quiet, up: 5, down: 6 },
    ]);
    expect(await listTraffic(database.reader, since(), two.id)).toMatchObject([{ session_id: busy, up: 2 }]);
    expect((await listWorkerLoads(database.reader, since())).get(one.id)).toEqual({
      workerId: one.id,
      sessions: 2,
      connections: 2,
      up: 6,
      down: 16,
    });

    clock.advance(1000);
    await measure(one.id, [quiet, 1, 0]);
    expect(await listTraffic(database.reader, since())).toMatchObject([
      { session_id: busy, up: 2, down: 0 },
      { session_id: quiet, up: 1, down: 0 },
    ]);
    await Promise.all(Array.from({ length: 8 }, () => measure(one.id, [busy, 4, 4], [quiet, 1, 0])));
    expect(await listTraffic(database.reader, since(), one.id)).toMatchObject([
      { session_id: busy, up: 4, down: 4 },
      { session_id: quiet, up: 1, down: 0 },
    ]);
    await measure(one.id, [quiet, 1, 0]);
    clock.advance(14_500);
    expect(await listTraffic(database.reader, since())).toMatchObject([{ session_id: quiet }]);
    await database.write((tx) => deleteStaleTraffic(tx, since()));
    const rows = await database.reader.selectFrom('session_traffic').select('session_id').execute();
    expect(rows).toEqual([{ session_id: quiet }]);
    await world.close();
  });
});
