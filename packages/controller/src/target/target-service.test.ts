import { systemClock } from '@stile/runtime';
import { expect, test } from 'vitest';
import { describeBothEngines } from '../../../../test/support/engines.ts';
import type { EngineTest } from '../../../../test/support/engines.ts';
import { ManualClock } from '../../../../test/support/manual-clock.ts';
import { fillDatabase, worldIds } from '../../../../test/support/session-world.ts';
import { AliasService } from '../alias/alias-service.ts';
import { HostService } from '../host/host-service.ts';
import { TargetService } from './target-service.ts';

interface Scene {
  readonly targets: TargetService;
  readonly aliases: AliasService;
  readonly hosts: HostService;
  readonly clock: ManualClock;
}

async function newScene(engineTest: EngineTest): Promise<Scene> {
  const database = await engineTest.open();
  await fillDatabase(database, systemClock.nowUs());
  const clock = new ManualClock();
  return {
    targets: new TargetService({ database, clock }),
    aliases: new AliasService({ database, clock }),
    hosts: new HostService({ database, clock }),
    clock,
  };
}

async function addSet(hosts: HostService, scopeId: string): Promise<{ setId: string; catalogId: string }> {
  const catalog = await hosts.createCatalog({ scopeId });
  const { hostSet } = await hosts.createSet({ hostCatalogId: catalog.id });
  return { setId: hostSet.id, catalogId: catalog.id };
}

const base = { scopeId: worldIds.project, name: 't', defaultPort: 22 } as const;
const refused = (code: string, message?: string): unknown =>
  expect.objectContaining({ code, ...(message === undefined ? {} : { message }) });

