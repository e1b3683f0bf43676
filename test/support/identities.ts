/** A small installation for tests of the controller: scopes, a password auth method and two users with accounts. */
import { createAccount } from '../../packages/controller/src/auth/account-repository.ts';
import { createPasswordAuthMethod } from '../../packages/controller/src/auth/auth-method-repository.ts';
import {
  createGlobalScope,
  createScope,
  setPrimaryAuthMethod,
} from '../../packages/controller/src/iam/scope-repository.ts';
import { createSpecialUsers, createUser } from '../../packages/controller/src/iam/user-repository.ts';
import type { Database } from '../../packages/controller/src/store/database.ts';

/** Ids of what `makeIdentities` makes. */
export const testIds = {
  org: 'o_test',
  project: 'p_test',
  authMethod: 'ampw_test',
  admin: { user: 'u_admin', account: 'acctpw_admin', loginName: 'admin' },
  plain: { user: 'u_plain', account: 'acctpw_plain', loginName: 'plain' },
} as const;

/** Makes global, an org, a project, the primary auth method and two users; the same password hash for both. */
export async function makeIdentities(database: Database, passwordHash?: string): Promise<void> {
  const nowUs = Date.now() * 1000;
  await database.write(async (tx) => {
    await createGlobalScope(tx, nowUs);
    await createSpecialUsers(tx, nowUs);
    await createScope(tx, { id: testIds.org, parentId: 'global', type: 'org', name: 'org', nowUs });
    await createScope(tx, {
      id: testIds.project,
      parentId: testIds.org,
      type: 'project',
      name: 'project',
      nowUs,
    });
    await createPasswordAuthMethod(tx, { id: testIds.authMethod, scopeId: 'global', name: 'method', nowUs });
    await setPrimaryAuthMethod(tx, 'global', testIds.authMethod);
    for (const { user, account, loginName } of [testIds.admin, testIds.plain]) {
      await createUser(tx, { id: user, scopeId: 'global', name: loginName, nowUs });
      await createAccount(tx, {
        id: account,
        authMethodId: testIds.authMethod,
        scopeId: 'global',
        loginName,
        passwordHash,
        userId: user,
        nowUs,
      });
    }
  });
}
