/** An auth token as the API shows it: Boundary's fields, and ours, which are left out when empty (tokens.md §1.3). */
import type { AuthTokenRow } from '../../auth/token/auth-token-service.ts';
import { idleEnd, hardEnd, storedList } from '../../auth/token/auth-token.ts';
import type { Revocation } from '../../session/ending/auth-token-ending.ts';
import type { Access, Located } from '../access.ts';
import type { ResourceFacts } from '../operation.ts';
import { schemaOf, type Field, type FieldTable, type Output, type Schema } from '../schema/field.ts';
import { formatTime } from '../schema/render.ts';
import { actionsField, idField, scopeField, shownText, shownTime } from '../schema/shared-fields.ts';
import type { ApiServices, ScopeNode } from '../services.ts';
import { itemActions, readScope, resourceIn, scopeInfo } from './item.ts';

const shownSeconds = { kind: 'uint32', access: 'output' } as const;
const shownFlag = { kind: 'bool', access: 'output' } as const;
const shownTexts = { kind: 'strings', access: 'output' } as const;

const fields = {
  id: idField,
  scope_id: shownText,
  scope: scopeField,
  user_id: shownText,
  auth_method_id: shownText,
  account_id: shownText,
  created_time: shownTime,
  updated_time: shownTime,
  approximate_last_used_time: shownTime,
  expiration_time: shownTime,
  authorized_actions: actionsField,
  type: { ...shownText, summary: '`login`, `web`, `api` or `one-time`.' },
  name: { ...shownText, summary: 'Of API tokens; unique among those of the user that have not ended.' },
  description: shownText,
  login_name: { ...shownText, summary: 'Of the user, at the primary auth method.' },
  created_by_user_id: { ...shownText, summary: 'Who minted it; another than the user acts for the user.' },
  parent_auth_token_id: { ...shownText, summary: 'The auth token that minted it.' },
  status: { ...shownText, summary: '`active`, `stale`, `expired`, `revoked` or `consumed`.' },
  token_scopes: { ...shownTexts, summary: 'What it is cut down to; absent = all that its user may do.' },
  allow_list: { ...shownTexts, summary: 'Resources that it may touch; absent = all.' },
  time_to_live_seconds: shownSeconds,
  time_to_stale_seconds: shownSeconds,
  idle_expiration_time: { ...shownTime, summary: 'When it ends for want of use.' },
  revoked_time: shownTime,
  revoked_by_user_id: shownText,
  revoked_reason: shownText,
  origin: { ...shownText, summary: 'Address that it was made from.' },
  user_agent: shownText,
  last_origin: { ...shownText, summary: 'Address of its last use.' },
  last_user_agent: shownText,
  match_origin: { ...shownFlag, summary: 'It works from the address of `origin` only.' },
  single_use: shownFlag,
  second_factor: { ...shownFlag, summary: 'A second factor was checked on the way to it.' },
  streams: { ...shownSeconds, summary: 'Event streams that are open for it, in lists.' },
  attributes: { kind: 'json', access: 'output', summary: 'Free notes; never consulted for a decision.' },
  version: { ...shownSeconds, summary: 'Of API tokens; a PATCH names the one it saw.' },
} as const satisfies FieldTable;

/** Stands in the answers of what ends auth tokens (tokens.md §1.7). */
export const revocationField: Field = {
  kind: 'json',
  access: 'output',
  summary: 'What ended with it, and what workers have confirmed.',
};

/** As lists and reads show it. */
export const authTokenSchema: Schema = schemaOf('AuthToken', fields);
/** As the answers show it that make a token: with its text, once. */
export const mintedSchema: Schema = schemaOf('MintedAuthToken', {
  ...fields,
  token: { ...shownText, summary: 'The auth token itself, shown this once.' },
  cookie: { ...shownText, summary: 'The cookie that carries it, for type `web`.' },
});
/** As the answers show it that end one. */
export const revokedSchema: Schema = schemaOf('RevokedAuthToken', { ...fields, revocation: revocationField });

