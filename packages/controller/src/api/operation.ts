/**
 * One row of the API's table: a verb of a resource with its route, its permission, its documents and its code. Routes, the
 * OpenAPI document and the permission tests are made from these rows; nothing is served that is not one of them.
 */
import type { IncomingHttpHeaders, ServerResponse } from 'node:http';
import { StileError } from '@stile/protocol/errors';
import type { ResourceType } from '@stile/protocol/grant';
import type { Caller } from '../auth/token/auth-token-service.ts';
import type { Acl } from '../iam/acl.ts';
import type { ClientOrigin } from '../auth/token/origin.ts';
import { Access, type ActionPermission, type Located, type Permission, type TokenRule } from './access.ts';
import type { JsonObject } from './http/body.ts';
import type { Query } from './http/query.ts';
import type { FieldTable, Schema } from './schema/field.ts';
import type { VisibleFields } from './schema/render.ts';

/** One request, as operations see it. */
export interface Call {
  /** Id of the path, percent-decoded; `''` on collections. */
  readonly id: string;
  readonly query: Query;
  /** `{}` when there was none. */
  readonly body: JsonObject;
  readonly caller: Caller;
  readonly headers: IncomingHttpHeaders;
  /** Address of the client: that of the socket's peer, or what a trusted proxy says. */
  readonly address: string;
  /** The same with port and user agent. */
  readonly client: ClientOrigin;
  /** Address of the socket's peer itself, whatever it says of its client. */
  readonly peerAddress: string;
  /** It comes from our own pages, or from no page at all: it may act by a cookie, and get one. */
  readonly isSameOrigin: boolean;
  /** Name of the cookie that presented the auth token, where it was ours. */
  readonly cookieName?: string | undefined;
  /** Values of the placeholders of a `path`, by name. */
  readonly params: Readonly<Record<string, string>>;
  /** Fields of a body of type `application/x-www-form-urlencoded`, for operations that take one. */
  readonly form?: URLSearchParams | undefined;
  /** Whether the listener speaks TLS. */
  readonly isTls: boolean;
  /** Cookies without TLS are allowed. */
  readonly insecureCookies: boolean;
}

/** What an operation answers. */
export interface Answer {
  readonly status: number;
  /** Shown as JSON; absent = an empty body. */
  readonly body?: object;
  readonly headers?: Readonly<Record<string, string | string[]>>;
  /**
   * Writes the body as long as it wants to: called once, after the head was written. It ends the response, and owns everything it starts.
   */
  readonly stream?: (response: ServerResponse) => void;
}

/** Where operations get the caller's ACL from. */
export interface Gate {
  aclFor(caller: Caller): Promise<Acl>;
}

/** A query parameter, for the OpenAPI document. */
export interface QueryParameter {
  readonly name: string;
  readonly type: 'string' | 'boolean' | 'integer';
  readonly summary: string;
}

/** Facts of a row. */
export interface OperationFacts {
  /** Plural, as in the path: `targets`. */
  readonly resource: string;
  /** `list`, `create`, `read`, `update`, `delete`, or the word of a custom verb as in the path: `authorize-session`. */
  readonly verb: string;
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  readonly on: 'collection' | 'item';
  /** The id may hold `/` and `:` (http-api.md §1.2). */
  readonly isGreedy?: true;
  readonly summary: string;
  readonly query?: readonly QueryParameter[];
  /** Fields of the request body. */
  readonly request?: Schema | undefined;
  /** `isPlain`: a list without pages and envelope fields. */
  readonly response?:
    { readonly schema: Schema; readonly isList?: true; readonly isPlain?: true } | undefined;
  /** It only says that the feature is not offered. */
  readonly isNotOffered?: true;
  /** Success status. Default 200. */
  readonly status?: number;
  /** The whole path, with `{name}` for what a request fills in, where it is not that of a resource of `/v1`. */
  readonly path?: string;
  /** Which rules and error bodies apply: `/api/v2` answers 401 to whoever has no good token. Default `v1`. */
  readonly surface?: 'v1' | 'v2';
  /** The body is a form, and nothing else. */
  readonly takesForm?: true;
  /** A token whose user must enroll a second factor first may call it all the same, about itself. */
  readonly beforeEnrolment?: true;
  /** Whoever calls, no token is consulted (tokens.md §2.3). */
  readonly ignoresToken?: true;
  /** The answer stays open: cookies of foreign pages are refused, though it changes nothing. */
  readonly isStream?: true;
  /** It does not count as a use of the token (tokens.md §1.6). */
  readonly isNoUse?: true;
}

