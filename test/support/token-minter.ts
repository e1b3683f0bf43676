/** Minting auth tokens and other resources over the API of a controller in the test's process, and reading its answers. */
import type { HttpAnswer } from './http-client.ts';
import type { TestController } from './controller.ts';

/** A JSON object of any shape. */
export type Json = Readonly<Record<string, unknown>>;

/** The body of an answer. */
export const jsonOf = (answer: HttpAnswer): Json => answer.json as Json;
/** A field of the body, as text. */
export const textOf = (answer: HttpAnswer, key: string): string => String(jsonOf(answer)[key]);
/** Ids of the items of a list. */
export const idsOf = (answer: HttpAnswer): string[] =>
  ((jsonOf(answer)['items'] ?? []) as readonly Json[]).map((item) => String(item['id']));

/** Names of the faulty fields of an answer. */
export function fieldsOf(answer: HttpAnswer): readonly string[] {
  const details = jsonOf(answer)['details'] as { request_fields?: { name: string }[] } | undefined;
  return (details?.request_fields ?? []).map((field) => field.name);
}

/** The token of an answer to a login or an exchange. */
export function loginOf(answer: HttpAnswer): string {
  return (jsonOf(answer) as { attributes: { token: string } }).attributes.token;
}

/** A token that was made. */
export interface Minted {
  readonly id: string;
  readonly token: string;
  readonly version: number;
  readonly body: Json;
}

/** What an answer says of a token that was made. */
export function mintedOf(answer: HttpAnswer): Minted {
  return {
    id: textOf(answer, 'id'),
    token: textOf(answer, 'token'),
    version: Number(jsonOf(answer)['version']),
    body: jsonOf(answer),
  };
}

/** The answer, which must be a success. */
export async function must(answer: Promise<HttpAnswer>): Promise<HttpAnswer> {
  const done = await answer;
  if (done.status >= 300) throw new Error(`${done.status} ${done.text}`);
  return done;
}

/** An org, somebody in it, and the token of somebody who may do everything within it. */
export interface OrgWithAdmin {
  readonly orgId: string;
  readonly userId: string;
  readonly admin: string;
}

/** What tests of tokens do over and over. */
export interface TokenMinter {
  readonly asAdmin: (method: string, path: string, body?: unknown) => Promise<HttpAnswer>;
  /** `POST /v1/auth-tokens` of type `api`, by the administrator unless another token is given. */
  readonly tryMint: (body: Json, by?: string) => Promise<HttpAnswer>;
  readonly mint: (body: Json, by?: string) => Promise<Minted>;
  /** Ids of the tokens, of whatever state, that a call left behind. */
  readonly newTokens: (call: () => Promise<unknown>) => Promise<string[]>;
  /** Makes a resource with a name of its own; its id. */
  readonly created: (path: string, body: Json) => Promise<string>;
  readonly orgWithAdmin: () => Promise<OrgWithAdmin>;
}

/** `stile` is asked at each call: tests start it in `beforeAll`. */
export function tokenMinter(stile: () => TestController): TokenMinter {
  let made = 0;
  const asAdmin: TokenMinter['asAdmin'] = (method, path, body) =>
    stile().send(method, path, body, stile().admin);
  const tryMint: TokenMinter['tryMint'] = (body, by = stile().admin) =>
    stile().send('POST', '/v1/auth-tokens', { type: 'api', ...body }, by);
  const allTokens = async (): Promise<ReadonlySet<string>> => {
    const path = '/v1/auth-tokens?scope_id=global&recursive=true&include_expired=true&page_size=1000';
    return new Set(idsOf(await must(asAdmin('GET', path))));
  };
  const created: TokenMinter['created'] = async (path, body) => {
    made += 1;
    return textOf(await must(asAdmin('POST', path, { name: `made-${made}`, ...body })), 'id');
  };
  return {
    asAdmin,
    tryMint,
    mint: async (body, by) => mintedOf(await must(tryMint(body, by))),
    newTokens: async (call) => {
      const before = await allTokens();
      await call();
      return [...(await allTokens())].filter((id) => !before.has(id));
    },
    created,
    orgWithAdmin: () => newOrg(stile(), { asAdmin, created }),
  };
}

async function newOrg(
  stile: TestController,
  { asAdmin, created }: Pick<TokenMinter, 'asAdmin' | 'created'>,
): Promise<OrgWithAdmin> {
  const orgId = await created('/v1/scopes?skip_admin_role_creation=true', { scope_id: 'global' });
  const userId = await created('/v1/users', { scope_id: orgId });
  const adminId = await created('/v1/users', { scope_id: orgId });
  const methodId = await created('/v1/auth-methods', { scope_id: orgId, type: 'password' });
  const attributes = { login_name: 'org-admin', password: 'correct horse' };
  const accountId = await created('/v1/accounts', { auth_method_id: methodId, type: 'password', attributes });
  const roleId = await created('/v1/roles', { scope_id: orgId });
  const grants = { version: 1, grant_strings: ['ids=*;type=*;actions=*'] };
  await must(asAdmin('POST', `/v1/users/${adminId}:set-accounts`, { version: 1, account_ids: [accountId] }));
  await must(asAdmin('POST', `/v1/roles/${roleId}:set-grants`, grants));
  await must(asAdmin('POST', `/v1/roles/${roleId}:set-principals`, { version: 2, principal_ids: [adminId] }));
  const login = await must(stile.send('POST', `/v1/auth-methods/${methodId}:authenticate`, { attributes }));
  return { orgId, userId, admin: loginOf(login) };
}
