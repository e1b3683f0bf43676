import { systemClock } from '@stile/runtime';
import { expect, test } from 'vitest';
import { describeBothEngines, type EngineTest } from '../../../../test/support/engines.ts';
import { ManualClock } from '../../../../test/support/manual-clock.ts';
import { fillDatabase, worldIds } from '../../../../test/support/session-world.ts';
import { HostService } from '../host/host-service.ts';
import { listSince } from '../store/deleted-resource-repository.ts';
import type { Database } from '../store/database.ts';
import { TargetService } from '../target/target-service.ts';
import { AliasService } from './alias-service.ts';

interface Scene {
  readonly database: Database;
  readonly aliases: AliasService;
  readonly targetId: string;
  readonly hostId: string;
}

async function newScene(engineTest: EngineTest): Promise<Scene> {
  const database = await engineTest.open();
  await fillDatabase(database, systemClock.nowUs());
  const parts = { database, clock: new ManualClock() };
  const hosts = new HostService(parts);
  const catalog = await hosts.createCatalog({ scopeId: worldIds.project });
  const { host } = await hosts.createHost({ hostCatalogId: catalog.id, address: '10.0.0.1' });
  const { target } = await new TargetService(parts).create({
    scopeId: worldIds.project,
    name: 't',
    defaultPort: 22,
  });
  return { database, aliases: new AliasService(parts), targetId: target.id, hostId: host.id };
}

const fieldRefused = (field: string): unknown =>
  expect.objectContaining({
    code: 'invalidArgument',
    details: { requestFields: [expect.objectContaining({ name: field })] },
  });

describeBothEngines('aliases', (engineTest) => {
  test('an alias is kept as written and found whatever its case', async () => {
    const { aliases, targetId } = await newScene(engineTest);
    const made = await aliases.create({ value: 'Db.Example', destinationId: targetId });
    expect(await aliases.lookupByValue('dB.eXAMPLE')).toEqual(made);
    expect(await aliases.lookup(made.id)).toMatchObject({ value: 'Db.Example', version: 1 });
    await expect(aliases.create({ value: 'db.EXAMPLE' })).rejects.toMatchObject({ code: 'invalidArgument' });
  });

  test('a value that is no name, a destination and a host that are not there are refused by name', async () => {
    const { aliases, targetId } = await newScene(engineTest);
    await expect(aliases.create({ value: 'a_b' })).rejects.toEqual(fieldRefused('value'));
    await expect(aliases.create({ value: 'a', destinationId: 'ttcp_none' })).rejects.toMatchObject({
      code: 'notFound',
      message: expect.stringContaining('ttcp_none'),
    });
    await expect(aliases.create({ value: 'a', destinationId: targetId, hostId: 'hst_none' })).rejects.toEqual(
      fieldRefused('attributes.authorize_session_arguments.host_id'),
    );
    expect(await aliases.lookupByValue('a')).toBeUndefined();
  });

  test('a host needs a destination, at creation and after every change', async () => {
    const { aliases, targetId, hostId } = await newScene(engineTest);
    await expect(aliases.create({ value: 'a', hostId })).rejects.toEqual(fieldRefused('destination_id'));
    const made = await aliases.create({ value: 'a', destinationId: targetId, hostId });
    await expect(aliases.update(made.id, 1, { destinationId: null })).rejects.toEqual(
      fieldRefused('destination_id'),
    );
    expect(await aliases.lookup(made.id)).toEqual(made);
    const cleared = await aliases.update(made.id, 1, { destinationId: null, hostId: null });
    expect(cleared).toMatchObject({ destination_id: null, host_id: null, version: 2 });
  });

  test('a change needs the version, and one that changes nothing leaves it', async () => {
    const { aliases } = await newScene(engineTest);
    const made = await aliases.create({ value: 'old.example', name: 'n' });
    expect(await aliases.update(made.id, 1, { value: 'New.example' })).toMatchObject({ version: 2 });
    expect(await aliases.lookupByValue('old.example')).toBeUndefined();
    expect(await aliases.update(made.id, 2, { value: 'New.example' })).toMatchObject({ version: 2 });
    await expect(aliases.update(made.id, 1, { name: 'm' })).rejects.toMatchObject({
      code: 'notFound',
      message: `Alias "${made.id}" doesn't exist or incorrect version provided.`,
    });
  });

  test('a deleted alias leads nowhere, is reported as deleted, and its name is free again', async () => {
    const { aliases, database, targetId } = await newScene(engineTest);
    const made = await aliases.create({ value: 'gone.example', destinationId: targetId });
    await aliases.delete(made.id);
    expect(await aliases.lookupByValue('gone.example')).toBeUndefined();
    expect((await listSince(database.reader, 'alias', 0)).ids).toEqual([made.id]);
    await expect(aliases.delete(made.id)).rejects.toMatchObject({ code: 'notFound' });
    await aliases.create({ value: 'GONE.example' });
  });
});
