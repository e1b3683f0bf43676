import { sql } from 'kysely';
import { expect, test } from 'vitest';
import { describeBothEngines } from '../../../../test/support/engines.ts';
import { ManualClock } from '../../../../test/support/manual-clock.ts';
import { addTarget, fillDatabase, makeWorld, worldIds } from '../../../../test/support/session-world.ts';
import type { Database } from '../store/database.ts';
import { GroupService } from './group/group-service.ts';
import { RoleService } from './role/role-service.ts';

/** More ids than a statement of SQLite may have parameters; two of each are more than one of PostgreSQL may have. */
const many = 33_000;
const by = 'u_admin';
const lostRights = { endSessions: () => Promise.resolve() };

/** Ids `<prefix>0` and so on; the rows are made by the database itself. */
async function makeRows(
  database: Database,
  table: 'iam_user' | 'host',
  prefix: string,
  parent: string,
): Promise<string[]> {
  const [column, columns, values] =
    table === 'host' ? ['host_catalog_id', ', address', `, '10.0.0.1'`] : ['scope_id', '', ''];
  await database.write((tx) =>
    sql`
      with recursive numbers (n) as (select 0 union all select n + 1 from numbers where n < ${sql.lit(many - 1)})
      insert into ${sql.table(table)} (id, ${sql.ref(column ?? '')}, version, created_at, updated_at ${sql.raw(columns ?? '')})
      select ${sql.lit(prefix)} || n, ${sql.lit(parent)}, 1, 1, 1 ${sql.raw(values ?? '')} from numbers`.execute(
      tx,
    ),
  );
  return Array.from({ length: many }, (_none, n) => `${prefix}${n}`);
}

describeBothEngines('lists larger than the parameters of one statement', (engineTest) => {
  test('are taken and given back by groups, roles and host sets, and go with a catalog', async () => {
    const clock = new ManualClock();
    const database = await engineTest.open();
    await fillDatabase(database, clock.nowUs());
    const world = await makeWorld(database, clock);
    const groups = new GroupService({ database, clock, lostRights });
    const roles = new RoleService({ database, clock, lostRights });
    const users = await makeRows(database, 'iam_user', 'u_many', 'global');

    const { group } = await groups.create({ scopeId: 'global' });
    const full = await groups.changeMembers('set', group.id, { version: 1, memberIds: users, by });
    expect(full.members).toHaveLength(many);
    const none = await groups.changeMembers('set', group.id, { version: 2, memberIds: [], by });
    expect(none.members).toEqual([]);

    const { role } = await roles.create({ scopeId: 'global' });
    const held = await roles.changePrincipals('add', { id: role.id, version: 1, by }, users);
    expect(held.principals).toHaveLength(many);
    const free = await roles.changePrincipals('remove', { id: role.id, version: 2, by }, users);
    expect(free.principals).toEqual([]);

    const catalog = await world.hosts.createCatalog({ scopeId: worldIds.project });
    const { hostSet } = await world.hosts.createSet({ hostCatalogId: catalog.id });
    const hosts = await makeRows(database, 'host', 'hst_many', catalog.id);
    await world.hosts.changeMembers('add', hostSet.id, 1, hosts);
    const target = await addTarget(world, { address: null });
    await world.targets.changeHostSources('add', target.id, 1, [hostSet.id]);
    await world.domain.ending.deleteHostCatalog(catalog.id, by);
    const left = await database.reader
      .selectFrom('host')
      .select('id')
      .where('host_catalog_id', '=', catalog.id)
      .execute();
    expect(left).toEqual([]);
    await world.close();
  }, 60_000);
});
