/** SQL of static host catalogs, host sets, hosts and their memberships. */
import type { Selectable } from 'kysely';
import { chunksOf } from '../store/chunks.ts';
import type { Connection } from '../store/database.ts';
import { pageOf } from '../store/page.ts';
import type { PageRequest } from '../store/page.ts';
import { PreparedQuery } from '../store/prepared-query.ts';
import { permittedRows } from '../store/list/permitted-rows.ts';
import type { ListPermission, ListPermissions } from '../store/list/permitted-rows.ts';
import type { HostSetTable, HostTable } from '../store/schema.ts';
import type { Host, HostCatalog, HostSet } from './host.ts';

/** The catalog, or undefined. */
export function lookupHostCatalog(db: Connection, id: string): Promise<HostCatalog | undefined> {
  return db.selectFrom('host_catalog').selectAll().where('id', '=', id).executeTakeFirst();
}

/** The host set, or undefined. */
export function lookupHostSet(db: Connection, id: string): Promise<HostSet | undefined> {
  return db.selectFrom('host_set').selectAll().where('id', '=', id).executeTakeFirst();
}

/** The host, or undefined. */
export function lookupHost(db: Connection, id: string): Promise<Host | undefined> {
  return db.selectFrom('host').selectAll().where('id', '=', id).executeTakeFirst();
}

/** One page of the catalogs that `permissions` allow. */
export function listHostCatalogs(
  db: Connection,
  permissions: ListPermissions,
  page: PageRequest,
): Promise<HostCatalog[]> {
  const query = db.selectFrom('host_catalog').selectAll().where(permittedRows(permissions));
  return pageOf(query, 'host_catalog', page).execute();
}

/** One page of a catalog's host sets. */
export function listHostSets(
  db: Connection,
  parent: { readonly hostCatalogId: string; readonly permission: ListPermission },
  page: PageRequest,
): Promise<HostSet[]> {
  let query = db.selectFrom('host_set').selectAll().where('host_catalog_id', '=', parent.hostCatalogId);
  if (!parent.permission.all) query = query.where('id', 'in', oneAtLeast(parent.permission.ids));
  return pageOf(query, 'host_set', page).execute();
}

/** One page of a catalog's hosts. */
export function listHosts(
  db: Connection,
  parent: { readonly hostCatalogId: string; readonly permission: ListPermission },
  page: PageRequest,
): Promise<Host[]> {
  let query = db.selectFrom('host').selectAll().where('host_catalog_id', '=', parent.hostCatalogId);
  if (!parent.permission.all) query = query.where('id', 'in', oneAtLeast(parent.permission.ids));
  return pageOf(query, 'host', page).execute();
}

/** `in ()` is no SQL: a list that matches nothing instead of an empty one. */
function oneAtLeast(ids: readonly string[]): readonly string[] {
  return ids.length === 0 ? [''] : ids;
}

/** Adds a catalog. @throws {StileError} invalidArgument when the name is taken */
export async function insertHostCatalog(tx: Connection, row: HostCatalog): Promise<void> {
  await tx.insertInto('host_catalog').values(row).execute();
}

/** Adds a host set. @throws {StileError} invalidArgument when the name is taken; notFound without its catalog */
export async function insertHostSet(tx: Connection, row: Selectable<HostSetTable>): Promise<void> {
  await tx.insertInto('host_set').values(row).execute();
}

/** Adds a host. @throws {StileError} invalidArgument when the name is taken; notFound without its catalog */
export async function insertHost(tx: Connection, row: Selectable<HostTable>): Promise<void> {
  await tx.insertInto('host').values(row).execute();
}

/** Ids of a set's hosts, sorted. */
export async function hostIdsOfSet(db: Connection, hostSetId: string): Promise<string[]> {
  const rows = await db
    .selectFrom('host_set_host')
    .select('host_id')
    .where('host_set_id', '=', hostSetId)
    .orderBy('host_id')
    .execute();
  return rows.map((row) => row.host_id);
}

/** For each of the hosts the ids of the sets it is in, sorted; hosts in no set are absent. */
export async function hostSetIdsOfHosts(
  db: Connection,
  hostIds: readonly string[],
): Promise<Map<string, string[]>> {
  if (hostIds.length === 0) return new Map();
  const rows = await db
    .selectFrom('host_set_host')
    .selectAll()
    .where('host_id', 'in', hostIds)
    .orderBy('host_set_id')
    .execute();
  const found = new Map<string, string[]>();
  for (const row of rows) {
    const setIds = found.get(row.host_id) ?? [];
    setIds.push(row.host_set_id);
    found.set(row.host_id, setIds);
  }
  return found;
}

