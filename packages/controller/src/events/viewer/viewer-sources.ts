/** Where a viewer's rows come from, and the measures by which it takes them. */
import type { Clock, Logger } from '@stile/runtime';
import type { SessionListRequest } from '../../session/session-list-repository.ts';
import type { SessionRow } from '../../session/session.ts';
import type { Worker } from '../../worker-registry/worker.ts';
import type { SessionFeed } from '../feed/session-feed.ts';
import type { WorkerFeed } from '../feed/worker-feed.ts';

/** What viewers of one controller share. */
export interface ViewerSources {
  readonly sessionFeed: SessionFeed;
  readonly workerFeed: WorkerFeed;
  readonly listSessions: (request: SessionListRequest) => Promise<readonly SessionRow[]>;
  readonly listWorkers: () => Promise<readonly Worker[]>;
  /** Ids of the type deleted at that time, epoch microseconds, or later; the whole installation's. */
  readonly deletedSince: (type: 'session' | 'worker', sinceUs: number) => Promise<readonly string[]>;
  /** Every point of the series that is kept, of these scopes: JSON. */
  readonly series: (scopes: ReadonlySet<string>) => string;
  readonly clock: Clock;
  readonly log: Logger;
  /** Said in `hello`. */
  readonly build: string;
}

/** Rows of one event. */
export const chunkRows = 500;
/** A viewer's rows are looked at for this long at a time, milliseconds: a filter can be costly. */
export const turnMs = 20;
