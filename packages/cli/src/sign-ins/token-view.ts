/** An auth token of the API as the commands show it (tokens.md §1.3): every field read as possibly missing or of another kind. */
import { asJson, textsOf } from '../resources/table-view.ts';
import { secondTime } from '../terminal/styled-table.ts';

/** One token. Texts are `''` where the server says nothing. */
export interface TokenView {
  readonly id: string;
  readonly type: string;
  readonly name: string;
  readonly userId: string;
  /** Of the user, at the primary auth method. */
  readonly loginName: string;
  readonly authMethodId: string;
  readonly createdBy: string;
  readonly parentId: string;
  readonly status: string;
  readonly origin: string;
  readonly lastOrigin: string;
  readonly createdTime: string;
  readonly expirationTime: string;
  readonly revokedTime: string;
  readonly lastUsedTime: string;
  /** Empty: unrestricted. */
  readonly tokenScopes: readonly string[];
  /** Empty: unrestricted. */
  readonly allowList: readonly string[];
  /** 0 where the server says none. */
  readonly version: number;
  /** Secret; set in the answer that creates or rotates. */
  readonly token: string;
  /** Secret; set in the answer that mints a web session. */
  readonly cookie: string;
  /** As the server sent it. */
  readonly json: Readonly<Record<string, unknown>>;
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

/** Reads a token object of an answer. */
export function readToken(value: unknown): TokenView {
  const json = asJson(value);
  const version = json['version'];
  return {
    id: text(json['id']),
    type: text(json['type']),
    name: text(json['name']),
    userId: text(json['user_id']),
    loginName: text(json['login_name']),
    authMethodId: text(json['auth_method_id']),
    createdBy: text(json['created_by_user_id']),
    parentId: text(json['parent_auth_token_id']),
    status: text(json['status']),
    origin: text(json['origin']),
    lastOrigin: text(json['last_origin']),
    createdTime: text(json['created_time']),
    expirationTime: text(json['expiration_time']),
    revokedTime: text(json['revoked_time']),
    lastUsedTime: text(json['approximate_last_used_time']),
    tokenScopes: textsOf(json['token_scopes']),
    allowList: textsOf(json['allow_list']),
    version: typeof version === 'number' ? version : 0,
    token: text(json['token']),
    cookie: text(json['cookie']),
    json,
  };
}

/** Token scopes or allow list in a cell. */
export function restriction(entries: readonly string[]): string {
  return entries.length === 0 ? '*' : entries.join(', ');
}

/** What a token was got with, in the words of `auth sessions`. */
export function credentialsOf(token: TokenView): string {
  switch (token.type) {
    case 'web':
      return 'WEB_SESSION';
    case 'api':
      return 'API_KEY';
    case 'one-time':
      return 'ONE_TIME_TOKEN';
    default:
      return token.parentId === '' ? loginKind(token.authMethodId) : 'TOKEN';
  }
}

function loginKind(authMethodId: string): string {
  const [prefix] = authMethodId.split('_');
  if (prefix === 'amoidc') return 'LOGIN_OIDC';
  return prefix === 'amldap' ? 'LOGIN_LDAP' : 'LOGIN_PASSWORD';
}

/** Cells of `tokens list` behind ID and NAME, from SCOPES on. */
export function restrictionCells(token: TokenView): string[] {
  return [
    restriction(token.tokenScopes),
    restriction(token.allowList),
    secondTime(token.lastUsedTime),
    secondTime(token.expirationTime),
    secondTime(token.createdTime),
  ];
}
