/**
 * A caller's grants, sorted for the access decision: by scope, then by what they are about, and there summed into one table of
 * actions. A decision looks at a handful of tables, however many grants there are.
 */
import {
  coversAction,
  coversCollection,
  isAnonymousAction,
  isCreateOrList,
  isOwnType,
  isTopLevelType,
  resourceTypeOfId,
  templateOf,
  type GrantType,
  type ParsedGrant,
  type ResourceType,
} from '@stile/protocol';

/** Who asks: nobody is an anonymous caller, or one without any id. */
export interface AclCaller {
  readonly userId: string;
  readonly accountId: string | undefined;
  readonly isNobody: boolean;
}

/** What a decision gathers while it looks at tables. */
export interface Verdict {
  authorized: boolean;
  /** Fields named by matching grants; undefined when none names any. */
  fields: Set<string> | undefined;
}

/** The sum of grants that are about the same things. */
export class ActionSum {
  /** Granted action to the fields named beside it; undefined when none are named. */
  readonly #actions = new Map<string, Set<string> | undefined>();
  /** Fields of grants without actions. */
  #fieldsOnly: Set<string> | undefined;

  add(grant: ParsedGrant): void {
    const { actions, outputFields } = grant;
    if (actions.length === 0) this.#fieldsOnly = union(this.#fieldsOnly, outputFields);
    for (const action of actions) {
      this.#actions.set(action, union(this.#actions.get(action), outputFields));
    }
  }

  /** Adds to a verdict what these grants say about one action. */
  judge(action: string, parent: string, verdict: Verdict): void {
    this.#take(action, verdict);
    if (parent !== action) this.#take(parent, verdict);
    this.#take('*', verdict);
    addFields(verdict, this.#fieldsOnly);
  }

  /** Whether any of these item actions is granted, and whether only for the caller's own items. */
  itemRight(actions: readonly string[]): 'all' | 'own' | 'none' {
    const granted = actions.filter((action) => coversAction(this.#actions, action));
    if (granted.length === 0) return 'none';
    return granted.every((action) => action.endsWith(':self')) ? 'own' : 'all';
  }

  #take(action: string, verdict: Verdict): void {
    if (!this.#actions.has(action)) return;
    verdict.authorized = true;
    addFields(verdict, this.#actions.get(action));
  }
}

/** The grants that reach one scope, by what they are about. */
export class ScopeTable {
  /** `ids=*`, by type or `*`. */
  readonly wildcard: Map<GrantType, ActionSum> = new Map();
  /** No ids, by type. */
  readonly collection: Map<ResourceType, ActionSum> = new Map();
  /** One id, the item itself: type of the id, then id. */
  readonly own: Map<ResourceType, Map<string, ActionSum>> = new Map();
  /** One id, the children of it: id, then type or `*`. */
  readonly pinned: Map<string, Map<GrantType, ActionSum>> = new Map();
  /** All grants that name a type, by it, whatever their ids: what counts for nobody. */
  readonly literal: Map<ResourceType, ActionSum> = new Map();

  add(grant: ParsedGrant, caller: AclCaller): void {
    const { type } = grant;
    if (type !== undefined && type !== '*') sumIn(this.literal, type).add(grant);
    if (grant.ids.length === 0) {
      if (type !== undefined && type !== '*') sumIn(this.collection, type).add(grant);
      return;
    }
    for (const written of grant.ids) {
      const id = resolveTemplate(written, caller);
      if (id !== undefined) this.#addId(grant, id);
    }
  }

  /** Every sum that speaks about a resource and an action (grants.md §2.5, cases 1 to 5). */
  *matching(target: AclTarget, action: string, isNobody: boolean): Generator<ActionSum> {
    const { type, id, pin } = target;
    if (isNobody) {
      if (isAnonymousAction(type, action)) yield* present(this.literal.get(type));
      return;
    }
    yield* present(this.wildcard.get(type));
    yield* present(this.wildcard.get('*'));
    if (id === undefined) {
      if (coversCollection(type, action)) yield* present(this.collection.get(type));
    } else if (!isCreateOrList(action)) {
      yield* present(this.own.get(type)?.get(id));
    }
    if (pin !== undefined && !isTopLevelType(type)) {
      const children = this.pinned.get(pin);
      yield* present(children?.get(type));
      yield* present(children?.get('*'));
    }
  }

  #addId(grant: ParsedGrant, id: string): void {
    const { type } = grant;
    if (id === '*') {
      if (type !== undefined) sumIn(this.wildcard, type).add(grant);
      return;
    }
    const idType = resourceTypeOfId(id);
    if (idType !== undefined && isOwnType(id, type)) sumIn(mapIn(this.own, idType), id).add(grant);
    if (type !== undefined) sumIn(mapIn(this.pinned, id), type).add(grant);
  }
}

/** A resource without its scope. */
export interface AclTarget {
  readonly type: ResourceType;
  /** Absent for the collection. */
  readonly id?: string | undefined;
  /** Id of the parent, for types that have one. */
  readonly pin?: string | undefined;
}

/** The id a template stands for; undefined when the caller has none. */
export function resolveTemplate(
  id: string,
  caller: Pick<AclCaller, 'userId' | 'accountId'>,
): string | undefined {
  switch (templateOf(id)) {
    case undefined:
      return id;
    case 'user':
      return caller.userId;
    case 'account':
      return caller.accountId;
    case 'unknown':
      return undefined;
  }
}

function union(known: Set<string> | undefined, more: readonly string[] | undefined): Set<string> | undefined {
  if (more === undefined) return known;
  const all = known ?? new Set();
  for (const field of more) all.add(field);
  return all;
}

function addFields(verdict: Verdict, fields: ReadonlySet<string> | undefined): void {
  if (fields === undefined) return;
  verdict.fields ??= new Set();
  for (const field of fields) verdict.fields.add(field);
}

function* present(sum: ActionSum | undefined): Generator<ActionSum> {
  if (sum) yield sum;
}

function sumIn<K>(map: Map<K, ActionSum>, key: K): ActionSum {
  const known = map.get(key) ?? new ActionSum();
  map.set(key, known);
  return known;
}

function mapIn<K, L, V>(map: Map<K, Map<L, V>>, key: K): Map<L, V> {
  const known = map.get(key) ?? new Map<L, V>();
  map.set(key, known);
  return known;
}
