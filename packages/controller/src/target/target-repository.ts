/** SQL of targets and their host sources. */
import { chunksOf } from '../store/chunks.ts';
import type { Connection } from '../store/database.ts';
import { pageOf } from '../store/page.ts';
import type { PageRequest } from '../store/page.ts';
import { permittedRows } from '../store/list/permitted-rows.ts';
import type { ListPermissions } from '../store/list/permitted-rows.ts';
import type { Target } from './target.ts';

/** A host set of a target, with its catalog. */
export interface HostSource {
  readonly id: string;
  readonly hostCatalogId: string;
}

/** The target, or undefined. */
export function lookupTarget(db: Connection, id: string): Promise<Target | undefined> {
  return db.selectFrom('target').selectAll().where('id', '=', id).executeTakeFirst();
}

/** Targets of that name in the scopes with that id or name; more than one only when scopes share a name. */
export function listTargetsByName(
  db: Connection,
  name: string,
  scope: { readonly scopeId: string } | { readonly scopeName: string },
): Promise<Target[]> {
  const query = db.selectFrom('target').selectAll('target').where('target.name', '=', name);
  if ('scopeId' in scope) return query.where('target.scope_id', '=', scope.scopeId).execute();
  return query
    .innerJoin('scope', 'scope.id', 'target.scope_id')
    .where('scope.name', '=', scope.scopeName)
    .limit(2)
    .execute();
}

/** One page of the targets that `permissions` allow. */
export function listTargets(
  db: Connection,
  permissions: ListPermissions,
  page: PageRequest,
): Promise<Target[]> {
  return pageOf(
    db.selectFrom('target').selectAll().where(permittedRows(permissions)),
    'target',
    page,
  ).execute();
}

/** Adds a target. @throws {StileError} invalidArgument (name taken), notFound (no such scope) */
export async function insertTarget(tx: Connection, row: Target): Promise<void> {
  await tx.insertInto('target').values(row).execute();
}

/** Deletes a target with its host sources (foreign keys cascade); aliases lose their destination. False when there is none. */
export async function deleteTargetRow(tx: Connection, id: string): Promise<boolean> {
  const gone = await tx.deleteFrom('target').where('id', '=', id).returning('id').execute();
  return gone.length > 0;
}

/** A target's host sets, sorted by id. */
export async function listHostSources(db: Connection, targetId: string): Promise<HostSource[]> {
  const rows = await db
    .selectFrom('target_host_source')
    .innerJoin('host_set', 'host_set.id', 'target_host_source.host_set_id')
    .select(['host_set.id', 'host_set.host_catalog_id'])
    .where('target_host_source.target_id', '=', targetId)
    .orderBy('host_set.id')
    .execute();
  return rows.map((row) => ({ id: row.id, hostCatalogId: row.host_catalog_id }));
}

/** Those of `hostSetIds` whose catalog lies in the scope. */
export async function hostSetsWithinScope(
  db: Connection,
  scopeId: string,
  hostSetIds: readonly string[],
): Promise<Set<string>> {
  const found = new Set<string>();
  for (const chunk of chunksOf(hostSetIds)) {
    const rows = await db
      .selectFrom('host_set')
      .innerJoin('host_catalog', 'host_catalog.id', 'host_set.host_catalog_id')
      .select('host_set.id')
      .where('host_catalog.scope_id', '=', scopeId)
      .where('host_set.id', 'in', chunk)
      .execute();
    for (const row of rows) found.add(row.id);
  }
  return found;
}

/** Gives a target more host sets. */
export async function insertHostSources(
  tx: Connection,
  targetId: string,
  hostSetIds: readonly string[],
): Promise<void> {
  const rows = hostSetIds.map((hostSetId) => ({ target_id: targetId, host_set_id: hostSetId }));
  for (const chunk of chunksOf(rows)) await tx.insertInto('target_host_source').values(chunk).execute();
}

/** Takes host sets from a target. */
export async function deleteHostSources(
  tx: Connection,
  targetId: string,
  hostSetIds: readonly string[],
): Promise<void> {
  for (const chunk of chunksOf(hostSetIds)) {
    await tx
      .deleteFrom('target_host_source')
      .where('target_id', '=', targetId)
      .where('host_set_id', 'in', chunk)
      .execute();
  }
}
