import { systemClock } from '@stile/runtime';
import { expect, test } from 'vitest';
import { authTokenRow } from '../../../../test/support/auth-token-row.ts';
import { describeBothEngines, type EngineTest } from '../../../../test/support/engines.ts';
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
} from '../../../../test/support/session-world.ts';
import { createAccount } from '../auth/account-repository.ts';
import { createPasswordAuthMethod } from '../auth/auth-method-repository.ts';
import type { Caller } from '../auth/token/auth-token-service.ts';
import { setPrimaryAuthMethod } from '../iam/scope-repository.ts';
import { listSince } from '../store/deleted-resource-repository.ts';

interface Scene {
  readonly world: SessionWorld;
  readonly methodId: string;
  readonly accountId: string;
  /** A token of the account, and one of another account of the method. */
  readonly caller: Caller;
  readonly other: Caller;
  readonly otherAccountId: string;
  /** Sessions of the account's token: one with an open connection, one without. */
  readonly busyId: string;
  readonly idleId: string;
  /** Session of the other account's token, and one of the same user by no account. */
  readonly otherId: string;
  readonly bystanderId: string;
}

async function addAccount(world: SessionWorld, methodId: string, loginName: string): Promise<string> {
  const { id } = await world.database.write((tx) =>
    createAccount(tx, {
      authMethodId: methodId,
      scopeId: 'global',
      loginName,
      userId: worldIds.user,
      nowUs: world.clock.nowUs(),
    }),
  );
  return id;
}

async function addToken(world: SessionWorld, methodId: string, accountId: string): Promise<Caller> {
  const row = authTokenRow(worldIds.user, world.clock.nowUs(), {
    account_id: accountId,
    auth_method_id: methodId,
  });
  await world.database.write((tx) => tx.insertInto('auth_token').values(row).execute());
  const { id } = row;
  return { userId: worldIds.user, userScopeId: 'global', authTokenId: id, accountId };
}

async function newScene(engineTest: EngineTest): Promise<Scene> {
  const database = await engineTest.open();
  await fillDatabase(database, systemClock.nowUs());
  const world = await makeWorld(database, systemClock);
  const worker = await addLiveWorker(world);
  const { id: methodId } = await database.write(async (tx) => {
    const made = await createPasswordAuthMethod(tx, { scopeId: 'global', nowUs: systemClock.nowUs() });
    await setPrimaryAuthMethod(tx, 'global', made.id);
    return made;
  });
  const accountId = await addAccount(world, methodId, 'one');
  const otherAccountId = await addAccount(world, methodId, 'two');
  const caller = await addToken(world, methodId, accountId);
  const other = await addToken(world, methodId, otherAccountId);
  const target = await addTarget(world);
  const busyId = await addSession(world, target, { caller });
  await addConnection(world, worker, busyId);
  return {
    world,
    methodId,
    accountId,
    otherAccountId,
    caller,
    other,
    busyId,
    idleId: await addSession(world, target, { caller }),
    otherId: await addSession(world, target, { caller: other }),
    bystanderId: await addSession(world, target, { caller: await addCaller(world) }),
  };
}

const sessionOf = async (world: SessionWorld, id: string): Promise<unknown> =>
  (await world.domain.sessions.read(id))?.session;
const ended = { end_reason: 'account deleted', ended_by: 'u_admin' };

/** Ids in rows that name an account, token or method which is not there. */
async function orphans(world: SessionWorld): Promise<string[]> {
  const { reader } = world.database;
  const accounts = reader.selectFrom('account').select('id');
  const methods = reader.selectFrom('auth_method').select('id');
  const found = await Promise.all([
    reader
      .selectFrom('auth_token')
      .select('id')
      .where('account_id', 'is not', null)
      .where('account_id', 'not in', accounts)
      .execute(),
    reader.selectFrom('account').select('id').where('auth_method_id', 'not in', methods).execute(),
    reader
      .selectFrom('scope')
      .select('id')
      .where('primary_auth_method_id', 'is not', null)
      .where('primary_auth_method_id', 'not in', methods)
      .execute(),
    reader
      .selectFrom('session')
      .select('id')
      .where('status', 'in', ['pending', 'active'])
      .where('auth_token_id', 'not in', reader.selectFrom('auth_token').select('id'))
      .execute(),
  ]);
  return found.flat().map((row) => row.id);
}

