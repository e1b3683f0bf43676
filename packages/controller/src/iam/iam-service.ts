/** Who may do what, for the rest of the controller: the ACL of a caller, and the tree of scopes. */
import {
  parseGrantForEvaluation,
  StileError,
  toStileError,
  type ParsedGrant,
  type TokenMask,
} from '@stile/protocol';
import { type Logger, othersTurn, silentLogger } from '@stile/runtime';
import type { Connection, Database } from '../store/database.ts';
import { notFound } from '../store/store-error.ts';
import { Acl, type AclGrant } from './acl.ts';
import { listCallerRoles } from './role-repository.ts';
import { lookupScopeInfo, scopeTree } from './scope-repository.ts';
import type { ScopeInfo } from './scope.ts';

/** Who asks. */
export interface AclCallerIds {
  /** `u_anon` for anonymous callers. */
  readonly userId: string;
  /** Account of the auth token. */
  readonly accountId?: string | undefined;
  /** The auth token; absent = no mask over the user's rights. */
  readonly token?: { readonly mask: TokenMask } | undefined;
}

/** What the service stands on. */
export interface IamServiceOptions {
  readonly database: Pick<Database, 'reader'>;
  readonly log?: Logger;
}

/** Grants that are read before others have their turn: 10 ms of work. */
export const grantsOfTurn = 250;

/** Grant texts kept parsed: some installations have thousands of roles, of mostly the same few texts. About 1 kB each. */
const keptGrants = 4096;

/** Reads rights and scopes; keeps nothing of the database in memory, so that a change holds from the next request on. */
export class IamService {
  readonly #db: Connection;
  readonly #log: Logger;
  /** By text: parsing has no other input, so nothing here can be stale. In order of last use. */
  readonly #parsed = new Map<string, ParsedGrant | StileError>();

  constructor(options: IamServiceOptions) {
    this.#db = options.database.reader;
    this.#log = options.log ?? silentLogger;
  }

  /**
   * Rights of the caller as they stand now. A stored grant that cannot be read takes every right from its holders
   * (grants.md §1.2), which the log tells. Within a unit of work `db` is its `tx`.
   * @throws {StileError} permissionDenied for such a grant; unavailable
   */
  async aclFor(caller: AclCallerIds, db: Connection = this.#db): Promise<Acl> {
    const grants: AclGrant[] = [];
    let read = 0;
    for (const role of await listCallerRoles(db, caller.userId)) {
      const { roleId, roleScopeId, roleParentScopeId } = role;
      for (const text of role.grants) {
        if (!this.#parsed.has(text)) {
          read += 1;
          if (read % grantsOfTurn === 0) await othersTurn();
        }
        const grant = this.#grantOf(text, roleId);
        for (const grantScope of role.grantScopes) {
          grants.push({ grant, roleId, roleScopeId, roleParentScopeId, grantScope });
        }
      }
    }
    return new Acl({
      grants,
      userId: caller.userId,
      accountId: caller.accountId,
      mask: caller.token?.mask,
    });
  }

  /** The scope, or undefined. */
  lookup(scopeId: string): Promise<ScopeInfo | undefined> {
    return lookupScopeInfo(this.#db, scopeId);
  }

  /** @throws {StileError} notFound */
  async readScope(scopeId: string): Promise<ScopeInfo> {
    const scope = await this.lookup(scopeId);
    if (scope === undefined) throw notFound();
    return scope;
  }

  /** Every scope, global first. */
  tree(): Promise<ScopeInfo[]> {
    return scopeTree(this.#db);
  }

  #grantOf(text: string, roleId: string): ParsedGrant {
    const known = this.#parsed.get(text);
    // Put again at the end: the map's order is the order of use, and the first is the one to drop.
    if (known !== undefined) this.#parsed.delete(text);
    const parsed = known ?? parse(text);
    this.#parsed.set(text, parsed);
    if (this.#parsed.size > keptGrants) {
      for (const oldest of this.#parsed.keys()) {
        this.#parsed.delete(oldest);
        break;
      }
    }
    if (!(parsed instanceof StileError)) return parsed;
    this.#log.error({ err: parsed, roleId }, 'a stored grant cannot be read: its holders have no rights');
    throw new StileError('permissionDenied', 'Forbidden.', { cause: parsed });
  }
}

function parse(text: string): ParsedGrant | StileError {
  try {
    return parseGrantForEvaluation(text);
  } catch (error) {
    return toStileError(error);
  }
}
