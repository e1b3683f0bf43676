import { newId } from '@stile/protocol';
import { systemClock } from '@stile/runtime';
import { expect, test } from 'vitest';
import { describeBothEngines } from '../../../../test/support/engines.ts';
import type { EngineTest } from '../../../../test/support/engines.ts';
import {
  addCaller,
  addConnection,
  addLiveWorker,
  addSession,
  addTarget,
  fillDatabase,
  makeWorld,
  projectScope,
  worldIds,
} from '../../../../test/support/session-world.ts';
import type { SessionWorld } from '../../../../test/support/session-world.ts';
import { waitingStatement } from '../../../../test/support/waiting-statement.ts';
import { lookupAlias } from '../alias/alias-repository.ts';
import { revokeAuthTokens } from '../auth/token/auth-token-change-repository.ts';
import type { Caller } from '../auth/token/auth-token-service.ts';
import type { Connection } from '../store/database.ts';
import { listSince } from '../store/deleted-resource-repository.ts';
import { bumpVersion } from '../store/versioned-update.ts';
import type { Target } from '../target/target.ts';
import type { Worker } from '../worker-registry/worker.ts';
import { insertConnection } from './connection-repository.ts';
import { SessionService } from './session-service.ts';
import type { SessionConnection } from './session.ts';

async function newWorld(engineTest: EngineTest): Promise<{ world: SessionWorld; worker: Worker }> {
  const database = await engineTest.open();
  await fillDatabase(database, systemClock.nowUs());
  const world = await makeWorld(database, systemClock);
  return { world, worker: await addLiveWorker(world) };
}

interface HostScene {
  readonly catalogId: string;
  readonly setId: string;
  readonly hostId: string;
  readonly targetId: string;
  /** One that is built on the host and has an open connection. */
  readonly sessionId: string;
  /** One that is built on the address of another target. */
  readonly bystanderId: string;
}

async function addHostScene(world: SessionWorld, worker: Worker): Promise<HostScene> {
  const catalog = await world.hosts.createCatalog({ scopeId: worldIds.project });
  const { hostSet } = await world.hosts.createSet({ hostCatalogId: catalog.id });
  const { host } = await world.hosts.createHost({ hostCatalogId: catalog.id, address: '10.0.0.1' });
  await world.hosts.changeMembers('add', hostSet.id, 1, [host.id]);
  const target = await addTarget(world, { address: null });
  await world.targets.changeHostSources('add', target.id, 1, [hostSet.id]);
  const sessionId = await addSession(world, target);
  await addConnection(world, worker, sessionId);
  const bystanderId = await addSession(world, await addTarget(world));
  return {
    catalogId: catalog.id,
    setId: hostSet.id,
    hostId: host.id,
    targetId: target.id,
    sessionId,
    bystanderId,
  };
}

const client = { clientAddress: '192.0.2.1', clientPort: 4711 };

/** A connection that was authorized just now. */
function connectionRow(workerId: string, sessionId: string, nowUs: number): SessionConnection {
  return {
    id: newId('sessionConnection'),
    session_id: sessionId,
    worker_id: workerId,
    status: 'authorized',
    client_address: client.clientAddress,
    client_port: client.clientPort,
    endpoint_address: null,
    endpoint_port: null,
    bytes_up: 0,
    bytes_down: 0,
    created_at: nowUs,
    connected_at: null,
    closed_at: null,
    end_reason: null,
    updated_at: nowUs,
  };
}

const sessionOf = async (world: SessionWorld, id: string): Promise<unknown> =>
  (await world.domain.sessions.read(id))?.session;

