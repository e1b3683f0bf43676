/** SQL that reads auth tokens: the one a request presents, single ones, and pages of them. */
import { sql, type RawBuilder, type SqlBool } from 'kysely';
import { chunksOf } from '../../store/chunks.ts';
import type { Connection } from '../../store/database.ts';
import { listLanes, type Lane, type LanedRequest } from '../../store/list/list-lanes.ts';
import { pageOf } from '../../store/page.ts';
import { PreparedQuery } from '../../store/prepared-query.ts';
import type { AuthTokenTable, AuthTokenType, Microseconds } from '../../store/schema.ts';
import { longestLifeSeconds, type AuthTokenRow } from './auth-token.ts';
import type { AuthTokenSettings } from './auth-token-settings.ts';

/** What a request reads of its token: what proves it, when it ends, what it may, and whether its owner may use it. */
export type PresentedToken = Pick<
  AuthTokenTable,
  | 'id'
  | 'user_id'
  | 'account_id'
  | 'auth_method_id'
  | 'type'
  | 'parent_auth_token_id'
  | 'token_scopes'
  | 'allow_list'
  | 'secret_mac'
  | 'secret_key_version'
  | 'expires_at'
  | 'last_used_at'
  | 'time_to_stale_seconds'
  | 'origin'
  | 'match_origin'
  | 'single_use'
  | 'second_factor'
  | 'must_enroll'
  | 'revoked_at'
  | 'revoked_reason'
  | 'version'
  | 'created_at'
> & {
  readonly user_scope_id: string;
  readonly disabled_at: Microseconds | null;
  /** User of the token's account; null when it has none. */
  readonly account_user_id: string | null;
};

const columns = [
  'id',
  'scope_id',
  'user_id',
  'account_id',
  'auth_method_id',
  'type',
  'name',
  'description',
  'created_by_user_id',
  'parent_auth_token_id',
  'ends_with_parent',
  'token_scopes',
  'allow_list',
  'time_to_live_seconds',
  'time_to_stale_seconds',
  'expires_at',
  'ends_at',
  'last_used_at',
  'origin',
  'user_agent',
  'last_origin',
  'last_user_agent',
  'match_origin',
  'single_use',
  'second_factor',
  'must_enroll',
  'attributes',
  'revoked_at',
  'revoked_reason',
  'revoked_by_user_id',
  'version',
  'created_at',
  'updated_at',
] as const;

/** Tokens with what a request looks at. */
const presented = (db: Connection) =>
  db
    .selectFrom('auth_token')
    .innerJoin('iam_user', 'iam_user.id', 'auth_token.user_id')
    .leftJoin('account', 'account.id', 'auth_token.account_id')
    .select([
      'auth_token.id',
      'auth_token.user_id',
      'auth_token.account_id',
      'auth_token.auth_method_id',
      'auth_token.type',
      'auth_token.parent_auth_token_id',
      'auth_token.token_scopes',
      'auth_token.allow_list',
      'auth_token.secret_mac',
      'auth_token.secret_key_version',
      'auth_token.expires_at',
      'auth_token.last_used_at',
      'auth_token.time_to_stale_seconds',
      'auth_token.origin',
      'auth_token.match_origin',
      'auth_token.single_use',
      'auth_token.second_factor',
      'auth_token.must_enroll',
      'auth_token.revoked_at',
      'auth_token.revoked_reason',
      'auth_token.version',
      'auth_token.created_at',
      'iam_user.scope_id as user_scope_id',
      'iam_user.disabled_at',
      'account.user_id as account_user_id',
    ]);

/**
 * Runs at every request. For an id that there is not it reads some other token: the time that it takes says nothing about the id
 * (tokens.md §6 case 32).
 */
const presentedToken = new PreparedQuery((db, input: { id: string }) =>
  presented(db).where(
    'auth_token.id',
    '=',
    sql<string>`coalesce(
      (select id from auth_token where id = ${input.id}), (select id from auth_token order by id limit 1))`,
  ),
);

/** The token with its owner, by one statement over indexes; undefined when there is none. */
export async function lookupPresentedToken(db: Connection, id: string): Promise<PresentedToken | undefined> {
  const row = await presentedToken.first(db, { id });
  return row?.id === id ? row : undefined;
}

