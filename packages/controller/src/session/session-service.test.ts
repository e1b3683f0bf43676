import { X509Certificate } from 'node:crypto';
import { decodeAuthorizationToken } from '@stile/protocol';
import { systemClock } from '@stile/runtime';
import { expect, test } from 'vitest';
import { describeBothEngines } from '../../../../test/support/engines.ts';
import type { EngineTest } from '../../../../test/support/engines.ts';
import {
  addCaller,
  addLiveWorker,
  addTarget,
  fillDatabase,
  makeWorld,
  projectScope,
  worldIds,
} from '../../../../test/support/session-world.ts';
import type { SessionWorld } from '../../../../test/support/session-world.ts';

async function newWorld(engineTest: EngineTest): Promise<SessionWorld> {
  const database = await engineTest.open();
  await fillDatabase(database, systemClock.nowUs());
  return makeWorld(database, systemClock);
}

const refused = (code: string, message?: string): unknown =>
  expect.objectContaining({ code, ...(message === undefined ? {} : { message }) });

/** A target with `count` hosts in one set. */
async function addHostTarget(
  world: SessionWorld,
  count: number,
): Promise<{ targetId: string; hostIds: string[]; setId: string }> {
  const catalog = await world.hosts.createCatalog({ scopeId: worldIds.project });
  const { hostSet } = await world.hosts.createSet({ hostCatalogId: catalog.id });
  const hostIds: string[] = [];
  for (let index = 0; index < count; index += 1) {
    const { host } = await world.hosts.createHost({
      hostCatalogId: catalog.id,
      address: `10.0.0.${index + 1}`,
    });
    hostIds.push(host.id);
  }
  await world.hosts.changeMembers('add', hostSet.id, 1, hostIds);
  const target = await addTarget(world, { address: null });
  await world.targets.changeHostSources('add', target.id, 1, [hostSet.id]);
  return { targetId: target.id, hostIds, setId: hostSet.id };
}

