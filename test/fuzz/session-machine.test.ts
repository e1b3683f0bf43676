/**
 * Random operations by several workers, clients and two controllers on one database: whatever the order and the overlap, the
 * limit holds, no transition is illegal, counters agree with what the workers said, and every session ends.
 */
import { type SessionStatus, StileError, connectionStatuses, sessionStatuses } from '@stile/protocol';
import { silentLogger } from '@stile/runtime';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { SessionConnection, SessionRow } from '../../packages/controller/src/session/session.ts';
import { openDatabase, type Database } from '../../packages/controller/src/store/database.ts';
import { migrate } from '../../packages/controller/src/store/migrate.ts';
import type { Target } from '../../packages/controller/src/target/target.ts';
import type { Worker } from '../../packages/controller/src/worker-registry/worker.ts';
import { describeBothEngines } from '../support/engines.ts';
import { ManualClock } from '../support/manual-clock.ts';
import {
  addCaller,
  addLiveWorker,
  addTarget,
  fillDatabase,
  makeWorld,
  projectScope,
  type SessionWorld,
} from '../support/session-world.ts';

/** Numbers choose among what there is at the time. */
interface Choice {
  readonly controller: number;
  readonly pick: number;
  readonly worker: number;
}

interface SessionOperation extends Choice {
  readonly kind: 'authorize' | 'cancel' | 'finish' | 'deleteTarget' | 'open';
}

interface ActivateOperation extends Choice {
  readonly kind: 'activate';
  readonly tofu: number;
}

interface ConnectionOperation extends Choice {
  readonly kind: 'connect' | 'report' | 'close' | 'forge';
  readonly up: number;
}

type Operation =
  | SessionOperation
  | ActivateOperation
  | ConnectionOperation
  | { readonly kind: 'pass'; readonly ms: number }
  | { readonly kind: 'reap'; readonly controller: number };

const who = { controller: fc.nat(1), pick: fc.nat(1000), worker: fc.nat(2) };
const sessionOperation = (kind: SessionOperation['kind']): fc.Arbitrary<SessionOperation> =>
  fc.record({ kind: fc.constant(kind), ...who });
const connectionOperation = (kind: ConnectionOperation['kind']): fc.Arbitrary<ConnectionOperation> =>
  fc.record({ kind: fc.constant(kind), ...who, up: fc.nat(1000) });
// The second TOFU token is rare: a session is mostly used by its first client.
const activation: fc.Arbitrary<ActivateOperation> = fc.record({
  kind: fc.constant('activate' as const),
  ...who,
  tofu: fc.nat(4).map((n) => (n === 0 ? 1 : 0)),
});
const operation: fc.Arbitrary<Operation> = fc.oneof(
  { weight: 3, arbitrary: sessionOperation('authorize') },
  { weight: 1, arbitrary: fc.oneof(sessionOperation('cancel'), sessionOperation('finish')) },
  { weight: 1, arbitrary: sessionOperation('deleteTarget') },
  { weight: 4, arbitrary: activation },
  { weight: 6, arbitrary: sessionOperation('open') },
  { weight: 4, arbitrary: connectionOperation('connect') },
  { weight: 4, arbitrary: fc.oneof(connectionOperation('close'), connectionOperation('report')) },
  { weight: 1, arbitrary: connectionOperation('forge') },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('pass' as const), ms: fc.nat(9000) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('reap' as const), controller: fc.nat(1) }) },
);

/** What an operation may be told; anything else is a fault. */
const expectedCodes = new Set([
  'connectionNotAuthorized',
  'sessionNotAccepted',
  'sessionNotPending',
  'sessionExpired',
  'tofuTokenNotAllowed',
  'notFound',
  // So much time passed that no worker counts as live.
  'unavailable',
]);
const tofuTokens = ['aaaaaaaaaaaaaaaaaaaa', 'bbbbbbbbbbbbbbbbbbbb'] as const;

interface Opened {
  readonly sessionId: string;
  readonly connectionId: string;
  readonly worker: Worker;
  /** Highest counter its worker has given. */
  up: number;
}

/** One run of the property on a database. */
class Run {
  readonly #worlds: readonly SessionWorld[];
  readonly #workers: readonly Worker[];
  readonly #clock: ManualClock;
  readonly #database: Database;
  readonly #targets: Target[] = [];
  readonly sessionIds: string[] = [];
  readonly #opened: Opened[] = [];
  readonly #seen = new Map<string, SessionStatus>();
  readonly #seenUp = new Map<string, number>();

  constructor(options: {
    worlds: readonly SessionWorld[];
    workers: readonly Worker[];
    clock: ManualClock;
    database: Database;
  }) {
    this.#worlds = options.worlds;
    this.#workers = options.workers;
    this.#clock = options.clock;
    this.#database = options.database;
  }

