/** Ends of auth tokens that race with what is made of them, on both engines and with two controllers on one database. */
import { Secret, silentLogger, systemClock } from '@stile/runtime';
import { expect, test } from 'vitest';
import { describeBothEngines, type EngineTest } from '../../../../../test/support/engines.ts';
import { makeIdentities, testIds } from '../../../../../test/support/identities.ts';
import {
  addCaller,
  addConnection,
  addLiveWorker,
  addSession,
  addTarget,
  fillDatabase,
  makeWorld,
  projectScope,
} from '../../../../../test/support/session-world.ts';
import { waitingStatement } from '../../../../../test/support/waiting-statement.ts';
import { LoginLimiter } from '../../auth/password/login-limiter.ts';
import { AuthTokenExchange } from '../../auth/minting/auth-token-exchange.ts';
import { AuthTokenMinting } from '../../auth/minting/auth-token-minting.ts';
import { addAuthToken } from '../../auth/token/auth-token-change-repository.ts';
import { AuthTokenService, type Caller, type CallerToken } from '../../auth/token/auth-token-service.ts';
import { KeyService } from '../../keys/key-service.ts';
import { rootKeyOf } from '../../keys/root-key.ts';
import type { Database } from '../../store/database.ts';
import { AuthTokenEnding } from './auth-token-ending.ts';

const client = { address: '127.0.0.1', port: 40_000 };
/** That of test/support/session-world.ts, so that both can work on one database. */
const rootKey = rootKeyOf(new Secret(Buffer.alloc(32, 7).toString('base64')));
const who = {
  userId: testIds.plain.user,
  accountId: testIds.plain.account,
  accountVersion: 1,
  authMethodId: testIds.authMethod,
  scopeId: 'global',
};

const plenty = { burst: 10_000, everySeconds: 1 };
/** Limits that a hundred exchanges at a time do not reach. */
const generous = { address: plenty, pair: plenty, account: plenty, guarded: plenty };

/** The token services of one controller. */
async function controllerOn(database: Database) {
  const keys = await KeyService.open({ database, rootKey, clock: systemClock });
  const tokens = new AuthTokenService({ database, keys, clock: systemClock });
  const around = { database, clock: systemClock, tokens };
  return {
    tokens,
    minting: new AuthTokenMinting(around),
    exchange: new AuthTokenExchange({ ...around, limiter: new LoginLimiter(systemClock, generous) }),
    close: async () => {
      await tokens.close();
      keys.close();
    },
  };
}

type TokenController = Awaited<ReturnType<typeof controllerOn>>;

async function loggedIn({ tokens }: TokenController): Promise<Caller & { token: CallerToken }> {
  const { text } = await tokens.issue(who);
  const caller = await tokens.authenticate({ text: text.reveal(), client });
  if (caller.token === undefined) throw new Error('the login is no good');
  return { ...caller, token: caller.token };
}

function mintRequest(caller: Caller & { token: CallerToken }, type: 'api' | 'one-time') {
  return { caller, client, type, owner: { id: who.userId, scopeId: 'global' }, isAdmin: false } as const;
}

async function twoControllers({ open }: EngineTest) {
  const database = await open();
  await makeIdentities(database);
  return { database, first: await controllerOn(database), second: await controllerOn(database) };
}

describeBothEngines('auth tokens of two controllers', (engineTest) => {
  test('case 24: of 100 exchanges of one single-use token at a time exactly one wins', async () => {
    const { database, first, second } = await twoControllers(engineTest);
    const { text } = await first.minting.mint(mintRequest(await loggedIn(first), 'one-time'));
    const outcomes = await Promise.allSettled(
      Array.from({ length: 100 }, (_each, at) =>
        (at % 2 === 0 ? first : second).exchange.exchange(text.reveal(), client),
      ),
    );
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    for (const outcome of outcomes) {
      if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ code: 'unauthenticated' });
    }
    const logins = await database.reader
      .selectFrom('auth_token')
      .select('id')
      .where('type', '=', 'login')
      .where('parent_auth_token_id', 'is not', null)
      .execute();
    expect(logins).toHaveLength(1);
    await first.close();
    await second.close();
  });

  test('a one-time token that is revoked while it is exchanged leaves no living login behind', async () => {
    const { database, first, second } = await twoControllers(engineTest);
    const world = await makeWorld(database, systemClock);
    for (let round = 0; round < 10; round++) {
      const caller = await loggedIn(first);
      const { row, text } = await first.minting.mint(mintRequest(caller, 'one-time'));
      const [exchanged] = await Promise.allSettled([
        second.exchange.exchange(text.reveal(), client),
        world.domain.tokenEnding.revoke(caller.authTokenId ?? '', who.userId, 'user request'),
      ]);
      expect(first.tokens.statusOf(await first.tokens.read(row.id))).toMatch(/revoked|consumed/);
      if (exchanged.status === 'fulfilled') {
        const { row: login } = exchanged.value;
        expect(first.tokens.statusOf(await first.tokens.read(login.id))).toBe('revoked');
      }
    }
    await world.close();
    await first.close();
    await second.close();
  });
});

