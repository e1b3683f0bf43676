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
import type { NewTarget } from '../target/target-service.ts';
import type { Worker } from '../worker-registry/worker.ts';

const tofu = 'aaaaaaaaaaaaaaaaaaaa';
const otherTofu = 'bbbbbbbbbbbbbbbbbbbb';
const refused = (code: string): unknown => expect.objectContaining({ code });

interface Scene {
  readonly world: SessionWorld;
  readonly worker: Worker;
  readonly sessionId: string;
  readonly privateKey: Uint8Array;
  readonly authTokenId: string;
}

async function newScene(
  engineTest: EngineTest,
  fields: Partial<NewTarget> = {},
  worker: Partial<Worker> = {},
): Promise<Scene> {
  const database = await engineTest.open();
  await fillDatabase(database, systemClock.nowUs());
  const world = await makeWorld(database, systemClock);
  const row = await addLiveWorker(world, worker);
  const caller = await addCaller(world);
  const target = await addTarget(world, fields);
  const made = await world.domain.sessions.authorize({ caller, target, scope: projectScope });
  const { privateKey } = decodeAuthorizationToken(made.authorizationToken.reveal());
  return { world, worker: row, sessionId: made.sessionId, privateKey, authTokenId: caller.authTokenId ?? '' };
}

const client = { clientAddress: '192.0.2.1', clientPort: 4711 };

async function openConnection({ world, worker, sessionId }: Scene): Promise<string> {
  await world.domain.serving.activate(worker, sessionId, tofu);
  const { connectionId } = await world.domain.serving.authorizeConnection(worker, { sessionId, ...client });
  await world.domain.serving.connectConnection(worker, {
    connectionId,
    endpointAddress: '127.0.0.1',
    endpointPort: 22,
  });
  return connectionId;
}

function close(
  connectionId: string,
  bytesUp: number,
  bytesDown: number,
): Parameters<SessionWorld['domain']['serving']['closeConnections']>[1][number] {
  return { connectionId, bytesUp, bytesDown, reason: 'client closed', closedAt: systemClock.nowUs() };
}

