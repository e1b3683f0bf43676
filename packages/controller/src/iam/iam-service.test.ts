import { expect, it } from 'vitest';
import { describeBothEngines } from '../../../../test/support/engines.ts';
import { makeIdentities, testIds } from '../../../../test/support/identities.ts';
import type { Database } from '../store/database.ts';
import type { PageRequest } from '../store/page.ts';
import type { Acl } from './acl.ts';
import { addGroupMembers, createGroup } from './group/group-repository.ts';
import { IamService } from './iam-service.ts';
import { createRole, type NewRole } from './role-repository.ts';
import { createScope, listScopes, readScope } from './scope-repository.ts';
import { listUsers, readUser } from './user-repository.ts';

const nowUs = 1_790_000_000_000_000;

async function addRole(
  database: Database,
  role: Partial<NewRole> & { readonly grants: readonly string[] },
): Promise<string> {
  const row = await database.write((tx) =>
    createRole(tx, { scopeId: testIds.project, principalIds: [testIds.plain.user], nowUs, ...role }),
  );
  return row.id;
}

function mayRead(acl: Acl, targetId = 'ttcp_1', scopeId: string = testIds.project): boolean {
  const parentScopeId = scopeId === 'global' ? null : testIds.org;
  return acl.decide({ scopeId, parentScopeId, type: 'target', id: targetId }, 'read').authorized;
}

