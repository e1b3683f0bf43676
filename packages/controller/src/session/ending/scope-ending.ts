/**
 * Deletes a scope with everything in it, and ends at once every session that stood on any of it (http-api.md §2.1,
 * session-protocol.md §5.7), in one transaction.
 */
import { globalScopeId, StileError } from '@stile/protocol';
import type { SessionEndReason } from '@stile/protocol';
import type { Clock } from '@stile/runtime';
import { listMemberIdsOf } from '../../iam/group/group-repository.ts';
import { holdersAmong, type LostRights } from '../../iam/lost-rights.ts';
import type { Connection, Database } from '../../store/database.ts';
import { record } from '../../store/deleted-resource-repository.ts';
import { beginEndingAndTell } from '../session-ending.ts';
import { chunksOf } from '../../store/chunks.ts';
import { notFound } from '../../store/store-error.ts';
import type { SessionSelector } from '../session-repository.ts';
import {
  allowStatementsOf,
  clearAliasesWithin,
  deleteScopeRow,
  holdScopeTree,
  listPeople,
  recordContents,
} from './scope-contents-repository.ts';

/** Deleting a million targets with their scope takes this long at most, milliseconds. */
const deletionTimeoutMs = 600_000;

type Column = Extract<SessionSelector, { column: string }>['column'];

/** Deletes scopes. */
export class ScopeEnding {
  readonly #database: Database;
  readonly #clock: Clock;
  readonly #lostRights: LostRights;

  constructor(options: {
    readonly database: Database;
    readonly clock: Clock;
    readonly lostRights: LostRights;
  }) {
    this.#database = options.database;
    this.#clock = options.clock;
    this.#lostRights = options.lostRights;
  }

  /** `by` is the id of the user who deletes it. @throws {StileError} notFound, failedPrecondition (global) */
  async delete(id: string, by: string): Promise<void> {
    if (id === globalScopeId) {
      throw new StileError('failedPrecondition', 'The global scope cannot be deleted.');
    }
    await this.#database.write((tx) => this.#delete(tx, id, by), { timeoutMs: deletionTimeoutMs });
  }

  async #delete(tx: Connection, id: string, by: string): Promise<void> {
    const nowUs = this.#clock.nowUs();
    await allowStatementsOf(tx, this.#database.engine, deletionTimeoutMs);
    const scopeIds = await holdScopeTree(tx, this.#database.engine, id);
    if (scopeIds.length === 0) throw notFound();
    const { userIds, groupIds, tokenIds } = await listPeople(tx, scopeIds);
    // Roles of other scopes may have been held by groups that go.
    const members = await listMemberIdsOf(tx, groupIds);
    await clearAliasesWithin(tx, scopeIds, nowUs);
    await recordContents(tx, scopeIds, nowUs);
    await record(tx, 'auth-token', tokenIds, nowUs);
    // Before the sessions: one that is being authorized waits for its target, and is seen or refused.
    await deleteScopeRow(tx, id);
    const end = (column: Column, values: readonly string[], reason: SessionEndReason): Promise<void> =>
      this.#end(tx, { column, values }, { reason, by, nowUs });
    await end('scope_id', scopeIds, 'project deleted');
    await end('user_id', userIds, 'user deleted');
    await end('auth_token_id', tokenIds, 'token revoked');
    await this.#lostRights.endSessions(tx, { holders: holdersAmong(members), by });
    await this.#database.events.publish(tx, { type: 'rights-changed', subjectId: id });
  }

  async #end(
    tx: Connection,
    { column, values }: { readonly column: Column; readonly values: readonly string[] },
    cause: { readonly reason: SessionEndReason; readonly by: string; readonly nowUs: number },
  ): Promise<void> {
    for (const chunk of chunksOf(values)) {
      await beginEndingAndTell(tx, this.#database, { column, values: chunk }, cause);
    }
  }
}
