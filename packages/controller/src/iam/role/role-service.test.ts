import { parseGrant } from '@stile/protocol';
import { systemClock } from '@stile/runtime';
import { expect, test } from 'vitest';
import { describeBothEngines } from '../../../../../test/support/engines.ts';
import type { EngineTest } from '../../../../../test/support/engines.ts';
import { makeIdentities, testIds } from '../../../../../test/support/identities.ts';
import type { Database } from '../../store/database.ts';
import { listSince } from '../../store/deleted-resource-repository.ts';
import { GroupService } from '../group/group-service.ts';
import type { LostRights } from '../lost-rights.ts';
import { RoleService, type RoleDetail } from './role-service.ts';

interface Scene {
  readonly database: Database;
  readonly roles: RoleService;
  readonly groups: GroupService;
  /** Who lost a right by each change. */
  readonly lost: Parameters<LostRights['endSessions']>[1][];
}

async function newScene(engineTest: EngineTest): Promise<Scene> {
  const database = await engineTest.open();
  await makeIdentities(database);
  const lost: Scene['lost'][number][] = [];
  const lostRights: LostRights = {
    endSessions: (_tx, change) => {
      if (change.holders.length > 0) lost.push(change);
      return Promise.resolve();
    },
  };
  const ground = { database, clock: systemClock, lostRights };
  return { database, roles: new RoleService(ground), groups: new GroupService(ground), lost };
}

const by = testIds.admin.user;
const at = (
  detail: RoleDetail,
  version = detail.role.version,
): { id: string; version: number; by: string } => ({
  id: detail.role.id,
  version,
  by,
});
const read = parseGrant('ids=*;type=target;actions=read');
const list = parseGrant('ids=*;type=target;actions=list,no-op');
const refused = (code: string): unknown => expect.objectContaining({ code });

