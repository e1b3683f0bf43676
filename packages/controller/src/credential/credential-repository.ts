/** SQL of static credential stores and credentials. */
import type { Connection } from '../store/database.ts';
import { pageOf, type PageRequest } from '../store/page.ts';
import { permittedRows, type ListPermissions } from '../store/list/permitted-rows.ts';
import type { CredentialTable } from '../store/schema.ts';
import type { Credential, CredentialStore } from './credential.ts';

/** Columns that answers may show, MACs included; never what is sealed. */
const shownColumns = [
  'credential.id',
  'credential.credential_store_id',
  'credential.type',
  'credential.name',
  'credential.description',
  'credential.username',
  'credential.domain',
  'credential.secret_mac',
  'credential.passphrase_mac',
  'credential.version',
  'credential.created_at',
  'credential.updated_at',
] as const;

/** The store, or undefined. */
export function lookupCredentialStore(db: Connection, id: string): Promise<CredentialStore | undefined> {
  return db.selectFrom('credential_store').selectAll().where('id', '=', id).executeTakeFirst();
}

/** One page of the stores that `permissions` allow. */
export function listCredentialStores(
  db: Connection,
  permissions: ListPermissions,
  page: PageRequest,
): Promise<CredentialStore[]> {
  const query = db.selectFrom('credential_store').selectAll().where(permittedRows(permissions));
  return pageOf(query, 'credential_store', page).execute();
}

/** Adds a store. @throws {StileError} invalidArgument (name taken), notFound (no such scope) */
export async function insertCredentialStore(tx: Connection, row: CredentialStore): Promise<void> {
  await tx.insertInto('credential_store').values(row).execute();
}

/** Deletes a store; its credentials go with it, and leave their targets. False when there is none. */
export async function deleteCredentialStoreRow(tx: Connection, id: string): Promise<boolean> {
  const gone = await tx.deleteFrom('credential_store').where('id', '=', id).returning('id').execute();
  return gone.length > 0;
}

/** The credential without what is sealed, or undefined. */
export function lookupCredential(db: Connection, id: string): Promise<Credential | undefined> {
  return db.selectFrom('credential').select(shownColumns).where('id', '=', id).executeTakeFirst();
}

/** The credential with what is sealed, or undefined. */
export function lookupSealedCredential(db: Connection, id: string): Promise<CredentialTable | undefined> {
  return db.selectFrom('credential').selectAll().where('id', '=', id).executeTakeFirst();
}

/** One page of the credentials of a store. */
export function listCredentials(db: Connection, storeId: string, page: PageRequest): Promise<Credential[]> {
  const query = db.selectFrom('credential').select(shownColumns).where('credential_store_id', '=', storeId);
  return pageOf(query, 'credential', page).execute();
}

/** Adds a credential. @throws {StileError} invalidArgument (name taken among those of the type), notFound (no such store) */
export async function insertCredential(tx: Connection, row: CredentialTable): Promise<void> {
  await tx.insertInto('credential').values(row).execute();
}

/** Deletes a credential, or all of a store; they leave their targets. Gives their ids. */
export async function deleteCredentialRows(
  tx: Connection,
  which: { readonly id: string } | { readonly storeId: string },
): Promise<string[]> {
  const query = tx.deleteFrom('credential').returning('id');
  const rows = await (
    'id' in which ? query.where('id', '=', which.id) : query.where('credential_store_id', '=', which.storeId)
  ).execute();
  return rows.map((row) => row.id);
}

/** The credentials that sessions of a target get, with what is sealed, by id. */
export function listBrokered(db: Connection, targetId: string): Promise<CredentialTable[]> {
  return db
    .selectFrom('target_credential_source')
    .innerJoin('credential', 'credential.id', 'target_credential_source.credential_id')
    .selectAll('credential')
    .where('target_credential_source.target_id', '=', targetId)
    .where('target_credential_source.purpose', '=', 'brokered')
    .orderBy('credential.id')
    .execute();
}
