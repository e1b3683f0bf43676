/** What a scope is: a node of a tree three levels deep, global over orgs over projects (grants.md §2.1). Pure. */
import { globalScopeId, newId } from '@stile/protocol';

/** Level of a scope. */
export type ScopeType = 'global' | 'org' | 'project';

/** A scope, as much as every answer shows of it. */
export interface ScopeInfo {
  readonly id: string;
  /** Null for global. */
  readonly parentId: string | null;
  readonly type: ScopeType;
  readonly name: string | null;
  readonly description: string | null;
}

/** Level of the scopes in a scope; undefined for projects, which contain none. */
export function childTypeOf(type: ScopeType): Exclude<ScopeType, 'global'> | undefined {
  switch (type) {
    case 'global':
      return 'org';
    case 'org':
      return 'project';
    case 'project':
      return undefined;
  }
}

/** A new id for a scope of the level. */
export function newScopeId(type: Exclude<ScopeType, 'global'>): string {
  return newId(type === 'org' ? 'org' : 'project');
}

/** Name and description of the global scope, as every answer shows them (http-api.md §1.6). */
export const globalScopeTexts: { readonly id: string; readonly name: string; readonly description: string } =
  {
    id: globalScopeId,
    name: 'global',
    description: 'Global Scope',
  };