describeBothEngines('roles', (engineTest) => {
  test('begin with their own scope, and are read with all that was added', async () => {
    const { roles } = await newScene(engineTest);
    const made = await roles.create({ scopeId: testIds.org, name: 'r', description: 'd' });
    expect(made).toMatchObject({ grants: [], principals: [], grantScopes: ['this'], role: { version: 1 } });
    const granted = await roles.changeGrants('add', at(made), [read, list]);
    const held = await roles.changePrincipals('add', at(granted), [testIds.plain.user, 'u_auth']);
    const wide = await roles.changeGrantScopes('add', at(held), ['children']);
    expect(wide).toMatchObject({
      role: { version: 4, name: 'r' },
      grants: [list, read].map(({ raw, canonical }) => ({ raw, canonical })),
      principals: [
        { id: 'u_auth', type: 'user', scopeId: 'global' },
        { id: testIds.plain.user, type: 'user', scopeId: 'global' },
      ],
      grantScopes: ['children', 'this'],
    });
    expect(await roles.lookup(made.role.id)).toEqual(wide);
    await expect(roles.create({ scopeId: testIds.org, name: 'r' })).rejects.toEqual(
      refused('invalidArgument'),
    );
  });

  test('are changed by version, and a change of nothing takes none', async () => {
    const { roles } = await newScene(engineTest);
    const made = await roles.create({ scopeId: testIds.org });
    const granted = await roles.changeGrants('set', at(made), [read]);
    expect((await roles.changeGrants('set', at(granted), [read])).role.version).toBe(2);
    expect((await roles.changePrincipals('set', at(granted), [])).role.version).toBe(2);
    expect((await roles.changeGrantScopes('set', at(granted), ['this', testIds.org])).role.version).toBe(2);
    // As recorded: a removal takes a version all the same.
    expect((await roles.changeGrants('remove', at(granted), [list])).role.version).toBe(3);
    for (const stale of [
      () => roles.changeGrants('add', at(granted), [list]),
      () => roles.changePrincipals('add', at(granted), [testIds.plain.user]),
      () => roles.changeGrantScopes('add', at(granted), ['children']),
      () => roles.update(made.role.id, 2, { name: 'x' }),
    ]) {
      await expect(stale()).rejects.toMatchObject({
        code: 'notFound',
        message: `Role "${made.role.id}" doesn't exist or incorrect version provided.`,
      });
    }
  });

  test('refuse to add what is there and to remove what is not, by name', async () => {
    const { roles } = await newScene(engineTest);
    const made = await roles.create({ scopeId: testIds.org });
    const role = await roles.changePrincipals('add', at(made), [testIds.plain.user]);
    for (const wrong of [
      () => roles.changePrincipals('add', at(role), [testIds.plain.user]),
      () => roles.changePrincipals('remove', at(role), [testIds.admin.user]),
      () => roles.changePrincipals('add', at(role), ['u_unknown']),
      () => roles.changePrincipals('add', at(role), ['g_unknown']),
      () => roles.changePrincipals('add', at(role), ['mgoidc_1234567890']),
      () => roles.changePrincipals('set', at(role), ['u_recovery']),
      () => roles.changeGrantScopes('add', at(role), ['this']),
      () => roles.changeGrantScopes('remove', at(role), [testIds.project]),
      () => roles.changeGrantScopes('add', at(role), ['descendants']),
    ]) {
      await expect(wrong()).rejects.toMatchObject({
        code: 'invalidArgument',
        details: { requestFields: [{ name: expect.stringMatching(/^(principal|grant_scope)_ids$/) }] },
      });
    }
    expect(await roles.lookup(made.role.id)).toEqual(role);
  });

  test('keep `children` of the two that exclude each other when they replace, and refuse both when they add', async () => {
    const { roles } = await newScene(engineTest);
    const made = await roles.create({ scopeId: 'global' });
    await expect(roles.changeGrantScopes('add', at(made), ['children', 'descendants'])).rejects.toEqual(
      refused('invalidArgument'),
    );
    const set = await roles.changeGrantScopes('set', at(made), ['descendants', 'children']);
    expect(set.grantScopes).toEqual(['children']);
    await expect(roles.changeGrantScopes('add', at(set), [testIds.org])).rejects.toEqual(
      refused('invalidArgument'),
    );
    const withProject = await roles.changeGrantScopes('add', at(set), [testIds.project, 'global']);
    expect(withProject.grantScopes).toEqual(['children', testIds.project, 'this']);
  });

  test('tell who may have lost a right, and only when one may be lost', async () => {
    const { roles, groups, lost } = await newScene(engineTest);
    const { group } = await groups.create({ scopeId: 'global' });
    await groups.changeMembers('add', group.id, { version: 1, memberIds: [testIds.admin.user], by });
    let role = await roles.create({ scopeId: testIds.org });
    role = await roles.changePrincipals('add', at(role), [testIds.plain.user, group.id]);
    role = await roles.changeGrants('add', at(role), [read, list]);
    expect(lost).toEqual([]);
    role = await roles.changeGrants('remove', at(role), [read]);
    expect(lost.splice(0)).toEqual([{ holders: [testIds.plain.user, testIds.admin.user], by }]);
    role = await roles.changePrincipals('remove', at(role), [group.id]);
    expect(lost.splice(0)).toEqual([{ holders: [testIds.admin.user], by }]);
    role = await roles.changePrincipals('add', at(role), ['u_auth']);
    role = await roles.changeGrantScopes('set', at(role), ['children']);
    expect(lost.splice(0)).toEqual([{ holders: 'everybody', by }]);
    await roles.delete(role.role.id, by);
    expect(lost.splice(0)).toEqual([{ holders: 'everybody', by }]);
  });

  test('are gone when they are deleted, and reported as removed', async () => {
    const { roles, database } = await newScene(engineTest);
    const made = await roles.create({ scopeId: testIds.org });
    await roles.delete(made.role.id, by);
    expect(await roles.lookup(made.role.id)).toBeUndefined();
    expect((await listSince(database.reader, 'role', 0)).ids).toEqual([made.role.id]);
    await expect(roles.delete(made.role.id, by)).rejects.toEqual(refused('notFound'));
  });

  test('are listed by page with their grant scopes', async () => {
    const { roles } = await newScene(engineTest);
    const first = await roles.create({ scopeId: testIds.org });
    const second = await roles.create({ scopeId: testIds.org });
    await roles.changeGrantScopes('set', at(second), ['children']);
    const permissions = new Map([[testIds.org, { all: true, ids: [] }]]);
    const page = await roles.list(permissions, { limit: 10, phase: 'created' });
    expect(new Map(page.map((each) => [each.role.id, each.grantScopes]))).toEqual(
      new Map([
        [first.role.id, ['this']],
        [second.role.id, ['children']],
      ]),
    );
    const one = new Map([[testIds.org, { all: false, ids: [first.role.id] }]]);
    expect(await roles.list(one, { limit: 10, phase: 'created' })).toHaveLength(1);
  });

  test('that 50 clients change by one version are changed by exactly one of them, each round', async () => {
    const { roles } = await newScene(engineTest);
    let role = await roles.create({ scopeId: testIds.org });
    for (let round = 0; round < 5; round += 1) {
      const change = at(role);
      const attempts = Array.from({ length: 50 }, (_, client) => {
        const grant = parseGrant(`ids=ttcp_${round}x${client};actions=read`);
        switch (client % 4) {
          case 0:
            return roles.update(change.id, change.version, { description: `${round} ${client}` });
          case 1:
            return roles.changePrincipals(round % 2 === 0 ? 'add' : 'remove', change, [testIds.plain.user]);
          case 2:
            return roles.changeGrants('set', change, [grant]);
          default:
            return roles.changeGrants('add', change, [grant]);
        }
      });
      const results = await Promise.allSettled(attempts);
      const won = results.filter((result) => result.status === 'fulfilled');
      const codes = results.flatMap((result) =>
        result.status === 'rejected' ? [(result.reason as { code: string }).code] : [],
      );
      expect(won).toHaveLength(1);
      // Whoever finds its principal in the state of this version is told that; all others that the version is old.
      expect(codes.filter((code) => code !== 'notFound' && code !== 'invalidArgument')).toEqual([]);
      const after = await roles.lookup(change.id);
      if (after === undefined) throw new Error('the role is gone');
      expect(after.role.version).toBe(change.version + 1);
      role = after;
    }
  });
});