describeBothEngines('session service', (engineTest) => {
  test('authorizing stores a pending session and gives a token whose certificate and key belong together', async () => {
    const world = await newWorld(engineTest);
    await addLiveWorker(world, { address: '[::1]:9202' });
    const caller = await addCaller(world);
    const target = await addTarget(world, {
      sessionMaxSeconds: 60,
      sessionConnectionLimit: 3,
      defaultClientPort: 4000,
    });
    const result = await world.domain.sessions.authorize({ caller, target, scope: projectScope });
    const token = decodeAuthorizationToken(result.authorizationToken.reveal());
    expect(token).toMatchObject({
      sessionId: result.sessionId,
      targetId: target.id,
      endpoint: 'tcp://127.0.0.1:22',
      hostId: '',
      workerAddresses: ['[::1]:9202'],
      connectionLimit: 3,
      defaultClientPort: 4000,
      expiresAt: result.createdAt + 60_000_000,
    });
    const certificate = new X509Certificate(token.certificate);
    expect(certificate.subjectAltName).toBe(`DNS:${result.sessionId}, IP Address:0:0:0:0:0:0:0:1`);
    const detail = await world.domain.sessions.read(result.sessionId);
    expect(detail?.session).toMatchObject({ status: 'pending', version: 1, user_id: worldIds.user });
    expect(Buffer.from(detail?.session.certificate ?? []).equals(certificate.raw)).toBe(true);
    expect(detail?.states).toEqual([{ status: 'pending', startedAt: result.createdAt }]);
    expect(detail).not.toHaveProperty('session.private_key_sealed');
    await world.close();
  });

  test('a caller without an auth token gets no session, whatever the grants', async () => {
    const world = await newWorld(engineTest);
    await addLiveWorker(world);
    const target = await addTarget(world);
    await expect(
      world.domain.sessions.authorize({ caller: { userId: 'u_anon' }, target, scope: projectScope }),
    ).rejects.toEqual(refused('permissionDenied', 'Forbidden.'));
    await world.close();
  });

  test('without a live worker the answer is unavailable; a filter that drops all of them is a failed precondition', async () => {
    const world = await newWorld(engineTest);
    const caller = await addCaller(world);
    const target = await addTarget(world, { egressWorkerFilter: '"eu" in "/tags/region"' });
    const authorize = (): Promise<unknown> =>
      world.domain.sessions.authorize({ caller, target, scope: projectScope });
    await expect(authorize()).rejects.toEqual(
      refused('unavailable', 'No workers are available to handle this session.'),
    );
    await addLiveWorker(world, { last_seen_at: systemClock.nowUs() - 16_000_000 });
    await expect(authorize()).rejects.toEqual(refused('unavailable'));
    await addLiveWorker(world, { draining: 1 });
    await expect(authorize()).rejects.toEqual(refused('unavailable'));
    await addLiveWorker(world, { config_tags: '{"region":["us"]}' });
    await expect(authorize()).rejects.toEqual(
      refused(
        'failedPrecondition',
        'No workers are available to handle this session, or all have been filtered.',
      ),
    );
    await addLiveWorker(world, { config_tags: '{"region":["eu"]}' });
    await expect(authorize()).resolves.toBeDefined();
    await world.close();
  });

  test('a given host of the target is used, another one is refused, a target without hosts is not found', async () => {
    const world = await newWorld(engineTest);
    await addLiveWorker(world);
    const caller = await addCaller(world);
    const { targetId, hostIds, setId } = await addHostTarget(world, 3);
    const { target } = await world.targets.read(targetId);
    const [, second = ''] = hostIds;
    const pinned = await world.domain.sessions.authorize({
      caller,
      target,
      scope: projectScope,
      hostId: second,
    });
    expect(pinned).toMatchObject({ hostId: second, hostSetId: setId, endpoint: 'tcp://10.0.0.2:22' });
    await expect(
      world.domain.sessions.authorize({ caller, target, scope: projectScope, hostId: 'hst_notInThere' }),
    ).rejects.toMatchObject({
      code: 'invalidArgument',
      details: {
        requestFields: [{ name: 'host_id', description: 'The requested host id is not available.' }],
      },
    });
    const empty = await addTarget(world, { address: null });
    await expect(
      world.domain.sessions.authorize({ caller, target: empty, scope: projectScope }),
    ).rejects.toEqual(refused('notFound', 'No host sources or address found for given target.'));
    await world.close();
  });

  test('300 authorizations over 3 hosts are spread evenly', async () => {
    const world = await newWorld(engineTest);
    await addLiveWorker(world);
    const caller = await addCaller(world);
    const { targetId } = await addHostTarget(world, 3);
    const { target } = await world.targets.read(targetId);
    const results = await Promise.all(
      Array.from({ length: 300 }, () =>
        world.domain.sessions.authorize({ caller, target, scope: projectScope }),
      ),
    );
    const counts = new Map<string | null, number>();
    for (const { hostId } of results) counts.set(hostId, (counts.get(hostId) ?? 0) + 1);
    const chiSquare = [...counts.values()].reduce((sum, count) => sum + (count - 100) ** 2 / 100, 0);
    expect(counts.size).toBe(3);
    // 2 degrees of freedom: a uniform choice exceeds 18.4 once in 10,000 runs.
    expect(chiSquare).toBeLessThan(18.4);
    await world.close();
  });

  test('canceling a session that nobody uses ends it at once; canceling it again shows it as it is, whatever the version', async () => {
    const world = await newWorld(engineTest);
    await addLiveWorker(world);
    const caller = await addCaller(world);
    const target = await addTarget(world);
    const { sessionId } = await world.domain.sessions.authorize({ caller, target, scope: projectScope });
    for (const version of [7, 4_294_967_295]) {
      await expect(
        world.domain.sessions.cancel({ sessionId, version, by: caller.userId, waitMs: 0 }),
      ).rejects.toEqual(refused('notFound'));
    }
    const first = await world.domain.sessions.cancel({ sessionId, version: 1, by: 'u_admin', waitMs: 5000 });
    expect(first.revocation).toEqual({ workers: 0, confirmed: 0 });
    expect(first.detail.session).toMatchObject({
      status: 'terminated',
      end_reason: 'canceled',
      ended_by: 'u_admin',
    });
    expect(first.detail.states.map((state) => state.status)).toEqual(['terminated', 'canceling', 'pending']);
    const again = await world.domain.sessions.cancel({ sessionId, version: 99, by: 'u_other', waitMs: 5000 });
    expect(again.detail.session).toEqual(first.detail.session);
    await expect(
      world.domain.sessions.cancel({ sessionId: 's_unknown', by: 'u_admin', waitMs: 0 }),
    ).rejects.toEqual(refused('notFound', 'Resource not found.'));
    await world.close();
  });

  test('lists show what the permissions allow, newest first and by page, ended sessions only when asked', async () => {
    const world = await newWorld(engineTest);
    await addLiveWorker(world);
    const mine = await addCaller(world);
    const target = await addTarget(world);
    const other = await addTarget(world, { scopeId: worldIds.otherProject });
    const ids: string[] = [];
    for (const each of [target, other, target, other, target]) {
      const made = await world.domain.sessions.authorize({ caller: mine, target: each, scope: projectScope });
      ids.unshift(made.sessionId);
    }
    const list = async (
      permissions: Record<string, { all: boolean; own?: boolean; ids: string[]; ownIds?: string[] }>,
      more: {
        ownerId?: string;
        includeTerminated?: boolean;
        limit?: number;
        after?: { at: number; id: string };
      } = {},
    ): Promise<{ id: string; at: number }[]> => {
      const rows = await world.domain.sessions.list({
        permissions: new Map(Object.entries(permissions)),
        ownerId: more.ownerId ?? mine.userId,
        includeTerminated: more.includeTerminated ?? false,
        page: {
          limit: more.limit ?? 100,
          phase: 'created',
          ...(more.after === undefined ? {} : { after: more.after }),
        },
      });
      return rows.map((row) => ({ id: row.id, at: row.created_at }));
    };
    const idsOf = (rows: { id: string }[]): string[] => rows.map((row) => row.id);
    const all = { all: true, ids: [] };
    const inOrder = (rows: { id: string; at: number }[]): { id: string; at: number }[] =>
      [...rows].sort((a, b) => b.at - a.at || (a.id < b.id ? 1 : -1));
    const everything = await list({ [worldIds.project]: all, [worldIds.otherProject]: all });
    expect(everything).toEqual(inOrder(everything));
    expect(idsOf(everything).sort()).toEqual([...ids].sort());
    const firstPage = await list({ [worldIds.project]: all, [worldIds.otherProject]: all }, { limit: 3 });
    const last = firstPage[2];
    const secondPage = await list(
      { [worldIds.project]: all, [worldIds.otherProject]: all },
      { limit: 3, ...(last && { after: last }) },
    );
    expect(idsOf([...firstPage, ...secondPage])).toEqual(idsOf(everything));
    expect(await list({ [worldIds.project]: all })).toHaveLength(3);
    expect(await list({ [worldIds.project]: { all: false, own: true, ids: [] } })).toHaveLength(3);
    expect(
      await list({ [worldIds.project]: { all: false, own: true, ids: [] } }, { ownerId: 'u_other' }),
    ).toEqual([]);
    const [first = ''] = idsOf(await list({ [worldIds.project]: all }));
    expect(idsOf(await list({ [worldIds.project]: { all: false, ids: [first] } }))).toEqual([first]);
    // An id of another scope than the permission's shows nothing.
    expect(await list({ [worldIds.otherProject]: { all: false, ids: [first] } })).toEqual([]);
    expect(
      await list({ [worldIds.project]: { all: false, ids: [], ownIds: [first] } }, { ownerId: 'u_other' }),
    ).toEqual([]);
    expect(await list({})).toEqual([]);
    await world.domain.sessions.cancel({ sessionId: first, by: 'u_admin', waitMs: 0 });
    expect(idsOf(await list({ [worldIds.project]: all }))).not.toContain(first);
    expect(idsOf(await list({ [worldIds.project]: all }, { includeTerminated: true }))).toContain(first);
    await world.close();
  });
});
