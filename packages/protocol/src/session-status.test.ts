import { describe, expect, it } from 'vitest';
import {
  canConnectionMove,
  canSessionMove,
  closedReasonWords,
  connectionEndReasons,
  connectionStatuses,
  isConnectionEndReason,
  isSessionEndReason,
  isSessionStatus,
  sessionEndReasons,
  sessionStatuses,
  terminationReasonWords,
} from './session-status.ts';

/** design.md §5, written out once more by hand. */
const sessionSteps = new Set([
  'pending active',
  'pending canceling',
  'pending terminated',
  'active canceling',
  'active terminated',
  'canceling terminated',
]);
const connectionSteps = new Set(['authorized connected', 'authorized closed', 'connected closed']);

const pairs = <S>(statuses: readonly S[]): readonly (readonly [S, S])[] =>
  statuses.flatMap((from) => statuses.map((to) => [from, to] as const));

describe('status transitions', () => {
  it.each(pairs(sessionStatuses))('of a session from %s to %s are as designed', (from, to) => {
    expect(canSessionMove(from, to)).toBe(sessionSteps.has(`${from} ${to}`));
  });

  it.each(pairs(connectionStatuses))('of a connection from %s to %s are as designed', (from, to) => {
    expect(canConnectionMove(from, to)).toBe(connectionSteps.has(`${from} ${to}`));
  });
});

describe('reasons of an end', () => {
  it('have a word that the real clients know', () => {
    // http-api.md §2.15.
    const termination = ['timed out', 'closed by end-user', 'terminated', 'network error', 'system error'];
    for (const reason of sessionEndReasons) {
      expect([...termination, 'connection limit', 'canceled']).toContain(terminationReasonWords[reason]);
    }
    const closed = [
      'unknown',
      'timed out',
      'closed by end-user',
      'canceled',
      'network error',
      'system error',
    ];
    for (const reason of connectionEndReasons) expect(closed).toContain(closedReasonWords[reason]);
  });

  it('are known by their text, and others are not', () => {
    for (const reason of sessionEndReasons) expect(isSessionEndReason(reason)).toBe(true);
    for (const reason of connectionEndReasons) expect(isConnectionEndReason(reason)).toBe(true);
    for (const status of sessionStatuses) expect(isSessionStatus(status)).toBe(true);
    for (const text of ['', 'Canceled', 'toString', 'unknown']) {
      expect([isSessionEndReason(text), isConnectionEndReason(text), isSessionStatus(text)]).toEqual([
        false,
        false,
        false,
      ]);
    }
  });
});
