/** SQL of the credentials that targets broker. */
import { chunksOf } from '../store/chunks.ts';
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
  const found = new Set<string>();
  for (const chunk of chunksOf(credentialIds)) {
    const rows = await db
      .selectFrom('credential')
      .innerJoin('credential_store', 'credential_store.id', 'credential.credential_store_id')
      .select('credential.id')
      .where('credential_store.scope_id', '=', scopeId)
      .where('credential.id', 'in', chunk)
      .execute();
    for (const row of rows) found.add(row.id);
  }
  return found;
}

/** Gives a target more credentials. */
export async function insertCredentialSources(
  tx: Connection,
  targetId: string,
  credentialIds: readonly string[],
): Promise<void> {
  const rows = credentialIds.map((credentialId) => ({
    target_id: targetId,
    credential_id: credentialId,
    purpose: 'brokered' as const,
  }));
  for (const chunk of chunksOf(rows)) {
    await tx.insertInto('target_credential_source').values(chunk).execute();
  }
}

/** Takes credentials from a target. */
export async function deleteCredentialSources(
  tx: Connection,
  targetId: string,
  credentialIds: readonly string[],
): Promise<void> {
  for (const chunk of chunksOf(credentialIds)) {
    await tx
      .deleteFrom('target_credential_source')
      .where('target_id', '=', targetId)
      .where('credential_id', 'in', chunk)
      .execute();
  }
}
