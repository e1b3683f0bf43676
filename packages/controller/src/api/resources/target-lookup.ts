/** Targets as paths name them: by id or alias, with the scope on which permissions are checked (http-api.md §2.12). */
import type { Target } from '../../target/target.ts';
import type { ApiServices, ScopeNode } from '../services.ts';
import { readScope, required, requirePathId, resourceIn } from './item.ts';

/** Prefixes of target ids. */
export const targetPrefixes: readonly string[] = ['ttcp', 'tssh', 'trdp'];

/** A target with its scope. */
export interface LocatedTarget {
  readonly target: Target;
  readonly scope: ScopeNode;
  readonly resource: ReturnType<typeof resourceIn>;
}

/**
 * Adds the scope to a target that was looked up.
 * @throws {StileError} notFound
 */
export async function locateTarget(services: ApiServices, row: Target | undefined): Promise<LocatedTarget> {
  const target = required(row);
  const scope = await readScope(services.scopes, target.scope_id);
  return { target, scope, resource: resourceIn(scope, 'target', target.id) };
}

/**
 * The target of a path id: an id without `_` is an alias.
 * @throws {StileError} notFound
 */
export async function findTarget(services: ApiServices, id: string): Promise<LocatedTarget> {
  if (id.includes('_')) return locateTarget(services, await services.targets.lookupRow(id));
  const alias = await services.targets.lookupAlias(id);
  const destination = required(alias?.destination_id ?? undefined);
  return locateTarget(services, await services.targets.lookupRow(destination));
}

/**
 * A path id of the right form, or an alias.
 * @throws {StileError} invalidArgument
 */
export function targetPathId(id: string, verb: 'read' | 'update' | 'delete' | 'action'): string {
  return id.includes('_') ? requirePathId(id, verb, targetPrefixes) : id;
}