  async step(batch: readonly Operation[]): Promise<void> {
    await Promise.all(batch.map((each) => this.#tolerant(each)));
    await this.check();
  }

  async #tolerant(each: Operation): Promise<void> {
    try {
      await this.#run(each);
    } catch (error) {
      if (!(error instanceof StileError) || !expectedCodes.has(error.code)) throw error;
    }
  }

  async #run(each: Operation): Promise<void> {
    if (each.kind === 'pass') return this.#clock.advance(each.ms);
    const world = at(this.#worlds, each.controller);
    if (each.kind === 'reap') return world.domain.reaper.runOnce();
    const worker = at(this.#workers, each.worker);
    if (each.kind === 'authorize') return this.#authorize(world, each.pick);
    if (this.sessionIds.length === 0) return undefined;
    const sessionId = at(this.sessionIds, each.pick);
    const { serving, sessions, ending } = world.domain;
    switch (each.kind) {
      case 'activate':
        return void (await serving.activate(worker, sessionId, at(tofuTokens, each.tofu)));
      case 'cancel':
        return void (await sessions.cancel({ sessionId, by: 'u_admin', waitMs: 0 }));
      case 'finish':
        return void (await serving.cancelByClient(worker, sessionId));
      case 'deleteTarget':
        return ending.deleteTarget(at(this.#targets, each.pick).id, 'u_admin');
      case 'open':
        return this.#open(world, worker, sessionId);
      case 'connect':
      case 'report':
      case 'close':
      case 'forge':
        return this.#onConnection(world, each);
    }
  }

  async #authorize(world: SessionWorld, pick: number): Promise<void> {
    const limits = [-1, 1, 2, 3];
    const target = await addTarget(world, {
      sessionConnectionLimit: at(limits, pick),
      sessionMaxSeconds: 5 + (pick % 30),
      sessionLease: pick % 2 === 0 ? 'strict' : 'grace=5s',
    });
    this.#targets.push(target);
    const caller = await addCaller(world);
    const made = await world.domain.sessions.authorize({ caller, target, scope: projectScope });
    this.sessionIds.push(made.sessionId);
  }

  async #open(world: SessionWorld, worker: Worker, sessionId: string): Promise<void> {
    const client = { clientAddress: '192.0.2.1', clientPort: 1 };
    const { connectionId } = await world.domain.serving.authorizeConnection(worker, { sessionId, ...client });
    this.#opened.push({ sessionId, connectionId, worker, up: 0 });
  }

  async #onConnection(world: SessionWorld, each: ConnectionOperation): Promise<void> {
    if (this.#opened.length === 0) return;
    const opened = at(this.#opened, each.pick);
    const { serving, reconciliation } = world.domain;
    const counters = { connectionId: opened.connectionId, bytesUp: each.up, bytesDown: each.up };
    const close = { ...counters, reason: 'client closed', closedAt: this.#clock.nowUs() } as const;
    switch (each.kind) {
      case 'connect':
        return serving.connectConnection(opened.worker, {
          connectionId: opened.connectionId,
          endpointAddress: '127.0.0.1',
          endpointPort: 22,
        });
      case 'close':
        opened.up = Math.max(opened.up, each.up);
        return serving.closeConnections(opened.worker, [close, close]);
      case 'forge': {
        const thief = this.#workers.find((worker) => worker.id !== opened.worker.id);
        return thief && serving.closeConnections(thief, [{ ...close, bytesUp: 1e9 }]);
      }
      case 'report': {
        // A worker reports all that it has, or what it does not name is taken as lost.
        const mine = this.#opened.filter((one) => one.worker.id === opened.worker.id);
        const sessions = mine.map((one) => ({
          sessionId: one.sessionId,
          connections: [{ connectionId: one.connectionId, bytesUp: one.up, bytesDown: one.up }],
        }));
        await reconciliation.reconcile(opened.worker.id, sessions, reconciliation.newLink());
        return undefined;
      }
    }
  }

  /** What must hold at any time. */
  async check(): Promise<void> {
    const { sessions, connections } = await this.#rows();
    for (const session of sessions) {
      const mine = connections.filter((connection) => connection.session_id === session.id);
      expect(mine).toHaveLength(session.connections_used);
      if (session.connection_limit !== -1) {
        expect(session.connections_used).toBeLessThanOrEqual(session.connection_limit);
      }
      const before = this.#seen.get(session.id) ?? 'pending';
      expect(sessionStatuses.indexOf(session.status)).toBeGreaterThanOrEqual(sessionStatuses.indexOf(before));
      this.#seen.set(session.id, session.status);
      if (session.status === 'terminated') {
        expect(mine.every((connection) => connection.status === 'closed')).toBe(true);
        expect(session.end_reason).not.toBeNull();
      }
      if (session.status === 'pending') expect(mine).toHaveLength(0);
      const times = [
        session.created_at,
        session.active_at,
        session.canceling_at,
        session.terminated_at,
      ].filter((time) => time !== null);
      expect(times).toEqual([...times].sort((a, b) => a - b));
    }
    for (const connection of connections) {
      expect(connectionStatuses).toContain(connection.status);
      expect(connection.bytes_up).toBeGreaterThanOrEqual(this.#seenUp.get(connection.id) ?? 0);
      this.#seenUp.set(connection.id, connection.bytes_up);
    }
  }

  /** Lets everything run out: leases, then the longest session. */
  async finish(): Promise<void> {
    for (const ms of [20_000, 40_000]) {
      this.#clock.advance(ms);
      for (const world of this.#worlds) await world.domain.reaper.runOnce();
      await this.check();
    }
    const { sessions, connections } = await this.#rows();
    expect(sessions.map((session) => session.status)).toEqual(sessions.map(() => 'terminated'));
    for (const { connectionId, up } of this.#opened) {
      expect(connections.find((connection) => connection.id === connectionId)).toMatchObject({
        status: 'closed',
        bytes_up: up,
      });
    }
  }

  async #rows(): Promise<{ sessions: SessionRow[]; connections: SessionConnection[] }> {
    if (this.sessionIds.length === 0) return { sessions: [], connections: [] };
    const { reader } = this.#database;
    // Connections first: a session read later holds at least as many.
    const connections = await reader
      .selectFrom('session_connection')
      .selectAll()
      .where('session_id', 'in', this.sessionIds)
      .execute();
    const sessions = await reader
      .selectFrom('session')
      .selectAll()
      .where('id', 'in', this.sessionIds)
      .execute();
    return { sessions, connections };
  }
}

function at<T>(items: readonly T[], index: number): T {
  const item = items[index % items.length];
  if (item === undefined) throw new Error('nothing to choose from');
  return item;
}

describeBothEngines('sessions under random operations', (engineTest) => {
  test(
    'limits hold, transitions are legal, counters agree and every session ends',
    { timeout: 120_000 },
    async () => {
      const clock = new ManualClock();
      const first = await engineTest.open({ clock });
      await fillDatabase(first, clock.nowUs());
      const worlds = [await makeWorld(first, clock), await makeWorld(first, clock)];
      const [world] = worlds;
      if (world === undefined) throw new Error('two worlds were made');
      await fc.assert(
        fc.asyncProperty(
          fc.array(fc.array(operation, { minLength: 1, maxLength: 8 }), { minLength: 3, maxLength: 20 }),
          async (batches) => {
            const workers = [
              await addLiveWorker(world),
              await addLiveWorker(world),
              await addLiveWorker(world),
            ];
            for (const each of worlds) each.registry.selection.forget();
            await world.database.write(async (tx) => {
              // Workers stay live however much time passes in this run, until the end of it.
              await tx.updateTable('worker').set({ last_seen_at: clock.nowUs() }).execute();
            });
            const run = new Run({ worlds, workers, clock, database: first });
            for (const batch of batches) {
              await run.step(batch);
              await world.database.write(async (tx) => {
                await tx.updateTable('worker').set({ last_seen_at: clock.nowUs() }).execute();
              });
            }
            await run.finish();
          },
        ),
        { numRuns: engineTest.engine === 'sqlite' ? 25 : 15 },
      );
      await Promise.all(worlds.map((each) => each.close()));
    },
  );

  if (engineTest.engine === 'postgres') {
    test('two controllers with their own connections never exceed a limit together', async () => {
      const clock = new ManualClock();
      const url = await engineTest.newUrl();
      const databases = await Promise.all([1, 2].map(() => openDatabase({ url, clock, log: silentLogger })));
      const [one, two] = databases;
      if (one === undefined || two === undefined) throw new Error('two databases were opened');
      await migrate(one);
      await fillDatabase(one, clock.nowUs());
      const worlds = [await makeWorld(one, clock), await makeWorld(two, clock)];
      const [world] = worlds;
      if (world === undefined) throw new Error('two worlds were made');
      const workers = [await addLiveWorker(world), await addLiveWorker(world)];
      const target = await addTarget(world, { sessionConnectionLimit: 10 });
      const caller = await addCaller(world);
      for (let round = 0; round < 5; round += 1) {
        const { sessionId } = await world.domain.sessions.authorize({ caller, target, scope: projectScope });
        await world.domain.serving.activate(at(workers, 0), sessionId, tofuTokens[0]);
        const opened = await Promise.allSettled(
          Array.from({ length: 60 }, async (_unused, index) => {
            const worker = at(workers, index);
            const client = { clientAddress: '192.0.2.1', clientPort: 1 };
            const { serving } = at(worlds, index >> 1).domain;
            const { connectionId } = await serving.authorizeConnection(worker, { sessionId, ...client });
            const counters = { bytesUp: 1, bytesDown: 1, closedAt: clock.nowUs() };
            // Closed at once, by the other controller: the last close, whoever makes it, ends the session.
            await at(worlds, index).domain.serving.closeConnections(worker, [
              { connectionId, reason: 'client closed', ...counters },
            ]);
          }),
        );
        expect(opened.filter((each) => each.status === 'fulfilled')).toHaveLength(10);
        expect((await world.domain.sessions.read(sessionId))?.session).toMatchObject({
          status: 'terminated',
          end_reason: 'connection limit',
          connections_used: 10,
        });
      }
      await Promise.all(worlds.map((each) => each.close()));
      await Promise.all(databases.map((database) => database.close()));
    });
  }
});
