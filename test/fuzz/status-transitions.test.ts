// Property tests of the two small state machines: whatever is tried in whatever order, a life ends and never turns back.
import {
  canConnectionMove,
  canSessionMove,
  connectionStatuses,
  sessionStatuses,
  type ConnectionStatus,
  type SessionStatus,
} from '@stile/protocol';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

/** Tries every wanted step in turn and takes the legal ones. */
function walk<S>(start: S, wanted: readonly S[], canMove: (from: S, to: S) => boolean): readonly S[] {
  const path = [start];
  for (const next of wanted) {
    const now = path.at(-1) ?? start;
    if (canMove(now, next)) path.push(next);
  }
  return path;
}

describe('status transitions', () => {
  it('of a session pass every status at most once, in order, and stop at terminated', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...sessionStatuses)), (wanted) => {
        const path = walk<SessionStatus>('pending', wanted, canSessionMove);
        const places = path.map((status) => sessionStatuses.indexOf(status));
        expect(places).toEqual([...new Set(places)].toSorted((a, b) => a - b));
        if (wanted.includes('terminated')) expect(path.at(-1)).toBe('terminated');
      }),
    );
  });

  it('of a connection pass every status at most once, in order, and stop at closed', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...connectionStatuses)), (wanted) => {
        const path = walk<ConnectionStatus>('authorized', wanted, canConnectionMove);
        const places = path.map((status) => connectionStatuses.indexOf(status));
        expect(places).toEqual([...new Set(places)].toSorted((a, b) => a - b));
        if (wanted.includes('closed')) expect(path.at(-1)).toBe('closed');
      }),
    );
  });
});
