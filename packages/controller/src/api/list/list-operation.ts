/**
 * The two kinds of list: of the resources in scopes (`scope_id`, `recursive`) and of the children of one resource
 * (`host_catalog_id`). Decides who may list where (grants.md §2.9), then hands over to list-page.ts.
 */
import { createHash } from 'node:crypto';
import { StileError } from '@stile/protocol/errors';
import { globalScopeId } from '@stile/protocol/ids';
import type { Acl, AclResource, ListPermission } from '../../iam/acl.ts';
import { Access } from '../access.ts';
import {
  ok,
  type Call,
  type Gate,
  type Operation,
  type QueryParameter,
  type ResourceFacts,
} from '../operation.ts';
import { fieldErrors, requestMessage } from '../schema/decode.ts';
import { isId } from '../schema/text-rules.ts';
import type { FieldTable } from '../schema/field.ts';
import type { ApiServices, ScopeNode } from '../services.ts';
import { listPage, readListParameters, type ListContext, type ListSource } from './list-page.ts';

/** Message of a list that names a wrong parent. */
export const listMessage = 'Improperly formatted identifier.';

const pageParameters: readonly QueryParameter[] = [
  { name: 'filter', type: 'string', summary: 'Filter expression over `/item/…`; see http-api.md §1.10.' },
  { name: 'page_size', type: 'integer', summary: 'Most items wanted.' },
  { name: 'list_token', type: 'string', summary: 'Continues a list, or asks what changed since.' },
];

/** What a source gets to know about the list it serves. */
export interface ScopeListStep {
  readonly call: Call;
  readonly access: Access;
  /** What the caller may list, by scope. */
  readonly permissions: ReadonlyMap<string, ListPermission>;
  /** Whether the request descends into child scopes. */
  readonly isRecursive: boolean;
  /** The scope that the request named. */
  readonly scopeId: string;
  /** A scope among those listed. */
  readonly scopeOf: (id: string) => ScopeNode;
}

/** A list of what lives in scopes. */
export interface ScopeListSpec<Row> extends ResourceFacts {
  readonly summary: string;
  readonly query?: readonly QueryParameter[];
  /** Scope types in which such resources live. */
  readonly levels: readonly ScopeNode['type'][];
  /** Description of a `scope_id` that is none of them. */
  readonly wrongScope: string;
  /** Scope listed when none is given. */
  readonly defaultScopeId?: string;
  /** Whether a recursive list may begin in any scope. Default: yes. */
  readonly recursesFromAnywhere?: false;
  readonly source: (step: ScopeListStep) => ListSource<Row>;
}

const prefixOfLevel: Readonly<Record<ScopeNode['type'], string>> = {
  global: globalScopeId,
  org: 'o',
  project: 'p',
};

/** Whether the text is the id of a scope of one of the levels. */
export function isScopeId(text: string, levels: readonly ScopeNode['type'][]): boolean {
  if (text === globalScopeId) return levels.includes('global');
  return levels.some((level) => level !== 'global' && isId(text, [prefixOfLevel[level]]));
}

interface ScopeListInput {
  readonly scopeId: string;
  readonly isRecursive: boolean;
}

function readScopeInput<Row>(spec: ScopeListSpec<Row>, call: Call): ScopeListInput {
  const isRecursive = call.query.flag('recursive');
  const scopeId = call.query.text('scope_id') || spec.defaultScopeId || '';
  const levels =
    isRecursive && spec.recursesFromAnywhere !== false
      ? (['global', 'org', 'project'] as const)
      : spec.levels;
  if (!isScopeId(scopeId, levels)) {
    throw fieldErrors(listMessage, [{ name: 'scope_id', description: spec.wrongScope }]);
  }
  return { scopeId, isRecursive };
}

function collectionIn(scope: ScopeNode, type: AclResource['type']): AclResource {
  return { scopeId: scope.id, parentScopeId: scope.parentId, type };
}

/** `root` and everything below it. */
function subtree(root: ScopeNode, all: readonly ScopeNode[]): ScopeNode[] {
  if (root.id === globalScopeId) return [...all];
  return [root, ...all.filter((scope) => scope.parentId === root.id)];
}

/** The scopes at or below `root` that a recursive list may show: those where `list` is granted, or granted in their parent or in global. */
export function listableScopes(
  root: ScopeNode,
  all: readonly ScopeNode[],
  mayList: (scope: ScopeNode) => boolean,
): ScopeNode[] {
  const granted = new Set(all.filter(mayList).map((scope) => scope.id));
  const isListable = (scope: ScopeNode): boolean =>
    granted.has(scope.id) ||
    granted.has(globalScopeId) ||
    (scope.parentId !== null && granted.has(scope.parentId));
  return subtree(root, all).filter(isListable);
}

/** Permission denied, also for anonymous callers (http-api.md §1.6); it names what the auth token lacks where that is the reason. */
function recursiveRefusal(
  access: Access,
  type: AclResource['type'],
  scopes: readonly ScopeNode[],
): StileError {
  for (const scope of scopes) {
    const collection = collectionIn(scope, type);
    const decision = access.acl.decide(collection, 'list');
    if (decision.lacks !== undefined) return access.refused(decision, collection, 'list');
  }
  return new StileError('permissionDenied', 'Forbidden.');
}

