/** What happens to auth tokens, one line each in the log: who, whose, from where; never a secret (tokens.md §1.7). */
import type { Logger } from '@stile/runtime';
import type { EndedToken } from './auth-token-repository.ts';

/** What is recorded. */
export type TokenAuditEvent =
  | 'login'
  | 'minted'
  | 'exchanged'
  | 'rotated'
  | 'narrowed'
  | 'revoked'
  | 'deleted'
  | 'collected'
  | 'origin mismatch'
  | 'exposed';

/** Facts of an event. */
export interface TokenAuditFacts {
  readonly authTokenId?: string | undefined;
  readonly type?: string | undefined;
  /** Owner. */
  readonly userId?: string | undefined;
  /** User who did it. */
  readonly by?: string | undefined;
  readonly reason?: string | undefined;
  readonly origin?: string | null | undefined;
  /** Where the request came from, when it is another place than the origin. */
  readonly address?: string | undefined;
  /** How many, where the event is about many. */
  readonly count?: number | undefined;
}

/** Records one event. */
export function auditToken(log: Logger, event: TokenAuditEvent, facts: TokenAuditFacts): void {
  log.info({ audit: `auth token ${event}`, ...facts }, 'audit');
}

/** Records tokens that somebody has ended, one event each. */
export function auditEnded(log: Logger, tokens: readonly EndedToken[], by: string): void {
  for (const { id, type, user_id: userId, origin, revoked_reason: reason } of tokens) {
    auditToken(log, 'revoked', { authTokenId: id, type, userId, by, reason: reason ?? undefined, origin });
  }
}
