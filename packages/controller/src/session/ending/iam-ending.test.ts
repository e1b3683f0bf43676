import { parseGrant } from '@stile/protocol';
import { systemClock } from '@stile/runtime';
import { expect, test } from 'vitest';
import { describeBothEngines } from '../../../../../test/support/engines.ts';
import type { EngineTest } from '../../../../../test/support/engines.ts';
import { listOrphans } from '../../../../../test/support/orphans.ts';
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
import { waitingStatement } from '../../../../../test/support/waiting-statement.ts';
import { createAccount } from '../../auth/account-repository.ts';
import { createPasswordAuthMethod } from '../../auth/auth-method-repository.ts';
import { addGroupMembers } from '../../iam/group/group-repository.ts';
import { GroupService } from '../../iam/group/group-service.ts';
import { IamService } from '../../iam/iam-service.ts';
import { createRole, type NewRole } from '../../iam/role-repository.ts';
import { insertPrincipals } from '../../iam/role/role-change-repository.ts';
import { RoleService } from '../../iam/role/role-service.ts';
import { ScopeService } from '../../iam/scope-service.ts';
import { createUser, readUser } from '../../iam/user-repository.ts';
import { listSince } from '../../store/deleted-resource-repository.ts';
import { holdVersion } from '../../store/versioned-update.ts';
import type { Worker } from '../../worker-registry/worker.ts';
import { RoleRevocation } from './role-revocation.ts';
import { scopeContents } from './scope-contents-repository.ts';
import { ScopeEnding } from './scope-ending.ts';
import { UserEnding } from './user-ending.ts';

interface Scene {
  readonly world: SessionWorld;
  readonly worker: Worker;
  readonly scopes: ScopeService;
  readonly scopeEnding: ScopeEnding;
  readonly users: UserEnding;
  readonly groups: GroupService;
  readonly roles: RoleService;
}

const by = 'u_admin';

async function newScene(engineTest: EngineTest): Promise<Scene> {
  const database = await engineTest.open();
  await fillDatabase(database, systemClock.nowUs());
  const world = await makeWorld(database, systemClock);
  const ground = { database, clock: systemClock };
  const lostRights = new RoleRevocation({ ...ground, iam: new IamService(ground) });
  return {
    world,
    worker: await addLiveWorker(world),
    scopes: new ScopeService(ground),
    scopeEnding: new ScopeEnding({ ...ground, lostRights }),
    users: new UserEnding(ground),
    groups: new GroupService({ ...ground, lostRights }),
    roles: new RoleService({ ...ground, lostRights }),
  };
}

const sessionOf = async ({ world }: Scene, id: string): Promise<unknown> =>
  (await world.domain.sessions.read(id))?.session;

/** A session with an open connection. */
async function addBusySession(scene: Scene, userId: string = worldIds.user): Promise<string> {
  const { world, worker } = scene;
  const caller = await addCaller(world, userId);
  const sessionId = await addSession(world, await addTarget(world), { caller });
  await addConnection(world, worker, sessionId);
  return sessionId;
}

async function addRole(scene: Scene, role: Partial<NewRole>): Promise<string> {
  const row = await scene.world.database.write((tx) =>
    createRole(tx, {
      scopeId: worldIds.project,
      grants: ['ids=*;type=target;actions=authorize-session'],
      principalIds: [worldIds.user],
      nowUs: systemClock.nowUs(),
      ...role,
    }),
  );
  return row.id;
}

async function addUser(scene: Scene, scopeId = 'global'): Promise<string> {
  const row = await scene.world.database.write((tx) =>
    createUser(tx, { scopeId, nowUs: systemClock.nowUs() }),
  );
  return row.id;
}

async function setCancel(scene: Scene, scopeId: string = worldIds.project): Promise<void> {
  const { version } = await scene.world.database.reader
    .selectFrom('scope')
    .select('version')
    .where('id', '=', scopeId)
    .executeTakeFirstOrThrow();
  await scene.scopes.update(scopeId, version, { sessionsOnRoleRevocation: 'cancel' });
}

const removedIds = async ({ world }: Scene, type: string): Promise<readonly string[]> =>
  (await listSince(world.database.reader, type, 0)).ids;

