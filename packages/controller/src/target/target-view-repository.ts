/** One statement for what the API needs of a target at once: the row, its scope, its aliases. The hot path of read and authorize. */
import { sql } from 'kysely';
import type { ScopeInfo } from '../iam/scope.ts';
import type { Connection } from '../store/database.ts';
import type { Target } from './target.ts';

/** A target with its scope and the names it is known by. */
export interface TargetView {
  readonly target: Target;
  readonly scope: ScopeInfo;
  /** Sorted by value. */
  readonly aliases: readonly { readonly id: string; readonly value: string }[];
}

interface ViewRow extends Target {
  readonly parent_id: string | null;
  readonly scope_type: ScopeInfo['type'];
  readonly scope_name: string | null;
  readonly scope_description: string | null;
  readonly alias_id: string | null;
  readonly alias_value: string | null;
}

/** The target of that id, or undefined. */
export async function lookupTargetView(db: Connection, id: string): Promise<TargetView | undefined> {
  const { rows } = await sql<ViewRow>`
    select target.*, scope.parent_id, scope.type as scope_type, scope.name as scope_name,
      scope.description as scope_description, alias.id as alias_id, alias.value as alias_value
    from target
    join scope on scope.id = target.scope_id
    left join alias on alias.destination_id = target.id
    where target.id = ${id}
    order by alias.value_key`.execute(db);
  const [first] = rows;
  if (first === undefined) return undefined;
  const {
    parent_id,
    scope_type,
    scope_name,
    scope_description,
    alias_id: _id,
    alias_value: _value,
    ...target
  } = first;
  return {
    target,
    scope: {
      id: target.scope_id,
      parentId: parent_id,
      type: scope_type,
      name: scope_name,
      description: scope_description,
    },
    aliases: rows.flatMap((row) =>
      row.alias_id === null || row.alias_value === null ? [] : [{ id: row.alias_id, value: row.alias_value }],
    ),
  };
}