/** A row of the table. */
export interface Operation extends OperationFacts {
  readonly permission: Permission;
  /** What the token must be, beside what it lets through. */
  readonly token?: TokenRule;
  /**
   * Format checks, lookup, permission, action: in this order (http-api.md §1.6).
   * @throws {StileError} what the answer then says
   */
  readonly run: (call: Call, gate: Gate) => Promise<Answer>;
}

/** The third step of an operation: everything the first two found, and the caller may. */
export interface Step<I, F> {
  readonly call: Call;
  readonly input: I;
  readonly found: F;
  readonly access: Access;
  /** Fields that the caller sees. */
  readonly visible: VisibleFields;
  /** Rights of others than the caller. */
  readonly gate: Gate;
}

/** An operation in its three steps. */
export interface OperationSpec<I, F extends Located> extends OperationFacts {
  readonly permission: ActionPermission;
  readonly token?: TokenRule;
  /** 400 for what is not legal. Looks at nothing but the request. */
  readonly parse: (call: Call) => I;
  /** 404 for what is not there. Changes nothing. */
  readonly locate: (input: I, call: Call) => Promise<F>;
  /** Runs only when the permission was granted. */
  readonly act: (step: Step<I, F>) => Promise<Answer>;
}

/** A row whose permission is checked between `locate` and `act`; the row itself cannot forget it. */
export function operation<I, F extends Located>(spec: OperationSpec<I, F>): Operation {
  const { parse, locate, act, ...facts } = spec;
  return {
    ...facts,
    run: async (call, gate) => {
      const input = parse(call);
      const caller = spec.ignoresToken === true ? withoutToken(call.caller) : call.caller;
      const [acl, found] = await Promise.all([gate.aclFor(caller), locate(input, call)]);
      const access = new Access(acl, caller);
      const visible = access.require(spec.permission, found);
      if (caller.token?.mustEnroll === true && !isOfCaller(found, caller)) throw mustEnroll();
      if (spec.token !== undefined) access.requireToken(spec.token);
      if (spec.method !== 'GET') access.requireNamedIds(call.body);
      return act({ call, input, found, access, visible, gate });
    },
  };
}

function withoutToken(caller: Caller): Caller {
  const { userId, accountId } = caller;
  return { userId, ...(accountId === undefined ? {} : { accountId }) };
}

/** Whether what was found is the caller's token, or the caller. */
function isOfCaller({ resource }: Located, caller: Caller): boolean {
  return resource.id !== undefined && (resource.id === caller.authTokenId || resource.id === caller.userId);
}

/** The answer to a token whose user must enroll a second factor (tokens.md §5.1). */
export function mustEnroll(): StileError {
  return new StileError('permissionDenied', 'Enroll a second factor first.');
}

/** A row for everybody, such as the answer of a feature that Stile does not offer. */
export function publicOperation(
  facts: OperationFacts,
  why: string,
  run: (call: Call) => Promise<Answer>,
): Operation {
  return { ...facts, permission: { public: true, why }, run: (call) => run(call) };
}

/** A row for everybody with a good auth token: about the caller itself, or about nobody. */
export function tokenOperation(
  facts: OperationFacts,
  why: string,
  run: (call: Call, gate: Gate) => Promise<Answer>,
): Operation {
  return { ...facts, permission: { public: true, needsToken: true, why }, run };
}

/** Whether a permission is the public one. */
export function isPublic(permission: Permission): permission is Extract<Permission, { public: true }> {
  return 'public' in permission;
}

/** Plural names that do not become a type by losing an `s`. */
const irregularTypes: Readonly<Record<string, string>> = {
  policies: 'policy',
  aliases: 'alias',
  'openapi.json': 'openapi',
  billing: 'billing',
};

/** By what the rate limits name an operation: its resource type, as grants spell it, and its verb. */
export function limitedNameOf(operation: Operation): { readonly resource: string; readonly action: string } {
  const { permission, resource } = operation;
  const type = isPublic(permission)
    ? (irregularTypes[resource] ?? resource.replace(/ies$/, 'y').replace(/s$/, ''))
    : permission.type;
  return { resource: type, action: operation.verb };
}

/** 200 with a body. */
export function ok(body: object): Answer {
  return { status: 200, body };
}

/** 204: what a delete answers. */
export const noContent: Answer = { status: 204 };

/** The facts of a row that are the same for all verbs of a resource. */
export interface ResourceFacts<T extends FieldTable = FieldTable> {
  /** Plural, as in the path. */
  readonly resource: string;
  readonly type: ResourceType;
  readonly schema: Schema<T>;
}
