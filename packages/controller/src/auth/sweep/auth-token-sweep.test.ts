/** The sweep on real databases: what it marks, what it deletes, and that of several controllers one does it. */
import { type Clock, silentLogger, systemClock } from '@stile/runtime';
import { expect, it } from 'vitest';
import { authTokenRow } from '../../../../../test/support/auth-token-row.ts';
import { describeBothEngines } from '../../../../../test/support/engines.ts';
import { eventually } from '../../../../../test/support/eventually.ts';
import { makeIdentities, testIds } from '../../../../../test/support/identities.ts';
import {
  addConnection,
  addLiveWorker,
  addSession,
  addTarget,
  fillDatabase,
  makeWorld,
  worldIds,
} from '../../../../../test/support/session-world.ts';
import type { Database } from '../../store/database.ts';
import { listSince } from '../../store/deleted-resource-repository.ts';
import type { AuthTokenTable } from '../../store/schema.ts';
import { revokeAuthTokens } from '../token/auth-token-change-repository.ts';
import { defaultAuthTokenSettings, type AuthTokenSettings } from '../token/auth-token-settings.ts';
import { AuthTokenSweep } from './auth-token-sweep.ts';

const second = 1_000_000;
const hour = 3600 * second;
const day = 24 * hour;

function sweepOf(
  database: Database,
  settings: Partial<AuthTokenSettings> = {},
  clock: Clock = systemClock,
): AuthTokenSweep {
  return new AuthTokenSweep({
    database,
    clock,
    log: silentLogger,
    settings: { ...defaultAuthTokenSettings, ...settings },
  });
}

async function add(database: Database, rows: readonly AuthTokenTable[]): Promise<void> {
  await database.write((tx) => tx.insertInto('auth_token').values(rows).execute());
}

/** Ids of the tokens that are there, sorted. */
async function idsOf(database: Database): Promise<string[]> {
  const rows = await database.reader.selectFrom('auth_token').select('id').orderBy('id').execute();
  return rows.map((row) => row.id);
}

/** Logins of a user that were revoked so long ago, one millisecond after the other. */
function revokedRows(count: number, agoUs: number, userId: string = testIds.plain.user): AuthTokenTable[] {
  const nowUs = systemClock.nowUs();
  return Array.from({ length: count }, (_, index) => {
    const at = nowUs - agoUs + index * 1000;
    return authTokenRow(userId, at - hour, { revoked_at: at, revoked_reason: 'user request', ends_at: at });
  });
}

