import { expect, test } from 'vitest';
import { describeBothEngines } from '../../../../test/support/engines.ts';
import type { EngineTest } from '../../../../test/support/engines.ts';
import { ManualClock } from '../../../../test/support/manual-clock.ts';
import {
  addConnection,
  addLiveWorker,
  addSession,
  addTarget,
  fillDatabase,
  makeWorld,
} from '../../../../test/support/session-world.ts';
import type { SessionWorld } from '../../../../test/support/session-world.ts';
import type { Worker } from '../worker-registry/worker.ts';

async function newWorld(
  engineTest: EngineTest,
): Promise<{ world: SessionWorld; worker: Worker; clock: ManualClock }> {
  const clock = new ManualClock();
  const database = await engineTest.open();
  await fillDatabase(database, clock.nowUs());
  const world = await makeWorld(database, clock);
  return { world, worker: await addLiveWorker(world), clock };
}

const report = (
  sessionId: string,
  ...connections: readonly { connectionId: string; bytesUp: number; bytesDown: number }[]
): { sessionId: string; connections: typeof connections } => ({ sessionId, connections });

/** Reports the counters of one connection, beside others that are not in the store; gives what the store has then. */
async function newTeller(
  world: SessionWorld,
  worker: Worker,
  others = 0,
): Promise<(bytesUp: number, bytesDown: number) => Promise<unknown>> {
  const { reconciliation, sessions } = world.domain;
  const sessionId = await addSession(world, await addTarget(world));
  const connectionId = await addConnection(world, worker, sessionId);
  const link = reconciliation.newLink();
  return async (bytesUp, bytesDown) => {
    const more = Array.from({ length: others }, (_unused, index) => ({
      connectionId: `sc_${index}`,
      bytesUp,
      bytesDown,
    }));
    await reconciliation.reconcile(
      worker.id,
      [report(sessionId, { connectionId, bytesUp, bytesDown }, ...more)],
      link,
    );
    const row = (await sessions.read(sessionId))?.connections[0];
    return [row?.bytes_up, row?.bytes_down];
  };
}

describeBothEngines('reconciliation with a worker', (engineTest) => {
  test('sessions that are canceling, terminated, expired or unknown are to be ended, each with its reason', async () => {
    const { world, worker, clock } = await newWorld(engineTest);
    const { reconciliation, sessions } = world.domain;
    const target = await addTarget(world);
    const [living, canceling, terminated] = [
      await addSession(world, target),
      await addSession(world, target),
      await addSession(world, target),
    ];
    const expired = await addSession(world, await addTarget(world, { sessionMaxSeconds: 1 }));
    await addConnection(world, worker, canceling);
    await sessions.cancel({ sessionId: canceling, by: 'u_admin', waitMs: 0 });
    await sessions.cancel({ sessionId: terminated, by: 'u_admin', reason: 'token revoked', waitMs: 0 });
    clock.advance(1000);
    const reports = [living, canceling, terminated, expired, 's_unknown', canceling].map((id) => report(id));
    const revocations = await reconciliation.reconcile(worker.id, reports, reconciliation.newLink());
    expect(revocations).toEqual([
      { sessionId: canceling, reason: 'canceled' },
      { sessionId: terminated, reason: 'token revoked' },
      { sessionId: expired, reason: 'expired' },
      { sessionId: 's_unknown', reason: 'canceled' },
    ]);
    await world.close();
  });

  test('live counters go up, never down, and are stored with every report of a small worker', async () => {
    const { world, worker, clock } = await newWorld(engineTest);
    const tell = await newTeller(world, worker);
    expect(await tell(100, 10)).toEqual([100, 10]);
    clock.advance(2000);
    expect(await tell(500, 5)).toEqual([500, 10]);
    clock.advance(2000);
    expect(await tell(50, 20)).toEqual([500, 20]);
    await world.close();
  });

  test('counters of a worker with a thousand busy connections are stored at most every ten seconds', async () => {
    const { world, worker, clock } = await newWorld(engineTest);
    const tell = await newTeller(world, worker, 1000);
    expect(await tell(100, 10)).toEqual([100, 10]);
    clock.advance(9999);
    expect(await tell(500, 500)).toEqual([100, 10]);
    clock.advance(1);
    expect(await tell(50, 20)).toEqual([100, 20]);
    await world.close();
  });

  test('a connection that the worker does not report is closed as lost, a young one is left alone', async () => {
    const { world, worker, clock } = await newWorld(engineTest);
    const { reconciliation, sessions } = world.domain;
    const sessionId = await addSession(world, await addTarget(world, { sessionConnectionLimit: 2 }));
    const old = await addConnection(world, worker, sessionId);
    clock.advance(10_001);
    const young = await addConnection(world, worker, sessionId);
    await reconciliation.reconcile(worker.id, [report(sessionId)], reconciliation.newLink());
    const rows = new Map((await sessions.read(sessionId))?.connections.map((row) => [row.id, row]));
    expect(rows.get(old)).toMatchObject({ status: 'closed', end_reason: 'worker lost' });
    expect(rows.get(young)).toMatchObject({ status: 'connected', end_reason: null });
    expect((await sessions.read(sessionId))?.session.status).toBe('active');
    clock.advance(10_001);
    await reconciliation.reconcile(worker.id, [], reconciliation.newLink());
    expect((await sessions.read(sessionId))?.session).toMatchObject({
      status: 'terminated',
      end_reason: 'connection limit',
    });
    await world.close();
  });

  test('a report of thousands of connections is taken, one beyond any frame is refused', async () => {
    const { world, worker } = await newWorld(engineTest);
    const { reconciliation } = world.domain;
    const many = (count: number): ReturnType<typeof report>[] => [
      report(
        's_unknown',
        ...Array.from({ length: count }, (_unused, index) => ({
          connectionId: `sc_${index}`,
          bytesUp: 2 ** 53 - 1,
          bytesDown: index,
        })),
      ),
    ];
    expect(await reconciliation.reconcile(worker.id, many(5000), reconciliation.newLink())).toHaveLength(1);
    await expect(
      reconciliation.reconcile(worker.id, many(65_536), reconciliation.newLink()),
    ).rejects.toMatchObject({ code: 'invalidArgument' });
    await world.close();
  });
});
