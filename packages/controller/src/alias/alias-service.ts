/** Use cases of aliases: create, read, list, update, delete, and finding the target that a name leads to. */
import { StileError, globalScopeId, invalidField, newId } from '@stile/protocol';
import type { Clock } from '@stile/runtime';
import type { Connection, Database } from '../store/database.ts';
import { record } from '../store/deleted-resource-repository.ts';
import type { PageRequest } from '../store/page.ts';
import type { ListPermissions } from '../store/list/permitted-rows.ts';
import { notFound, wrongVersion } from '../store/store-error.ts';
import { updateVersioned } from '../store/versioned-update.ts';
import * as repository from './alias-repository.ts';
import { aliasKey, aliasProblem, hostIdField, requireDestination, type Alias } from './alias.ts';

/** Fields of a new alias. `id` is given by bootstrap only. */
export interface NewAlias {
  readonly id?: string;
  readonly value: string;
  readonly name?: string | null;
  readonly description?: string | null;
  readonly destinationId?: string | null;
  readonly hostId?: string | null;
}

/** Changes of an alias; null clears, absent leaves as is. */
export type AliasChanges = Partial<Omit<NewAlias, 'id'>>;

/** The row of a new alias. @throws {StileError} invalidArgument (value) */
export function aliasRow(fields: NewAlias, nowUs: number): Alias {
  requireLegalValue(fields.value);
  return {
    id: fields.id ?? newId('alias'),
    scope_id: globalScopeId,
    type: 'target',
    value: fields.value,
    value_key: aliasKey(fields.value),
    name: fields.name ?? null,
    description: fields.description ?? null,
    destination_id: fields.destinationId ?? null,
    host_id: fields.hostId ?? null,
    version: 1,
    created_at: nowUs,
    updated_at: nowUs,
  };
}

function requireLegalValue(value: string): void {
  const problem = aliasProblem(value);
  if (problem !== undefined) throw invalidField('value', problem);
}

/** Adds an alias within a unit of work. @throws {StileError} invalidArgument (taken, host unknown), notFound (destination) */
export async function addAlias(tx: Connection, row: Alias): Promise<void> {
  await requireEnds(tx, row);
  await repository.insertAlias(tx, row);
}

/** Names that lead to targets. */
export class AliasService {
  readonly #database: Database;
  readonly #clock: Clock;

  constructor(options: { readonly database: Database; readonly clock: Clock }) {
    this.#database = options.database;
    this.#clock = options.clock;
  }

  /**
   * A new alias in the global scope.
   * @throws {StileError} invalidArgument (value not legal or taken, host unknown or without a destination), notFound (no such
   * destination)
   */
  async create(fields: NewAlias): Promise<Alias> {
    const row = aliasRow(fields, this.#clock.nowUs());
    requireDestination(row);
    await this.#database.write((tx) => addAlias(tx, row));
    return row;
  }

  /** The alias of that id, or undefined. */
  lookup(id: string): Promise<Alias | undefined> {
    return repository.lookupAliasRow(this.#database.reader, id);
  }

  /** The alias of that value, whatever its case; undefined when there is none. */
  lookupByValue(value: string): Promise<Alias | undefined> {
    return repository.lookupAlias(this.#database.reader, value);
  }

  /** One page of the aliases that the caller may see. */
  list(permissions: ListPermissions, page: PageRequest): Promise<Alias[]> {
    return repository.listAliases(this.#database.reader, permissions, page);
  }

  /**
   * Changes fields; sessions made by the old value or destination go on.
   * @throws {StileError} invalidArgument (value not legal or taken, host unknown or without a destination), notFound (no such
   * alias with that version, no such destination)
   */
  async update(id: string, version: number, changes: AliasChanges): Promise<Alias> {
    const { value, name, description, destinationId, hostId } = changes;
    if (value !== undefined) requireLegalValue(value);
    const columns = {
      ...(value === undefined ? {} : { value, value_key: aliasKey(value) }),
      ...(name === undefined ? {} : { name }),
      ...(description === undefined ? {} : { description }),
      ...(destinationId === undefined ? {} : { destination_id: destinationId }),
      ...(hostId === undefined ? {} : { host_id: hostId }),
    };
    const nowUs = this.#clock.nowUs();
    return this.#database.write(async (tx) => {
      await requireEnds(tx, { destination_id: destinationId ?? null, host_id: hostId ?? null });
      const row = await updateVersioned(tx, 'alias', { id, version, changes: columns, nowUs });
      if (row === undefined) throw wrongVersion('Alias', id);
      // After the update, which holds the row: what it has now decides. A destination may have gone by itself, with its scope.
      if (destinationId !== undefined || hostId !== undefined) requireDestination(row);
      return row;
    });
  }

  /** Deletes an alias; sessions made through it go on. @throws {StileError} notFound */
  async delete(id: string): Promise<void> {
    await this.#database.write(async (tx) => {
      if (!(await repository.deleteAliasRow(tx, id))) throw notFound();
      await record(tx, 'alias', [id], this.#clock.nowUs());
    });
  }
}

/** What an alias leads to must be there; the words say what is not. @throws {StileError} notFound, invalidArgument */
async function requireEnds(
  tx: Connection,
  { destination_id: destinationId, host_id: hostId }: Pick<Alias, 'destination_id' | 'host_id'>,
): Promise<void> {
  if (destinationId !== null && !(await repository.hasTarget(tx, destinationId))) {
    throw new StileError('notFound', `target with specified destination id "${destinationId}" was not found`);
  }
  if (hostId !== null && !(await repository.hasHost(tx, hostId))) {
    throw invalidField(hostIdField, `Host "${hostId}" does not exist.`);
  }
}