describeBothEngines('what ends sessions along with something else', (engineTest) => {
  test('deleting a worker ends the sessions it carries and no others, and every controller hears of it', async () => {
    const { world, worker } = await newWorld(engineTest);
    const other = await addLiveWorker(world);
    const carried = await addSession(world, await addTarget(world));
    const elsewhere = await addSession(world, await addTarget(world));
    await addConnection(world, worker, carried);
    await addConnection(world, other, elsewhere);
    const heard: string[] = [];
    const stop = world.registry.onDeleted((id) => heard.push(id));
    await world.domain.ending.deleteWorker(worker.id, worldIds.user);
    expect(await sessionOf(world, carried)).toMatchObject({
      status: 'canceling',
      end_reason: 'worker deleted',
      ended_by: worldIds.user,
    });
    expect(await sessionOf(world, elsewhere)).toMatchObject({ status: 'active' });
    expect(await world.registry.lookup(worker.id)).toBeUndefined();
    expect((await listSince(world.database.reader, 'worker', 0)).ids).toEqual([worker.id]);
    expect(heard).toEqual([worker.id]);
    await expect(world.domain.ending.deleteWorker(worker.id, worldIds.user)).rejects.toMatchObject({
      code: 'notFound',
    });
    // Nobody is left to confirm: the reaper closes the connection, and with it the session.
    await world.domain.reaper.runOnce();
    expect(await sessionOf(world, carried)).toMatchObject({
      status: 'terminated',
      end_reason: 'worker deleted',
    });
    stop();
    await world.close();
  });

  test.each([
    ['a host', 'hostId', 'deleteHost', 'host'],
    ['a host set', 'setId', 'deleteHostSet', 'host-set'],
    ['a host catalog', 'catalogId', 'deleteHostCatalog', 'host-catalog'],
  ] as const)(
    'deleting %s cancels the sessions built on it and no others',
    async (_title, key, method, type) => {
      const { world, worker } = await newWorld(engineTest);
      const scene = await addHostScene(world, worker);
      await world.domain.ending[method](scene[key], 'u_admin');
      expect(await sessionOf(world, scene.sessionId)).toMatchObject({
        status: 'canceling',
        end_reason: 'host deleted',
        ended_by: 'u_admin',
      });
      expect(await sessionOf(world, scene.bystanderId)).toMatchObject({ status: 'pending' });
      expect((await listSince(world.database.reader, type, 0)).ids).toEqual([scene[key]]);
      await expect(world.domain.ending[method](scene[key], 'u_admin')).rejects.toMatchObject({
        code: 'notFound',
      });
      await world.close();
    },
  );

  test('deleting a catalog takes its sets and hosts along and reports them as deleted', async () => {
    const { world, worker } = await newWorld(engineTest);
    const scene = await addHostScene(world, worker);
    await world.domain.ending.deleteHostCatalog(scene.catalogId, 'u_admin');
    expect(await world.hosts.lookupSet(scene.setId)).toBeUndefined();
    expect(await world.hosts.lookupHost(scene.hostId)).toBeUndefined();
    expect((await listSince(world.database.reader, 'host', 0)).ids).toEqual([scene.hostId]);
    expect((await listSince(world.database.reader, 'host-set', 0)).ids).toEqual([scene.setId]);
    await world.close();
  });

  test('deleting a target cancels its sessions; its alias stays without a destination', async () => {
    const { world, worker } = await newWorld(engineTest);
    const target = await addTarget(world, { aliases: [{ value: 'DB.example' }] });
    const idle = await addSession(world, target);
    const busy = await addSession(world, target);
    await addConnection(world, worker, busy);
    await world.domain.ending.deleteTarget(target.id, 'u_admin');
    expect(await sessionOf(world, idle)).toMatchObject({
      status: 'terminated',
      end_reason: 'target deleted',
    });
    expect(await sessionOf(world, busy)).toMatchObject({ status: 'canceling', end_reason: 'target deleted' });
    expect(await lookupAlias(world.database.reader, 'db.EXAMPLE')).toMatchObject({
      value: 'DB.example',
      destination_id: null,
      version: 2,
    });
    expect((await listSince(world.database.reader, 'target', 0)).ids).toEqual([target.id]);
    await world.close();
  });

  test('a target that cannot be deleted leaves its sessions alone', async () => {
    const { world } = await newWorld(engineTest);
    await expect(world.domain.ending.deleteTarget('ttcp_unknown', 'u_admin')).rejects.toMatchObject({
      code: 'notFound',
      message: 'Resource not found.',
    });
    await world.close();
  });

  test('deleting an auth token cancels the sessions authorized with it, those of other tokens go on', async () => {
    const { world } = await newWorld(engineTest);
    const target = await addTarget(world);
    const [first, second] = [await addCaller(world), await addCaller(world)];
    const mine = await addSession(world, target, { caller: first });
    const other = await addSession(world, target, { caller: second });
    await world.domain.tokenEnding.delete(first.authTokenId ?? '', worldIds.user);
    expect(await sessionOf(world, mine)).toMatchObject({ status: 'terminated', end_reason: 'token revoked' });
    expect(await sessionOf(world, other)).toMatchObject({ status: 'pending' });
    await world.close();
  });

  test('clearing the address of a target cancels its sessions; changing it, or anything else, does not', async () => {
    const { world } = await newWorld(engineTest);
    const target = await addTarget(world);
    const sessionId = await addSession(world, target);
    const { ending } = world.domain;
    await ending.updateTarget(
      target.id,
      1,
      { address: '127.0.0.2', defaultPort: 23, sessionConnectionLimit: 1 },
      'u_admin',
    );
    expect(await sessionOf(world, sessionId)).toMatchObject({ status: 'pending' });
    await expect(ending.updateTarget(target.id, 1, { address: null }, 'u_admin')).rejects.toMatchObject({
      code: 'notFound',
    });
    expect(await sessionOf(world, sessionId)).toMatchObject({ status: 'pending' });
    const { target: after } = await ending.updateTarget(target.id, 2, { address: null }, 'u_admin');
    expect(after).toMatchObject({ address: null, version: 3 });
    expect(await sessionOf(world, sessionId)).toMatchObject({
      status: 'terminated',
      end_reason: 'target address removed',
    });
    await world.close();
  });

  test('no session is added to what has just been deleted, disabled or moved', async () => {
    const { world } = await newWorld(engineTest);
    const authorize = async (target: Target, caller: Caller): Promise<unknown> =>
      world.domain.sessions.authorize({ caller, target, scope: projectScope });
    const conflict = expect.objectContaining({ code: 'conflict' }) as unknown;

    const deleted = await addTarget(world);
    await world.domain.ending.deleteTarget(deleted.id, 'u_admin');
    await expect(authorize(deleted, await addCaller(world))).rejects.toEqual(conflict);

    const moved = await addTarget(world);
    await world.domain.ending.updateTarget(moved.id, 1, { address: null }, 'u_admin');
    await expect(authorize(moved, await addCaller(world))).rejects.toEqual(conflict);

    const target = await addTarget(world);
    const loggedOut = await addCaller(world);
    await world.domain.tokenEnding.delete(loggedOut.authTokenId ?? '', loggedOut.userId);
    await expect(authorize(target, loggedOut)).rejects.toEqual(conflict);

    const caller = await addCaller(world);
    await world.database.write((tx) =>
      tx.updateTable('iam_user').set({ disabled_at: 1 }).where('id', '=', caller.userId).execute(),
    );
    await expect(authorize(target, caller)).rejects.toEqual(conflict);
    await world.close();
  });

  test.each(['deleteHost', 'deleteHostSet'] as const)(
    'a session whose host was chosen before %s and that comes after it is refused',
    async (method) => {
      const { world, worker } = await newWorld(engineTest);
      const scene = await addHostScene(world, worker);
      const caller = await addCaller(world);
      const { target } = await world.targets.read(scene.targetId);
      const { hostId, setId } = scene;
      // Workers are chosen after the host and before the session is added.
      const sessions = new SessionService({
        ...world,
        revocations: world.domain.revocations,
        selection: {
          select: async (filter) => {
            await world.domain.ending[method](method === 'deleteHost' ? hostId : setId, 'u_admin');
            return world.registry.selection.select(filter);
          },
        },
      });
      await expect(sessions.authorize({ caller, target, scope: projectScope, hostId })).rejects.toMatchObject(
        { code: 'conflict' },
      );
      await world.close();
    },
  );

  test('a session that is added while its target is being deleted ends, whichever comes first', async () => {
    const { world } = await newWorld(engineTest);
    const caller = await addCaller(world);
    for (let round = 0; round < 10; round += 1) {
      const target = await addTarget(world);
      const [added] = await Promise.allSettled([
        world.domain.sessions.authorize({ caller, target, scope: projectScope }),
        world.domain.ending.deleteTarget(target.id, 'u_admin'),
      ]);
      if (added.status === 'rejected') expect(added.reason).toMatchObject({ code: 'conflict' });
      const living = await world.database.reader
        .selectFrom('session')
        .select('id')
        .where('target_id', '=', target.id)
        .where('status', '<>', 'terminated')
        .execute();
      expect(living).toEqual([]);
    }
    await world.close();
  });

  test('a connection that is being added while its worker is deleted ends with it, one that comes later is refused', async () => {
    const { world, worker } = await newWorld(engineTest);
    const { database, domain } = world;
    const sessionId = await addSession(world, await addTarget(world));
    await domain.serving.activate(worker, sessionId, 'a'.repeat(20));
    const row = connectionRow(worker.id, sessionId, world.clock.nowUs());
    let finish = (): void => undefined;
    const finished = new Promise<void>((resolve) => {
      finish = resolve;
    });
    const adding = await new Promise<{ readonly done: Promise<void> }>((resolve) => {
      const done = database.write(async (tx) => {
        expect(await insertConnection(tx, database.engine, row)).toBe(true);
        resolve({ done });
        await finished;
      });
    });
    const deleted = domain.ending.deleteWorker(worker.id, worldIds.user).then(() => 'deleted');
    expect(await Promise.race([deleted, waitingStatement(database)])).toBe('waits');
    finish();
    await adding.done;
    await deleted;
    expect(await sessionOf(world, sessionId)).toMatchObject({
      status: 'canceling',
      end_reason: 'worker deleted',
    });
    const second = await addLiveWorker(world);
    const other = await addSession(world, await addTarget(world));
    await addConnection(world, second, other);
    const refused = domain.serving.authorizeConnection(worker, { sessionId: other, ...client });
    await expect(refused).rejects.toMatchObject({ code: 'connectionNotAuthorized' });
    expect(await sessionOf(world, other)).toMatchObject({ connections_used: 1 });
    await world.close();
  });

  test.each<[string, (tx: Connection, caller: Caller) => Promise<unknown>]>([
    [
      'deletes its auth token',
      (tx, caller) =>
        tx
          .deleteFrom('auth_token')
          .where('id', '=', caller.authTokenId ?? '')
          .execute(),
    ],
    [
      'revokes its auth token',
      (tx, caller) => revokeAuthTokens(tx, [caller.authTokenId ?? ''], { reason: 'key destroyed', nowUs: 1 }),
    ],
    [
      'changes its user and revokes its auth token',
      async (tx, caller) => {
        await bumpVersion(tx, 'iam_user', { id: caller.userId, version: 1, nowUs: 1 });
        await revokeAuthTokens(tx, [caller.authTokenId ?? ''], { reason: 'account removed', nowUs: 1 });
      },
    ],
  ])('a session waits for the end of a transaction that %s, and is refused then', async (_title, change) => {
    const { world } = await newWorld(engineTest);
    const caller = await addCaller(world);
    const target = await addTarget(world);
    let finish = (): void => undefined;
    const finished = new Promise<void>((resolve) => {
      finish = resolve;
    });
    const changing = await new Promise<{ readonly done: Promise<void> }>((resolve) => {
      const done = world.database.write(async (tx) => {
        await change(tx, caller);
        resolve({ done });
        await finished;
      });
    });
    const adding = world.domain.sessions.authorize({ caller, target, scope: projectScope });
    const settled = adding.then(
      () => 'added',
      () => 'refused',
    );
    expect(await Promise.race([settled, waitingStatement(world.database)])).toBe('waits');
    finish();
    await changing.done;
    await expect(adding).rejects.toMatchObject({ code: 'conflict' });
    await world.close();
  });
});
