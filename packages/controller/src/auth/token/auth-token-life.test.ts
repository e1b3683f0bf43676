/** How auth tokens end by time and by settings, and how use keeps them: over real databases, with the clock in the hands of the test. */
import { type Clock, type Secret, silentLogger, systemClock } from '@stile/runtime';
import { expect, it } from 'vitest';
import { describeBothEngines } from '../../../../../test/support/engines.ts';
import { makeIdentities, testIds } from '../../../../../test/support/identities.ts';
import { ManualClock } from '../../../../../test/support/manual-clock.ts';
import { ShiftedClock } from '../../../../../test/support/shifted-clock.ts';
import { KeyService } from '../../keys/key-service.ts';
import { generateRootKey, rootKeyOf } from '../../keys/root-key.ts';
import type { Database } from '../../store/database.ts';
import type { AuthTokenType } from '../../store/schema.ts';
import { AuthTokenSweep } from '../sweep/auth-token-sweep.ts';
import { consumeAuthToken, revokeAuthTokens } from './auth-token-change-repository.ts';
import { AuthTokenService, type IssuedToken } from './auth-token-service.ts';
import type { AuthTokenSettings } from './auth-token-settings.ts';

const second = 1000;
const hour = 3600 * second;
const day = 24 * hour;
const anonymous = { userId: 'u_anon' };
const client = { address: '127.0.0.1', port: 40_000, userAgent: 'test' };
const who = {
  userId: testIds.plain.user,
  accountId: testIds.plain.account,
  accountVersion: 1,
  authMethodId: testIds.authMethod,
  scopeId: 'global',
};

/** An installation whose controllers may have other settings and clocks. */
class World {
  readonly database: Database;
  readonly clock: ManualClock;
  readonly #keys: KeyService;
  readonly #services: AuthTokenService[] = [];

  private constructor(database: Database, clock: ManualClock, keys: KeyService) {
    this.database = database;
    this.clock = clock;
    this.#keys = keys;
  }

  static async of(database: Database): Promise<World> {
    await makeIdentities(database);
    const clock = new ManualClock();
    return new World(
      database,
      clock,
      await KeyService.open({ database, rootKey: rootKeyOf(generateRootKey()), clock }),
    );
  }