/** Ties a list token to the grants that bear on the type, in one scope or everywhere; 128 bits. */
export function grantsHash(acl: Acl, type: AclResource['type'], scope?: ScopeNode): string {
  return createHash('sha256').update(acl.grantsKey(type, scope)).digest('base64url').slice(0, 22);
}

function listContext(acl: Acl, type: AclResource['type'], scope?: ScopeNode): ListContext {
  return { resource: type, grantsHash: grantsHash(acl, type, scope), allowedIds: acl.allowedIds(type) };
}

/** The row of the table that lists resources of scopes. */
export function scopeListOperation<Row>(spec: ScopeListSpec<Row>, services: ApiServices): Operation {
  const run = async (call: Call, gate: Gate): Promise<object> => {
    const input = readScopeInput(spec, call);
    const parameters = readListParameters(call.query, services.lists.maxPageSize);
    const [acl, all] = await Promise.all([gate.aclFor(call.caller), readScopes(services, input)]);
    const access = new Access(acl, call.caller);
    const root = all.find((scope) => scope.id === input.scopeId);
    if (root === undefined) throw new StileError('notFound', 'Resource not found.');
    const mayList = (scope: ScopeNode): boolean => access.may(collectionIn(scope, spec.type), 'list');
    if (!input.isRecursive && !mayList(root)) {
      throw access.refusalOf(collectionIn(root, spec.type), 'list');
    }
    const within = input.isRecursive ? listableScopes(root, all, mayList) : [root];
    if (within.length === 0) throw recursiveRefusal(access, spec.type, subtree(root, all));
    const scopes = input.isRecursive ? within.filter((scope) => spec.levels.includes(scope.type)) : within;
    const permissions = acl.listPermissions(spec.type, scopes);
    const known = new Map(all.map((scope) => [scope.id, scope]));
    const scopeOf = (id: string): ScopeNode => known.get(id) ?? root;
    const source = spec.source({ call, access, permissions, scopeOf, ...input });
    const listed = input.isRecursive ? undefined : root;
    const context = listContext(acl, spec.type, listed);
    return listPage(source, parameters, context, services.lists);
  };
  return {
    resource: spec.resource,
    verb: 'list',
    method: 'GET',
    on: 'collection',
    summary: spec.summary,
    query: [
      { name: 'scope_id', type: 'string', summary: 'Scope to list in.' },
      { name: 'recursive', type: 'boolean', summary: 'Descend into child scopes.' },
      ...(spec.query ?? []),
      ...pageParameters,
    ],
    permission: { type: spec.type, action: 'list' },
    response: { schema: spec.schema, isList: true },
    run: async (call, gate) => ok(await run(call, gate)),
  };
}

async function readScopes(services: ApiServices, input: ScopeListInput): Promise<readonly ScopeNode[]> {
  if (input.isRecursive) return services.scopes.tree();
  const scope = await services.scopes.lookup(input.scopeId);
  return scope === undefined ? [] : [scope];
}

/** The resource whose children are listed. */
export interface ListParent {
  readonly id: string;
  readonly scope: ScopeNode;
}

/** What a source of children gets to know. */
export interface ChildListStep {
  readonly call: Call;
  readonly access: Access;
  readonly parent: ListParent;
}

/** A list of the children of one resource. */
export interface ChildListSpec<Row, T extends FieldTable = FieldTable> extends ResourceFacts<T> {
  readonly summary: string;
  /** Query parameter with the id of the parent. */
  readonly parentParameter: string;
  readonly parentPrefixes: readonly string[];
  /** Words for another parent; default: those of a wrong id. */
  readonly wrongParent?: { readonly message: string; readonly description: string };
  /** The parent, or undefined. */
  readonly lookupParent: (id: string) => Promise<ListParent | undefined>;
  readonly source: (step: ChildListStep) => ListSource<Row>;
}

const wrongParentId = {
  message: requestMessage,
  description: 'Invalid formatted identifier.',
};

/** The row of the table that lists children. */
export function childListOperation<Row>(spec: ChildListSpec<Row>, services: ApiServices): Operation {
  const run = async (call: Call, gate: Gate): Promise<object> => {
    const id = call.query.text(spec.parentParameter);
    if (!isId(id, spec.parentPrefixes)) {
      const { message, description } = spec.wrongParent ?? wrongParentId;
      throw fieldErrors(message, [{ name: spec.parentParameter, description }]);
    }
    const parameters = readListParameters(call.query, services.lists.maxPageSize);
    const [acl, parent] = await Promise.all([gate.aclFor(call.caller), spec.lookupParent(id)]);
    if (parent === undefined) throw new StileError('notFound', 'Resource not found.');
    const access = new Access(acl, call.caller);
    const { scope } = parent;
    const collection = { ...collectionIn(scope, spec.type), pin: parent.id };
    if (!access.may(collection, 'list')) throw access.refusalOf(collection, 'list');
    const source = spec.source({ call, access, parent });
    const context = listContext(acl, spec.type, scope);
    return listPage(source, parameters, context, services.lists);
  };
  return {
    resource: spec.resource,
    verb: 'list',
    method: 'GET',
    on: 'collection',
    summary: spec.summary,
    query: [
      { name: spec.parentParameter, type: 'string', summary: 'The parent to list in.' },
      ...pageParameters,
    ],
    permission: { type: spec.type, action: 'list' },
    response: { schema: spec.schema, isList: true },
    run: async (call, gate) => ok(await run(call, gate)),
  };
}
