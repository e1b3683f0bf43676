/**
 * Use cases of scopes: a new one begins with its default roles (grants.md §4.2), a change may name its primary auth method.
 * Deleting one ends sessions, so that stands in `session/`.
 */
import { anonymousUserId, authenticatedUserId, invalidField, recoveryUserId } from '@stile/protocol';
import type { Clock } from '@stile/runtime';
import type { Connection, Database } from '../store/database.ts';
import type { ScopeTable } from '../store/schema.ts';
import { updateVersioned } from '../store/versioned-update.ts';
import { wrongVersion } from '../store/store-error.ts';
import { createRole } from './role-repository.ts';
import { createScope, isAuthMethodOf, type ScopeRow } from './scope-repository.ts';
import { scopeRoles, type RoleText } from './scope-roles.ts';
import { childTypeOf, type ScopeInfo } from './scope.ts';

/** Fields of a scope that may change; null clears, absent leaves as is. */
export interface ScopeChanges {
  readonly name?: string | null;
  readonly description?: string | null;
  readonly primaryAuthMethodId?: string | null;
  readonly sessionsOnRoleRevocation?: ScopeTable['sessions_on_role_revocation'];
}

/** A scope to make. */
export interface NewChildScope extends Omit<ScopeChanges, 'primaryAuthMethodId'> {
  readonly parent: ScopeInfo;
  /** Id of the user who makes it: holds its `Administration`. */
  readonly creatorId: string;
  readonly skipAdminRole: boolean;
  readonly skipDefaultRole: boolean;
}

/** Create and update of scopes. */
export class ScopeService {
  readonly #database: Database;
  readonly #clock: Clock;

  constructor(options: { readonly database: Database; readonly clock: Clock }) {
    this.#database = options.database;
    this.#clock = options.clock;
  }

  /** An org in global, a project in an org. @throws {StileError} invalidArgument (name taken, parent is a project), notFound */
  async create(fields: NewChildScope): Promise<ScopeRow> {
    const { parent } = fields;
    const type = childTypeOf(parent.type);
    if (type === undefined) {
      throw invalidField('scope_id', 'Scopes cannot be created under a project scope.');
    }
    return this.#database.write(async (tx) => {
      const nowUs = this.#clock.nowUs();
      const scope = await createScope(tx, {
        parentId: parent.id,
        type,
        name: fields.name ?? undefined,
        description: fields.description ?? undefined,
        sessionsOnRoleRevocation: fields.sessionsOnRoleRevocation,
        nowUs,
      });
      await addRoles(tx, { scope, type, fields, nowUs });
      // Grants for the children of a scope reach this one now.
      await this.#database.events.publish(tx, { type: 'rights-changed', subjectId: scope.id });
      return scope;
    });
  }

  /** @throws {StileError} notFound (no such scope with that version), invalidArgument (name taken, no auth method of the scope) */
  async update(id: string, version: number, fields: ScopeChanges): Promise<ScopeRow> {
    const nowUs = this.#clock.nowUs();
    const { name, description, primaryAuthMethodId, sessionsOnRoleRevocation } = fields;
    return this.#database.write(async (tx) => {
      if (typeof primaryAuthMethodId === 'string' && !(await isAuthMethodOf(tx, id, primaryAuthMethodId))) {
        const text = `Auth method "${primaryAuthMethodId}" does not exist in this scope.`;
        throw invalidField('primary_auth_method_id', text);
      }
      const changes = {
        ...(name === undefined ? {} : { name }),
        ...(description === undefined ? {} : { description }),
        ...(primaryAuthMethodId === undefined ? {} : { primary_auth_method_id: primaryAuthMethodId }),
        ...(sessionsOnRoleRevocation === undefined
          ? {}
          : { sessions_on_role_revocation: sessionsOnRoleRevocation }),
      };
      const row = await updateVersioned(tx, 'scope', { id, version, changes, nowUs });
      if (row === undefined) throw wrongVersion('Scope', id);
      return row;
    });
  }
}

/** Callers who are nobody in particular get no `Administration`. */
const impersonal: ReadonlySet<string> = new Set(['', anonymousUserId, authenticatedUserId, recoveryUserId]);

async function addRoles(
  tx: Connection,
  made: {
    readonly scope: ScopeRow;
    readonly type: 'org' | 'project';
    readonly fields: NewChildScope;
    readonly nowUs: number;
  },
): Promise<void> {
  const { scope, type, fields } = made;
  const { administration, defaults } = scopeRoles(type, scope.id, fields.creatorId);
  // Lists are ordered by time: the second role is the newer one.
  let nowUs = made.nowUs;
  const add = async (text: RoleText, principalId: string): Promise<void> => {
    await createRole(tx, { ...text, scopeId: scope.id, principalIds: [principalId], nowUs });
    nowUs += 1;
  };
  if (!fields.skipAdminRole && !impersonal.has(fields.creatorId)) await add(administration, fields.creatorId);
  if (!fields.skipDefaultRole) await add(defaults, type === 'org' ? anonymousUserId : authenticatedUserId);
}