/** Those of `hostIds` that belong to the catalog. */
export async function hostsWithinCatalog(
  db: Connection,
  hostCatalogId: string,
  hostIds: readonly string[],
): Promise<Set<string>> {
  const found = new Set<string>();
  for (const chunk of chunksOf(hostIds)) {
    const rows = await db
      .selectFrom('host')
      .select('id')
      .where('host_catalog_id', '=', hostCatalogId)
      .where('id', 'in', chunk)
      .execute();
    for (const row of rows) found.add(row.id);
  }
  return found;
}

/** Puts hosts into a set. */
export async function insertMembers(
  tx: Connection,
  hostSetId: string,
  hostIds: readonly string[],
): Promise<void> {
  const rows = hostIds.map((hostId) => ({ host_set_id: hostSetId, host_id: hostId }));
  for (const chunk of chunksOf(rows)) await tx.insertInto('host_set_host').values(chunk).execute();
}

/** Takes hosts out of a set. */
export async function deleteMembers(
  tx: Connection,
  hostSetId: string,
  hostIds: readonly string[],
): Promise<void> {
  for (const chunk of chunksOf(hostIds)) {
    await tx
      .deleteFrom('host_set_host')
      .where('host_set_id', '=', hostSetId)
      .where('host_id', 'in', chunk)
      .execute();
  }
}

/** One possible endpoint of a target: a host through one of the target's sets. A host in two sets appears twice. */
export interface EndpointCandidate {
  readonly hostId: string;
  readonly hostSetId: string;
  readonly address: string;
}

/** Runs at every authorize-session of a target without an address. */
const endpointCandidates = new PreparedQuery((db, input: { targetId: string }) =>
  db
    .selectFrom('target_host_source')
    .innerJoin('host_set_host', 'host_set_host.host_set_id', 'target_host_source.host_set_id')
    .innerJoin('host', 'host.id', 'host_set_host.host_id')
    .select(['host.id as host_id', 'host_set_host.host_set_id', 'host.address'])
    .where('target_host_source.target_id', '=', input.targetId)
    .orderBy('host_set_host.host_set_id')
    .orderBy('host.id'),
);

/** Every (set, host) entry of a target's host sources, ordered by set and host (session-protocol.md §6.3). */
export async function listEndpointCandidates(db: Connection, targetId: string): Promise<EndpointCandidate[]> {
  const rows = await endpointCandidates.execute(db, { targetId });
  return rows.map((row) => ({ hostId: row.host_id, hostSetId: row.host_set_id, address: row.address }));
}

/** Ids that go with a catalog: its sets and its hosts. */
export async function idsOfCatalog(
  db: Connection,
  hostCatalogId: string,
): Promise<{ readonly hostSetIds: string[]; readonly hostIds: string[] }> {
  const sets = await db
    .selectFrom('host_set')
    .select('id')
    .where('host_catalog_id', '=', hostCatalogId)
    .execute();
  const hosts = await db
    .selectFrom('host')
    .select('id')
    .where('host_catalog_id', '=', hostCatalogId)
    .execute();
  return { hostSetIds: sets.map((row) => row.id), hostIds: hosts.map((row) => row.id) };
}

/** Deletes a catalog with its sets and hosts (foreign keys cascade); false when there is none. */
export async function deleteHostCatalogRow(tx: Connection, id: string): Promise<boolean> {
  const gone = await tx.deleteFrom('host_catalog').where('id', '=', id).returning('id').execute();
  return gone.length > 0;
}

/** Deletes a set; it leaves the targets that had it (foreign keys cascade). False when there is none. */
export async function deleteHostSetRow(tx: Connection, id: string): Promise<boolean> {
  const gone = await tx.deleteFrom('host_set').where('id', '=', id).returning('id').execute();
  return gone.length > 0;
}

/** Deletes a host; it leaves its sets (foreign keys cascade). False when there is none. */
export async function deleteHostRow(tx: Connection, id: string): Promise<boolean> {
  const gone = await tx.deleteFrom('host').where('id', '=', id).returning('id').execute();
  return gone.length > 0;
}
