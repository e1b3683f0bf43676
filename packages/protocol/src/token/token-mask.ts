/**
 * The mask that a token lays over the grants of its user: token scopes and allow list, compiled once and asked at every decision
 * (tokens.md §2). It only ever takes away. Pure.
 */
import type { ResourceType } from '../grant/table.ts';
import { scopeCovers } from './token-scope.ts';

/** What a mask lacks for an action: the words of the refusal name it. */
export type MaskRefusal = 'token scope' | 'allow list';

/** What a decision is about, as far as a mask looks: the collection of a type, or one item. */
export interface MaskTarget {
  readonly type: ResourceType;
  readonly id?: string | undefined;
}

/** Scopes and allow list of one token; `undefined` = without that limit. */
export class TokenMask {
  /** Type, or `*`, to the actions that scopes name. */
  readonly #actions: ReadonlyMap<string, ReadonlySet<string>> | undefined;
  /** Type to its allowed ids; `*` among them is all. */
  readonly #ids: ReadonlyMap<string, ReadonlySet<string>> | undefined;

  /** Text that tells one mask from another: list tokens are tied to it. */
  readonly key: string;

  /** @param scopes as stored @param allowList as stored */
  constructor(scopes: readonly string[] | undefined, allowList: readonly string[] | undefined) {
    this.key = JSON.stringify([scopes, allowList]);
    this.#actions = scopes === undefined || scopes.includes('*') ? undefined : byType(scopes);
    this.#ids = allowList === undefined || allowList.includes('*') ? undefined : byType(allowList);
  }

  /** Whether it limits anything at all. */
  get isRestricted(): boolean {
    return this.#actions !== undefined || this.#ids !== undefined;
  }

  /** Whether the scopes cover an action on a type. */
  coversAction(type: ResourceType, action: string): boolean {
    if (this.#actions === undefined) return true;
    return [type, '*'].some((key) => {
      const actions = this.#actions?.get(key);
      return actions !== undefined && scopeCovers(actions, action);
    });
  }

  /** Ids of a type that the allow list names; undefined when every one is allowed. Empty when the type is not mentioned. */
  idsOf(type: ResourceType): ReadonlySet<string> | undefined {
    if (this.#ids === undefined) return undefined;
    const ids = this.#ids.get(type);
    if (ids?.has('*') === true) return undefined;
    return ids ?? new Set();
  }

  /** Whether the allow list lets through an action: a named item, `list` of a type that any entry names, other collection actions of `type:*`. */
  allows({ type, id }: MaskTarget, action: string): boolean {
    const ids = this.idsOf(type);
    if (ids === undefined) return true;
    return id === undefined ? action === 'list' && ids.size > 0 : ids.has(id);
  }

  /** What the mask lacks for an action; undefined when it lets it through. */
  refusalOf(target: MaskTarget, action: string): MaskRefusal | undefined {
    if (!this.coversAction(target.type, action)) return 'token scope';
    return this.allows(target, action) ? undefined : 'allow list';
  }
}

function byType(entries: readonly string[]): ReadonlyMap<string, ReadonlySet<string>> {
  const found = new Map<string, Set<string>>();
  for (const entry of entries) {
    const cut = entry.indexOf(':');
    const key = entry.slice(0, cut);
    const values = found.get(key) ?? new Set();
    values.add(entry.slice(cut + 1));
    found.set(key, values);
  }
  return found;
}
