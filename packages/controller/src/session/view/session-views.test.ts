import { expect, test } from 'vitest';
import { describeBothEngines, type EngineTest } from '../../../../../test/support/engines.ts';
import { ManualClock } from '../../../../../test/support/manual-clock.ts';
import {
  addCaller,
  addConnection,
  addLiveWorker,
  addSession,
  addTarget,
  fillDatabase,
  makeWorld,
  worldIds,
  type SessionWorld,
} from '../../../../../test/support/session-world.ts';
import { createRole } from '../../iam/role-repository.ts';
import { createUser, listPeople, listUserIdsByLoginName } from '../../iam/user-repository.ts';
import type { Connection } from '../../store/database.ts';
import type { ListPermissions } from '../../store/list/permitted-rows.ts';
import { NodeList } from '../../worker-registry/node-list.ts';
import { createPasswordAuthMethod } from '../../auth/auth-method-repository.ts';
import { replaceTraffic } from '../traffic/traffic-repository.ts';
import { SessionViews } from './session-views.ts';

const otherUser = 'u_0987654321';
const all: ListPermissions = new Map([[worldIds.project, { all: true, ids: [] }]]);
const own: ListPermissions = new Map([[worldIds.project, { all: false, ids: [], own: true }]]);

/** The global scope gets a primary auth method, and each user a login name there and another one elsewhere. */
async function addLoginNames(tx: Connection, nowUs: number): Promise<void> {
  const stamps = { version: 1, created_at: nowUs, updated_at: nowUs };
  for (const id of ['ampw_primary', 'ampw_other']) {
    await createPasswordAuthMethod(tx, { id, scopeId: 'global', name: id, nowUs });
    for (const [userId, name] of [
      [worldIds.user, 'alice'],
      [otherUser, 'bob'],
    ] as const) {
      await tx
        .insertInto('account')
        .values({
          id: `acctpw_${id.slice(5)}${name}`,
          auth_method_id: id,
          scope_id: 'global',
          user_id: userId,
          type: 'password',
          name: null,
          description: null,
          login_name: id === 'ampw_primary' ? name : name === 'alice' ? 'bob' : 'carol',
          password_hash: null,
          ...stamps,
        })
        .execute();
    }
  }
  await tx
    .updateTable('scope')
    .set({ primary_auth_method_id: 'ampw_primary' })
    .where('id', '=', 'global')
    .execute();
}

async function newViews(
  engineTest: EngineTest,
): Promise<{ world: SessionWorld; views: SessionViews; clock: ManualClock }> {
  const clock = new ManualClock();
  const database = await engineTest.open();
  await fillDatabase(database, clock.nowUs());
  await database.write(async (tx) => {
    const nowUs = clock.nowUs();
    await createUser(tx, { id: otherUser, scopeId: 'global', nowUs });
    await createRole(tx, {
      scopeId: worldIds.project,
      grants: ['ids=*;type=target;actions=authorize-session'],
      principalIds: [otherUser],
      nowUs,
    });
    await addLoginNames(tx, nowUs);
  });
  const world = await makeWorld(database, clock);
  const nodes = new NodeList({ database, clock, localId: 'ctrl_1' });
  return { world, views: new SessionViews({ database, clock, nodes }), clock };
}

