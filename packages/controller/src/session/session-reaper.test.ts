import type { RevokedReason } from '../auth/token/auth-token.ts';
import { revokeAuthTokens } from '../auth/token/auth-token-change-repository.ts';
import { expect, test } from 'vitest';
import { describeBothEngines } from '../../../../test/support/engines.ts';
import type { EngineTest } from '../../../../test/support/engines.ts';
import { eventually } from '../../../../test/support/eventually.ts';
import { ManualClock } from '../../../../test/support/manual-clock.ts';
import {
  addCaller,
  addConnection,
  addLiveWorker,
  addSession,
  addTarget,
  fillDatabase,
  makeWorld,
} from '../../../../test/support/session-world.ts';
import type { SessionWorld } from '../../../../test/support/session-world.ts';
import { listSince } from '../store/deleted-resource-repository.ts';
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

const detailOf = (world: SessionWorld, id: string): ReturnType<SessionWorld['domain']['sessions']['read']> =>
  world.domain.sessions.read(id);

describeBothEngines('session reaper', (engineTest) => {
  test('an unused session terminates at its time, not before', async () => {
    const { world, clock } = await newWorld(engineTest);
    const sessionId = await addSession(world, await addTarget(world, { sessionMaxSeconds: 10 }));
    clock.advance(9999);
    await world.domain.reaper.runOnce();
    expect((await detailOf(world, sessionId))?.session.status).toBe('pending');
    clock.advance(1);
    await world.domain.reaper.runOnce();
    expect((await detailOf(world, sessionId))?.session).toMatchObject({
      status: 'terminated',
      end_reason: 'expired',
      ended_by: 'system',
      terminated_at: clock.nowUs(),
    });
    await world.close();
  });

  test('the timer wakes at the expiry of the next session', async () => {
    const { world, clock } = await newWorld(engineTest);
    const sessionId = await addSession(world, await addTarget(world, { sessionMaxSeconds: 1 }));
    clock.advance(950);
    world.domain.reaper.start();
    // The first round sets the timer; how long that takes is the database's affair.
    const session = await eventually(async () => {
      clock.advance(1);
      const detail = await detailOf(world, sessionId);
      return detail?.session.status === 'terminated' ? detail.session : undefined;
    });
    expect(session.terminated_at).toBeGreaterThanOrEqual(session.expires_at);
    expect((session.terminated_at ?? 0) - session.expires_at).toBeLessThan(500_000);
    await world.close();
  });

  test('sessions that expire one after the other end in few rounds', async () => {
    const { world, clock } = await newWorld(engineTest);
    const target = await addTarget(world, { sessionMaxSeconds: 1 });
    const caller = await addCaller(world);
    for (let count = 0; count < 20; count += 1) {
      await addSession(world, target, { caller });
      clock.advance(1);
    }
    clock.advance(970);
    world.domain.reaper.start();
    const times = await eventually(async () => {
      clock.advance(1);
      const rows = await world.database.reader.selectFrom('session').select('terminated_at').execute();
      return rows.some((row) => row.terminated_at === null)
        ? undefined
        : rows.map((row) => row.terminated_at);
    });
    expect(times).toHaveLength(20);
    expect(new Set(times).size).toBeLessThanOrEqual(2);
    await world.close();
  });

  test('an expired session with an open connection waits for the worker, whose close ends it', async () => {
    const { world, worker, clock } = await newWorld(engineTest);
    const sessionId = await addSession(world, await addTarget(world, { sessionMaxSeconds: 10 }));
    const connectionId = await addConnection(world, worker, sessionId);
    clock.advance(10_000);
    await world.domain.reaper.runOnce();
    expect((await detailOf(world, sessionId))?.session.status).toBe('active');
    const closedAt = clock.nowUs();
    await world.domain.serving.closeConnections(worker, [
      { connectionId, bytesUp: 1, bytesDown: 2, reason: 'session expired', closedAt },
    ]);
    expect((await detailOf(world, sessionId))?.session).toMatchObject({
      status: 'terminated',
      end_reason: 'expired',
    });
    await world.close();
  });

  test('connections of a silent worker are closed when the lease of their session has ended, each at its own', async () => {
    const { world, worker, clock } = await newWorld(engineTest);
    const strict = await addSession(world, await addTarget(world, { sessionLease: 'strict' }));
    const grace = await addSession(world, await addTarget(world));
    for (const sessionId of [strict, grace]) await addConnection(world, worker, sessionId);
    const reasonOf = async (id: string): Promise<string | null | undefined> =>
      (await detailOf(world, id))?.connections[0]?.end_reason;
    clock.advance(15_000);
    await world.domain.reaper.runOnce();
    expect(await reasonOf(strict)).toBeNull();
    clock.advance(3000);
    await world.domain.reaper.runOnce();
    expect(await reasonOf(strict)).toBe('worker lost');
    expect(await reasonOf(grace)).toBeNull();
    clock.advance(45_000);
    await world.domain.reaper.runOnce();
    expect(await reasonOf(grace)).toBe('worker lost');
    // The session itself may go on with another worker.
    expect((await detailOf(world, grace))?.session.status).toBe('active');
    await world.close();
  });

  test('a session that was to end on a lost worker ends with the lease of that worker', async () => {
    const { world, worker, clock } = await newWorld(engineTest);
    const sessionId = await addSession(world, await addTarget(world, { sessionLease: 'strict' }));
    await addConnection(world, worker, sessionId);
    const result = await world.domain.sessions.cancel({ sessionId, by: 'u_admin', waitMs: 0 });
    expect(result.revocation).toEqual({ workers: 1, confirmed: 0 });
    expect(result.detail.session.status).toBe('canceling');
    clock.advance(18_000);
    await world.domain.reaper.runOnce();
    expect((await detailOf(world, sessionId))?.session).toMatchObject({
      status: 'terminated',
      end_reason: 'canceled',
    });
    await world.close();
  });

  test('what a worker says of a connection that was given up as lost replaces our guess', async () => {
    const { world, worker, clock } = await newWorld(engineTest);
    const sessionId = await addSession(world, await addTarget(world, { sessionLease: 'strict' }));
    const connectionId = await addConnection(world, worker, sessionId);
    clock.advance(18_000);
    await world.domain.reaper.runOnce();
    await world.domain.serving.closeConnections(worker, [
      { connectionId, bytesUp: 10, bytesDown: 20, reason: 'controller lost', closedAt: clock.nowUs() },
    ]);
    expect((await detailOf(world, sessionId))?.connections[0]).toMatchObject({
      end_reason: 'controller lost',
      bytes_up: 10,
      bytes_down: 20,
    });
    await world.close();
  });

  test('the connections of a worker that was deleted are closed', async () => {
    const { world, worker } = await newWorld(engineTest);
    const sessionId = await addSession(world, await addTarget(world));
    await addConnection(world, worker, sessionId);
    await world.database.write(async (tx) => {
      await tx.deleteFrom('worker').where('id', '=', worker.id).execute();
    });
    await world.domain.reaper.runOnce();
    expect((await detailOf(world, sessionId))?.connections[0]?.end_reason).toBe('worker lost');
    await world.close();
  });

  test('sessions of a token that was revoked end, those of one whose time was up go on', async () => {
    const { world, clock } = await newWorld(engineTest);
    const target = await addTarget(world);
    const sessionOf = async (reason: RevokedReason): Promise<string> => {
      const caller = await addCaller(world);
      const sessionId = await addSession(world, target, { caller });
      await world.database.write((tx) =>
        revokeAuthTokens(tx, [caller.authTokenId ?? ''], { reason, nowUs: clock.nowUs() }),
      );
      return sessionId;
    };
    const revoked = await sessionOf('user request');
    const expired = await sessionOf('expired');
    const idle = await sessionOf('idle');
    await world.domain.reaper.runOnce();
    expect((await detailOf(world, revoked))?.session).toMatchObject({
      status: 'terminated',
      end_reason: 'token revoked',
    });
    for (const id of [expired, idle]) {
      expect((await detailOf(world, id))?.session).toMatchObject({ status: 'pending' });
    }
    await world.close();
  });

  test('an hour after its end a session is purged and its id reported as deleted', async () => {
    const { world, worker, clock } = await newWorld(engineTest);
    const target = await addTarget(world);
    const ended = await addSession(world, target);
    const connectionId = await addConnection(world, worker, ended);
    await world.domain.sessions.cancel({ sessionId: ended, by: 'u_admin', waitMs: 0 });
    const close = {
      connectionId,
      bytesUp: 0,
      bytesDown: 0,
      reason: 'session canceled',
      closedAt: 0,
    } as const;
    await world.domain.serving.closeConnections(worker, [close]);
    const living = await addSession(world, target);
    clock.advance(3_600_000);
    await world.domain.reaper.purge();
    expect(await detailOf(world, ended)).toBeDefined();
    clock.advance(1);
    await world.domain.reaper.purge();
    expect(await detailOf(world, ended)).toBeUndefined();
    expect(await detailOf(world, living)).toBeDefined();
    expect((await listSince(world.database.reader, 'session', 0)).ids).toEqual([ended]);
    // Late words about it do no harm.
    await world.domain.serving.closeConnections(worker, [close]);
    await world.close();
  });
});