/** The same of many, those that are there, in no order. */
export async function listPresentedTokens(db: Connection, ids: readonly string[]): Promise<PresentedToken[]> {
  const found: PresentedToken[] = [];
  for (const chunk of chunksOf(ids)) {
    found.push(...(await presented(db).where('auth_token.id', 'in', chunk).execute()));
  }
  return found;
}

/** The token, or undefined; one that has ended is there until it is deleted. */
export function lookupAuthToken(db: Connection, id: string): Promise<AuthTokenRow | undefined> {
  return db.selectFrom('auth_token').select(columns).where('id', '=', id).executeTakeFirst();
}

/** Tokens by id, those that are there, in no order. */
export function listAuthTokensOfIds(db: Connection, ids: readonly string[]): Promise<AuthTokenRow[]> {
  if (ids.length === 0) return Promise.resolve([]);
  return db.selectFrom('auth_token').select(columns).where('id', 'in', ids).execute();
}

/** Whose a token was, and why it ended. */
export type EndedToken = Pick<AuthTokenTable, 'id' | 'type' | 'user_id' | 'origin' | 'revoked_reason'>;

/** The same of tokens by id, those that are there, in no order. */
export async function listEndedTokens(db: Connection, ids: readonly string[]): Promise<EndedToken[]> {
  const found: EndedToken[] = [];
  for (const chunk of chunksOf(ids)) {
    const query = db.selectFrom('auth_token').select(['id', 'type', 'user_id', 'origin', 'revoked_reason']);
    found.push(...(await query.where('id', 'in', chunk).execute()));
  }
  return found;
}

/** The account of a user at its scope's primary auth method, or undefined. */
export function lookupPrimaryAccount(
  db: Connection,
  userId: string,
): Promise<{ readonly id: string; readonly auth_method_id: string } | undefined> {
  return db
    .selectFrom('iam_user')
    .innerJoin('scope', 'scope.id', 'iam_user.scope_id')
    .innerJoin('account', (join) =>
      join
        .onRef('account.user_id', '=', 'iam_user.id')
        .onRef('account.auth_method_id', '=', 'scope.primary_auth_method_id'),
    )
    .select(['account.id', 'account.auth_method_id'])
    .where('iam_user.id', '=', userId)
    .orderBy('account.created_at')
    .orderBy('account.id')
    .executeTakeFirst();
}

/** Which tokens are listed. */
export interface AuthTokenListRequest extends LanedRequest {
  readonly settings: AuthTokenSettings;
  readonly nowUs: Microseconds;
  /** Also those that have ended. */
  readonly includeExpired: boolean;
  /** Only these kinds. */
  readonly types?: readonly AuthTokenType[] | undefined;
  /** Only those of this user. */
  readonly userId?: string | undefined;
  /** Only those with exactly this name. */
  readonly name?: string | undefined;
}

const kinds: readonly AuthTokenType[] = ['login', 'web', 'api', 'one-time'];

/** Microseconds as SQL: sums of parameters need a type on PostgreSQL. */
function us(value: number): RawBuilder<number> {
  return sql<number>`cast(${value} as bigint)`;
}

/** The tokens that no end has reached at a time: `authTokenStatus` = active, in SQL. */
export function isGood(settings: AuthTokenSettings, nowUs: Microseconds): RawBuilder<SqlBool> {
  const longest = kinds.map(
    (type) => sql`when ${type} then ${us(nowUs - longestLifeSeconds(type, settings) * 1_000_000)}`,
  );
  const idle = sql`time_to_stale_seconds = 0 or last_used_at > ${us(nowUs)} - time_to_stale_seconds * 1000000`;
  const isIdleOff = settings.disableSessionExpiryRefresh;
  const set = settings.timeToStaleSeconds * 1_000_000;
  const loginIdle =
    isIdleOff || set === 0 ? sql`` : sql` and (type <> 'login' or last_used_at > ${us(nowUs - set)})`;
  return sql<SqlBool>`(revoked_at is null and expires_at > ${us(nowUs)}
    and created_at > case type ${sql.join(longest, sql` `)} end
    and (${isIdleOff ? sql`type = 'login' or ` : sql``}${idle})${loginIdle})`;
}