describeBothEngines('serving sessions', (engineTest) => {
  test('a lookup gives the key of the session and, once it is activated, its TOFU token', async () => {
    const { world, worker, sessionId, privateKey } = await newScene(engineTest, { sessionLease: 'strict' });
    const pending = await world.domain.serving.lookup(worker, sessionId);
    expect(Buffer.from(pending.privateKey).equals(Buffer.from(privateKey))).toBe(true);
    expect(pending).toMatchObject({
      status: 'pending',
      tofuToken: '',
      leaseSeconds: 15,
      endpoint: 'tcp://127.0.0.1:22',
    });
    await world.domain.serving.activate(worker, sessionId, tofu);
    expect(await world.domain.serving.lookup(worker, sessionId)).toMatchObject({
      status: 'active',
      tofuToken: tofu,
    });
    await expect(world.domain.serving.lookup(worker, 's_unknown')).rejects.toEqual(
      refused('sessionNotAccepted'),
    );
    await world.close();
  });

  test('a worker that the filter of the target keeps out may do nothing with the session', async () => {
    const scene = await newScene(
      engineTest,
      { egressWorkerFilter: '"eu" in "/tags/region"' },
      { config_tags: '{"region":["eu"]}' },
    );
    const { serving } = scene.world.domain;
    const foreign = await addLiveWorker(scene.world, { config_tags: '{"region":["us"]}' });
    const { sessionId } = scene;
    await expect(serving.lookup(foreign, sessionId)).rejects.toEqual(refused('sessionNotAccepted'));
    await expect(serving.activate(foreign, sessionId, tofu)).rejects.toEqual(refused('sessionNotAccepted'));
    await expect(serving.cancelByClient(foreign, sessionId)).rejects.toEqual(refused('sessionNotAccepted'));
    await serving.activate(scene.worker, sessionId, tofu);
    await expect(serving.authorizeConnection(foreign, { sessionId, ...client })).rejects.toEqual(
      refused('sessionNotAccepted'),
    );
    expect((await scene.world.domain.sessions.read(sessionId))?.session).toMatchObject({
      status: 'active',
      connections_used: 0,
    });
    await scene.world.close();
  });

  test('of two clients that activate at the same time one wins, and its token again is fine', async () => {
    const { world, worker, sessionId } = await newScene(engineTest);
    const attempts = await Promise.allSettled([
      world.domain.serving.activate(worker, sessionId, tofu),
      world.domain.serving.activate(worker, sessionId, otherTofu),
    ]);
    const winners = attempts.filter((attempt) => attempt.status === 'fulfilled');
    const losers = attempts.filter((attempt) => attempt.status === 'rejected');
    expect(winners).toHaveLength(1);
    expect(losers[0]?.reason).toEqual(refused('tofuTokenNotAllowed'));
    const { tofuToken } = await world.domain.serving.lookup(worker, sessionId);
    await expect(world.domain.serving.activate(worker, sessionId, tofuToken)).resolves.toBe('active');
    expect((await world.domain.sessions.read(sessionId))?.session.version).toBe(2);
    await expect(world.domain.serving.activate(worker, sessionId, 'short')).rejects.toEqual(
      refused('invalidTofuToken'),
    );
    await world.close();
  });

  test('a session that was canceled before its first use cannot be activated', async () => {
    const { world, worker, sessionId } = await newScene(engineTest);
    await world.domain.sessions.cancel({ sessionId, by: 'u_admin', waitMs: 0 });
    await expect(world.domain.serving.activate(worker, sessionId, tofu)).rejects.toEqual(
      refused('sessionNotPending'),
    );
    await world.close();
  });

  test('of 40 connections at once on a limit of 10 exactly 10 are authorized, and the last close ends the session', async () => {
    const { world, worker, sessionId } = await newScene(engineTest, { sessionConnectionLimit: 10 });
    const second = await addLiveWorker(world);
    await world.domain.serving.activate(worker, sessionId, tofu);
    const attempts = await Promise.allSettled(
      Array.from({ length: 40 }, (_unused, index) =>
        world.domain.serving.authorizeConnection(index % 2 === 0 ? worker : second, { sessionId, ...client }),
      ),
    );
    const granted = attempts.flatMap((attempt) => (attempt.status === 'fulfilled' ? [attempt.value] : []));
    expect(granted).toHaveLength(10);
    expect(granted.map((one) => one.connectionsLeft).sort((a, b) => a - b)).toEqual([
      0, 1, 2, 3, 4, 5, 6, 7, 8, 9,
    ]);
    for (const attempt of attempts) {
      if (attempt.status === 'rejected') expect(attempt.reason).toEqual(refused('connectionNotAuthorized'));
    }
    const before = await world.domain.sessions.read(sessionId);
    expect(before?.session).toMatchObject({ status: 'active', connections_used: 10 });
    // Both workers report everything at once: each closes its own.
    const closes = granted.map((one) => close(one.connectionId, 1, 2));
    await Promise.all([
      world.domain.serving.closeConnections(worker, closes),
      world.domain.serving.closeConnections(second, closes),
    ]);
    const after = await world.domain.sessions.read(sessionId);
    expect(after?.session).toMatchObject({
      status: 'terminated',
      end_reason: 'connection limit',
      ended_by: 'system',
    });
    expect(after?.connections.every((connection) => connection.status === 'closed')).toBe(true);
    await world.close();
  });

  test('an unlimited session stays active when its connections are closed and says that any number is left', async () => {
    const scene = await newScene(engineTest);
    const connectionId = await openConnection(scene);
    const again = await scene.world.domain.serving.authorizeConnection(scene.worker, {
      sessionId: scene.sessionId,
      ...client,
    });
    expect(again.connectionsLeft).toBe(-1);
    await scene.world.domain.serving.closeConnections(scene.worker, [
      close(connectionId, 1, 1),
      close(again.connectionId, 0, 0),
    ]);
    expect((await scene.world.domain.sessions.read(scene.sessionId))?.session.status).toBe('active');
    await scene.world.close();
  });

  test.each([
    ['the auth token is revoked', 'auth_token', { revoked_at: 1, revoked_reason: 'test' }],
    ['the user is disabled', 'iam_user', { disabled_at: 1 }],
  ] as const)('a new connection is refused when %s', async (_title, table, change) => {
    const scene = await newScene(engineTest);
    await openConnection(scene);
    const id = table === 'auth_token' ? scene.authTokenId : worldIds.user;
    await scene.world.database.write(async (tx) => {
      await tx.updateTable(table).set(change).where('id', '=', id).execute();
    });
    await expect(
      scene.world.domain.serving.authorizeConnection(scene.worker, { sessionId: scene.sessionId, ...client }),
    ).rejects.toEqual(refused('connectionNotAuthorized'));
    await scene.world.close();
  });

  test('a new connection is refused as soon as no grant allows it any more', async () => {
    const scene = await newScene(engineTest);
    await openConnection(scene);
    await scene.world.database.write(async (tx) => {
      await tx.deleteFrom('iam_role_grant').where('role_id', '=', worldIds.role).execute();
    });
    await expect(
      scene.world.domain.serving.authorizeConnection(scene.worker, { sessionId: scene.sessionId, ...client }),
    ).rejects.toEqual(refused('connectionNotAuthorized'));
    const detail = await scene.world.domain.sessions.read(scene.sessionId);
    expect(detail?.session.connections_used).toBe(1);
    await scene.world.close();
  });

  test.each([
    ['token scope', { token_scopes: '["session:*"]' }],
    ['token scope', { token_scopes: '["target:read"]' }],
    ['allow list', { allow_list: '["session:*"]' }],
    ['allow list', { allow_list: '["target:ttcp_doesNotExi"]' }],
  ])(
    'case 10: a running session opens no new connection by a token whose %s was narrowed to %j, and says so',
    async (reason, limits) => {
      const scene = await newScene(engineTest);
      const { sessions, serving } = scene.world.domain;
      await openConnection(scene);
      const narrow = (change: {
        token_scopes?: string | null;
        allow_list?: string | null;
      }): Promise<unknown> =>
        scene.world.database.write((tx) =>
          tx.updateTable('auth_token').set(change).where('id', '=', scene.authTokenId).execute(),
        );
      const connect = (): Promise<unknown> =>
        serving.authorizeConnection(scene.worker, { sessionId: scene.sessionId, ...client });
      await narrow(limits);
      await expect(connect()).rejects.toEqual(
        expect.objectContaining({
          code: 'connectionNotAuthorized',
          message: expect.stringContaining(`the ${reason} of its auth token`) as unknown,
        }),
      );
      expect((await sessions.read(scene.sessionId))?.session).toMatchObject({
        status: 'active',
        connections_used: 1,
      });
      // It is the limits alone that stood in the way.
      await narrow({ token_scopes: '["target:authorize-session"]', allow_list: null });
      await connect();
      await scene.world.close();
    },
  );

  test('closing is idempotent: the highest counters win, the first reason and time stay', async () => {
    const scene = await newScene(engineTest);
    const connectionId = await openConnection(scene);
    const { serving, sessions } = scene.world.domain;
    await serving.closeConnections(scene.worker, [
      close(connectionId, 100, 2 ** 40),
      close(connectionId, 90, 7),
    ]);
    const first = (await sessions.read(scene.sessionId))?.connections[0];
    expect(first).toMatchObject({
      status: 'closed',
      bytes_up: 100,
      bytes_down: 2 ** 40,
      end_reason: 'client closed',
    });
    await serving.closeConnections(scene.worker, [
      { ...close(connectionId, 50, 2 ** 41), reason: 'endpoint closed' },
    ]);
    const second = (await sessions.read(scene.sessionId))?.connections[0];
    expect(second).toMatchObject({
      bytes_up: 100,
      bytes_down: 2 ** 41,
      end_reason: 'client closed',
      closed_at: first?.closed_at,
    });
    await scene.world.close();
  });

  test('a worker cannot close, connect or recount a connection of another worker', async () => {
    const scene = await newScene(engineTest);
    const connectionId = await openConnection(scene);
    const foreign = await addLiveWorker(scene.world);
    const { serving, sessions, reconciliation } = scene.world.domain;
    await serving.closeConnections(foreign, [close(connectionId, 999, 999)]);
    await reconciliation.reconcile(
      foreign.id,
      [{ sessionId: scene.sessionId, connections: [{ connectionId, bytesUp: 999, bytesDown: 999 }] }],
      reconciliation.newLink(),
    );
    await expect(
      serving.connectConnection(foreign, { connectionId, endpointAddress: '10.9.9.9', endpointPort: 1 }),
    ).rejects.toEqual(refused('connectionNotAuthorized'));
    expect((await sessions.read(scene.sessionId))?.connections[0]).toMatchObject({
      status: 'connected',
      bytes_up: 0,
      endpoint_address: '127.0.0.1',
    });
    await scene.world.close();
  });

  test('hostile counters, times and ports of a worker are cut to what can be', async () => {
    const scene = await newScene(engineTest);
    const connectionId = await openConnection(scene);
    const { serving, sessions } = scene.world.domain;
    await serving.closeConnections(scene.worker, [
      { connectionId, bytesUp: -5, bytesDown: Number.NaN, reason: 'client closed', closedAt: 9e15 },
    ]);
    const row = (await sessions.read(scene.sessionId))?.connections[0];
    expect(row).toMatchObject({ bytes_up: 0, bytes_down: 0, status: 'closed' });
    expect(row?.closed_at).toBeLessThanOrEqual(systemClock.nowUs());
    await scene.world.close();
  });

  test('addresses that a hostile worker reports are kept without control characters', async () => {
    const scene = await newScene(engineTest);
    const { serving, sessions } = scene.world.domain;
    await serving.activate(scene.worker, scene.sessionId, 't'.repeat(20));
    const { connectionId } = await serving.authorizeConnection(scene.worker, {
      sessionId: scene.sessionId,
      clientAddress: '192.0.2.1\0\u001b[2J\ud800',
      clientPort: 1,
    });
    const endpoint = { endpointAddress: '::1\0\u009b', endpointPort: 2 };
    await serving.connectConnection(scene.worker, { connectionId, ...endpoint });
    expect((await sessions.read(scene.sessionId))?.connections[0]).toMatchObject({
      client_address: '192.0.2.1[2J',
      endpoint_address: '::1',
    });
    await scene.world.close();
  });

  test('a client that ends its own session ends it in its own name, and may do so again', async () => {
    const scene = await newScene(engineTest);
    const { world, worker, sessionId } = scene;
    const connectionId = await openConnection(scene);
    expect(await world.domain.serving.cancelByClient(worker, sessionId)).toBe('canceling');
    expect(await world.domain.serving.cancelByClient(worker, sessionId)).toBe('canceling');
    await expect(
      world.domain.serving.connectConnection(worker, {
        connectionId: 'sc_unknown',
        endpointAddress: 'a',
        endpointPort: 1,
      }),
    ).rejects.toEqual(refused('connectionNotAuthorized'));
    await world.domain.serving.closeConnections(worker, [close(connectionId, 1, 1)]);
    expect((await world.domain.sessions.read(sessionId))?.session).toMatchObject({
      status: 'terminated',
      end_reason: 'client finished',
      ended_by: worldIds.user,
    });
    expect(await world.domain.serving.cancelByClient(worker, sessionId)).toBe('terminated');
    await world.close();
  });
});
