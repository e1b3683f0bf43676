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
  worldIds,
} from '../../../../test/support/session-world.ts';
import type { SessionWorld } from '../../../../test/support/session-world.ts';
import { listSince } from '../store/deleted-resource-repository.ts';
import type { Worker } from '../worker-registry/worker.ts';

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
  return { catalogId: catalog.id, setId: hostSet.id, hostId: host.id, sessionId, bystanderId };
}

const sessionOf = async (world: SessionWorld, id: string): Promise<unknown> =>
  (await world.domain.sessions.read(id))?.session;

describeBothEngines('what ends sessions along with something else', (engineTest) => {
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
    expect(await world.targets.lookupAlias('db.EXAMPLE')).toMatchObject({
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
    await world.domain.ending.deleteAuthToken(first.authTokenId ?? '', worldIds.user);
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
});