/** Of these kinds, in words that name no index: for queries that the index of a user makes narrow, which SQLite cannot tell. */
export function hasType(types: readonly AuthTokenType[]): RawBuilder<SqlBool> {
  return sql<SqlBool>`type || '' in (${sql.join(types)})`;
}

/** A page of tokens, newest first. */
export function listAuthTokens(db: Connection, request: AuthTokenListRequest): Promise<AuthTokenRow[]> {
  return listLanes(request, (lane) => readLane(db, lane, request));
}

async function readLane(db: Connection, lane: Lane, request: AuthTokenListRequest): Promise<AuthTokenRow[]> {
  const { userId = lane.userId, types, name } = request;
  if (lane.userId !== undefined && userId !== lane.userId) return [];
  let query = db.selectFrom('auth_token').select(columns).where('scope_id', '=', lane.scopeId);
  if (userId !== undefined) query = query.where('user_id', '=', userId);
  if (lane.ids !== undefined) query = query.where('id', 'in', lane.ids);
  if (name !== undefined) query = query.where('name', '=', name);
  // A refresh also looks at those that ended meanwhile: they leave the list.
  if (!request.includeExpired && request.page.updatedSince === undefined) {
    query = query.where(isGood(request.settings, request.nowUs));
  }
  if (types !== undefined && userId !== undefined) query = query.where(hasType(types));
  const paged = pageOf(query, 'auth_token', request.page);
  if (types === undefined || userId !== undefined) return paged.execute();
  // Each type is a range of an index of its own: one that is rare is not looked for among all the others.
  const pages = await Promise.all(
    [...new Set(types)].map((type) => paged.where('type', '=', type).execute()),
  );
  return pages.flat();
}

/** Ids of the tokens that have not ended and are proven by the key of a version. */
export async function listAuthTokenIdsOfKey(db: Connection, keyVersion: number): Promise<string[]> {
  const rows = await db
    .selectFrom('auth_token')
    .select('id')
    .where('secret_key_version', '=', keyVersion)
    .where('revoked_at', 'is', null)
    .execute();
  return rows.map((row) => row.id);
}

/** Whose tokens a use case ends. */
export interface TokenOwner {
  readonly userId?: string;
  readonly accountId?: string;
  readonly authMethodId?: string;
  /** Default: every kind. */
  readonly types?: readonly AuthTokenType[];
  /** Minted by one of these. */
  readonly parentIds?: readonly string[];
  /** Without this one. */
  readonly exceptId?: string | undefined;
}

/** Ids of the tokens of an owner whose end is not written; everybody's when no owner is named. */
export async function listLiveTokenIdsOf(db: Connection, owner: TokenOwner): Promise<string[]> {
  let query = db.selectFrom('auth_token').select('id').where('revoked_at', 'is', null);
  if (owner.userId !== undefined) query = query.where('user_id', '=', owner.userId);
  if (owner.accountId !== undefined) query = query.where('account_id', '=', owner.accountId);
  if (owner.authMethodId !== undefined) query = query.where('auth_method_id', '=', owner.authMethodId);
  if (owner.types !== undefined) query = query.where('type', 'in', owner.types);
  if (owner.parentIds !== undefined) query = query.where('parent_auth_token_id', 'in', owner.parentIds);
  if (owner.exceptId !== undefined) query = query.where('id', '<>', owner.exceptId);
  return (await query.execute()).map((row) => row.id);
}

/** Ids of all tokens of a user, ended or not. */
export async function listAuthTokenIdsOfUser(db: Connection, userId: string): Promise<string[]> {
  const rows = await db.selectFrom('auth_token').select('id').where('user_id', '=', userId).execute();
  return rows.map((row) => row.id);
}

/** Number of the good API tokens of a user. */
export async function countApiTokens(
  db: Connection,
  userId: string,
  around: { readonly settings: AuthTokenSettings; readonly nowUs: Microseconds },
): Promise<number> {
  const row = await db
    .selectFrom('auth_token')
    .select((select) => select.fn.countAll().as('tokens'))
    .where('user_id', '=', userId)
    .where(hasType(['api']))
    .where(isGood(around.settings, around.nowUs))
    .executeTakeFirst();
  return Number(row?.tokens ?? 0);
}
