/**
 * Which rows of a list a caller may see, as one SQL condition: whole scopes, single ids within a scope, or the caller's own
 * rows. The ACL decides (iam/acl.ts); the database filters, so that pages stay full and cheap.
 */
import { sql } from 'kysely';
import type { RawBuilder, SqlBool } from 'kysely';

/** What a caller may list in one scope. */
export interface ListPermission {
  /** Every row of the scope. */
  readonly all: boolean;
  /** These rows, when `all` is false. */
  readonly ids: readonly string[];
  /** The caller's own rows too, when `all` is false; for tables with a `user_id`. */
  readonly ownOnly?: boolean;
}

/** Scope id to what may be listed there. A scope that is absent shows nothing. */
export type ListPermissions = ReadonlyMap<string, ListPermission>;

/** A condition over `scope_id`, `id` and, when `ownerId` is given, `user_id`. */
export function permittedRows(permissions: ListPermissions, ownerId?: string): RawBuilder<SqlBool> {
  const whole: string[] = [];
  const own: string[] = [];
  const parts: RawBuilder<SqlBool>[] = [];
  for (const [scopeId, permission] of permissions) {
    if (permission.all) {
      whole.push(scopeId);
      continue;
    }
    if (permission.ownOnly === true) own.push(scopeId);
    if (permission.ids.length > 0) {
      parts.push(sql<SqlBool>`(scope_id = ${scopeId} and id in (${sql.join(permission.ids)}))`);
    }
  }
  if (whole.length > 0) parts.push(sql<SqlBool>`scope_id in (${sql.join(whole)})`);
  if (own.length > 0 && ownerId !== undefined) {
    parts.push(sql<SqlBool>`(user_id = ${ownerId} and scope_id in (${sql.join(own)}))`);
  }
  return parts.length === 0 ? sql<SqlBool>`1 = 0` : sql<SqlBool>`(${sql.join(parts, sql` or `)})`;
}
