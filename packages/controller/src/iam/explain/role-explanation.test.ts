import { actionsOf, type ResourceType } from '@stile/protocol';
import { expect, it } from 'vitest';
import { describeBothEngines } from '../../../../../test/support/engines.ts';
import { makeIdentities, testIds } from '../../../../../test/support/identities.ts';
import { seededRandom, type SeededRandom } from '../../../../../test/support/seeded-random.ts';
import type { Database } from '../../store/database.ts';
import { addGroupMembers, createGroup } from '../group/group-repository.ts';
import type { AclResource } from '../acl.ts';
import { IamService } from '../iam-service.ts';
import { createRole } from '../role-repository.ts';
import { RoleExplanation } from './role-explanation.ts';

const nowUs = 1_790_000_000_000_000;
const parents: Readonly<Record<string, string | null>> = {
  global: null,
  [testIds.org]: 'global',
  [testIds.project]: testIds.org,
};

function at(scopeId: string, type: ResourceType, id?: string, pin?: string): AclResource {
  return { scopeId, parentScopeId: parents[scopeId] ?? null, type, id, pin };
}

/** What is asked about. */
const resources: readonly AclResource[] = [
  at(testIds.project, 'target', 'ttcp_1'),
  at(testIds.project, 'target'),
  at(testIds.project, 'host', 'hst_1', 'hcst_1'),
  at(testIds.project, 'host', undefined, 'hcst_1'),
  at(testIds.org, 'role', 'r_1'),
  at('global', 'user', testIds.plain.user),
  at('global', 'account', testIds.plain.account, testIds.authMethod),
  at('global', 'scope'),
  at('global', 'auth-method', testIds.authMethod),
];

const grants: readonly [string, ...string[]] = [
  'ids=*;type=*;actions=*',
  'ids=*;type=target;actions=read,list',
  'type=target;actions=create,list',
  'ids=ttcp_1;actions=update',
  'ids=hcst_1;type=host;actions=create,read',
  'ids=hcst_1;type=*;actions=*',
  'ids={{.User.Id}};actions=read,update',
  'ids={{.Account.Id}};actions=read,change-password',
  'ids=*;type=scope;actions=list,no-op',
  'ids=*;type=auth-method;actions=list,authenticate',
  'ids=*;type=role;output_fields=id',
];

const reach: Readonly<Record<string, readonly string[]>> = {
  global: ['this', 'children', 'descendants', testIds.org, testIds.project],
  [testIds.org]: ['this', 'children', testIds.project],
  [testIds.project]: ['this'],
};

const callers = [
  { userId: testIds.plain.user, accountId: testIds.plain.account },
  { userId: testIds.admin.user, accountId: testIds.admin.account },
  { userId: 'u_anon', accountId: undefined },
];

async function addRoles(database: Database, random: SeededRandom): Promise<void> {
  await database.write(async (tx) => {
    await tx.deleteFrom('iam_role').execute();
    for (let index = 0; index < 3; index += 1) {
      const scopeId = random.pick(['global', testIds.org, testIds.project]);
      const [grant, ...others] = grants;
      await createRole(tx, {
        scopeId,
        grants: [random.pick([grant, ...others]), random.pick([grant, ...others])],
        grantScopes: [random.pick(['this', ...(reach[scopeId] ?? [])])],
        principalIds: [random.pick(['u_anon', 'u_auth', 'g_1', testIds.plain.user, testIds.admin.user])],
        nowUs: nowUs + index,
      });
    }
  });
}

describeBothEngines('an explanation', ({ open }) => {
  it('says allowed where the access control list does, whatever roles are stored', async () => {
    const database = await open();
    await makeIdentities(database);
    await database.write(async (tx) => {
      await createGroup(tx, { id: 'g_1', scopeId: testIds.org, nowUs });
      await addGroupMembers(tx, 'g_1', [testIds.plain.user]);
    });
    const iam = new IamService({ database });
    const explanation = new RoleExplanation({ database });
    const random = seededRandom();
    let allowed = 0;
    for (let round = 0; round < 30; round += 1) {
      await addRoles(database, random);
      for (const caller of callers) {
        const acl = await iam.aclFor(caller);
        for (const resource of resources) {
          const actions = actionsOf(resource.type)[resource.id === undefined ? 'collection' : 'id'];
          const action = random.pick(['read', ...actions]);
          const question = { userId: caller.userId, resource, ownerId: undefined, action };
          const answer = await explanation.explain(question);
          const { authorized } = acl.decide(resource, action);
          if (authorized) allowed += 1;
          const { allowed: isAllowed } = answer.explanation;
          expect([random.seed, resource, action, isAllowed]).toEqual([
            random.seed,
            resource,
            action,
            authorized,
          ]);
        }
      }
    }
    expect(allowed).toBeGreaterThan(20);
  });

  it('finds the scope, the parent and the owner of a resource by its id', async () => {
    const database = await open();
    await makeIdentities(database);
    const explanation = new RoleExplanation({ database });
    for (const [type, id, expected] of [
      ['scope', 'global', { scopeId: 'global' }],
      ['scope', testIds.org, { scopeId: 'global' }],
      ['scope', testIds.project, { scopeId: testIds.org }],
      ['user', testIds.plain.user, { scopeId: 'global' }],
      ['account', testIds.plain.account, { scopeId: 'global', pin: testIds.authMethod }],
      ['auth-method', testIds.authMethod, { scopeId: 'global' }],
      ['target', 'ttcp_unknown', undefined],
      ['policy', 'pst_1', undefined],
    ] as const) {
      const found = await explanation.lookupResource(type, id);
      if (expected === undefined) expect(found).toBeUndefined();
      else expect(found).toEqual({ pin: undefined, ownerId: undefined, ...expected });
    }
    const question = { resource: at('global', 'scope'), ownerId: undefined, action: 'list' };
    await expect(explanation.explain({ ...question, userId: 'u_unknown' })).rejects.toMatchObject({
      code: 'notFound',
    });
  });

  it('of a user with a grant that cannot be read says that it has no rights at all', async () => {
    const database = await open();
    await makeIdentities(database);
    await database.write(async (tx) => {
      const role = await createRole(tx, {
        scopeId: testIds.project,
        grants: ['ids=*;type=*;actions=*'],
        principalIds: [testIds.plain.user],
        nowUs,
      });
      await tx
        .insertInto('iam_role_grant')
        .values({ role_id: role.id, position: 1, raw: 'rubbish', canonical: 'rubbish' })
        .execute();
    });
    const { explanation } = await new RoleExplanation({ database }).explain({
      userId: testIds.plain.user,
      resource: at(testIds.project, 'target', 'ttcp_1'),
      ownerId: undefined,
      action: 'read',
    });
    expect([explanation.allowed, explanation.isRightless]).toEqual([false, true]);
  });
});
