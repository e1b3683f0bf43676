/**
 * Where a session or a connection stands, which steps are legal, and the closed lists of reasons for an end.
 * The one table of design.md §5; the database refuses the rest by triggers made from the same list.
 */

/** Where a session stands. */
export const sessionStatuses = ['pending', 'active', 'canceling', 'terminated'] as const;
/** Where a session stands. */
export type SessionStatus = (typeof sessionStatuses)[number];

/** Where a connection stands. */
export const connectionStatuses = ['authorized', 'connected', 'closed'] as const;
/** Where a connection stands. */
export type ConnectionStatus = (typeof connectionStatuses)[number];

/** Every legal step of a session (session-protocol.md §5.1). */
export const sessionTransitions: Readonly<Record<SessionStatus, readonly SessionStatus[]>> = {
  pending: ['active', 'canceling', 'terminated'],
  active: ['canceling', 'terminated'],
  canceling: ['terminated'],
  terminated: [],
};

/** Every legal step of a connection (session-protocol.md §5.4). */
export const connectionTransitions: Readonly<Record<ConnectionStatus, readonly ConnectionStatus[]>> = {
  authorized: ['connected', 'closed'],
  connected: ['closed'],
  closed: [],
};

/** Whether a session may go from one status to another. */
export function canSessionMove(from: SessionStatus, to: SessionStatus): boolean {
  return sessionTransitions[from].includes(to);
}

/** Whether a connection may go from one status to another. */
export function canConnectionMove(from: ConnectionStatus, to: ConnectionStatus): boolean {
  return connectionTransitions[from].includes(to);
}

/** Why a session ended (our closed list, design.md §4 "Truthful reasons"). */
export const sessionEndReasons = [
  'expired',
  'canceled',
  'client finished',
  'connection limit',
  'token revoked',
  'user deleted',
  'user disabled',
  'account deleted',
  'target deleted',
  'target address removed',
  'host deleted',
  'project deleted',
  'role revoked',
  'worker deleted',
  'worker lost',
] as const;
/** Why a session ended. */
export type SessionEndReason = (typeof sessionEndReasons)[number];

/** Why a connection ended (our closed list). */
export const connectionEndReasons = [
  'client closed',
  'endpoint closed',
  'client lost',
  'endpoint lost',
  'endpoint refused',
  'endpoint unreachable',
  'session expired',
  'session canceled',
  'worker stopped',
  'worker lost',
  'controller lost',
  'protocol error',
] as const;
/** Why a connection ended. */
export type ConnectionEndReason = (typeof connectionEndReasons)[number];

/** Boundary's word for a session's end (`termination_reason`, http-api.md §2.15). */
export const terminationReasonWords: Readonly<Record<SessionEndReason, string>> = {
  expired: 'timed out',
  canceled: 'canceled',
  'client finished': 'canceled',
  'connection limit': 'connection limit',
  'token revoked': 'canceled',
  'user deleted': 'canceled',
  'user disabled': 'canceled',
  'account deleted': 'canceled',
  'target deleted': 'canceled',
  'target address removed': 'canceled',
  'host deleted': 'canceled',
  'project deleted': 'canceled',
  'role revoked': 'canceled',
  'worker deleted': 'canceled',
  'worker lost': 'system error',
};

/** Boundary's word for a connection's end (`closed_reason`, http-api.md §2.15). */
export const closedReasonWords: Readonly<Record<ConnectionEndReason, string>> = {
  'client closed': 'closed by end-user',
  'endpoint closed': 'closed by end-user',
  'client lost': 'network error',
  'endpoint lost': 'network error',
  'endpoint refused': 'network error',
  'endpoint unreachable': 'network error',
  'session expired': 'timed out',
  'session canceled': 'canceled',
  'worker stopped': 'system error',
  'worker lost': 'system error',
  'controller lost': 'system error',
  'protocol error': 'network error',
};

/** Whether a text from the wire is a known connection end reason. */
export function isConnectionEndReason(text: string): text is ConnectionEndReason {
  return (connectionEndReasons as readonly string[]).includes(text);
}

/** Whether a text from the wire is a known session end reason. */
export function isSessionEndReason(text: string): text is SessionEndReason {
  return (sessionEndReasons as readonly string[]).includes(text);
}

/** Whether a text from the wire is a known session status. */
export function isSessionStatus(text: string): text is SessionStatus {
  return (sessionStatuses as readonly string[]).includes(text);
}
