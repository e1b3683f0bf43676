/** One stream of the controller: who opened it, and where its verification stands. */
import type { Timer } from '@stile/runtime';
import type { Caller } from '../../auth/token/auth-token-service.ts';
import type { StreamView } from '../viewer/stream-view.ts';
import type { Viewer } from '../viewer/viewer.ts';

/** Who opens a stream, and what for. */
export interface StreamRequest {
  readonly caller: Caller;
  /**
   * What the viewer sees by the rights it has now; asked again whenever rights change.
   * @throws {StileError} permissionDenied, unauthenticated, notFound when it may see nothing any more
   */
  readonly view: (caller: Caller) => Promise<StreamView>;
  /** `Last-Event-ID`; absent or empty = from the beginning. */
  readonly lastEventId: string | undefined;
}

/** A stream and what is known of it. */
export interface OpenStream {
  readonly id: string;
  readonly request: StreamRequest;
  caller: Caller;
  viewer: Viewer | undefined;
  /** Its row is in the database. */
  isStored: boolean;
  /** How long the row is kept after the end, milliseconds. */
  rowStaysMs: number;
  /** At the end of the token, or of the time to attach. */
  timer: Timer | undefined;
  /** Rights that changed before this look counts for nothing. */
  reviewedAt: number;
  /** Since when its rights or its token cannot be looked at, by the monotonic clock. */
  unverifiedSinceMs: number | undefined;
  beatAtMs: number;
  hasCounters: boolean;
}
