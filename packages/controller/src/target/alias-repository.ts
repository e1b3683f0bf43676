/** SQL of alias lists. */
import type { Connection } from '../store/database.ts';
import { pageOf, type PageRequest } from '../store/page.ts';
import { permittedRows, type ListPermissions } from '../store/permitted-rows.ts';
import type { Alias } from './target.ts';

/** One page of the aliases whose destination is a target that `permissions` allow (http-api.md §2.6). */
export function listResolvableAliases(
  db: Connection,
  permissions: ListPermissions,
  page: PageRequest,
): Promise<Alias[]> {
  const targets = db.selectFrom('target').select('target.id').where(permittedRows(permissions));
  const query = db.selectFrom('alias').selectAll().where('alias.destination_id', 'in', targets);
  return pageOf(query, 'alias', page).execute();
}