describeBothEngines('deleting a scope', (engineTest) => {
  test('ends the sessions inside at once, leaves others, no orphans, and reports everything that went', async () => {
    const scene = await newScene(engineTest);
    const { world } = scene;
    const { reader } = world.database;
    const catalog = await world.hosts.createCatalog({ scopeId: worldIds.project });
    const { hostSet } = await world.hosts.createSet({ hostCatalogId: catalog.id });
    const { host } = await world.hosts.createHost({ hostCatalogId: catalog.id, address: '10.0.0.1' });
    await world.hosts.changeMembers('add', hostSet.id, 1, [host.id]);
    const busy = await addBusySession(scene);
    const target = await addTarget(world, { aliases: [{ value: 'db.example' }] });
    const idle = await addSession(world, target);
    const group = await scene.groups.create({ scopeId: worldIds.project });
    await addRole(scene, { scopeId: worldIds.otherProject });
    const elsewhere = await addTarget(world, { scopeId: worldIds.otherProject });
    const bystander = await addSession(world, elsewhere);
    await addRole(scene, { scopeId: 'global', grantScopes: [worldIds.project, worldIds.otherProject] });

    await scene.scopeEnding.delete(worldIds.project, by);

    expect(await sessionOf(scene, busy)).toMatchObject({
      status: 'canceling',
      end_reason: 'project deleted',
      ended_by: by,
    });
    expect(await sessionOf(scene, idle)).toMatchObject({
      status: 'terminated',
      end_reason: 'project deleted',
    });
    expect(await sessionOf(scene, bystander)).toMatchObject({ status: 'pending' });
    expect(await listOrphans(reader)).toEqual([]);
    expect(await removedIds(scene, 'scope')).toEqual([worldIds.project]);
    expect(await removedIds(scene, 'target')).toContain(target.id);
    expect(await removedIds(scene, 'target')).not.toContain(elsewhere.id);
    expect(await removedIds(scene, 'group')).toEqual([group.group.id]);
    expect(await removedIds(scene, 'role')).toContain(worldIds.role);
    expect(await removedIds(scene, 'host-catalog')).toEqual([catalog.id]);
    expect(await removedIds(scene, 'host-set')).toEqual([hostSet.id]);
    expect(await removedIds(scene, 'host')).toEqual([host.id]);
    const alias = await reader
      .selectFrom('alias')
      .selectAll()
      .where('value_key', '=', 'db.example')
      .execute();
    expect(alias).toMatchObject([{ destination_id: null, version: 2 }]);
    await expect(scene.scopeEnding.delete(worldIds.project, by)).rejects.toMatchObject({ code: 'notFound' });
    await world.close();
  });

  test('of an org takes its projects, its people and what they hold elsewhere', async () => {
    const scene = await newScene(engineTest);
    const { world } = scene;
    const nowUs = systemClock.nowUs();
    const org = await scene.scopes.create({
      parent: { id: 'global', parentId: null, type: 'global', name: null, description: null },
      creatorId: by,
      skipAdminRole: true,
      skipDefaultRole: true,
    });
    const userId = await addUser(scene, org.id);
    const { methodId, accountId } = await world.database.write(async (tx) => {
      const method = await createPasswordAuthMethod(tx, { scopeId: org.id, nowUs });
      const account = await createAccount(tx, {
        authMethodId: method.id,
        scopeId: org.id,
        loginName: 'someone',
        userId,
        nowUs,
      });
      return { methodId: method.id, accountId: account.id };
    });
    await addRole(scene, { principalIds: [userId] });
    const sessionId = await addBusySession(scene, userId);
    const bystander = await addBusySession(scene);
    await scene.scopeEnding.delete(org.id, by);
    expect(await sessionOf(scene, sessionId)).toMatchObject({
      status: 'canceling',
      end_reason: 'user deleted',
    });
    expect(await sessionOf(scene, bystander)).toMatchObject({ status: 'active' });
    expect(await removedIds(scene, 'user')).toEqual([userId]);
    expect(await removedIds(scene, 'auth-method')).toEqual([methodId]);
    expect(await removedIds(scene, 'account')).toEqual([accountId]);
    expect(await removedIds(scene, 'auth-token')).toHaveLength(1);

    await scene.scopeEnding.delete(worldIds.org, by);
    expect(await sessionOf(scene, bystander)).toMatchObject({ end_reason: 'project deleted' });
    expect([...(await removedIds(scene, 'scope'))].sort()).toEqual(
      [org.id, worldIds.org, worldIds.project, worldIds.otherProject].sort(),
    );
    expect(await listOrphans(world.database.reader)).toEqual([]);
    await world.close();
  });

  test('while sessions are being authorized in it leaves none of them running', async () => {
    const scene = await newScene(engineTest);
    const { world } = scene;
    const caller = await addCaller(world);
    const targets = await Promise.all(Array.from({ length: 8 }, () => addTarget(world)));
    const authorize = (): Promise<string>[] => targets.map((target) => addSession(world, target, { caller }));
    const attempts = await Promise.allSettled([
      ...authorize(),
      scene.scopeEnding.delete(worldIds.project, by).then(() => 'deleted'),
      ...authorize(),
    ]);
    expect(attempts.some((each) => each.status === 'fulfilled' && each.value === 'deleted')).toBe(true);
    expect(await listOrphans(world.database.reader)).toEqual([]);
    const running = await world.database.reader
      .selectFrom('session')
      .select('id')
      .where('status', 'in', ['pending', 'active'])
      .execute();
    expect(running).toEqual([]);
    await world.close();
  });

  test('knows every table of resources that live in scopes', async () => {
    const database = await engineTest.open();
    const tables = await database.reader.introspection.getTables();
    const resources = tables.filter(({ columns }) => {
      const names = new Set(columns.map((column) => column.name));
      return names.has('id') && names.has('version') && names.has('name');
    });
    // Aliases and workers live in the global scope alone, which cannot be deleted; tokens go with their users.
    const known = [...scopeContents.map(({ table }) => table), 'alias', 'auth_token', 'worker'];
    expect(resources.map((table) => table.name).sort()).toEqual(known.sort());
  });

  test('refuses the global scope', async () => {
    const scene = await newScene(engineTest);
    await expect(scene.scopeEnding.delete('global', by)).rejects.toMatchObject({
      code: 'failedPrecondition',
    });
    await scene.world.close();
  });
});

