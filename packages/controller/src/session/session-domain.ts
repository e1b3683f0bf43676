/** Puts the parts of this folder together, for the composition root: what the API, the cluster listener and the timers need. */
import type { Clock, Logger } from '@stile/runtime';
import type { IamService } from '../iam/iam-service.ts';
import type { KeyService } from '../keys/key-service.ts';
import type { Database } from '../store/database.ts';
import type { TargetService } from '../target/target-service.ts';
import type { WorkerRegistry } from '../worker-registry/worker-registry.ts';
import { ConnectionEnding } from './connection-ending.ts';
import { SessionEnding } from './session-ending.ts';
import { SessionReaper } from './session-reaper.ts';
import { SessionReconciliation } from './session-reconciliation.ts';
import { SessionRevocations } from './session-revocation.ts';
import { SessionService } from './session-service.ts';
import { SessionServing } from './session-serving.ts';

/** What sessions stand on. */
export interface SessionDomainOptions {
  readonly database: Database;
  readonly clock: Clock;
  readonly log: Logger;
  readonly keys: KeyService;
  readonly iam: Pick<IamService, 'aclFor'>;
  readonly registry: WorkerRegistry;
  readonly targets: TargetService;
}

/** Sessions of one controller. `close` once, after the cluster listener and before the database. */
export interface SessionDomain {
  /** For the API: authorize, read, list, cancel. */
  readonly sessions: SessionService;
  /** For the API: deletes and changes that end sessions. */
  readonly ending: SessionEnding;
  /** For the cluster listener. */
  readonly serving: SessionServing;
  /** For the cluster listener. */
  readonly reconciliation: SessionReconciliation;
  /** For the cluster listener, which attaches itself. */
  readonly revocations: SessionRevocations;
  /** To be started when the controller is up. */
  readonly reaper: SessionReaper;
  close(): Promise<void>;
}

/** Builds the parts; nothing runs yet but the subscription to store events. */
export function createSessionDomain(options: SessionDomainOptions): SessionDomain {
  const { registry } = options;
  const connections = new ConnectionEnding(options);
  const parts = { ...options, ending: connections };
  const revocations = new SessionRevocations(parts);
  const reaper = new SessionReaper(parts);
  return {
    sessions: new SessionService({ ...options, selection: registry.selection, revocations }),
    ending: new SessionEnding(options),
    serving: new SessionServing({ ...parts, filters: registry.filters }),
    reconciliation: new SessionReconciliation(parts),
    revocations,
    reaper,
    close: async () => {
      await reaper.close();
      await revocations.close();
    },
  };
}
