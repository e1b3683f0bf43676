/** Queries over auth tokens whose cost must not grow with the number of those that have ended: each is a range of its index. */
import { sql, type RawBuilder } from 'kysely';
import { expect, it } from 'vitest';
import { authTokenRow } from '../../../../../test/support/auth-token-row.ts';
import { describeBothEngines } from '../../../../../test/support/engines.ts';
import { makeIdentities } from '../../../../../test/support/identities.ts';
import { plansOf } from '../../../../../test/support/query-plan.ts';
import { listSessionsOfRevokedTokens } from '../../session/session-repository.ts';
import type { Connection, Database } from '../../store/database.ts';
import { estimateRows } from '../../store/list/row-estimate.ts';
import type { PageRequest } from '../../store/page.ts';
import { listDependentTokenIds } from '../token/auth-token-change-repository.ts';
import {
  countApiTokens,
  listAuthTokens,
  listLiveTokenIdsOf,
  type AuthTokenListRequest,
} from '../token/auth-token-repository.ts';
import { defaultAuthTokenSettings as settings } from '../token/auth-token-settings.ts';
import { deleteEndedTokens, listDueTokensOfUser, nextDueTokens } from './auth-token-sweep-repository.ts';

const hourUs = 3_600_000_000;
const nowUs = 1_800_000_000_000_000;
const created: PageRequest = { limit: 101, phase: 'created' };
const everything = { all: true, own: false, ids: [], ownIds: [] };
const own = { all: false, own: true, ids: [], ownIds: [] };

/** 20,000 tokens, one in five of them living, so that PostgreSQL's statistics prefer what they would at a million. */
async function fill(database: Database): Promise<void> {
  await makeIdentities(database);
  const { columns, values } = sharedColumns();
  await database.write(async (tx) => {
    await sql`
      with recursive
        n (i) as (select 0 union all select i + 1 from n where i < 19999),
        made as (select i, cast(${nowUs} as bigint) - i * cast(3000000 as bigint) as at from n)
      insert into auth_token (id, user_id, type, created_at, updated_at, last_used_at, ends_at, revoked_at, revoked_reason, ${columns})
      select
        'at_' || cast(1000000000 + i as text), case when i % 71 = 0 then 'u_admin' else 'u_plain' end,
        case i % 4 when 0 then 'login' when 1 then 'web' when 2 then 'api' else 'one-time' end, at, at, at,
        case when i % 5 = 0 then ${nowUs + hourUs} else at + 1 end, case when i % 5 = 0 then null else at + 1 end,
        case when i % 5 = 0 then null else 'user request' end, ${values}
      from made`.execute(tx);
  });
  if (database.engine === 'postgres') await database.write((tx) => sql`analyze`.execute(tx));
}

/** What is the same in every row. */
function sharedColumns(): { readonly columns: RawBuilder<unknown>; readonly values: RawBuilder<unknown> } {
  const { scope_id, created_by_user_id, secret_mac, secret_key_version, expires_at } = authTokenRow(
    'u_admin',
    nowUs,
  );
  const shared = {
    scope_id,
    created_by_user_id,
    secret_mac,
    secret_key_version,
    expires_at,
    time_to_live_seconds: 3600,
    time_to_stale_seconds: 0,
  };
  return {
    columns: sql.join(Object.keys(shared).map((name) => sql.ref(name))),
    values: sql.join(Object.values(shared)),
  };
}

function list(more: Partial<AuthTokenListRequest>): (db: Connection) => Promise<unknown> {
  return (db) =>
    listAuthTokens(db, {
      permissions: new Map([['global', everything]]),
      ownerId: 'u_plain',
      page: created,
      settings,
      nowUs,
      includeExpired: false,
      ...more,
    });
}

const after = { at: nowUs - hourUs, id: 'at_1000000061' };