describeBothEngines('a user', (engineTest) => {
  test('that is deleted takes its tokens and sessions along; accounts stay, unbound', async () => {
    const scene = await newScene(engineTest);
    const { world } = scene;
    const busy = await addBusySession(scene);
    await scene.users.delete(worldIds.user, by);
    expect(await sessionOf(scene, busy)).toMatchObject({
      status: 'canceling',
      end_reason: 'user deleted',
      ended_by: by,
    });
    expect(await removedIds(scene, 'user')).toEqual([worldIds.user]);
    expect(await removedIds(scene, 'auth-token')).toHaveLength(1);
    expect(await listOrphans(world.database.reader)).toEqual([]);
    await expect(scene.users.delete(worldIds.user, by)).rejects.toMatchObject({ code: 'notFound' });
    await world.close();
  });

  test('that is disabled has no token and no session from that moment; enabling revives none', async () => {
    const scene = await newScene(engineTest);
    const { world } = scene;
    const busy = await addBusySession(scene);
    const disabled = await scene.users.disable({ id: worldIds.user, version: 1, by });
    expect(disabled.detail.user).toMatchObject({ version: 2, disabled_at: expect.any(Number) });
    expect(disabled.ended).toMatchObject({ authTokenIds: [expect.any(String)], sessionIds: [busy] });
    expect(await sessionOf(scene, busy)).toMatchObject({ status: 'canceling', end_reason: 'user disabled' });
    const again = await scene.users.disable({ id: worldIds.user, version: 2, by });
    expect(again).toMatchObject({
      detail: { user: { version: 2 } },
      ended: { authTokenIds: [], sessionIds: [] },
    });
    const enabled = await scene.users.enable({ id: worldIds.user, version: 2, by });
    expect(enabled.user).toMatchObject({ version: 3, disabled_at: null });
    const tokens = await world.database.reader
      .selectFrom('auth_token')
      .select(['revoked_reason'])
      .where('user_id', '=', worldIds.user)
      .execute();
    expect(tokens).toEqual([{ revoked_reason: 'user disabled' }]);
    await world.close();
  });

  test('that is disabled while its sessions are being authorized has none after', async () => {
    const scene = await newScene(engineTest);
    const { world } = scene;
    const caller = await addCaller(world);
    const target = await addTarget(world);
    const authorize = (): Promise<unknown>[] =>
      Array.from({ length: 8 }, () => addSession(world, target, { caller }));
    await Promise.allSettled([
      ...authorize(),
      scene.users.disable({ id: worldIds.user, version: 1, by }),
      ...authorize(),
    ]);
    const running = await world.database.reader
      .selectFrom('session')
      .select('id')
      .where('status', 'in', ['pending', 'active'])
      .execute();
    expect(running).toEqual([]);
    expect(await readUser(world.database.reader, worldIds.user)).toMatchObject({ version: 2 });
    await world.close();
  });

  test.each(['u_anon', 'u_auth', 'u_recovery'])('that is built in stays as it is: %s', async (id) => {
    const scene = await newScene(engineTest);
    const refused = { code: 'failedPrecondition' };
    const change = { id, version: 1, by };
    await expect(scene.users.delete(id, by)).rejects.toMatchObject(refused);
    await expect(scene.users.disable(change)).rejects.toMatchObject(refused);
    await expect(scene.users.enable(change)).rejects.toMatchObject(refused);
    await expect(scene.users.changeAccounts('set', change, [])).rejects.toMatchObject(refused);
    expect(await readUser(scene.world.database.reader, id)).toMatchObject({ version: 1, disabled_at: null });
    await scene.world.close();
  });

  test('cannot disable itself, nor be changed by an old version', async () => {
    const scene = await newScene(engineTest);
    const change = { id: worldIds.user, version: 1, by: worldIds.user };
    await expect(scene.users.disable(change)).rejects.toMatchObject({ code: 'failedPrecondition' });
    await expect(scene.users.disable({ ...change, version: 9, by })).rejects.toMatchObject({
      code: 'notFound',
      message: `User "${worldIds.user}" doesn't exist or incorrect version provided.`,
    });
    await scene.world.close();
  });

  test('gets free accounts only, and what an account proved ends when it is taken away', async () => {
    const scene = await newScene(engineTest);
    const { world } = scene;
    const nowUs = systemClock.nowUs();
    const other = await addUser(scene);
    await world.database.write(async (tx) => {
      const method = await createPasswordAuthMethod(tx, { id: 'ampw_1', scopeId: 'global', nowUs });
      for (const [id, userId] of [
        ['acctpw_free', undefined],
        ['acctpw_spare', undefined],
        ['acctpw_taken', other],
      ] as const) {
        const names = { loginName: id.slice(7), authMethodId: method.id, scopeId: 'global' };
        await createAccount(tx, { id, userId, nowUs, ...names });
      }
      const foreign = await createPasswordAuthMethod(tx, { scopeId: worldIds.org, nowUs });
      const names = { loginName: 'foreign', authMethodId: foreign.id, scopeId: worldIds.org };
      await createAccount(tx, { id: 'acctpw_foreign', nowUs, ...names });
    });
    const change = { id: worldIds.user, version: 1, by };
    await expect(scene.users.changeAccounts('add', change, ['acctpw_taken'])).rejects.toMatchObject({
      code: 'failedPrecondition',
      message: expect.stringContaining('acctpw_taken account is already associated with another user'),
    });
    for (const id of ['acctpw_none', 'acctpw_foreign']) {
      await expect(scene.users.changeAccounts('add', change, [id])).rejects.toMatchObject({
        code: 'invalidArgument',
        details: { requestFields: [{ name: 'account_ids' }] },
      });
    }
    const added = await scene.users.changeAccounts('add', change, ['acctpw_free']);
    expect([added.user.version, added.accounts]).toEqual([2, [{ id: 'acctpw_free', scopeId: 'global' }]]);
    await expect(
      scene.users.changeAccounts('add', { ...change, version: 2 }, ['acctpw_free']),
    ).rejects.toMatchObject({ code: 'invalidArgument' });
    const caller = await addCaller(world);
    await world.database.write((tx) =>
      tx
        .updateTable('auth_token')
        .set({ account_id: 'acctpw_free', auth_method_id: 'ampw_1' })
        .where('id', '=', caller.authTokenId ?? '')
        .execute(),
    );
    const sessionId = await addSession(world, await addTarget(world), { caller });
    const bystander = await addBusySession(scene);
    const set = await scene.users.changeAccounts('set', { ...change, version: 2 }, ['acctpw_spare']);
    expect([set.user.version, set.accounts.map((each) => each.id)]).toEqual([3, ['acctpw_spare']]);
    expect(await sessionOf(scene, sessionId)).toMatchObject({ end_reason: 'token revoked', ended_by: by });
    expect(await sessionOf(scene, bystander)).toMatchObject({ status: 'active' });
    const same = await scene.users.changeAccounts('set', { ...change, version: 3 }, ['acctpw_spare']);
    expect(same.user.version).toBe(3);
    await world.close();
  });
});