describeBothEngines('what ends along with accounts and auth methods', (engineTest) => {
  test('deleting an account ends its tokens and their sessions, and nothing of another', async () => {
    const scene = await newScene(engineTest);
    const { world, accountId, caller } = scene;
    await world.domain.accountEnding.deleteAccount(accountId, 'u_admin');
    expect(await sessionOf(world, scene.busyId)).toMatchObject({ status: 'canceling', ...ended });
    expect(await sessionOf(world, scene.idleId)).toMatchObject({ status: 'terminated', ...ended });
    expect(await sessionOf(world, scene.otherId)).toMatchObject({ status: 'pending' });
    expect(await sessionOf(world, scene.bystanderId)).toMatchObject({ status: 'pending' });
    const { reader } = world.database;
    expect((await listSince(reader, 'account', 0)).ids).toEqual([accountId]);
    expect(
      await reader
        .selectFrom('auth_token')
        .select('revoked_reason')
        .where('id', '=', caller.authTokenId ?? '')
        .execute(),
    ).toEqual([{ revoked_reason: 'account deleted' }]);
    const users = await reader.selectFrom('iam_user').select('id').where('id', '=', worldIds.user).execute();
    expect(users).toHaveLength(1);
    expect(await orphans(world)).toEqual([]);
    await expect(world.domain.accountEnding.deleteAccount(accountId, 'u_admin')).rejects.toMatchObject({
      code: 'notFound',
    });
    await world.close();
  });

  test('deleting an auth method ends all of its accounts, tokens and sessions, and the scope has no primary one', async () => {
    const scene = await newScene(engineTest);
    const { world, methodId } = scene;
    await world.domain.accountEnding.deleteAuthMethod(methodId, 'u_admin');
    for (const id of [scene.busyId, scene.idleId, scene.otherId]) {
      expect(await sessionOf(world, id)).toMatchObject(ended);
    }
    expect(await sessionOf(world, scene.bystanderId)).toMatchObject({ status: 'pending' });
    const { reader } = world.database;
    const scope = await reader
      .selectFrom('scope')
      .select(['primary_auth_method_id', 'version'])
      .where('id', '=', 'global')
      .executeTakeFirstOrThrow();
    // 1 as made, 2 with its primary method, 3 without.
    expect(scope).toEqual({ primary_auth_method_id: null, version: 3 });
    expect((await listSince(reader, 'auth-method', 0)).ids).toEqual([methodId]);
    expect([...(await listSince(reader, 'account', 0)).ids].sort()).toEqual(
      [scene.accountId, scene.otherAccountId].sort(),
    );
    expect(await reader.selectFrom('account').select('id').execute()).toEqual([]);
    expect(await orphans(world)).toEqual([]);
    await expect(world.domain.accountEnding.deleteAuthMethod(methodId, 'u_admin')).rejects.toMatchObject({
      code: 'notFound',
    });
    await world.close();
  });

  test('sessions, tokens and accounts that come while a method is deleted do not outlive it', async () => {
    const scene = await newScene(engineTest);
    const { world, methodId, accountId, other, otherAccountId } = scene;
    const target = await addTarget(world);
    const attempts = Array.from({ length: 8 }, async (_each, at) => {
      if (at === 4) await world.domain.accountEnding.deleteAuthMethod(methodId, 'u_admin');
      else if (at === 6) await world.domain.accountEnding.deleteAccount(accountId, 'u_admin');
      else if (at % 2 === 0) {
        await addSession(world, target, { caller: await addToken(world, methodId, otherAccountId) });
      } else if (at === 7) await addAccount(world, methodId, 'late');
      else await addSession(world, target, { caller: other });
    });
    for (const result of await Promise.allSettled(attempts)) {
      if (result.status === 'fulfilled') continue;
      expect(['notFound', 'conflict']).toContain((result.reason as { code: string }).code);
    }
    expect(await orphans(world)).toEqual([]);
    const { reader } = world.database;
    expect(await reader.selectFrom('account').select('id').execute()).toEqual([]);
    await world.close();
  });
});
