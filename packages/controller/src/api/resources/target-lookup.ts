/** Targets as paths name them: by id or alias, with the scope on which permissions are checked (http-api.md §2.12). */
import type { TargetDetail } from '../../target/target-service.ts';
import type { TargetView } from '../../target/target-view-repository.ts';
import type { Located } from '../access.ts';
import type { ApiServices } from '../services.ts';
import { required, requirePathId, resourceIn } from './item.ts';

/** Prefixes of target ids. */
export const targetPrefixes: readonly string[] = ['ttcp', 'tssh', 'trdp'];

/** A target with its scope and aliases. */
export interface LocatedTarget extends TargetView, Located {}

/**
 * The target of an id.
 * @throws {StileError} notFound
 */
export async function locateTarget(services: ApiServices, id: string | undefined): Promise<LocatedTarget> {
  const view = required(id === undefined ? undefined : await services.lookupTarget(id));
  return { ...view, resource: resourceIn(view.scope, 'target', view.target.id) };
}

/**
 * The target of a path id: an id without `_` is an alias.
 * @throws {StileError} notFound
 */
export async function findTarget(services: ApiServices, id: string): Promise<LocatedTarget> {
  if (id.includes('_')) return locateTarget(services, id);
  const alias = await services.aliases.lookupByValue(id);
  return locateTarget(services, alias?.destination_id ?? undefined);
}

/** A target as single reads show it. What it cannot have need not be asked for: an address excludes host sources. */
export async function detailOf(services: ApiServices, found: LocatedTarget): Promise<TargetDetail> {
  const { target, aliases, hasCredentialSources } = found;
  return target.address === null || hasCredentialSources
    ? services.targets.detailOf(target)
    : { target, aliases, hostSources: [], credentialSources: [] };
}

/**
 * A path id of the right form, or an alias.
 * @throws {StileError} invalidArgument
 */
export function targetPathId(id: string, verb: 'read' | 'update' | 'delete' | 'action'): string {
  return id.includes('_') ? requirePathId(id, verb, targetPrefixes) : id;
}
