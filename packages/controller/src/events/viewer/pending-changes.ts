/**
 * What a viewer has still to be told: for each id the newest change and nothing of those before it, so that it never holds more
 * than there are sessions, however long the viewer takes nothing (console.md §3.3).
 */
import type { SessionRow } from '../../session/session.ts';

/** One change that waits. */
export type PendingChange =
  | { readonly kind: 'row'; readonly row: SessionRow }
  /** It leaves a view of what lives: it ended a while ago. */
  | { readonly kind: 'left'; readonly row: SessionRow }
  | { readonly kind: 'deleted' };

/** Changes by id, oldest first. */
export class PendingChanges {
  readonly #changes = new Map<string, PendingChange>();

  get size(): number {
    return this.#changes.size;
  }

  /** A row as it is now; an older version than the one that waits is dropped. */
  add(row: SessionRow): void {
    const waiting = this.#changes.get(row.id);
    if (waiting?.kind === 'deleted') return;
    if (waiting !== undefined && waiting.row.version > row.version) return;
    this.#changes.set(row.id, { kind: 'row', row });
  }

  addLeft(row: SessionRow): void {
    this.#changes.set(row.id, { kind: 'left', row });
  }

  addDeleted(id: string): void {
    this.#changes.set(id, { kind: 'deleted' });
  }

  clear(): void {
    this.#changes.clear();
  }

  /** Takes changes out, one after the other, for as long as the caller goes on. */
  *take(): Generator<readonly [string, PendingChange]> {
    for (const [id, change] of this.#changes) {
      this.#changes.delete(id);
      yield [id, change];
    }
  }
}
