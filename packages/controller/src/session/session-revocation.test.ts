import type { ConnectionClose, SessionRevocation } from '@stile/protocol/rpc';
import { StileError } from '@stile/protocol';
import { silentLogger, systemClock } from '@stile/runtime';
import { expect, test } from 'vitest';
import { describeBothEngines } from '../../../../test/support/engines.ts';
import {
  addConnection,
  addLiveWorker,
  addSession,
  addTarget,
  fillDatabase,
  makeWorld,
} from '../../../../test/support/session-world.ts';
import type { SessionWorld } from '../../../../test/support/session-world.ts';
import { openDatabase } from '../store/database.ts';
import { migrate } from '../store/migrate.ts';
import type { WorkerLinks } from './session-revocation.ts';

/** A worker that answers a push with what it is told to; records what it heard. */
class FakeLinks implements WorkerLinks {
  readonly heard: SessionRevocation[][] = [];
  readonly #workerIds: readonly string[];
  readonly #answer: (revocations: readonly SessionRevocation[]) => Promise<readonly ConnectionClose[]>;

  constructor(
    workerIds: readonly string[],
    answer: (revocations: readonly SessionRevocation[]) => Promise<readonly ConnectionClose[]>,
  ) {
    this.#workerIds = workerIds;
    this.#answer = answer;
  }

  isLinked(workerId: string): boolean {
    return this.#workerIds.includes(workerId);
  }

  revoke(_workerId: string, revocations: readonly SessionRevocation[]): Promise<readonly ConnectionClose[]> {
    this.heard.push([...revocations]);
    return this.#answer(revocations);
  }
}

const closeOf = (connectionId: string): ConnectionClose => ({
  connectionId,
  bytesUp: 11,
  bytesDown: 22,
  reason: 'session canceled',
  closedAt: systemClock.nowUs(),
});

describeBothEngines('revocation by push', (engineTest) => {
  const open = async (): Promise<SessionWorld> => {
    const database = await engineTest.open();
    await fillDatabase(database, systemClock.nowUs());
    return makeWorld(database, systemClock);
  };

  test('a cancel reaches the worker, whose confirmation ends the session before the answer', async () => {
    const world = await open();
    const worker = await addLiveWorker(world);
    const sessionId = await addSession(world, await addTarget(world));
    const connectionId = await addConnection(world, worker, sessionId);
    const links = new FakeLinks([worker.id], () => Promise.resolve([closeOf(connectionId)]));
    world.domain.revocations.attach(links);
    const result = await world.domain.sessions.cancel({ sessionId, by: 'u_admin', waitMs: 10_000 });
    expect(links.heard).toEqual([[{ sessionId, reason: 'canceled' }]]);
    expect(result.revocation).toEqual({ workers: 1, confirmed: 1 });
    expect(result.detail.session).toMatchObject({ status: 'terminated', end_reason: 'canceled' });
    expect(result.detail.connections[0]).toMatchObject({
      bytes_up: 11,
      bytes_down: 22,
      end_reason: 'session canceled',
    });
    await world.close();
  });

  test('a worker that does not answer is told as unconfirmed, and the session stays canceling', async () => {
    const world = await open();
    const worker = await addLiveWorker(world);
    const sessionId = await addSession(world, await addTarget(world));
    await addConnection(world, worker, sessionId);
    const lost = new StileError('connectionReset', 'gone');
    world.domain.revocations.attach(new FakeLinks([worker.id], () => Promise.reject(lost)));
    const result = await world.domain.sessions.cancel({ sessionId, by: 'u_admin', waitMs: 200 });
    expect(result.revocation).toEqual({ workers: 1, confirmed: 0 });
    expect(result.detail.session.status).toBe('canceling');
    await world.close();
  });

  test('a connection that the worker had never heard of is closed by its confirmation', async () => {
    const world = await open();
    const worker = await addLiveWorker(world);
    const sessionId = await addSession(world, await addTarget(world));
    await addConnection(world, worker, sessionId);
    world.domain.revocations.attach(new FakeLinks([worker.id], () => Promise.resolve([])));
    const result = await world.domain.sessions.cancel({ sessionId, by: 'u_admin', waitMs: 10_000 });
    expect(result.detail.session.status).toBe('terminated');
    expect(result.detail.connections[0]).toMatchObject({ status: 'closed', end_reason: 'session canceled' });
    await world.close();
  });

  test('a session on two workers ends when both have confirmed; one that is silent is counted', async () => {
    const world = await open();
    const [first, second] = [await addLiveWorker(world), await addLiveWorker(world)];
    const sessionId = await addSession(world, await addTarget(world));
    const connectionId = await addConnection(world, first, sessionId);
    await addConnection(world, second, sessionId);
    world.domain.revocations.attach(
      new FakeLinks([first.id], () => Promise.resolve([closeOf(connectionId)])),
    );
    const result = await world.domain.sessions.cancel({ sessionId, by: 'u_admin', waitMs: 300 });
    expect(result.revocation).toEqual({ workers: 2, confirmed: 1 });
    expect(result.detail.session.status).toBe('canceling');
    await world.close();
  });

  test('a thousand cancels at once are pushed in few calls', async () => {
    const world = await open();
    const worker = await addLiveWorker(world);
    const target = await addTarget(world);
    const links = new FakeLinks([worker.id], () => Promise.resolve([]));
    world.domain.revocations.attach(links);
    const sessionIds = await Promise.all(Array.from({ length: 200 }, () => addSession(world, target)));
    await Promise.all(sessionIds.map((sessionId) => addConnection(world, worker, sessionId)));
    await world.domain.ending.deleteTarget(target.id, 'u_admin');
    const waits = sessionIds.map((sessionId) =>
      world.domain.sessions.cancel({ sessionId, by: 'u_admin', waitMs: 20_000 }),
    );
    for (const result of await Promise.all(waits)) {
      expect(result.detail.session).toMatchObject({ status: 'terminated', end_reason: 'target deleted' });
    }
    expect(links.heard.length).toBeLessThan(10);
    await world.close();
  });

  if (engineTest.engine === 'postgres') {
    test('a cancel on one controller is pushed by the other, which holds the link, and both know', async () => {
      const url = await engineTest.newUrl();
      const databases = await Promise.all(
        [1, 2].map(() => openDatabase({ url, clock: systemClock, log: silentLogger })),
      );
      const [one, two] = databases;
      if (one === undefined || two === undefined) throw new Error('two databases were opened');
      await migrate(one);
      await fillDatabase(one, systemClock.nowUs());
      const [here, there] = await Promise.all([makeWorld(one, systemClock), makeWorld(two, systemClock)]);
      const worker = await addLiveWorker(here);
      const sessionId = await addSession(here, await addTarget(here));
      const connectionId = await addConnection(there, worker, sessionId);
      there.domain.revocations.attach(
        new FakeLinks([worker.id], () => Promise.resolve([closeOf(connectionId)])),
      );
      const result = await here.domain.sessions.cancel({ sessionId, by: 'u_admin', waitMs: 10_000 });
      expect(result.revocation).toEqual({ workers: 1, confirmed: 1 });
      expect(result.detail.session.status).toBe('terminated');
      await Promise.all([here.close(), there.close()]);
      await Promise.all(databases.map((database) => database.close()));
    });
  }
});
