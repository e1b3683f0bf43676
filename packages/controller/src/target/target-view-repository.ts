/** One statement for what the API needs of a target at once: the row, its scope, its aliases. The hot path of read and authorize. */
import type { ScopeInfo } from '../iam/scope.ts';
import type { Connection } from '../store/database.ts';
import { PreparedQuery } from '../store/prepared-query.ts';
import type { Target } from './target.ts';

/** A target with its scope and the names it is known by. */
export interface TargetView {
  readonly target: Target;
  readonly scope: ScopeInfo;
  /** Sorted by value. */
  readonly aliases: readonly { readonly id: string; readonly value: string }[];
  /** Whether its sessions get credentials. */
  readonly hasCredentialSources: boolean;
}

/** Named one by one: PostgreSQL refuses a kept statement whose `*` has come to mean other columns, by a migration. */
const targetColumns = [
  'target.id',
  'target.scope_id',
  'target.type',
  'target.name',
  'target.description',
  'target.address',
  'target.default_port',
  'target.default_client_port',
  'target.session_max_seconds',
  'target.session_connection_limit',
  'target.egress_worker_filter',
  'target.worker_filter',
  'target.session_lease',
  'target.version',
  'target.created_at',
  'target.updated_at',
] as const;

/** Runs at every read and authorize-session of a target. */
const targetView = new PreparedQuery((db, input: { id: string }) =>
  db
    .selectFrom('target')
    .innerJoin('scope', 'scope.id', 'target.scope_id')
    .leftJoin('alias', 'alias.destination_id', 'target.id')
    .select(targetColumns)
    .select([
      'scope.parent_id',
      'scope.type as scope_type',
      'scope.name as scope_name',
      'scope.description as scope_description',
      'alias.id as alias_id',
      'alias.value as alias_value',
    ])
    .select((eb) =>
      eb
        .selectFrom('target_credential_source')
        .select('target_credential_source.credential_id')
        .whereRef('target_credential_source.target_id', '=', 'target.id')
        .limit(1)
        .as('any_credential_id'),
    )
    .where('target.id', '=', input.id)
    .orderBy('alias.value_key'),
);

/** The target of that id, or undefined. */
export async function lookupTargetView(db: Connection, id: string): Promise<TargetView | undefined> {
  const rows = await targetView.execute(db, { id });
  const [first] = rows;
  if (first === undefined) return undefined;
  const {
    parent_id,
    scope_type,
    scope_name,
    scope_description,
    alias_id: _id,
    alias_value: _value,
    any_credential_id,
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
    hasCredentialSources: any_credential_id !== null,
  };
}
