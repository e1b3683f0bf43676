import { systemClock } from '@stile/runtime';
import { expect, test } from 'vitest';
import { describeBothEngines } from '../../../../test/support/engines.ts';
import type { EngineTest } from '../../../../test/support/engines.ts';
import { makeIdentities, testIds } from '../../../../test/support/identities.ts';
import type { Database } from '../store/database.ts';
import { listCancelingScopeIds } from './scope-repository.ts';
import { ScopeService, type NewChildScope } from './scope-service.ts';
import type { ScopeInfo } from './scope.ts';

async function newScopes(engineTest: EngineTest): Promise<{ scopes: ScopeService; database: Database }> {
  const database = await engineTest.open();
  await makeIdentities(database);
  return { scopes: new ScopeService({ database, clock: systemClock }), database };
}

const global: ScopeInfo = { id: 'global', parentId: null, type: 'global', name: null, description: null };
const org: ScopeInfo = { ...global, id: testIds.org, parentId: 'global', type: 'org' };
const project: ScopeInfo = { ...global, id: testIds.project, parentId: testIds.org, type: 'project' };
const plain = { creatorId: testIds.admin.user, skipAdminRole: false, skipDefaultRole: false } as const;

async function rolesIn(database: Database, scopeId: string): Promise<string[]> {
  const rows = await database.reader
    .selectFrom('iam_role')
    .innerJoin('iam_role_principal', 'iam_role_principal.role_id', 'iam_role.id')
    .innerJoin('iam_role_grant_scope', 'iam_role_grant_scope.role_id', 'iam_role.id')
    .select(['iam_role.name', 'principal_id', 'grant_scope'])
    .where('iam_role.scope_id', '=', scopeId)
    .orderBy('iam_role.created_at', 'desc')
    .execute();
  return rows.map((row) => `${row.name ?? ''} of ${row.principal_id} in ${row.grant_scope}`);
}

const administration = 'Administration of u_admin in this';

describeBothEngines('a new scope', (engineTest) => {
  test.each([
    [global, {}, /^o_\w{10}$/, ['Login and Default Grants of u_anon in this', administration]],
    [org, {}, /^p_\w{10}$/, ['Default Grants of u_auth in this', administration]],
    [org, { skipAdminRole: true }, /^p_/, ['Default Grants of u_auth in this']],
    [org, { skipDefaultRole: true }, /^p_/, [administration]],
    [org, { creatorId: 'u_anon' }, /^p_/, ['Default Grants of u_auth in this']],
    [org, { creatorId: 'u_recovery', skipDefaultRole: true }, /^p_/, []],
  ] as const)('in %j made with %j has its default roles', async (parent, options, idPattern, expected) => {
    const { scopes, database } = await newScopes(engineTest);
    const fields: NewChildScope = { ...plain, ...options, parent };
    const made = await scopes.create(fields);
    expect(made).toMatchObject({ id: expect.stringMatching(idPattern), parent_id: parent.id, version: 1 });
    expect(await rolesIn(database, made.id)).toEqual(expected);
  });

  test('cannot be made in a project, nor with a name that is taken', async () => {
    const { scopes, database } = await newScopes(engineTest);
    await expect(scopes.create({ ...plain, parent: project })).rejects.toMatchObject({
      code: 'invalidArgument',
      details: { requestFields: [{ name: 'scope_id' }] },
    });
    const before = await database.reader.selectFrom('iam_role').select('id').execute();
    await expect(scopes.create({ ...plain, parent: org, name: 'project' })).rejects.toMatchObject({
      code: 'invalidArgument',
    });
    expect(await database.reader.selectFrom('iam_role').select('id').execute()).toEqual(before);
  });
});

describeBothEngines('a scope', (engineTest) => {
  test('takes an auth method of its own as the primary one, and no other', async () => {
    const { scopes } = await newScopes(engineTest);
    await expect(
      scopes.update(testIds.org, 1, { primaryAuthMethodId: testIds.authMethod }),
    ).rejects.toMatchObject({
      code: 'invalidArgument',
      details: { requestFields: [{ name: 'primary_auth_method_id' }] },
    });
    const cleared = await scopes.update('global', 2, { primaryAuthMethodId: null });
    expect(cleared).toMatchObject({ primary_auth_method_id: null, version: 3 });
    const again = await scopes.update('global', 3, { primaryAuthMethodId: testIds.authMethod });
    expect(again).toMatchObject({ primary_auth_method_id: testIds.authMethod, version: 4 });
  });

  test('is changed by version only', async () => {
    const { scopes } = await newScopes(engineTest);
    expect(await scopes.update(testIds.org, 1, { name: 'renamed' })).toMatchObject({ version: 2 });
    expect(await scopes.update(testIds.org, 2, { name: 'renamed' })).toMatchObject({ version: 2 });
    await expect(scopes.update(testIds.org, 1, { name: 'x' })).rejects.toMatchObject({
      code: 'notFound',
      message: `Scope "${testIds.org}" doesn't exist or incorrect version provided.`,
    });
  });

  test('inherits from its parents what becomes of sessions without their role', async () => {
    const { scopes, database } = await newScopes(engineTest);
    expect(await listCancelingScopeIds(database.reader)).toEqual([]);
    await scopes.update('global', 2, { sessionsOnRoleRevocation: 'cancel' });
    expect(await listCancelingScopeIds(database.reader)).toEqual(['global', testIds.org, testIds.project]);
    await scopes.update(testIds.org, 1, { sessionsOnRoleRevocation: 'keep' });
    expect(await listCancelingScopeIds(database.reader)).toEqual(['global']);
    await scopes.update(testIds.project, 1, { sessionsOnRoleRevocation: 'cancel' });
    expect(await listCancelingScopeIds(database.reader)).toEqual(['global', testIds.project]);
    await scopes.update(testIds.project, 2, { sessionsOnRoleRevocation: null });
    expect(await listCancelingScopeIds(database.reader)).toEqual(['global']);
  });
});