/** Prefixes of ids. */
export const authTokenPrefixes: readonly string[] = ['at'];
/** Facts that every row of the resource shares. */
export const authTokenFacts: ResourceFacts = {
  resource: 'auth-tokens',
  type: 'auth-token',
  schema: authTokenSchema,
};

/** A token with what answers show around it. */
export interface LocatedToken extends Located {
  readonly row: AuthTokenRow;
  readonly scope: ScopeNode;
}

/** The token of an id, ended or not. @throws {StileError} notFound */
export async function locateToken(services: ApiServices, id: string): Promise<LocatedToken> {
  const row = await services.authTokens.read(id);
  const scope = await readScope(services.scopes, row.scope_id);
  return { row, scope, resource: resourceIn(scope, 'auth-token', id), ownerId: row.user_id };
}

/** What is shown around a row. */
export interface TokenView {
  readonly services: Pick<ApiServices, 'authTokens'>;
  readonly scope: ScopeNode;
  readonly access: Access;
  readonly loginName?: string | undefined;
  /** Event streams that are open for it. */
  readonly streams?: number | undefined;
}

/** Values of the schema; what the caller may do is always there. */
export type AuthTokenValues = Output<FieldTable> & { readonly authorized_actions: readonly string[] };

/** The values of a row. */
export function authTokenValues(row: AuthTokenRow, view: TokenView): AuthTokenValues {
  const { services, scope, access } = view;
  const { settings } = services.authTokens;
  // A natural end is told by the status; "expired" is none of the reasons that are told.
  const hasReason = row.revoked_at !== null && row.revoked_reason !== 'expired';
  return {
    id: row.id,
    scope_id: row.scope_id,
    scope: scopeInfo(scope),
    user_id: row.user_id,
    auth_method_id: row.auth_method_id,
    account_id: row.account_id,
    created_time: row.created_at,
    updated_time: row.updated_at,
    approximate_last_used_time: row.last_used_at,
    expiration_time: hardEnd(row, settings),
    authorized_actions: itemActions(access, resourceIn(scope, 'auth-token', row.id)),
    type: row.type,
    name: row.name,
    description: row.description,
    login_name: view.loginName,
    created_by_user_id: row.created_by_user_id,
    parent_auth_token_id: row.parent_auth_token_id,
    status: services.authTokens.statusOf(row),
    token_scopes: storedList(row.token_scopes),
    allow_list: storedList(row.allow_list),
    time_to_live_seconds: row.time_to_live_seconds,
    time_to_stale_seconds: row.time_to_stale_seconds,
    idle_expiration_time: row.revoked_at === null ? idleEnd(row, settings) : undefined,
    ...(hasReason
      ? {
          revoked_time: row.revoked_at,
          revoked_by_user_id: row.revoked_by_user_id,
          revoked_reason: row.revoked_reason,
        }
      : {}),
    origin: row.origin,
    user_agent: row.user_agent,
    last_origin: row.last_origin,
    last_user_agent: row.last_user_agent,
    match_origin: row.match_origin === 1,
    single_use: row.single_use === 1,
    second_factor: row.second_factor === 1,
    streams: view.streams,
    attributes: storedAttributes(row.attributes),
    ...(row.type === 'api' ? { version: row.version } : {}),
  };
}

function storedAttributes(text: string | null): Readonly<Record<string, unknown>> | undefined {
  // Written by this code alone, from an object.
  return text === null ? undefined : (JSON.parse(text) as Readonly<Record<string, unknown>>);
}

/** The counts of an end; zeros are shown. */
export function revocationValues(revocation: Revocation): Readonly<Record<string, number | string>> {
  return {
    auth_tokens: revocation.authTokens,
    sessions: revocation.sessions,
    sessions_confirmed: revocation.sessionsConfirmed,
    streams: revocation.streams,
    ...(revocation.leaseEndsAt === undefined ? {} : { lease_end_time: formatTime(revocation.leaseEndsAt) }),
  };
}