/** Queries, and the index that each is to be a range of, in the order of the answer. */
const queries: readonly (readonly [
  name: string,
  run: (db: Connection) => Promise<unknown>,
  index: string,
])[] = [
  ['a page of the active ones', list({}), 'auth_token_scope_live'],
  ['a next page of the active ones', list({ page: { ...created, after } }), 'auth_token_scope_live'],
  ['a page of the active ones of a type', list({ types: ['api'] }), 'auth_token_scope_type_live'],
  ['a page of the active ones of two types', list({ types: ['api', 'web'] }), 'auth_token_scope_type_live'],
  ['a page of the active ones of a user', list({ userId: 'u_admin' }), 'auth_token_user_live'],
  [
    'a page of the active ones of a user, of a type',
    list({ userId: 'u_admin', types: ['api'] }),
    'auth_token_user_live',
  ],
  [
    "a page of the caller's own active ones",
    list({ permissions: new Map([['global', own]]), ownerId: 'u_admin' }),
    'auth_token_user_live',
  ],
  ['a page of all', list({ includeExpired: true }), 'auth_token_created'],
  ['a page of all of a user', list({ includeExpired: true, userId: 'u_admin' }), 'auth_token_user_created'],
  [
    'what changed since',
    list({ page: { limit: 101, phase: 'updated', updatedSince: nowUs - hourUs } }),
    'auth_token_updated',
  ],
  [
    'those of a user that are counted against its limit',
    (db) => countApiTokens(db, 'u_admin', { settings, nowUs }),
    'auth_token_user_live',
  ],
  [
    'those that end with their user',
    (db) => listLiveTokenIdsOf(db, { userId: 'u_admin' }),
    'auth_token_user_live',
  ],
  ['those that end with another', (db) => listDependentTokenIds(db, ['at_1', 'at_2']), 'auth_token_parent'],
  [
    'those of a user whose time is up',
    (db) => listDueTokensOfUser(db, 'u_admin', { settings, nowUs }),
    'auth_token_user_live',
  ],
];

/** The plans in which something is read that no index leads to, or is sorted. */
const isCostly = /SCAN|TEMP B-TREE|Seq Scan|Sort/;

describeBothEngines('plans over auth tokens', ({ engine, open }) => {
  it('each query is a range of an index, in the order of its answer', async () => {
    const database = await open();
    await fill(database);
    const wrong: string[] = [];
    for (const [name, run, index] of queries) {
      const plans = await plansOf(database, run);
      const isRight =
        plans.length > 0 && plans.every(({ plan }) => plan.includes(index) && !isCostly.test(plan));
      if (!isRight) wrong.push(`${name}, wanted ${index}: ${plans.map(({ plan }) => plan).join('; ')}`);
    }
    expect(wrong).toEqual([]);
  });

  it('case 52: what the sweep looks for, by every reason, is a range of an index of living tokens', async () => {
    const database = await open();
    await fill(database);
    // Nothing is due, so it looks for all of them.
    const plans = await plansOf(database, (db) => nextDueTokens(db, settings, nowUs, 50));
    const indexes = plans.map(({ plan }) => /auth_token_live_\w+/.exec(plan)?.[0]);
    expect(indexes).toEqual([
      'auth_token_live_expires',
      ...Array.from({ length: 4 }, () => 'auth_token_live_type'),
      'auth_token_live_used',
      'auth_token_live_idle',
    ]);
    for (const { plan } of plans) expect(plan).not.toMatch(/SCAN|Seq Scan/);
  });

  it('case 52: what is collected is found in the order of its end, with its sessions and children by index', async () => {
    const database = await open();
    await fill(database);
    const [deletion] = await plansOf(database, (tx) => deleteEndedTokens(tx, nowUs - hourUs, 50));
    const plan = deletion?.plan ?? '';
    expect(plan).toContain('auth_token_ends');
    expect(plan).toContain('session_living_auth_token');
    expect(plan).toContain('auth_token_parent');
    expect(plan).not.toMatch(engine === 'sqlite' ? /SCAN|TEMP B-TREE/ : /Seq Scan|Sort/);
  });

  it('the sessions of tokens that were revoked lately are found from those tokens', async () => {
    const database = await open();
    await fill(database);
    const [lookup] = await plansOf(database, (db) => listSessionsOfRevokedTokens(db, nowUs - hourUs));
    expect(lookup?.plan).toMatch(/auth_token_revoked|session_living_auth_token/);
    expect(lookup?.plan).not.toMatch(/SCAN|Seq Scan/);
  });

  it('the number of active ones is counted in their index, no further than asked', async () => {
    const database = await open();
    await fill(database);
    const permissions = new Map([['global', everything]]);
    const count = (livingOnly: boolean, limit: number): Promise<number> =>
      estimateRows(database.reader, { table: 'auth_token', permissions, livingOnly }, limit);
    expect([await count(true, 10_000), await count(false, 10_000), await count(true, 100)]).toEqual([
      4000, 10_000, 100,
    ]);
    const [counted] = await plansOf(database, (db) =>
      estimateRows(db, { table: 'auth_token', permissions, livingOnly: true }, 100),
    );
    expect(counted?.plan).toMatch(/auth_token_\w*live/);
  });
});