describeBothEngines('targets', (engineTest) => {
  test('a target is made with the defaults and read back with its aliases', async () => {
    const { targets, aliases } = await newScene(engineTest);
    const made = await targets.create({ ...base, aliases: [{ value: 'Web.Example' }] });
    expect(made.target).toMatchObject({
      id: expect.stringMatching(/^ttcp_\w{10}$/),
      session_max_seconds: 28_800,
      session_connection_limit: -1,
      address: null,
      session_lease: null,
      version: 1,
    });
    expect(await targets.read(made.target.id)).toEqual(made);
    expect(made.aliases).toEqual([{ id: expect.stringMatching(/^alt_/), value: 'Web.Example' }]);
    expect(await aliases.lookupByValue('web.example')).toMatchObject({ destination_id: made.target.id });
  });

  test('a target whose alias is taken is not made at all', async () => {
    const { targets, aliases } = await newScene(engineTest);
    await aliases.create({ value: 'taken' });
    await expect(targets.create({ ...base, aliases: [{ value: 'taken' }] })).rejects.toEqual(
      refused('invalidArgument'),
    );
    await targets.create(base);
    await expect(targets.create(base)).rejects.toEqual(refused('invalidArgument'));
  });

  test('null resets a field to its default, an absent one stays', async () => {
    const { targets } = await newScene(engineTest);
    const { target } = await targets.create({
      ...base,
      sessionMaxSeconds: 5,
      sessionConnectionLimit: 1,
      description: 'd',
      sessionLease: 'strict',
    });
    const after = await targets.update(target.id, 1, {
      sessionMaxSeconds: null,
      sessionConnectionLimit: null,
      sessionLease: null,
    });
    expect(after.target).toMatchObject({
      session_max_seconds: 28_800,
      session_connection_limit: -1,
      session_lease: null,
      description: 'd',
      version: 2,
    });
  });

  test('an update that changes nothing leaves version and time alone; another version is not found', async () => {
    const { targets, clock } = await newScene(engineTest);
    const { target } = await targets.create(base);
    clock.advance(1000);
    expect(
      (await targets.update(target.id, 1, { name: 't', defaultPort: 22, address: null })).target,
    ).toEqual(target);
    for (const version of [2, 4_294_967_295]) {
      await expect(targets.update(target.id, version, { name: 't' })).rejects.toEqual(
        refused('notFound', `Target "${target.id}" not found or incorrect version provided.`),
      );
    }
  });

  test('address and host sources exclude each other, whichever comes first or at the same time', async () => {
    const { targets, hosts } = await newScene(engineTest);
    const { setId } = await addSet(hosts, worldIds.project);
    const { target } = await targets.create({ ...base, address: '127.0.0.1' });
    await expect(targets.changeHostSources('add', target.id, 1, [setId])).rejects.toEqual(
      refused(
        'failedPrecondition',
        'unable to add host sources because a network address is directly assigned to the given target',
      ),
    );
    await expect(targets.changeHostSources('set', target.id, 1, [setId])).rejects.toEqual(
      refused(
        'failedPrecondition',
        expect.stringContaining('unable to set host sources') as unknown as string,
      ),
    );
    await targets.update(target.id, 1, { address: null });
    await targets.changeHostSources('add', target.id, 2, [setId]);
    await expect(targets.update(target.id, 3, { address: '127.0.0.1', name: 'other' })).rejects.toEqual(
      refused(
        'failedPrecondition',
        'unable to set address because one or more host sources is assigned to the given target',
      ),
    );
    expect((await targets.read(target.id)).target).toMatchObject({ name: 't', address: null, version: 3 });
    const race = await targets.create({ ...base, name: 'race' });
    const attempts = await Promise.allSettled([
      targets.update(race.target.id, 1, { address: '127.0.0.1' }),
      targets.changeHostSources('add', race.target.id, 1, [setId]),
    ]);
    expect(attempts.filter((attempt) => attempt.status === 'fulfilled')).toHaveLength(1);
  });

  test('host sources are added, set and removed, each with its catalog', async () => {
    const { targets, hosts } = await newScene(engineTest);
    const [a, b] = [await addSet(hosts, worldIds.project), await addSet(hosts, worldIds.project)];
    const { target } = await targets.create(base);
    const added = await targets.changeHostSources('add', target.id, 1, [a.setId]);
    expect(added.hostSources).toEqual([{ id: a.setId, hostCatalogId: a.catalogId }]);
    const set = await targets.changeHostSources('set', target.id, 2, [b.setId]);
    expect(set).toMatchObject({ target: { version: 3 }, hostSources: [{ id: b.setId }] });
    expect(await targets.read(target.id)).toEqual(set);
    const field = expect.objectContaining({
      code: 'invalidArgument',
      details: { requestFields: [expect.objectContaining({ name: 'host_source_ids' })] },
    });
    await expect(targets.changeHostSources('add', target.id, 3, [b.setId])).rejects.toEqual(field);
    await expect(targets.changeHostSources('remove', target.id, 3, [a.setId])).rejects.toEqual(field);
    await expect(targets.changeHostSources('add', target.id, 3, ['hsst_unknown'])).rejects.toEqual(field);
    for (const version of [9, 4_294_967_295]) {
      await expect(targets.changeHostSources('add', target.id, version, [a.setId])).rejects.toEqual(
        refused('notFound', `Target "${target.id}" not found or incorrect version provided.`),
      );
    }
    const cleared = await targets.changeHostSources('set', target.id, 3, []);
    expect(cleared).toMatchObject({ target: { version: 4 }, hostSources: [] });
  });

  test('a target is found by its name in a scope given by id or by name', async () => {
    const { targets } = await newScene(engineTest);
    const { target } = await targets.create(base);
    await targets.create({ ...base, scopeId: worldIds.otherProject });
    expect(await targets.lookupByName('t', { scopeId: worldIds.project })).toEqual(target);
    expect(await targets.lookupByName('t', { scopeName: 'no such' })).toBeUndefined();
    expect(await targets.lookupByName('x', { scopeId: worldIds.project })).toBeUndefined();
  });

  test('a scope name that several scopes have is ambiguous', async () => {
    const database = await engineTest.open();
    await fillDatabase(database, systemClock.nowUs());
    await database.write(async (tx) => {
      await tx
        .insertInto('scope')
        .values(
          ['o_a', 'o_b'].flatMap((org) =>
            [org, `p${org.slice(1)}`].map((id) => ({
              id,
              parent_id: id === org ? 'global' : org,
              type: id === org ? ('org' as const) : ('project' as const),
              name: id === org ? org : 'shared',
              description: null,
              primary_auth_method_id: null,
              version: 1,
              created_at: 1,
              updated_at: 1,
            })),
          ),
        )
        .execute();
    });
    const targets = new TargetService({ database, clock: systemClock });
    const first = await targets.create({ ...base, scopeId: 'p_a' });
    expect(await targets.lookupByName('t', { scopeName: 'shared' })).toEqual(first.target);
    await targets.create({ ...base, scopeId: 'p_b' });
    await expect(targets.lookupByName('t', { scopeName: 'shared' })).rejects.toEqual(
      refused('failedPrecondition'),
    );
  });

  test('lists hold what the permissions allow', async () => {
    const { targets, clock } = await newScene(engineTest);
    const ids: string[] = [];
    for (const scopeId of [worldIds.project, worldIds.otherProject, worldIds.project]) {
      clock.advance(1);
      ids.unshift((await targets.create({ ...base, scopeId, name: `t${ids.length}` })).target.id);
    }
    const page = { limit: 10, phase: 'created' } as const;
    const all = { all: true, ids: [] };
    const idsOf = (rows: readonly { id: string }[]): string[] => rows.map(({ id }) => id);
    const both = new Map([worldIds.project, worldIds.otherProject].map((id) => [id, all]));
    expect(idsOf(await targets.list(both, page))).toEqual(ids);
    const mixed = new Map([
      [worldIds.project, { all: false, ids: ids.slice(0, 1) }],
      [worldIds.otherProject, all],
    ]);
    expect(idsOf(await targets.list(mixed, page))).toEqual(ids.slice(0, 2));
  });
});
