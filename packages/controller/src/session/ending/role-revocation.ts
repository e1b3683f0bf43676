/**
 * Ends running sessions whose user no longer holds `authorize-session` on the target, where the scope wants it
 * (`sessions_on_role_revocation` = `cancel`). A new connection needs the right anyway, whatever the scope says.
 */
import { StileError } from '@stile/protocol';
import type { Clock } from '@stile/runtime';
import type { Acl } from '../../iam/acl.ts';
import type { IamService } from '../../iam/iam-service.ts';
import type { Holders, LostRights } from '../../iam/lost-rights.ts';
import { listCancelingScopeIds } from '../../iam/scope-repository.ts';
import type { Connection, Database } from '../../store/database.ts';
import { beginEndingAndTell } from '../session-ending.ts';
import { chunksOf } from '../../store/chunks.ts';
import { holdScopes, listRunningSessions, type RunningSession } from './running-session-repository.ts';

/** Looks at the rights again after a change took some away. */
export class RoleRevocation implements LostRights {
  readonly #database: Database;
  readonly #clock: Clock;
  readonly #iam: Pick<IamService, 'aclFor'>;

  constructor(options: {
    readonly database: Database;
    readonly clock: Clock;
    readonly iam: Pick<IamService, 'aclFor'>;
  }) {
    this.#database = options.database;
    this.#clock = options.clock;
    this.#iam = options.iam;
  }

  /** Ends the sessions of those holders who have lost the right to them. */
  async endSessions(
    tx: Connection,
    { holders, by }: { readonly holders: Holders; readonly by: string },
  ): Promise<void> {
    if (holders.length === 0) return;
    const scopeIds = await listCancelingScopeIds(tx);
    if (scopeIds.length === 0) return;
    await holdScopes(tx, this.#database.engine, scopeIds);
    const running = await listRunningSessions(tx, scopeIds, holders);
    const lost = await this.#withoutRight(tx, running);
    const cause = { reason: 'role revoked', by, nowUs: this.#clock.nowUs() } as const;
    for (const ids of chunksOf(lost)) await beginEndingAndTell(tx, this.#database, { ids }, cause);
  }

  async #withoutRight(tx: Connection, running: readonly RunningSession[]): Promise<string[]> {
    const acls = new Map<string, Acl | undefined>();
    const lost: string[] = [];
    for (const session of running) {
      const caller = `${session.userId} ${session.accountId ?? ''}`;
      if (!acls.has(caller)) acls.set(caller, await this.#aclOf(tx, session));
      const resource = {
        scopeId: session.scopeId,
        parentScopeId: session.parentScopeId,
        type: 'target',
        id: session.targetId,
      } as const;
      if (acls.get(caller)?.decide(resource, 'authorize-session').authorized !== true) lost.push(session.id);
    }
    return lost;
  }

  /** Undefined for a user whose grants cannot be read: such a user has no rights (grants.md §1.2). */
  async #aclOf(tx: Connection, session: RunningSession): Promise<Acl | undefined> {
    try {
      const accountId = session.accountId ?? undefined;
      return await this.#iam.aclFor({ userId: session.userId, accountId }, tx);
    } catch (error) {
      if (error instanceof StileError && error.code === 'permissionDenied') return undefined;
      throw error;
    }
  }
}
