/** SQL of the credentials that targets broker. */
import type { Connection } from '../store/database.ts';

/** A credential of a target, with its store. */
export interface CredentialSourceLink {
  readonly id: string;
  readonly credentialStoreId: string;
}

/** A target's credentials, sorted by id. */
export async function listCredentialSources(
  db: Connection,
  targetId: string,
): Promise<CredentialSourceLink[]> {
  const rows = await db
    .selectFrom('target_credential_source')
    .innerJoin('credential', 'credential.id', 'target_credential_source.credential_id')
    .select(['credential.id', 'credential.credential_store_id'])
    .where('target_credential_source.target_id', '=', targetId)
    .orderBy('credential.id')
    .execute();
  return rows.map((row) => ({ id: row.id, credentialStoreId: row.credential_store_id }));
}

/** Those of `credentialIds` whose store lies in the scope. */
export async function credentialsWithinScope(
  db: Connection,
  scopeId: string,
  credentialIds: readonly string[],
): Promise<Set<string>> {
  if (credentialIds.length === 0) return new Set();
  const rows = await db
    .selectFrom('credential')
    .innerJoin('credential_store', 'credential_store.id', 'credential.credential_store_id')
    .select('credential.id')
    .where('credential_store.scope_id', '=', scopeId)
    .where('credential.id', 'in', credentialIds)
    .execute();
  return new Set(rows.map((row) => row.id));
}

/** Gives a target more credentials. */
export async function insertCredentialSources(
  tx: Connection,
  targetId: string,
  credentialIds: readonly string[],
): Promise<void> {
  if (credentialIds.length === 0) return;
  const rows = credentialIds.map((credentialId) => ({
    target_id: targetId,
    credential_id: credentialId,
    purpose: 'brokered' as const,
  }));
  await tx.insertInto('target_credential_source').values(rows).execute();
}

/** Takes credentials from a target. */
export async function deleteCredentialSources(
  tx: Connection,
  targetId: string,
  credentialIds: readonly string[],
): Promise<void> {
  if (credentialIds.length === 0) return;
  await tx
    .deleteFrom('target_credential_source')
    .where('target_id', '=', targetId)
    .where('credential_id', 'in', credentialIds)
    .execute();
}
