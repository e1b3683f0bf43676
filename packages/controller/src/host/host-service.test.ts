import { systemClock } from '@stile/runtime';
import { expect, test } from 'vitest';
import { describeBothEngines } from '../../../../test/support/engines.ts';
import type { EngineTest } from '../../../../test/support/engines.ts';
import { ManualClock } from '../../../../test/support/manual-clock.ts';
import { fillDatabase, worldIds } from '../../../../test/support/session-world.ts';
import { HostService } from './host-service.ts';

async function newHosts(engineTest: EngineTest): Promise<{ hosts: HostService; clock: ManualClock }> {
  const database = await engineTest.open();
  await fillDatabase(database, systemClock.nowUs());
  const clock = new ManualClock();
  return { hosts: new HostService({ database, clock }), clock };
}

const refused = (code: string, message?: string): unknown =>
  expect.objectContaining({ code, ...(message === undefined ? {} : { message }) });

describeBothEngines('hosts', (engineTest) => {
  test('a catalog, a set and a host are made with version 1 and read back', async () => {
    const { hosts } = await newHosts(engineTest);
    const catalog = await hosts.createCatalog({ scopeId: worldIds.project, name: 'c' });
    expect(catalog).toMatchObject({ id: expect.stringMatching(/^hcst_\w{10}$/), version: 1, name: 'c' });
    expect(await hosts.readCatalog(catalog.id)).toEqual(catalog);
    const set = await hosts.createSet({ hostCatalogId: catalog.id, description: 'd' });
    expect(await hosts.readSet(set.hostSet.id)).toEqual(set);
    const host = await hosts.createHost({ hostCatalogId: catalog.id, address: '10.0.0.1' });
    expect(await hosts.readHost(host.host.id)).toEqual(host);
    await expect(hosts.readHost('hst_unknown')).rejects.toEqual(refused('notFound', 'Resource not found.'));
    await expect(hosts.createHost({ hostCatalogId: 'hcst_unknown', address: '10.0.0.1' })).rejects.toEqual(
      refused('notFound'),
    );
  });

  test('a name is unique within its parent', async () => {
    const { hosts } = await newHosts(engineTest);
    const catalog = await hosts.createCatalog({ scopeId: worldIds.project, name: 'c' });
    const twice = refused(
      'invalidArgument',
      'Invalid request.  Request attempted to make second resource with the same field value that must be unique.',
    );
    await expect(hosts.createCatalog({ scopeId: worldIds.project, name: 'c' })).rejects.toEqual(twice);
    await hosts.createCatalog({ scopeId: worldIds.otherProject, name: 'c' });
    await hosts.createSet({ hostCatalogId: catalog.id, name: 's' });
    await expect(hosts.createSet({ hostCatalogId: catalog.id, name: 's' })).rejects.toEqual(twice);
  });

  test('an update needs the version, and one that changes nothing leaves version and time alone', async () => {
    const { hosts, clock } = await newHosts(engineTest);
    const catalog = await hosts.createCatalog({ scopeId: worldIds.project });
    const { host } = await hosts.createHost({ hostCatalogId: catalog.id, address: '10.0.0.1', name: 'h' });
    clock.advance(1000);
    const same = await hosts.updateHost(host.id, 1, { name: 'h', address: '10.0.0.1', description: null });
    expect(same.host).toEqual(host);
    expect((await hosts.updateHost(host.id, 1, {})).host).toEqual(host);
    const changed = await hosts.updateHost(host.id, 1, { name: null, address: '10.0.0.2' });
    expect(changed.host).toMatchObject({
      version: 2,
      name: null,
      address: '10.0.0.2',
      updated_at: clock.nowUs(),
    });
    await expect(hosts.updateHost(host.id, 1, { name: 'x' })).rejects.toEqual(
      refused('notFound', `Host "${host.id}" doesn't exist or incorrect version provided.`),
    );
    await expect(hosts.updateHost(host.id, 2, { address: '10.0.0.1:22' })).rejects.toEqual(
      refused('invalidArgument'),
    );
    await expect(hosts.updateCatalog('hcst_x', 1, { name: 'x' })).rejects.toEqual(
      refused('notFound', 'Host Catalog "hcst_x" doesn\'t exist or incorrect version provided.'),
    );
  });

  test('of two updates of one version at the same time one wins', async () => {
    const { hosts } = await newHosts(engineTest);
    const catalog = await hosts.createCatalog({ scopeId: worldIds.project });
    const attempts = await Promise.allSettled(
      ['a', 'b', 'c', 'd'].map((name) => hosts.updateCatalog(catalog.id, 1, { name })),
    );
    expect(attempts.filter((attempt) => attempt.status === 'fulfilled')).toHaveLength(1);
    expect((await hosts.readCatalog(catalog.id)).version).toBe(2);
  });

  test('hosts are added to, set in and removed from a set; each change takes a version, an empty set clears', async () => {
    const { hosts } = await newHosts(engineTest);
    const catalog = await hosts.createCatalog({ scopeId: worldIds.project });
    const { hostSet } = await hosts.createSet({ hostCatalogId: catalog.id });
    const ids: string[] = [];
    for (const address of ['10.0.0.1', '10.0.0.2', '10.0.0.3']) {
      ids.push((await hosts.createHost({ hostCatalogId: catalog.id, address })).host.id);
    }
    const [a = '', b = '', c = ''] = ids;
    const added = await hosts.changeMembers('add', hostSet.id, 1, [a, b, a]);
    expect(added).toMatchObject({ hostSet: { version: 2 }, hostIds: [a, b].sort() });
    expect(await hosts.readSet(hostSet.id)).toEqual(added);
    const set = await hosts.changeMembers('set', hostSet.id, 2, [b, c]);
    expect(set).toMatchObject({ hostSet: { version: 3 }, hostIds: [b, c].sort() });
    const unchanged = await hosts.changeMembers('set', hostSet.id, 3, [c, b]);
    expect(unchanged.hostSet.version).toBe(3);
    const removed = await hosts.changeMembers('remove', hostSet.id, 3, [b]);
    expect(removed).toMatchObject({ hostSet: { version: 4 }, hostIds: [c] });
    const cleared = await hosts.changeMembers('set', hostSet.id, 4, []);
    expect(cleared).toMatchObject({ hostSet: { version: 5 }, hostIds: [] });
    expect((await hosts.readHost(c)).hostSetIds).toEqual([]);
  });

  test('adding what is there, removing what is not and another version are refused and change nothing', async () => {
    const { hosts } = await newHosts(engineTest);
    const catalog = await hosts.createCatalog({ scopeId: worldIds.project });
    const { hostSet } = await hosts.createSet({ hostCatalogId: catalog.id });
    const { host } = await hosts.createHost({ hostCatalogId: catalog.id, address: '10.0.0.1' });
    await hosts.changeMembers('add', hostSet.id, 1, [host.id]);
    const field = expect.objectContaining({
      code: 'invalidArgument',
      message: 'Errors in provided fields.',
      details: { requestFields: [expect.objectContaining({ name: 'host_ids' })] },
    });
    await expect(hosts.changeMembers('add', hostSet.id, 2, [host.id])).rejects.toEqual(field);
    await hosts.changeMembers('remove', hostSet.id, 2, [host.id]);
    await expect(hosts.changeMembers('remove', hostSet.id, 3, [host.id])).rejects.toEqual(field);
    await expect(hosts.changeMembers('add', hostSet.id, 2, [host.id])).rejects.toEqual(
      refused('notFound', `Host Set "${hostSet.id}" doesn't exist or incorrect version provided.`),
    );
    expect((await hosts.readSet(hostSet.id)).hostSet.version).toBe(3);
  });

  test('lists hold what the permission allows, newest first, page by page', async () => {
    const { hosts, clock } = await newHosts(engineTest);
    const catalog = await hosts.createCatalog({ scopeId: worldIds.project });
    clock.advance(1);
    const other = await hosts.createCatalog({ scopeId: worldIds.otherProject });
    const made: string[] = [];
    for (let index = 1; index <= 5; index += 1) {
      clock.advance(1);
      made.unshift(
        (await hosts.createHost({ hostCatalogId: catalog.id, address: `10.0.0.${index}` })).host.id,
      );
    }
    const all = { all: true, ids: [] };
    const page = { limit: 100, phase: 'created' } as const;
    const rows = await hosts.listHosts(catalog.id, all, page);
    expect(rows.map(({ host }) => host.id)).toEqual(made);
    const last = rows[1]?.host;
    const after = { at: last?.created_at ?? 0, id: last?.id ?? '' };
    const next = await hosts.listHosts(catalog.id, all, { ...page, limit: 2, after });
    expect(next.map(({ host }) => host.id)).toEqual(made.slice(2, 4));
    const some = { all: false, ids: made.slice(0, 1) };
    expect(await hosts.listHosts(catalog.id, some, page)).toHaveLength(1);
    expect(await hosts.listHosts(catalog.id, { all: false, ids: [] }, page)).toEqual([]);
    const both = new Map([worldIds.project, worldIds.otherProject].map((id) => [id, all]));
    expect((await hosts.listCatalogs(both, page)).map(({ id }) => id)).toEqual([other.id, catalog.id]);
    expect(await hosts.listCatalogs(new Map(), page)).toEqual([]);
    const foreign = new Map([[worldIds.project, { all: false, ids: [other.id] }]]);
    expect(await hosts.listCatalogs(foreign, page)).toEqual([]);
  });
});
