/**
 * One row of the Cluster API (tokens.md §4.2): its path, what its document says, and its code. The routes, the OpenAPI document and
 * the promise of stability are made from these rows.
 */
import { globalScopeId } from '@stile/protocol/ids';
import type { AclResource } from '../../iam/acl.ts';
import { Access, type Permission } from '../access.ts';
import type { Query } from '../http/query.ts';
import type { Answer, Call, Operation } from '../operation.ts';
import { refuseFaults, requestMessage } from '../schema/decode.ts';
import { clusterApiRoot } from './surface.ts';

/** JSON Schema, as far as the document needs it. */
export type JsonSchema = Readonly<Record<string, unknown>>;

/** A parameter of the path or the query. */
export interface ClusterParameter {
  readonly name: string;
  readonly in: 'path' | 'query';
  readonly description: string;
  readonly schema: JsonSchema;
}

/** A field of a form. */
export interface FormField {
  readonly name: string;
  readonly isRequired: boolean;
  readonly description: string;
  /** Never shown, not even as an example. */
  readonly isSecret?: true;
}

/** What the document says of a row. */
export interface ClusterFacts {
  /** Below `/api/v2/`, with `{name}` for parameters: `nodes/`. */
  readonly path: string;
  readonly method: 'GET' | 'POST';
  readonly operationId: string;
  readonly summary: string;
  readonly description?: string;
  /** Stable entries keep their promise within version 2; the others may change in a minor version. */
  readonly stability: 'stable' | 'unstable';
  /** `open`, or what a caller must hold, in words. */
  readonly permission: string;
  readonly parameters: readonly ClusterParameter[];
  readonly form?: readonly FormField[];
  readonly answer: { readonly description: string; readonly schema: JsonSchema; readonly example: unknown };
  /** Every error status, and when it comes. */
  readonly failures: Readonly<Record<number, string>>;
}

/** A row of the Cluster API: what is served, and what is said of it. */
export interface ClusterOperation {
  readonly facts: ClusterFacts;
  readonly operation: Operation;
}

/** A row in its steps: all but `answer` come before anything is done. */
export interface ClusterSpec<I, F, G> extends Omit<ClusterFacts, 'permission'> {
  /** What the rate limits name it by. */
  readonly resource: string;
  readonly verb: string;
  readonly needs: Permission & { readonly words: string };
  /** 400 for what is not legal. Looks at nothing but the request. */
  readonly parse: (call: Call) => I;
  /** 404 for what is not there. Changes nothing. */
  readonly locate: (input: I) => Promise<F>;
  /** 401 or 403 for whoever may not; what may be shown to the others. */
  readonly authorize: (access: Access, found: F) => G | Promise<G>;
  readonly act: (step: {
    readonly call: Call;
    readonly input: I;
    readonly found: F;
    readonly granted: G;
  }) => Promise<Answer>;
}

/** A row whose permission is checked between `locate` and `act`. */
export function clusterOperation<I, F, G>(spec: ClusterSpec<I, F, G>): ClusterOperation {
  const { resource, verb, needs, parse, locate, authorize, act, ...facts } = spec;
  const { words, ...permission } = needs;
  return rowOf({ ...facts, permission: words }, { resource, verb, permission }, async (call, gate) => {
    refuseUnknownParameters(call.query, facts.parameters);
    const input = parse(call);
    const [acl, found] = await Promise.all([gate.aclFor(call.caller), locate(input)]);
    const granted = await authorize(new Access(acl, call.caller), found);
    return act({ call, input, found, granted });
  });
}

/** What a row for everybody says of itself. */
export interface OpenClusterSpec extends Omit<ClusterFacts, 'permission'> {
  /** What the rate limits name it by. */
  readonly resource: string;
  readonly verb: string;
  /** What makes it right that everybody may. */
  readonly why: string;
  /** It looks at the presented token itself. */
  readonly looksAtToken?: true;
}

/** A row for everybody. */
export function openClusterOperation(spec: OpenClusterSpec, run: Operation['run']): ClusterOperation {
  const { resource, verb, why, looksAtToken, ...facts } = spec;
  const permission = { public: true, why } as const;
  const words = looksAtToken === true ? 'the auth token itself' : 'open';
  const tokenFacts =
    looksAtToken === true ? ({ beforeEnrolment: true } as const) : ({ ignoresToken: true } as const);
  return rowOf(
    { ...facts, permission: words },
    { resource, verb, permission, ...tokenFacts },
    (call, gate) => {
      refuseUnknownParameters(call.query, facts.parameters);
      return run(call, gate);
    },
  );
}

function rowOf(
  facts: ClusterFacts,
  name: Pick<Operation, 'resource' | 'verb' | 'permission' | 'ignoresToken' | 'beforeEnrolment'>,
  run: Operation['run'],
): ClusterOperation {
  const operation: Operation = {
    ...name,
    path: clusterApiRoot + facts.path,
    surface: 'v2',
    ...(facts.form === undefined ? {} : { takesForm: true }),
    method: facts.method,
    on: facts.path.includes('{') ? 'item' : 'collection',
    summary: facts.summary,
    run,
  };
  return { facts, operation };
}

/** @throws {StileError} invalidArgument naming every parameter that the row does not have */
function refuseUnknownParameters(query: Query, parameters: readonly ClusterParameter[]): void {
  const known = new Set(parameters.filter((each) => each.in === 'query').map((each) => each.name));
  const unknown = query.names.filter((name) => !known.has(name));
  const legal = known.size === 0 ? 'none are' : `${[...known].join(', ')} are`;
  refuseFaults(
    requestMessage,
    unknown.slice(0, 10).map((name) => ({
      name: name.slice(0, 100),
      description: `Unknown parameter: ${legal} known here.`,
    })),
  );
}

/** Something in the global scope, as the ACL sees it; without an id the collection. */
export function globalResource(type: AclResource['type'], id?: string): AclResource {
  return { scopeId: globalScopeId, parentScopeId: null, type, ...(id === undefined ? {} : { id }) };
}

/** Error statuses that every row behind a permission has. */
export const guardedFailures: Readonly<Record<number, string>> = {
  400: 'A parameter is unknown or not legal; the fields are named.',
  401: 'No auth token, or one that is unknown, wrong or has ended.',
  403: 'The grants of the user, or the limits of the auth token, do not allow it.',
  429: 'A rate limit is reached; `Retry-After` says for how long.',
  503: 'The database cannot answer now.',
};
