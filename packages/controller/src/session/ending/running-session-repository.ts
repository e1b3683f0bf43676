/** SQL of the sessions that run on a right which may be gone. */
import type { Connection, Database } from '../../store/database.ts';
import { isLivingSession } from '../../store/page.ts';
import type { Holders } from '../../iam/lost-rights.ts';
import { chunksOf } from '../../store/chunks.ts';

/** A session and what the right to it is asked with. */
export interface RunningSession {
  readonly id: string;
  readonly userId: string;
  /** Account of its auth token. */
  readonly accountId: string | null;
  readonly targetId: string;
  readonly scopeId: string;
  readonly parentScopeId: string | null;
}

/**
 * Holds the scopes' rows until the end of the unit: of two changes that each take one of two roles away, the later one sees both.
 * SQLite has one writer and needs nothing.
 */
export async function holdScopes(
  tx: Connection,
  engine: Database['engine'],
  scopeIds: readonly string[],
): Promise<void> {
  if (engine === 'sqlite') return;
  for (const chunk of chunksOf([...scopeIds].sort())) {
    await tx
      .selectFrom('scope')
      .select('id')
      .where('id', 'in', chunk)
      .orderBy('id')
      .forNoKeyUpdate()
      .execute();
  }
}

function runningSessions(db: Connection, scopeIds: readonly string[]) {
  return db
    .selectFrom('session')
    .innerJoin('scope', 'scope.id', 'session.scope_id')
    .leftJoin('auth_token', 'auth_token.id', 'session.auth_token_id')
    .select([
      'session.id',
      'session.user_id as userId',
      'auth_token.account_id as accountId',
      'session.target_id as targetId',
      'session.scope_id as scopeId',
      'scope.parent_id as parentScopeId',
    ])
    .where('session.scope_id', 'in', scopeIds)
    .where(isLivingSession)
    .where('session.status', 'in', ['pending', 'active']);
}

/** Sessions of the holders that run in the scopes. */
export async function listRunningSessions(
  db: Connection,
  scopeIds: readonly string[],
  holders: Holders,
): Promise<RunningSession[]> {
  const found: RunningSession[] = [];
  for (const scopes of chunksOf(scopeIds)) {
    if (holders === 'everybody') {
      found.push(...(await runningSessions(db, scopes).execute()));
      continue;
    }
    for (const users of chunksOf(holders)) {
      found.push(...(await runningSessions(db, scopes).where('session.user_id', 'in', users).execute()));
    }
  }
  return found;
}