const authorize = 'ids=*;type=target;actions=authorize-session';
const roleChange = { id: worldIds.role, version: 1, by };

/** Every change that takes the right of the world's user away. */
const losses: readonly (readonly [title: string, take: (scene: Scene) => Promise<unknown>])[] = [
  ['removing the grant', ({ roles }) => roles.changeGrants('remove', roleChange, [parseGrant(authorize)])],
  [
    'replacing the grants',
    ({ roles }) => roles.changeGrants('set', roleChange, [parseGrant('ids=*;type=target;actions=read')]),
  ],
  ['removing the principal', ({ roles }) => roles.changePrincipals('remove', roleChange, [worldIds.user])],
  ['replacing the principals', ({ roles }) => roles.changePrincipals('set', roleChange, [])],
  ['removing the grant scope', ({ roles }) => roles.changeGrantScopes('remove', roleChange, ['this'])],
  ['replacing the grant scopes', ({ roles }) => roles.changeGrantScopes('set', roleChange, [])],
  ['deleting the role', ({ roles }) => roles.delete(worldIds.role, by)],
];

describeBothEngines('a scope that cancels sessions with their role', (engineTest) => {
  test.each(losses)('ends the session of the user who lost the right, by %s', async (_title, take) => {
    const scene = await newScene(engineTest);
    await setCancel(scene);
    const other = await addUser(scene);
    await addRole(scene, { principalIds: [other] });
    const mine = await addBusySession(scene);
    const theirs = await addBusySession(scene, other);
    await take(scene);
    expect(await sessionOf(scene, mine)).toMatchObject({
      status: 'canceling',
      end_reason: 'role revoked',
      ended_by: by,
    });
    expect(await sessionOf(scene, theirs)).toMatchObject({ status: 'active' });
    await scene.world.close();
  });

  test.each(losses)('keeps the session by default, whatever is done: %s', async (_title, take) => {
    const scene = await newScene(engineTest);
    const mine = await addBusySession(scene);
    await take(scene);
    expect(await sessionOf(scene, mine)).toMatchObject({ status: 'active', end_reason: null });
    await scene.world.close();
  });

  test('lets a session go on while another role still allows it', async () => {
    const scene = await newScene(engineTest);
    await setCancel(scene);
    const second = await addRole(scene, {});
    const mine = await addBusySession(scene);
    await scene.roles.delete(worldIds.role, by);
    expect(await sessionOf(scene, mine)).toMatchObject({ status: 'active' });
    await scene.roles.delete(second, by);
    expect(await sessionOf(scene, mine)).toMatchObject({ status: 'canceling', end_reason: 'role revoked' });
    await scene.world.close();
  });

  test('ends it when two roles are taken away at the same moment', async () => {
    const scene = await newScene(engineTest);
    await setCancel(scene);
    const second = await addRole(scene, {});
    const mine = await addBusySession(scene);
    await Promise.all([scene.roles.delete(worldIds.role, by), scene.roles.delete(second, by)]);
    expect(await sessionOf(scene, mine)).toMatchObject({ status: 'canceling', end_reason: 'role revoked' });
    await scene.world.close();
  });

  test.each([
    ['leaving the group', 'leave'],
    ['deleting the group', 'delete'],
  ] as const)('ends the session of a member, by %s', async (_title, how) => {
    const scene = await newScene(engineTest);
    await setCancel(scene);
    const member = await addUser(scene);
    const { group } = await scene.groups.create({ scopeId: 'global' });
    await scene.groups.changeMembers('add', group.id, { version: 1, memberIds: [member], by });
    await addRole(scene, { principalIds: [group.id] });
    const sessionId = await addBusySession(scene, member);
    const bystander = await addBusySession(scene);
    if (how === 'delete') await scene.groups.delete(group.id, by);
    else await scene.groups.changeMembers('set', group.id, { version: 2, memberIds: [], by });
    expect(await sessionOf(scene, sessionId)).toMatchObject({
      status: 'canceling',
      end_reason: 'role revoked',
    });
    expect(await sessionOf(scene, bystander)).toMatchObject({ status: 'active' });
    await scene.world.close();
  });

  test.each(['group', 'role'] as const)('reaches who is added while the %s is deleted', async (deleted) => {
    const scene = await newScene(engineTest);
    const { database } = scene.world;
    await setCancel(scene);
    const userId = await addUser(scene);
    const caller = await addCaller(scene.world, userId);
    const sessionId = await addSession(scene.world, await addTarget(scene.world), { caller });
    const { group } = await scene.groups.create({ scopeId: worldIds.project });
    const roleId = await addRole(scene, { principalIds: [group.id] });
    const [table, id] =
      deleted === 'group' ? (['iam_group', group.id] as const) : (['iam_role', roleId] as const);
    let finish = (): void => undefined;
    const finished = new Promise<void>((resolve) => {
      finish = resolve;
    });
    const adding = await new Promise<{ readonly done: Promise<void> }>((resolve) => {
      const done = database.write(async (tx) => {
        await holdVersion(tx, database.engine, table, { id, version: 1 });
        if (deleted === 'group') await addGroupMembers(tx, id, [userId]);
        else await insertPrincipals(tx, id, [userId]);
        resolve({ done });
        await finished;
      });
    });
    const deletion = (deleted === 'group' ? scene.groups : scene.roles).delete(id, by).then(() => 'deleted');
    expect(await Promise.race([deletion, waitingStatement(database)])).toBe('waits');
    finish();
    await adding.done;
    await deletion;
    expect(await sessionOf(scene, sessionId)).toMatchObject({ end_reason: 'role revoked' });
    await scene.world.close();
  });

  test('ends the session of a member whose group goes with its scope', async () => {
    const scene = await newScene(engineTest);
    await setCancel(scene);
    const member = await addUser(scene);
    const { group } = await scene.groups.create({ scopeId: worldIds.otherProject });
    await scene.groups.changeMembers('add', group.id, { version: 1, memberIds: [member], by });
    await addRole(scene, { principalIds: [group.id] });
    const sessionId = await addBusySession(scene, member);
    await scene.scopeEnding.delete(worldIds.otherProject, by);
    expect(await sessionOf(scene, sessionId)).toMatchObject({ end_reason: 'role revoked' });
    await scene.world.close();
  });

  test('ends the sessions of everybody when every authenticated user held the role', async () => {
    const scene = await newScene(engineTest);
    await setCancel(scene);
    await scene.roles.delete(worldIds.role, by);
    const open = await addRole(scene, { principalIds: ['u_auth'] });
    const sessionId = await addBusySession(scene);
    await scene.roles.delete(open, by);
    expect(await sessionOf(scene, sessionId)).toMatchObject({ end_reason: 'role revoked' });
    await scene.world.close();
  });

  test('may be an org or global, unless a scope within says otherwise', async () => {
    const scene = await newScene(engineTest);
    await setCancel(scene, 'global');
    await scene.scopes.update(worldIds.project, 1, { sessionsOnRoleRevocation: 'keep' });
    await addRole(scene, { scopeId: 'global', grantScopes: ['descendants'] });
    await scene.roles.delete(worldIds.role, by);
    const kept = await addBusySession(scene);
    const { world } = scene;
    const elsewhere = await addTarget(world, { scopeId: worldIds.otherProject });
    const ended = await addSession(world, elsewhere);
    const roles = await world.database.reader.selectFrom('iam_role').select('id').execute();
    for (const { id } of roles) await scene.roles.delete(id, by);
    expect(await sessionOf(scene, kept)).toMatchObject({ status: 'active' });
    expect(await sessionOf(scene, ended)).toMatchObject({ end_reason: 'role revoked' });
    await world.close();
  });
});
