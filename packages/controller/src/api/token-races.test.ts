/** Auth tokens that are minted, changed and ended at the same time, on both engines; on PostgreSQL by two controllers. */
import { generateRootKey, startController, type Controller } from '@stile/controller';
import { StileError } from '@stile/protocol';
import { Secret, type HostPort } from '@stile/runtime';
import { expect, test } from 'vitest';
import { startTestController } from '../../../../test/support/controller.ts';
import { describeBothEngines, type EngineTest } from '../../../../test/support/engines.ts';
import { call, type HttpAnswer } from '../../../../test/support/http-client.ts';
import { waitingStatement } from '../../../../test/support/waiting-statement.ts';
import { changeAuthToken, revokeAuthTokens } from '../auth/token/auth-token-change-repository.ts';
import type { Caller, CallerToken } from '../auth/token/auth-token-service.ts';

type Json = Readonly<Record<string, unknown>>;
const jsonOf = (answer: HttpAnswer): Json => answer.json as Json;
const loopback: HostPort = { host: '127.0.0.1', port: 0 };

interface Scene {
  readonly first: Controller;
  /** Another controller on the same database; on SQLite, which one process writes, the same. */
  readonly second: Controller;
  readonly admin: string;
  readonly user: string;
  /** One call; `turn` chooses the controller. */
  readonly send: (call: {
    readonly method: string;
    readonly path: string;
    readonly body?: unknown;
    readonly token: string;
    readonly turn?: number;
  }) => Promise<HttpAnswer>;
}

async function withScene(engineTest: EngineTest, body: (scene: Scene) => Promise<void>): Promise<void> {
  const url = new Secret(await engineTest.newUrl());
  const rootKey = generateRootKey();
  const shared = { database: { url }, rootKey, apiRateLimitDisable: true };
  const test = await startTestController(shared);
  let other: Controller | undefined;
  try {
    if (engineTest.engine === 'postgres') {
      const listeners = { api: [{ address: loopback }], cluster: { address: loopback } };
      other = await startController({ ...shared, name: 'second-controller', listeners });
    }
    const second = other ?? test.controller;
    const addresses = [test.api, second.apiAddresses[0] ?? test.api] as const;
    await body({
      first: test.controller,
      second,
      admin: test.admin,
      user: test.user,
      send: ({ method, path, body: sent, token, turn = 0 }) =>
        call(addresses[turn % 2 === 0 ? 0 : 1], {
          method,
          path,
          body: sent,
          headers: { authorization: `Bearer ${token}` },
        }),
    });
  } finally {
    await other?.close();
    await test.stop();
  }
}

async function mint(scene: Scene, token: string, body: Json = {}): Promise<{ id: string; token: string }> {
  const answer = await scene.send({
    method: 'POST',
    path: '/v1/auth-tokens',
    body: { type: 'api', ...body },
    token,
  });
  if (answer.status !== 200) throw new Error(`${answer.status} ${answer.text}`);
  return { id: String(jsonOf(answer)['id']), token: String(jsonOf(answer)['token']) };
}

/** The same call many times at once. */
function atOnce(count: number, ask: (turn: number) => Promise<HttpAnswer>): Promise<HttpAnswer[]> {
  return Promise.all(Array.from({ length: count }, (_, turn) => ask(turn)));
}

const statuses = (answers: readonly HttpAnswer[]): number[] =>
  answers.map((answer) => answer.status).toSorted((a, b) => a - b);

async function callerOf(controller: Controller, text: string): Promise<Caller & { token: CallerToken }> {
  const caller = await controller.parts.authTokens.authenticate({ text });
  if (caller.token === undefined) throw new Error('the token is not good');
  return { ...caller, token: caller.token };
}

/** Mints as a request does whose caller was looked at before. */
function mintAs(controller: Controller, caller: Caller & { token: CallerToken }): Promise<unknown> {
  return controller.parts.minting.mint({
    caller,
    client: { address: '127.0.0.1', port: 4711 },
    type: 'api',
    owner: { id: caller.userId, scopeId: 'global' },
    isAdmin: false,
  });
}

/** The tokens that were minted from one, whatever became of them. */
function childrenOf(
  controller: Controller,
  id: string,
): Promise<{ id: string; revoked_at: number | null }[]> {
  return controller.parts.database.reader
    .selectFrom('auth_token')
    .select(['id', 'revoked_at'])
    .where('parent_auth_token_id', '=', id)
    .execute();
}

