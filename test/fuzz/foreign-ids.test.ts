/** Every "add X to Y" of the controller takes ids of Y's own scope or catalog only (Boundary CVE-2022-36130). */
import { systemClock } from '@stile/runtime';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { HostService } from '../../packages/controller/src/host/host-service.ts';
import { TargetService } from '../../packages/controller/src/target/target-service.ts';
import { describeBothEngines } from '../support/engines.ts';
import { fillDatabase, worldIds } from '../support/session-world.ts';

interface Place {
  readonly scopeId: string;
  readonly catalogId: string;
  readonly setIds: readonly string[];
  readonly hostIds: readonly string[];
}

describeBothEngines('ids of a foreign scope or catalog', (engineTest) => {
  test('are refused by every call that adds or sets, together with legal ones too, and nothing changes', async () => {
    const database = await engineTest.open();
    await fillDatabase(database, systemClock.nowUs());
    const hosts = new HostService({ database, clock: systemClock });
    const targets = new TargetService({ database, clock: systemClock });
    const places: Place[] = [];
    // Two catalogs in one project and one in another: foreign by catalog, foreign by scope.
    for (const scopeId of [worldIds.project, worldIds.project, worldIds.otherProject]) {
      const catalog = await hosts.createCatalog({ scopeId });
      const setIds: string[] = [];
      const hostIds: string[] = [];
      for (const address of ['10.0.0.1', '10.0.0.2']) {
        setIds.push((await hosts.createSet({ hostCatalogId: catalog.id })).hostSet.id);
        hostIds.push((await hosts.createHost({ hostCatalogId: catalog.id, address })).host.id);
      }
      places.push({ scopeId, catalogId: catalog.id, setIds, hostIds });
    }
    const { target } = await targets.create({ scopeId: worldIds.project, name: 't', defaultPort: 22 });
    const own = places[0];
    const [setId = ''] = own?.setIds ?? [];
    const any = (ids: readonly string[]): fc.Arbitrary<string[]> =>
      fc.subarray([...ids, 'hst_unknown', 'hsst_x', '']);
    const allHosts = places.flatMap((place) => place.hostIds);
    const allSets = places.flatMap((place) => place.setIds);
    const legalSets = new Set(
      places.filter((place) => place.scopeId === worldIds.project).flatMap((place) => place.setIds),
    );
    const legalHosts = new Set(own?.hostIds);
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom('add' as const, 'set' as const),
        any(allHosts),
        any(allSets),
        async (action, hostIds, setIds) => {
          const beforeSet = await hosts.readSet(setId);
          const change = hosts.changeMembers(action, setId, beforeSet.hostSet.version, hostIds);
          await change.catch(() => undefined);
          const afterSet = await hosts.readSet(setId);
          expect(afterSet.hostIds.every((id) => legalHosts.has(id))).toBe(true);
          if (hostIds.some((id) => !legalHosts.has(id))) {
            await expect(change).rejects.toMatchObject({ code: 'invalidArgument' });
            expect(afterSet).toEqual(beforeSet);
          }
          const before = await targets.read(target.id);
          const update = targets.changeHostSources(action, target.id, before.target.version, setIds);
          await update.catch(() => undefined);
          const after = await targets.read(target.id);
          expect(after.hostSources.every((source) => legalSets.has(source.id))).toBe(true);
          if (setIds.some((id) => !legalSets.has(id))) {
            await expect(update).rejects.toMatchObject({ code: 'invalidArgument' });
            expect(after).toEqual(before);
          }
        },
      ),
      { numRuns: engineTest.engine === 'sqlite' ? 100 : 40 },
    );
  });
});