describeBothEngines('groups', (engineTest) => {
  test('have the users that were put in, by version', async () => {
    const { groups, lost, database } = await newScene(engineTest);
    const { group } = await groups.create({ scopeId: testIds.project, name: 'g' });
    const users = [testIds.plain.user, testIds.admin.user];
    const full = await groups.changeMembers('add', group.id, { version: 1, memberIds: users, by });
    expect(full).toMatchObject({
      group: { version: 2 },
      members: [...users].sort().map((id) => ({ id, scopeId: 'global' })),
    });
    const one = await groups.changeMembers('remove', group.id, { version: 2, memberIds: [by], by });
    expect(one.members.map((member) => member.id)).toEqual([testIds.plain.user]);
    expect(lost.splice(0)).toEqual([{ holders: [by], by }]);
    const same = await groups.changeMembers('set', group.id, {
      version: 3,
      memberIds: [testIds.plain.user],
      by,
    });
    expect(same.group.version).toBe(3);
    for (const [action, memberIds, version, code] of [
      ['add', [testIds.plain.user], 3, 'invalidArgument'],
      ['remove', [by], 3, 'invalidArgument'],
      ['add', ['u_unknown'], 3, 'invalidArgument'],
      ['add', ['u_recovery'], 3, 'invalidArgument'],
      ['add', [by], 2, 'notFound'],
    ] as const) {
      const attempt = groups.changeMembers(action, group.id, { version, memberIds, by });
      await expect(attempt).rejects.toEqual(refused(code));
    }
    expect((await groups.update(group.id, 3, { description: 'x' })).group).toMatchObject({ version: 4 });
    await groups.delete(group.id, by);
    expect(lost).toEqual([{ holders: [testIds.plain.user], by }]);
    expect((await listSince(database.reader, 'group', 0)).ids).toEqual([group.id]);
    expect(await groups.lookup(group.id)).toBeUndefined();
  });
});