describeBothEngines('the end of all tokens of a user', (engineTest) => {
  test('takes along an API token that one of them mints meanwhile', async () => {
    const { database, first, second } = await twoControllers(engineTest);
    const world = await makeWorld(database, systemClock);
    const { token } = await loggedIn(first);
    const nowUs = systemClock.nowUs();
    const made = first.tokens.newToken({
      scope_id: 'global',
      user_id: who.userId,
      account_id: null,
      auth_method_id: null,
      type: 'api',
      created_by_user_id: who.userId,
      parent_auth_token_id: token.id,
      expires_at: nowUs + 3_600_000_000,
    });
    let finish = (): void => undefined;
    const finished = new Promise<void>((resolve) => {
      finish = resolve;
    });
    const { engine } = database;
    const { settings } = first.tokens;
    const addition = { engine, row: made.stored, settings, nowUs, parentVersion: token.version };
    const minting = await new Promise<{ readonly done: Promise<boolean> }>((resolve) => {
      const done = database.write(async (tx) => {
        const isAdded = await addAuthToken(tx, addition);
        resolve({ done });
        await finished;
        return isAdded;
      });
    });
    const revoking = world.domain.tokenEnding.revokeOf({ userId: who.userId }, who.userId, 'user request');
    await waitingStatement(database);
    finish();
    expect(await minting.done).toBe(true);
    expect(await revoking).toMatchObject({ authTokens: 2 });
    expect(first.tokens.statusOf(await first.tokens.read(made.row.id))).toBe('revoked');
    await world.close();
    await first.close();
    await second.close();
  });
});

describeBothEngines('a token that ends while it is used', ({ open }) => {
  test('case 13: a session that is being authorized is refused or ended, never left over', async () => {
    const database = await open();
    await fillDatabase(database, systemClock.nowUs());
    const world = await makeWorld(database, systemClock);
    const other = await makeWorld(database, systemClock);
    const target = await addTarget(world);
    for (let round = 0; round < 10; round++) {
      const caller = await addCaller(world);
      const authorize = (from: typeof world): Promise<unknown> =>
        from.domain.sessions.authorize({ caller, target, scope: projectScope });
      await Promise.allSettled([
        authorize(world),
        authorize(other),
        other.domain.tokenEnding.revoke(caller.authTokenId ?? '', caller.userId, 'user request'),
        authorize(world),
        authorize(other),
      ]);
      const left = await database.reader
        .selectFrom('session')
        .select(['status', 'end_reason'])
        .where('auth_token_id', '=', caller.authTokenId ?? '')
        .execute();
      for (const session of left) {
        expect(session).toEqual({ status: 'terminated', end_reason: 'token revoked' });
      }
    }
    await world.close();
    await other.close();
  });

  test('case 15: an answer does not wait for pushes that never come to an end', async () => {
    const database = await open();
    await fillDatabase(database, systemClock.nowUs());
    const world = await makeWorld(database, systemClock);
    const { revocations } = world.domain;
    const ending = new AuthTokenEnding({
      database,
      clock: systemClock,
      log: silentLogger,
      countStreams: () => Promise.resolve(0),
      revocations: {
        whenEnded: (sessionId, waitMs) => revocations.whenEnded(sessionId, waitMs),
        pushed: () => new Promise(() => undefined),
      },
    });
    const worker = await addLiveWorker(world);
    const [idle, busy] = [await addCaller(world), await addCaller(world)];
    const sessionId = await addSession(world, await addTarget(world), { caller: busy });
    await addConnection(world, worker, sessionId);
    const revoke = (caller: typeof busy): Promise<unknown> =>
      ending.revoke(caller.authTokenId ?? '', caller.userId, 'user request');
    expect(await revoke(idle)).toMatchObject({ authTokens: 1, sessions: 0, sessionsConfirmed: 0 });
    expect(await revoke(busy)).toMatchObject({ authTokens: 1, sessions: 1, sessionsConfirmed: 0 });
    await world.close();
  });

  test('case 15: a session whose worker does not answer is told as unconfirmed, with the end of its lease', async () => {
    const database = await open();
    await fillDatabase(database, systemClock.nowUs());
    const world = await makeWorld(database, systemClock);
    const worker = await addLiveWorker(world);
    const caller = await addCaller(world);
    const sessionId = await addSession(world, await addTarget(world), { caller });
    await addConnection(world, worker, sessionId);
    const before = systemClock.nowUs();
    const revocation = await world.domain.tokenEnding.revoke(
      caller.authTokenId ?? '',
      caller.userId,
      'user request',
    );
    expect(revocation).toMatchObject({ authTokens: 1, sessions: 1, sessionsConfirmed: 0 });
    const { leaseEndsAt = 0 } = revocation;
    expect(leaseEndsAt).toBeGreaterThan(before + 30_000_000);
    expect(leaseEndsAt).toBeLessThan(before + 120_000_000);
    await world.close();
  });
});
