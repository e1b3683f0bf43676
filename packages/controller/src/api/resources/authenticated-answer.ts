/** The answer of whoever has proven who they are: at a login, or by a one-time token (http-api.md §2.3, tokens.md §4.1). */
import type { IssuedToken } from '../../auth/token/auth-token-service.ts';
import { tokenCookies } from '../http/credential.ts';
import { sessionCookie } from '../http/session-cookie.ts';
import type { Answer } from '../operation.ts';
import { schemaOf, type Schema } from '../schema/field.ts';
import { renderItem } from '../schema/render.ts';
import { scopeField, shownText, shownTime } from '../schema/shared-fields.ts';
import type { ScopeNode } from '../services.ts';

/** The shape of the answer. */
export const authenticatedSchema: Schema = schemaOf('AuthenticateResponse', {
  type: shownText,
  attributes: {
    kind: 'object',
    access: 'output',
    fields: {
      account_id: shownText,
      approximate_last_used_time: shownTime,
      auth_method_id: shownText,
      created_time: shownTime,
      expiration_time: shownTime,
      id: shownText,
      scope: scopeField,
      token: { ...shownText, summary: 'The auth token; absent when it was set as cookies.' },
      updated_time: shownTime,
      user_id: shownText,
    },
  },
  command: shownText,
});

/** How the token is handed over. */
export interface Handover {
  /** Scope of the user. */
  readonly scope: ScopeNode;
  /** As the request spelled it: `''` and `token` in the body, `cookie` as Boundary's pair, `session-cookie` as ours. */
  readonly type: string;
  /** The cookie must do without `Secure`. */
  readonly isInsecure: boolean;
}

function cookiesOf({ text }: IssuedToken, { type, isInsecure }: Handover): readonly string[] | undefined {
  if (type === 'cookie') return tokenCookies(text.reveal());
  return type === 'session-cookie' ? [sessionCookie(text.reveal(), isInsecure)] : undefined;
}

/** The answer with a new token. */
export function authenticatedAnswer(issued: IssuedToken, handover: Handover): Answer {
  const { row, text } = issued;
  const { scope, type } = handover;
  const cookies = cookiesOf(issued, handover);
  const body = renderItem(authenticatedSchema, {
    type,
    attributes: {
      account_id: row.account_id,
      approximate_last_used_time: row.last_used_at,
      auth_method_id: row.auth_method_id,
      created_time: row.created_at,
      expiration_time: row.expires_at,
      id: row.id,
      // The one place with less than the whole scope (http-api.md §1.6).
      scope: { id: scope.id, type: scope.type, parent_scope_id: scope.parentId },
      token: cookies === undefined ? text.reveal() : null,
      updated_time: row.updated_at,
      user_id: row.user_id,
    },
    command: 'login',
  });
  return {
    status: 200,
    body,
    ...(cookies === undefined ? {} : { headers: { 'Set-Cookie': [...cookies] } }),
  };
}