describeBothEngines('what operators see of sessions', (engineTest) => {
  test('adds up the connections of a session over its workers, and names its user', async () => {
    const { world, views, clock } = await newViews(engineTest);
    const [one, two] = [await addLiveWorker(world), await addLiveWorker(world)];
    const sessionId = await addSession(world, await addTarget(world));
    const closed = await addConnection(world, one, sessionId);
    clock.advance(1000);
    const open = await addConnection(world, two, sessionId);
    await world.domain.serving.closeConnections(one, [
      {
        connectionId: closed,
        bytesUp: 5,
        bytesDown: 7,
        reason: 'client closed',
        closedAt: clock.nowUs(),
      },
    ]);
    const report = [{ sessionId, connections: [{ connectionId: open, bytesUp: 100, bytesDown: 2 ** 40 }] }];
    const { reconciliation } = world.domain;
    await reconciliation.reconcile(two.id, report, reconciliation.newLink());
    const page = { limit: 10, phase: 'created' } as const;
    const [view] = await views.list({ permissions: all, ownerId: 'u_x', includeTerminated: false, page });
    expect(view).toMatchObject({
      session: { id: sessionId, status: 'active' },
      username: 'alice',
      summary: {
        workerIds: [one.id, two.id].sort(),
        busyWorkerIds: [two.id],
        openConnections: 1,
        bytesUp: 105,
        bytesDown: 2 ** 40 + 7,
        clientAddress: '192.0.2.1',
        clientPort: 4711,
      },
    });
    expect(await views.read(sessionId)).toMatchObject({
      states: [{ status: 'active' }, { status: 'pending' }],
      connections: [{ id: open, username: 'alice' }, { id: closed }],
    });
    expect((await views.workerLoads()).get(two.id)).toMatchObject({ sessions: 1, connections: 1 });

    // A worker that falls silent is named: its counters are old.
    expect(await views.silentWorkers(view === undefined ? [] : [view])).toEqual([]);
    clock.advance(20_000);
    expect(await views.silentWorkers(view === undefined ? [] : [view])).toEqual([
      { id: two.id, silentSeconds: 21 },
    ]);
    await world.close();
  });

  test('counters as large as a worker can make them break no sum', async () => {
    const { world, views } = await newViews(engineTest);
    const worker = await addLiveWorker(world);
    const sessionId = await addSession(world, await addTarget(world));
    const connectionId = await addConnection(world, worker, sessionId);
    const [row] = await views.connectionsOf({ workerId: worker.id, limit: 1 });
    if (row === undefined) throw new Error('no connection');
    const { user_id: _user, target_id: _target, username: _name, ...connection } = row;
    const most = { bytes_up: Number.MAX_SAFE_INTEGER, bytes_down: Number.MAX_SAFE_INTEGER };
    await world.database.write(async (tx) => {
      for (let part = 0; part < 4; part += 1) {
        const rows = Array.from({ length: 300 }, (_unused, index) => ({
          ...connection,
          ...most,
          id: `${connectionId}x${part}x${index}`,
        }));
        await tx.insertInto('session_connection').values(rows).execute();
      }
    });
    expect((await views.read(sessionId))?.summary).toMatchObject({
      openConnections: 1201,
      bytesUp: Number.MAX_SAFE_INTEGER,
      bytesDown: Number.MAX_SAFE_INTEGER,
    });
    await world.close();
  });

  test('a login name finds the users who have it at the primary auth method, nobody else', async () => {
    const { world, views } = await newViews(engineTest);
    expect(await views.userIdsOf('alice')).toEqual([worldIds.user]);
    expect(await views.userIdsOf('bob')).toEqual([otherUser]);
    expect(await listUserIdsByLoginName(world.database.reader, 'carol')).toEqual([]);
    await world.close();
  });

  test('filters by user, and shows those without the right to all only their own sessions', async () => {
    const { world, views } = await newViews(engineTest);
    await addLiveWorker(world);
    const target = await addTarget(world);
    const mine = await addSession(world, target);
    const theirs = await addSession(world, target, { caller: await addCaller(world, otherUser) });
    const page = { limit: 10, phase: 'created' } as const;
    const idsOf = async (
      permissions: ListPermissions,
      userIds?: readonly string[],
    ): Promise<readonly string[]> => {
      const found = await views.list({
        permissions,
        ownerId: worldIds.user,
        includeTerminated: false,
        page,
        ...(userIds === undefined ? {} : { userIds }),
      });
      return found.map(({ session }) => session.id).sort();
    };
    expect(await idsOf(all)).toEqual([mine, theirs].sort());
    expect(await idsOf(all, [otherUser])).toEqual([theirs]);
    expect(await idsOf(own)).toEqual([mine]);
    expect(await idsOf(own, [otherUser])).toEqual([]);
    expect(await idsOf(all, [])).toEqual([]);
    await world.close();
  });

  test('ranks sessions by the bytes they move, page by page, on all workers or on one', async () => {
    const { world, views, clock } = await newViews(engineTest);
    const [one, two] = [await addLiveWorker(world), await addLiveWorker(world)];
    const target = await addTarget(world);
    const ids: string[] = [];
    for (let index = 0; index < 3; index += 1) {
      const id = await addSession(world, target);
      await addConnection(world, one, id);
      ids.push(id);
    }
    const [quiet = '', busy = '', middle = ''] = ids;
    const foreign = await addSession(world, target, { caller: await addCaller(world, otherUser) });
    await addConnection(world, two, foreign);
    await addConnection(world, two, quiet);
    await world.database.write(async (tx) => {
      const rates = [
        { sessionId: quiet, up: 1, down: 1 },
        { sessionId: busy, up: 0, down: 1000 },
        { sessionId: middle, up: 40, down: 2 },
      ];
      await replaceTraffic(tx, one.id, rates, clock.nowUs());
      const others = [
        { sessionId: foreign, up: 500, down: 0 },
        { sessionId: quiet, up: 1, down: 0 },
      ];
      await replaceTraffic(tx, two.id, others, clock.nowUs());
    });
    const ownerId = worldIds.user;
    const hot = async (permissions: ListPermissions, workerId?: string): Promise<unknown[]> => {
      const found = await views.hot({ permissions, ownerId, workerId }, { limit: 10 });
      return found.map(({ session, rates }) => [session.id, rates.up, rates.down]);
    };
    expect(await hot(all)).toEqual([
      [busy, 0, 1000],
      [foreign, 500, 0],
      [middle, 40, 2],
      [quiet, 2, 1],
    ]);
    expect((await hot(own)).length).toBe(3);
    expect(await hot(all, two.id)).toEqual([
      [foreign, 500, 0],
      [quiet, 1, 0],
    ]);
    const second = await views.hot(
      { permissions: all, ownerId },
      { limit: 2, after: { rate: 500, id: foreign } },
    );
    expect(second.map(({ session }) => session.id)).toEqual([middle, quiet]);
    clock.advance(15_001);
    expect(await hot(all)).toEqual([]);
    await world.close();
  });

  test('case 64: pages of connections stay whole while others come and go', async () => {
    const { world, views, clock } = await newViews(engineTest);
    const worker = await addLiveWorker(world);
    const sessionId = await addSession(world, await addTarget(world));
    const first: string[] = [];
    for (let index = 0; index < 7; index += 1) {
      first.push(await addConnection(world, worker, sessionId));
      if (index % 2 === 0) clock.advance(1);
    }
    const seen: string[] = [];
    let after: { at: number; id: string } | undefined;
    for (;;) {
      const rows = await views.connectionsOf({ workerId: worker.id, limit: 2, after });
      const last = rows.at(-1);
      if (last === undefined) break;
      seen.push(...rows.map((row) => row.id));
      after = { at: last.created_at, id: last.id };
      clock.advance(1);
      await addConnection(world, worker, sessionId);
    }
    expect(seen.toSorted()).toEqual(first.toSorted());
    const skipped = await views.connectionsOf({ workerId: worker.id, limit: 1, offset: 2 });
    expect(skipped).toHaveLength(1);
    const [wanted = ''] = first;
    const named = await views.connectionsOf({ workerId: worker.id, limit: 9, ids: [wanted, 'sc_unknown'] });
    expect(named.map((row) => row.id)).toEqual([wanted]);
    await world.close();
  });

  test('people are listed without the special users, page by page, only where the caller may', async () => {
    const { world } = await newViews(engineTest);
    const list = (permissions: ListPermissions, offset?: number): Promise<{ id: string }[]> =>
      listPeople(world.database.reader, { permissions, limit: 10, offset });
    const everywhere: ListPermissions = new Map([['global', { all: true, ids: [] }]]);
    const ids = (await list(everywhere)).map((user) => user.id);
    expect(ids.toSorted()).toEqual([otherUser, worldIds.user].sort());
    expect(await list(everywhere, 1)).toMatchObject([{ id: ids[1] }]);
    expect(await list(new Map([['global', { all: false, ids: [otherUser, 'u_anon'] }]]))).toMatchObject([
      { id: otherUser, login_name: 'bob' },
    ]);
    expect(await list(new Map())).toEqual([]);
    await world.close();
  });
});