describeBothEngines('the sweep of auth tokens', ({ open }) => {
  it('case 18: writes every end that time or a setting has brought, with its reason, and no other', async () => {
    const database = await open();
    await makeIdentities(database);
    const nowUs = systemClock.nowUs();
    const row = (id: string, ageUs: number, more: Partial<AuthTokenTable>): AuthTokenTable =>
      authTokenRow(testIds.plain.user, nowUs - ageUs, { id, expires_at: nowUs + day, ...more });
    await add(database, [
      row('at_expired', hour, { expires_at: nowUs - 60 * second }),
      row('at_lowered', 3 * day, { type: 'api' }),
      row('at_idle_by_setting', 2 * hour, {}),
      row('at_idle_by_itself', hour, { type: 'api', time_to_stale_seconds: 60 }),
      row('at_revoked', hour, {
        revoked_at: nowUs - hour,
        revoked_reason: 'user request',
        ends_at: nowUs - hour,
      }),
      row('at_good', hour / 2, {}),
      row('at_good_api', day, { type: 'api' }),
      row('at_good_used', 3 * hour, { last_used_at: nowUs - 60 * second }),
    ]);
    const sweep = sweepOf(database, { maxTokenLifetimeSeconds: 2 * 86_400, timeToStaleSeconds: 3600 });
    expect(await sweep.runOnce()).toEqual({ marked: 4, deleted: 0, isMore: false });
    const rows = await database.reader
      .selectFrom('auth_token')
      .select(['id', 'revoked_reason', 'ends_at'])
      .orderBy('id')
      .execute();
    expect(Object.fromEntries(rows.map((each) => [each.id, each.revoked_reason]))).toEqual({
      at_expired: 'expired',
      at_good: null,
      at_good_api: null,
      at_good_used: null,
      at_idle_by_itself: 'idle',
      at_idle_by_setting: 'idle',
      at_lowered: 'lifetime lowered',
      at_revoked: 'user request',
    });
    // What ended before anybody looked is kept as long as its own end says, not longer.
    expect(rows.find(({ id }) => id === 'at_expired')?.ends_at).toBe(nowUs - 60 * second);
    expect(await sweep.runOnce()).toEqual({ marked: 0, deleted: 0, isMore: false });
    await sweep.close();
  });

  it('case 52: deletes no more than it may in a cycle, the oldest first, and says whether more is left', async () => {
    const database = await open();
    await makeIdentities(database);
    const dead = revokedRows(130, 9 * day);
    const kept = [...revokedRows(3, 6 * day), authTokenRow(testIds.plain.user, systemClock.nowUs())];
    await add(database, [...dead, ...kept]);
    const sweep = sweepOf(database, { gcMaxDeletions: 60 });
    const oldestFirst = dead.map((row) => row.id);
    for (const [deleted, isMore] of [
      [60, true],
      [60, true],
      [10, false],
      [0, false],
    ] as const) {
      expect(await sweep.runOnce()).toEqual({ marked: 0, deleted, isMore });
      oldestFirst.splice(0, deleted);
      expect(await idsOf(database)).toEqual([...oldestFirst, ...kept.map((row) => row.id)].sort());
    }
    // Lists that are refreshed report them.
    const { ids } = await listSince(database.reader, 'auth-token', 0);
    expect([...ids].sort()).toEqual(dead.map((row) => row.id).sort());
    await sweep.close();
  });

  it('case 52: many ends that are still to be written do not keep it from deleting', async () => {
    const database = await open();
    await makeIdentities(database);
    const nowUs = systemClock.nowUs();
    const expired = Array.from({ length: 90 }, () =>
      authTokenRow(testIds.plain.user, nowUs - day, { expires_at: nowUs - hour }),
    );
    await add(database, [...expired, ...revokedRows(70, 9 * day)]);
    const sweep = sweepOf(database, { gcMaxDeletions: 60 });
    expect(await sweep.runOnce()).toEqual({ marked: 60, deleted: 60, isMore: true });
    expect(await sweep.runOnce()).toEqual({ marked: 30, deleted: 10, isMore: false });
    await sweep.close();
  });

  it('case 52: keeps the row of a token as long as a session of it has not terminated, and touches no session', async () => {
    const database = await open();
    await fillDatabase(database, systemClock.nowUs());
    const world = await makeWorld(database, systemClock);
    const worker = await addLiveWorker(world);
    const target = await addTarget(world);
    const row = authTokenRow(worldIds.user, systemClock.nowUs());
    await add(database, [row, ...revokedRows(70, 9 * day, worldIds.user)]);
    const caller = { userId: worldIds.user, userScopeId: 'global', authTokenId: row.id };
    const sessionId = await addSession(world, target, { caller });
    await addConnection(world, worker, sessionId);
    // Its time was up long ago; the session goes on (tokens.md §0 row 17).
    const longAgo = systemClock.nowUs() - 9 * day;
    await database.write((tx) =>
      tx
        .updateTable('auth_token')
        .set({ expires_at: longAgo, ends_at: longAgo })
        .where('id', '=', row.id)
        .execute(),
    );
    const sweep = sweepOf(database);
    expect(await sweep.runOnce()).toEqual({ marked: 1, deleted: 70, isMore: false });
    expect(await idsOf(database)).toEqual([row.id]);
    expect((await world.domain.sessions.read(sessionId))?.session).toMatchObject({
      status: 'active',
      end_reason: null,
    });
    await database.write(async (tx) => {
      await tx
        .updateTable('session_connection')
        .set({ status: 'closed', closed_at: 1, end_reason: 'client closed' })
        .execute();
      await tx
        .updateTable('session')
        .set({ status: 'terminated', terminated_at: 1, end_reason: 'client finished' })
        .where('id', '=', sessionId)
        .execute();
    });
    expect(await sweep.runOnce()).toMatchObject({ deleted: 1 });
    expect(await idsOf(database)).toEqual([]);
    await sweep.close();
    await world.close();
  });

  it('case 52: keeps a dead token with which a living one would still end', async () => {
    const database = await open();
    await makeIdentities(database);
    const [parent] = revokedRows(1, 9 * day);
    const child = authTokenRow(testIds.plain.user, systemClock.nowUs(), {
      parent_auth_token_id: parent?.id ?? '',
      ends_with_parent: 1,
    });
    await add(database, parent === undefined ? [] : [parent, child]);
    const sweep = sweepOf(database);
    expect(await sweep.runOnce()).toMatchObject({ deleted: 0 });
    const end = { reason: 'user request', nowUs: systemClock.nowUs() } as const;
    await database.write((tx) => revokeAuthTokens(tx, [child.id], end));
    expect(await sweep.runOnce()).toMatchObject({ deleted: 1 });
    expect(await idsOf(database)).toEqual([child.id]);
    await sweep.close();
  });

  it('case 52: two controllers at once delete what one would, and the other goes on when the first is gone', async () => {
    const database = await open();
    await makeIdentities(database);
    await add(database, revokedRows(200, 9 * day));
    let aheadUs = 0;
    const later: Clock = {
      nowUs: () => systemClock.nowUs() + aheadUs,
      monotonicMs: () => systemClock.monotonicMs(),
      setTimer: (delayMs, fn) => systemClock.setTimer(delayMs, fn),
    };
    const settings = { gcMaxDeletions: 120, gcPeriodSeconds: 3600 };
    const [first, second2] = [sweepOf(database, settings), sweepOf(database, settings, later)];
    const both = await Promise.all([first.runOnce(), second2.runOnce()]);
    expect(both.map(({ deleted }) => deleted).sort((a, b) => a - b)).toEqual([0, 120]);
    expect(await idsOf(database)).toHaveLength(80);
    const loser = both[0]?.deleted === 0 ? first : second2;
    const winner = loser === first ? second2 : first;
    expect(await loser.runOnce()).toMatchObject({ deleted: 0 });
    expect(await winner.runOnce()).toMatchObject({ deleted: 80 });
    await add(database, revokedRows(5, 9 * day));
    if (loser === second2) {
      // Five minutes after the last sign of life anybody may.
      aheadUs = 301 * second;
      expect(await loser.runOnce()).toMatchObject({ deleted: 5 });
    }
    await Promise.all([first.close(), second2.close()]);
  });

  it('case 52: leaves off when it is closed in the middle of a cycle', async () => {
    const database = await open();
    await makeIdentities(database);
    await add(database, revokedRows(300, 9 * day));
    const sweep = sweepOf(database, { gcMaxDeletions: 1000, gcPeriodSeconds: 1 });
    sweep.start();
    await eventually(async () => ((await idsOf(database)).length < 300 ? true : undefined));
    await sweep.close();
    const left = (await idsOf(database)).length;
    expect(left).toBeGreaterThan(0);
    expect(await sweep.runOnce()).toEqual({ marked: 0, deleted: 0, isMore: false });
    expect(await idsOf(database)).toHaveLength(left);
  });

  it('row C6: with a period of 1 s and a retention of 2 s a revoked token is soon gone, a living one and its session are untouched', async () => {
    const database = await open();
    await fillDatabase(database, systemClock.nowUs());
    const world = await makeWorld(database, systemClock);
    await addLiveWorker(world);
    const target = await addTarget(world);
    const living = authTokenRow(worldIds.user, systemClock.nowUs());
    const revoked = authTokenRow(worldIds.user, systemClock.nowUs());
    await add(database, [living, revoked]);
    const caller = { userId: worldIds.user, userScopeId: 'global', authTokenId: living.id };
    const sessionId = await addSession(world, target, { caller });
    const sweep = sweepOf(database, { gcPeriodSeconds: 1, gcRetentionSeconds: 2 });
    sweep.start();
    const revokedAt = performance.now();
    await world.domain.tokenEnding.revoke(revoked.id, 'u_admin', 'admin request');
    await eventually(async () => ((await idsOf(database)).includes(revoked.id) ? undefined : true), 30_000);
    expect(performance.now() - revokedAt).toBeGreaterThan(1900);
    expect(await idsOf(database)).toEqual([living.id]);
    expect((await world.domain.sessions.read(sessionId))?.session).toMatchObject({ status: 'pending' });
    await sweep.close();
    await world.close();
  });
});