describeBothEngines('iam', ({ open }) => {
  const start = async (): Promise<{ database: Database; iam: IamService }> => {
    const database = await open();
    await makeIdentities(database);
    return { database, iam: new IamService({ database }) };
  };
  const plain = { userId: testIds.plain.user, accountId: testIds.plain.account };
  const readAll = ['ids=*;type=target;actions=read'];

  it('allows nothing without a grant', async () => {
    const { iam } = await start();
    for (const userId of [testIds.plain.user, testIds.admin.user, 'u_anon', 'u_unknown']) {
      expect(mayRead(await iam.aclFor({ userId }))).toBe(false);
    }
  });

  it('allows what a role of the user allows, to that user and in that scope only', async () => {
    const { database, iam } = await start();
    await addRole(database, { grants: readAll });
    expect(mayRead(await iam.aclFor(plain))).toBe(true);
    expect(mayRead(await iam.aclFor(plain), 'ttcp_1', 'p_other')).toBe(false);
    expect(mayRead(await iam.aclFor({ userId: testIds.admin.user }))).toBe(false);
    expect(mayRead(await iam.aclFor({ userId: 'u_anon' }))).toBe(false);
  });

  it('gives the grants of u_auth to all but the anonymous, and those of u_anon to everybody', async () => {
    const { database, iam } = await start();
    await addRole(database, { grants: ['ids=*;type=session;actions=list'], principalIds: ['u_auth'] });
    await addRole(database, { grants: ['ids=*;type=scope;actions=list'], principalIds: ['u_anon'] });
    const place = { scopeId: testIds.project, parentScopeId: testIds.org } as const;
    const may = async (userId: string, type: 'session' | 'scope'): Promise<boolean> =>
      (await iam.aclFor({ userId })).decide({ ...place, type }, 'list').authorized;
    expect(await may(testIds.plain.user, 'session')).toBe(true);
    expect(await may(testIds.plain.user, 'scope')).toBe(true);
    expect(await may('u_anon', 'session')).toBe(false);
    expect(await may('u_anon', 'scope')).toBe(true);
  });

  it('gives the grants of a group to its members, of whatever scope they are, from the moment they join', async () => {
    const { database, iam } = await start();
    await database.write((tx) => createGroup(tx, { id: 'g_1', scopeId: testIds.org, nowUs }));
    await addRole(database, { grants: readAll, principalIds: ['g_1'] });
    expect(mayRead(await iam.aclFor(plain))).toBe(false);
    await database.write((tx) => addGroupMembers(tx, 'g_1', [testIds.plain.user]));
    await database.write((tx) => addGroupMembers(tx, 'g_1', [testIds.plain.user]));
    expect(mayRead(await iam.aclFor(plain))).toBe(true);
    await database.write((tx) => tx.deleteFrom('iam_group_member').execute());
    expect(mayRead(await iam.aclFor(plain))).toBe(false);
  });

  it('takes a right away with the next request after the role is deleted', async () => {
    const { database, iam } = await start();
    const id = await addRole(database, { grants: readAll });
    expect(mayRead(await iam.aclFor(plain))).toBe(true);
    await database.write((tx) => tx.deleteFrom('iam_role').where('id', '=', id).execute());
    expect(mayRead(await iam.aclFor(plain))).toBe(false);
  });

  it('follows grant scopes: this, children, descendants and single scopes', async () => {
    const { database, iam } = await start();
    for (const [grantScopes, scopeId, expected] of [
      [['this'], 'global', false],
      [['children'], 'global', false],
      [['descendants'], 'global', true],
      [['children'], testIds.org, true],
      [['this'], testIds.org, false],
      [[testIds.project], 'global', true],
      [[testIds.project], testIds.project, true],
    ] as const) {
      const id = await addRole(database, { grants: readAll, scopeId, grantScopes });
      expect([grantScopes, scopeId, mayRead(await iam.aclFor(plain))]).toEqual([
        grantScopes,
        scopeId,
        expected,
      ]);
      await database.write((tx) => tx.deleteFrom('iam_role').where('id', '=', id).execute());
    }
  });

  it('fills templates with user and account of the caller', async () => {
    const { database, iam } = await start();
    await addRole(database, {
      grants: ['ids={{.Account.Id}};actions=read'],
      scopeId: 'global',
      principalIds: ['u_auth'],
    });
    const decide = (acl: Acl, id: string): boolean =>
      acl.decide(
        { scopeId: 'global', parentScopeId: null, type: 'account', id, pin: testIds.authMethod },
        'read',
      ).authorized;
    const acl = await iam.aclFor(plain);
    expect(decide(acl, testIds.plain.account)).toBe(true);
    expect(decide(acl, testIds.admin.account)).toBe(false);
    expect(decide(await iam.aclFor({ userId: testIds.plain.user }), testIds.plain.account)).toBe(false);
  });

  it('takes every right from the holders of a stored grant that cannot be read, and from nobody else', async () => {
    const { database, iam } = await start();
    await addRole(database, { grants: readAll });
    const id = await addRole(database, { grants: readAll, principalIds: [testIds.plain.user] });
    await addRole(database, { grants: readAll, principalIds: [testIds.admin.user] });
    await database.write((tx) =>
      tx
        .updateTable('iam_role_grant')
        .set({ raw: 'ids=*;type=nonsense;actions=read' })
        .where('role_id', '=', id)
        .execute(),
    );
    await expect(iam.aclFor(plain)).rejects.toMatchObject({
      code: 'permissionDenied',
      message: 'Forbidden.',
    });
    expect(mayRead(await iam.aclFor({ userId: testIds.admin.user }))).toBe(true);
  });

  it('keeps a role whole: grants in order and once by canonical form, principals, grant scopes', async () => {
    const { database } = await start();
    const id = await addRole(database, {
      grants: [
        'ids=*;type=target;actions=read,list',
        'ids=*;type=host;actions=read',
        'type=target;ids=*;actions=list,read',
      ],
      principalIds: [testIds.plain.user, 'u_auth', testIds.plain.user],
      grantScopes: [testIds.project, 'this'],
    });
    const { reader } = database;
    expect(
      await reader
        .selectFrom('iam_role_grant')
        .select(['position', 'canonical'])
        .where('role_id', '=', id)
        .orderBy('position')
        .execute(),
    ).toEqual([
      { position: 0, canonical: 'ids=*;type=target;actions=list,read' },
      { position: 1, canonical: 'ids=*;type=host;actions=read' },
    ]);
    expect(
      await reader
        .selectFrom('iam_role_principal')
        .select('principal_id')
        .where('role_id', '=', id)
        .orderBy('principal_id')
        .execute(),
    ).toEqual([{ principal_id: 'u_auth' }, { principal_id: testIds.plain.user }]);
    expect(
      await reader
        .selectFrom('iam_role_grant_scope')
        .select('grant_scope')
        .where('role_id', '=', id)
        .execute(),
    ).toEqual([{ grant_scope: 'this' }]);
  });

  it.each([
    ['an illegal grant', { grants: ['ids=*;type=target'] }],
    ['an empty grant', { grants: [''] }],
    ['u_recovery as principal', { principalIds: ['u_recovery'] }],
  ])('makes nothing of a role with %s', async (_name, changes) => {
    const { database } = await start();
    await expect(addRole(database, { grants: readAll, ...changes })).rejects.toMatchObject({
      code: 'invalidArgument',
    });
    expect(await database.reader.selectFrom('iam_role').select('id').execute()).toEqual([]);
  });

  it('shows the tree of scopes with global first, and each scope with its parent', async () => {
    const { database, iam } = await start();
    expect(await iam.tree()).toEqual([
      { id: 'global', parentId: null, type: 'global', name: 'global', description: 'Global Scope' },
      { id: testIds.org, parentId: 'global', type: 'org', name: 'org', description: null },
      { id: testIds.project, parentId: testIds.org, type: 'project', name: 'project', description: null },
    ]);
    expect(await iam.lookup(testIds.org)).toMatchObject({ id: testIds.org });
    expect(await iam.lookup('o_none')).toBeUndefined();
    await expect(iam.readScope('o_none')).rejects.toMatchObject({
      code: 'notFound',
      message: 'Resource not found.',
    });
    await expect(readScope(database.reader, '')).rejects.toMatchObject({ code: 'notFound' });
    const page: PageRequest = { limit: 10, phase: 'created' };
    expect((await listScopes(database.reader, ['global'], page)).map(({ id }) => id)).toEqual([testIds.org]);
    expect(
      (await listScopes(database.reader, ['global', testIds.org], page)).map(({ id }) => id).toSorted(),
    ).toEqual([testIds.org, testIds.project]);
  });

  it('refuses a second scope of the same name in one parent, and a parent that is not there', async () => {
    const { database } = await start();
    const add = (parentId: string, name: string): Promise<unknown> =>
      database.write((tx) => createScope(tx, { parentId, type: 'org', name, nowUs }));
    await expect(add('global', 'org')).rejects.toMatchObject({ code: 'invalidArgument' });
    await expect(add('o_none', 'other')).rejects.toMatchObject({ code: 'notFound' });
    await add('global', 'other');
  });

  it('shows users with the login name of their primary account, each once', async () => {
    const { database } = await start();
    const users = await listUsers(database.reader, ['global'], { limit: 10, phase: 'created' });
    expect(new Map(users.map((user) => [user.id, user.login_name]))).toEqual(
      new Map<string, string | null>([
        ['u_recovery', null],
        ['u_plain', 'plain'],
        ['u_auth', null],
        ['u_anon', null],
        ['u_admin', 'admin'],
      ]),
    );
    await database.write((tx) => tx.updateTable('account').set({ user_id: testIds.admin.user }).execute());
    expect(await listUsers(database.reader, ['global'], { limit: 5, phase: 'created' })).toHaveLength(5);
    expect(await readUser(database.reader, testIds.plain.user)).toMatchObject({
      login_name: null,
      name: 'plain',
    });
    await expect(readUser(database.reader, 'u_none')).rejects.toMatchObject({ code: 'notFound' });
  });
});