  /** A controller. */
  start(settings: Partial<AuthTokenSettings> = {}, more: { clock?: Clock; database?: Database } = {}) {
    const { clock = this.clock, database = this.database } = more;
    const service = new AuthTokenService({ database, keys: this.#keys, clock, settings });
    this.#services.push(service);
    return service;
  }

  async sweep(service: AuthTokenService): Promise<void> {
    const { database } = this;
    // Its pauses pass by themselves.
    const clock: Clock = {
      nowUs: () => this.clock.nowUs(),
      monotonicMs: () => systemClock.monotonicMs(),
      setTimer: (delayMs, fn) => systemClock.setTimer(delayMs, fn),
    };
    const sweep = new AuthTokenSweep({ database, clock, log: silentLogger, settings: service.settings });
    await sweep.runOnce();
    await sweep.close();
  }

  async close(): Promise<void> {
    for (const service of this.#services) await service.close();
    this.#keys.close();
  }
}

/** A token of a kind that lives so many seconds, put into the database as minting would. */
async function mint(
  service: AuthTokenService,
  world: World,
  more: { type: AuthTokenType; lifeSeconds: number; idleSeconds?: number; clock?: Clock },
): Promise<IssuedToken> {
  const { type, lifeSeconds, idleSeconds = 0, clock = world.clock } = more;
  const made = service.newToken({
    scope_id: 'global',
    user_id: who.userId,
    account_id: null,
    auth_method_id: null,
    type,
    created_by_user_id: who.userId,
    expires_at: clock.nowUs() + lifeSeconds * 1_000_000,
    time_to_stale_seconds: idleSeconds,
    single_use: type === 'one-time' ? 1 : 0,
  });
  await world.database.write((tx) => tx.insertInto('auth_token').values(made.stored).execute());
  return made;
}

/** A request with this token that succeeds when it is good; says whether it was. */
async function use(service: AuthTokenService, text: Secret): Promise<boolean> {
  const caller = await service.authenticate({ text: text.reveal(), client });
  if (caller.userId === anonymous.userId) return false;
  service.noteUse(caller, client);
  await service.flush();
  return true;
}

async function listed(service: AuthTokenService, includeExpired: boolean): Promise<Record<string, string>> {
  const rows = await service.list({
    permissions: new Map([['global', { all: true, own: false, ids: [], ownIds: [] }]]),
    ownerId: 'u_admin',
    page: { limit: 100, phase: 'created' },
    includeExpired,
  });
  return Object.fromEntries(rows.map((row) => [row.id, service.statusOf(row)]));
}

async function reasonOf(world: World, id: string): Promise<string | null> {
  const row = await world.database.reader
    .selectFrom('auth_token')
    .select('revoked_reason')
    .where('id', '=', id)
    .executeTakeFirstOrThrow();
  return row.revoked_reason;
}

describeBothEngines('the life of auth tokens', ({ engine, open }) => {
  it.each(['nobody has written it', 'requests have written it', 'the sweep has written it'])(
    'case 18: ended ones are hidden, shown with their status when asked for, and authenticate nobody, when %s',
    async (title) => {
      const world = await World.of(await open());
      const service = world.start();
      const stale = await service.issue(who);
      const idle = await mint(service, world, { type: 'api', lifeSeconds: 3 * 86_400, idleSeconds: 600 });
      const expired = await mint(service, world, { type: 'api', lifeSeconds: 3600 });
      const revoked = await mint(service, world, { type: 'api', lifeSeconds: 3 * 86_400 });
      const consumed = await mint(service, world, { type: 'one-time', lifeSeconds: 86_400 });
      const good = await mint(service, world, { type: 'api', lifeSeconds: 3 * 86_400 });
      const nowUs = world.clock.nowUs();
      await world.database.write(async (tx) => {
        await revokeAuthTokens(tx, [revoked.row.id], { reason: 'user request', nowUs });
        await consumeAuthToken(tx, engine, { id: consumed.row.id, singleUse: true }, nowUs);
      });
      world.clock.advance(25 * hour);
      if (title.startsWith('the sweep')) {
        await world.sweep(service);
        expect(await reasonOf(world, stale.row.id)).toBe('idle');
        expect(await reasonOf(world, expired.row.id)).toBe('expired');
      }
      if (title.startsWith('requests')) {
        for (const { text } of [stale, idle, expired]) expect(await use(service, text)).toBe(false);
        await service.flush();
      }
      const expectations = {
        [stale.row.id]: 'stale',
        [idle.row.id]: 'stale',
        [expired.row.id]: 'expired',
        [revoked.row.id]: 'revoked',
        [consumed.row.id]: 'consumed',
        [good.row.id]: 'active',
      };
      expect(await listed(service, true)).toEqual(expectations);
      expect(await listed(service, false)).toEqual({ [good.row.id]: 'active' });
      for (const { text } of [stale, idle, expired, revoked, consumed]) {
        expect(await service.authenticate({ text: text.reveal(), client })).toEqual(anonymous);
      }
      expect(await use(service, good.text)).toBe(true);
      await world.close();
    },
  );

  it('case 19: what was written as ended stays so when the clock steps back an hour', async () => {
    const world = await World.of(await open());
    const clock = new ShiftedClock(world.clock);
    const service = world.start({}, { clock });
    const login = await service.issue(who);
    const api = await mint(service, world, { type: 'api', lifeSeconds: 3600 });
    const swept = await mint(service, world, { type: 'web', lifeSeconds: 3600 });
    world.clock.advance(24 * hour);
    expect(await use(service, login.text)).toBe(false);
    expect(await use(service, api.text)).toBe(false);
    await service.flush();
    await world.sweep(service);
    clock.aheadMs = -24 * hour;
    for (const { row, text } of [login, api, swept]) {
      expect(clock.nowUs()).toBeLessThan(row.expires_at);
      expect(await use(service, text)).toBe(false);
    }
    expect(await listed(service, false)).toEqual({});
    expect(await listed(service, true)).toEqual({
      [login.row.id]: 'stale',
      [api.row.id]: 'expired',
      [swept.row.id]: 'expired',
    });
    await world.close();
  });

  it('case 19: with clocks two minutes apart no token is born ended, and none lives longer than its row', async () => {
    const world = await World.of(await open());
    const fast = new ShiftedClock(world.clock, 120 * second);
    const controllers = [
      { service: world.start(), clock: world.clock },
      { service: world.start({}, { clock: fast }), clock: fast },
    ] as const;
    for (const [maker, other] of [controllers, [...controllers].reverse()] as const) {
      if (maker === undefined || other === undefined) throw new Error('two controllers');
      const login = await maker.service.issue(who);
      const { clock } = maker;
      const api = await mint(maker.service, world, { type: 'api', lifeSeconds: 600, clock });
      for (const { text } of [login, api]) {
        expect(await use(maker.service, text)).toBe(true);
        expect(await use(other.service, text)).toBe(true);
      }
      const leftMs = (api.row.expires_at - other.clock.nowUs()) / 1000;
      world.clock.advance(leftMs - 1);
      expect(await use(other.service, api.text)).toBe(true);
      world.clock.advance(1);
      expect(await use(other.service, api.text)).toBe(false);
      await other.service.flush();
      // Whoever sees the end first writes it: it holds on the other too.
      expect(await use(maker.service, api.text)).toBe(false);
      expect(await reasonOf(world, api.row.id)).toBe('expired');
      expect(await use(maker.service, login.text)).toBe(true);
    }
    await world.close();
  });

  it('case 19: a use by a controller that is behind does not take back one by a controller that is ahead', async () => {
    const world = await World.of(await open());
    const behind = world.start();
    const ahead = world.start({}, { clock: new ShiftedClock(world.clock, 120 * second) });
    const { row, text } = await behind.issue(who);
    expect(await use(ahead, text)).toBe(true);
    const used = (await behind.read(row.id)).last_used_at;
    expect(used).toBe(row.created_at + 120_000_000);
    world.clock.advance(second);
    expect(await use(behind, text)).toBe(true);
    expect((await behind.read(row.id)).last_used_at).toBe(used);
    await world.close();
  });

  it('case 21: a lowered maximum ends older tokens at their next request; raised again it revives none that was seen or swept', async () => {
    const world = await World.of(await open());
    const before = world.start({ maxTokenLifetimeSeconds: 30 * 86_400 });
    const make = (): Promise<IssuedToken> => mint(before, world, { type: 'api', lifeSeconds: 30 * 86_400 });
    const [seen, swept, unseen] = [await make(), await make(), await make()];
    world.clock.advance(2 * day);
    const young = await mint(before, world, { type: 'api', lifeSeconds: 30 * 86_400 });
    expect(await use(before, seen.text)).toBe(true);
    const lowered = world.start({ maxTokenLifetimeSeconds: 86_400 });
    expect(await listed(lowered, false)).toEqual({ [young.row.id]: 'active' });
    expect(await use(lowered, seen.text)).toBe(false);
    await lowered.flush();
    expect(await reasonOf(world, seen.row.id)).toBe('lifetime lowered');
    expect(await reasonOf(world, unseen.row.id)).toBeNull();
    // Neither a request nor the sweep came in between.
    const raisedAtOnce = world.start({ maxTokenLifetimeSeconds: 30 * 86_400 });
    expect(await use(raisedAtOnce, unseen.text)).toBe(true);
    await world.sweep(lowered);
    expect(await reasonOf(world, swept.row.id)).toBe('lifetime lowered');
    const raised = world.start({ maxTokenLifetimeSeconds: 365 * 86_400 });
    for (const { text } of [seen, swept, unseen]) expect(await use(raised, text)).toBe(false);
    // Nor does a raised maximum lengthen what was minted under a lower one.
    expect(await use(raised, young.text)).toBe(true);
    world.clock.advance(30 * day);
    expect(await use(raised, young.text)).toBe(false);
    await world.close();
  });

  it.each(['login', 'api'] as const)(
    'case 22: an idle limit of 10 s lets a %s live that is used every 6 s, and ends it after a pause of 11 s',
    async (type) => {
      const world = await World.of(await open());
      const service = world.start({ timeToStaleSeconds: 10 });
      const { row, text } =
        type === 'login'
          ? await service.issue(who)
          : await mint(service, world, { type, lifeSeconds: 86_400, idleSeconds: 10 });
      for (let uses = 0; uses < 10; uses += 1) {
        world.clock.advance(6 * second);
        expect(await use(service, text)).toBe(true);
      }
      world.clock.advance(11 * second);
      expect(service.statusOf(await service.read(row.id))).toBe('stale');
      expect(await use(service, text)).toBe(false);
      await service.flush();
      expect(await reasonOf(world, row.id)).toBe('idle');
      await world.close();
    },
  );

  it('case 22: being presented without success does not keep a token from its idle limit', async () => {
    const world = await World.of(await open());
    const service = world.start({ timeToStaleSeconds: 10 });
    const { text } = await service.issue(who);
    for (let asked = 0; asked < 2; asked += 1) {
      world.clock.advance(4 * second);
      // An open stream asks again and again whether its token is good; nothing is noted.
      expect((await service.authenticate({ text: text.reveal(), client })).userId).toBe(who.userId);
    }
    world.clock.advance(3 * second);
    expect(await use(service, text)).toBe(false);
    await world.close();
  });

  it('row E2: with session_duration of 3 s, use each second keeps a login for 10 s, and a pause of 4 s ends it', async () => {
    const world = await World.of(await open());
    const service = world.start({ timeToStaleSeconds: 3 });
    const { text } = await service.issue(who);
    for (let uses = 0; uses < 10; uses += 1) {
      world.clock.advance(second);
      expect(await use(service, text)).toBe(true);
    }
    world.clock.advance(4 * second);
    expect(await use(service, text)).toBe(false);
    await world.close();
  });

  it('row E2: with disable_session_expiry_refresh a login ends 3 s after it was made, however much it is used', async () => {
    const world = await World.of(await open());
    const service = world.start({ timeToStaleSeconds: 3, disableSessionExpiryRefresh: true });
    const { row, text } = await service.issue(who);
    expect(row.expires_at - row.created_at).toBe(3_000_000);
    for (let uses = 0; uses < 5; uses += 1) {
      world.clock.advance(0.5 * second);
      expect(await use(service, text)).toBe(true);
    }
    world.clock.advance(0.5 * second);
    expect(await use(service, text)).toBe(false);
    // One that was made before the setting is bound by it as well.
    const before = await world.start({ timeToStaleSeconds: 3 }).issue(who);
    world.clock.advance(3 * second);
    expect(await use(service, before.text)).toBe(false);
    await world.close();
  });

  it('case 23: 10,000 requests in 10 s with one token write its last use twice at the most, the first at once', async () => {
    const world = await World.of(await open());
    let writes = 0;
    const { database } = world;
    const counted: Database = {
      engine: database.engine,
      reader: database.reader,
      events: database.events,
      write: (unit, options) => {
        writes += 1;
        return database.write(unit, options);
      },
      close: () => database.close(),
    };
    const service = world.start({}, { database: counted });
    const { row, text } = await service.issue(who);
    writes = 0;
    const presented = { text: text.reveal(), client };
    const wide = 20;
    for (let requests = 0; requests < 10_000; requests += wide) {
      world.clock.advance(wide);
      const callers = await Promise.all(Array.from({ length: wide }, () => service.authenticate(presented)));
      for (const caller of callers) service.noteUse(caller, client);
    }
    await service.flush();
    // A second one at the most: of requests that read the row while the first was on its way.
    expect(writes).toBeGreaterThanOrEqual(1);
    expect(writes).toBeLessThanOrEqual(2);
    const { last_used_at: used } = await service.read(row.id);
    expect(used).toBeGreaterThan(row.created_at);
    await world.close();
  }, 60_000);
});