async function codeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
    return 'done';
  } catch (error) {
    return error instanceof StileError ? error.code : String(error);
  }
}

describeBothEngines('auth tokens at the same time', (engineTest) => {
  test('case 5: a token that is revoked between the check and the insert mints no child', async () => {
    await withScene(engineTest, async (scene) => {
      const parent = await mint(scene, scene.admin);
      const caller = await callerOf(scene.second, parent.token);
      let minted: Promise<string> = Promise.resolve('not asked');
      // The first client revokes and has not committed; the second has checked, and waits for it at the insert.
      await scene.first.parts.database.write(async (tx) => {
        const nowUs = scene.first.parts.clock.nowUs();
        const end = { reason: 'user request', nowUs, by: caller.userId } as const;
        expect(await revokeAuthTokens(tx, [parent.id], end)).toEqual([parent.id]);
        minted = codeOf(mintAs(scene.second, caller));
        await waitingStatement(scene.first.parts.database);
      });
      expect(await minted).toBe('conflict');
      expect(await codeOf(mintAs(scene.second, caller))).toBe('conflict');
      expect(await childrenOf(scene.first, parent.id)).toEqual([]);
    });
  });

  test('case 5: a token that is narrowed between the check and the insert mints no child as wide as before', async () => {
    await withScene(engineTest, async (scene) => {
      const parent = await mint(scene, scene.admin);
      const caller = await callerOf(scene.second, parent.token);
      const narrowed = await scene.send({
        method: 'PATCH',
        path: `/v1/auth-tokens/${parent.id}`,
        body: { version: 1, token_scopes: ['auth-token:create:self', 'target:read'] },
        token: parent.token,
      });
      expect(narrowed.status).toBe(200);
      expect(await codeOf(mintAs(scene.second, caller))).toBe('conflict');
      expect(await childrenOf(scene.first, parent.id)).toEqual([]);
    });
  });

  test('case 5: of mints and a revocation at once no child outlives the end of its parent', async () => {
    await withScene(engineTest, async (scene) => {
      const parent = await mint(scene, scene.admin);
      const [revoked, ...answers] = await atOnce(21, (turn) =>
        turn === 0
          ? scene.send({
              method: 'POST',
              path: `/v1/auth-tokens/${parent.id}:revoke`,
              body: {},
              token: scene.admin,
              turn: 1,
            })
          : scene.send({
              method: 'POST',
              path: '/v1/auth-tokens',
              body: { type: 'api' },
              token: parent.token,
              turn,
            }),
      );
      expect(revoked?.status).toBe(200);
      const children = await childrenOf(scene.first, parent.id);
      expect(children.filter((child) => child.revoked_at === null)).toEqual([]);
      const minted = answers.filter((answer) => answer.status === 200);
      expect(children.map((child) => child.id).toSorted()).toEqual(
        minted.map((answer) => String(jsonOf(answer)['id'])).toSorted(),
      );
      for (const answer of minted) {
        const token = String(jsonOf(answer)['token']);
        expect((await scene.send({ method: 'GET', path: '/v1/users:me', token })).status).toBe(401);
      }
    });
  });

  test('a token that is revoked meanwhile gets no new secret of another one', async () => {
    await withScene(engineTest, async (scene) => {
      const thief = await mint(scene, scene.admin);
      const short = await mint(scene, scene.admin, { lifetime: '1h' });
      const by = await callerOf(scene.second, thief.token);
      const rotate = (): Promise<string> =>
        codeOf(scene.second.parts.tokenChanges.rotate({ id: short.id, version: 1, by }));
      let rotated: Promise<string> = Promise.resolve('not asked');
      await scene.first.parts.database.write(async (tx) => {
        const nowUs = scene.first.parts.clock.nowUs();
        await revokeAuthTokens(tx, [thief.id], { reason: 'user request', nowUs });
        rotated = rotate();
        await waitingStatement(scene.first.parts.database);
      });
      expect(await rotated).toBe('conflict');
      expect(await rotate()).toBe('conflict');
      expect((await scene.send({ method: 'GET', path: '/v1/users:me', token: short.token })).status).toBe(
        200,
      );
    });
  });

  test('a change that was checked against an older row widens nothing', async () => {
    await withScene(engineTest, async (scene) => {
      const token = await mint(scene, scene.admin);
      const by = await callerOf(scene.second, scene.admin);
      // The first client narrows version 1 to version 2 and has not committed; the second names version 2, and sees the wide version 1.
      await scene.first.parts.database.write(async (tx) => {
        const changes = { token_scopes: '["target:read"]' };
        const nowUs = scene.first.parts.clock.nowUs();
        expect(await changeAuthToken(tx, { id: token.id, version: 1 }, changes, nowUs)).toBe(true);
        const change = { id: token.id, version: 2, by, tokenScopes: ['role:*', 'target:*'] };
        // It is refused by what it reads, before it would wait for the first.
        expect(await codeOf(scene.second.parts.tokenChanges.narrow(change))).toBe('notFound');
      });
      const read = await scene.send({
        method: 'GET',
        path: `/v1/auth-tokens/${token.id}`,
        token: scene.admin,
      });
      expect(jsonOf(read)).toMatchObject({ version: 2, token_scopes: ['target:read'] });
    });
  });

  test('case 47: of 101 tokens that are made at once at a limit of 100 exactly 100 are', async () => {
    await withScene(engineTest, async (scene) => {
      const create = (turn: number): Promise<HttpAnswer> =>
        scene.send({
          method: 'POST',
          path: '/v1/auth-tokens',
          body: { type: 'api' },
          token: scene.user,
          turn,
        });
      const answers = await atOnce(101, create);
      expect(statuses(answers)).toEqual([...Array.from({ length: 100 }, () => 200), 400]);
      const refused = answers.find((answer) => answer.status === 400);
      expect(refused?.json).toMatchObject({
        kind: 'FailedPrecondition',
        message: expect.stringMatching(/100 API tokens.*max_tokens_per_user/) as unknown,
      });
      // The limit is each user's own, and a place is free again when a token ends.
      expect((await scene.send({ ...creation, token: scene.admin })).status).toBe(200);
      const [one] = answers;
      const id = String(jsonOf(one ?? (await create(0)))['id']);
      await scene.send({
        method: 'POST',
        path: `/v1/auth-tokens/${id}:revoke`,
        body: {},
        token: scene.user,
      });
      expect(statuses(await atOnce(5, create))).toEqual([200, 400, 400, 400, 400]);
    });
  });

  test('case 48: of many tokens that are given one name at once one gets it', async () => {
    await withScene(engineTest, async (scene) => {
      const answers = await atOnce(20, (turn) =>
        scene.send({ ...creation, body: { type: 'api', name: 'deploy' }, token: scene.user, turn }),
      );
      expect(statuses(answers)).toEqual([200, ...Array.from({ length: 19 }, () => 400)]);
      for (const answer of answers.filter((each) => each.status === 400)) {
        expect(answer.json).toMatchObject({ kind: 'InvalidArgument' });
      }
      const kept = answers.find((answer) => answer.status === 200);
      const id = String(jsonOf(kept ?? { status: 0, headers: {}, text: '', json: {} })['id']);
      // Many names for one token: the version lets one through.
      const renamed = await atOnce(10, (turn) =>
        scene.send({
          method: 'PATCH',
          path: `/v1/auth-tokens/${id}`,
          body: { version: 1, name: `name-${turn}` },
          token: scene.user,
          turn,
        }),
      );
      expect(statuses(renamed)).toEqual([200, ...Array.from({ length: 9 }, () => 404)]);
    });
  });

  test('case 48: one name is free at once when its token is revoked, and goes to one of many again', async () => {
    await withScene(engineTest, async (scene) => {
      const first = await mint(scene, scene.user, { name: 'deploy' });
      await scene.send({
        method: 'POST',
        path: `/v1/auth-tokens/${first.id}:revoke`,
        body: {},
        token: scene.user,
      });
      const answers = await atOnce(8, (turn) =>
        scene.send({ ...creation, body: { type: 'api', name: 'deploy' }, token: scene.user, turn }),
      );
      expect(statuses(answers)).toEqual([200, ...Array.from({ length: 7 }, () => 400)]);
    });
  });
});

const creation = { method: 'POST', path: '/v1/auth-tokens', body: { type: 'api' } } as const;
