/** Starts the worker of a plan: on the main thread of a process that is only a worker, or in the thread beside a controller. */
import { Secret, createLogger, parseHostPort, type Logger } from '@stile/runtime';
import type { RegistrationNotice } from '@stile/worker';
import { version } from '../version.ts';
import type { WorkerPlan } from './worker-plan.ts';

/** A worker that runs. */
export interface StartedWorker {
  /** host:port of the proxy listener. */
  readonly address: string;
  /** Open connections by session id, for health. */
  connectionsBySession(): Readonly<Record<string, number>>;
  close(): Promise<void>;
}

/** Starts the worker; resolves when it listens and is linked. @throws {StileError} as startWorker of `@stile/worker` */
export async function runWorker(
  plan: WorkerPlan,
  options: {
    readonly log?: Logger;
    readonly signal?: AbortSignal;
    /** Shows the registration request of a worker that waits for approval. */
    readonly showRegistration?: (notice: RegistrationNotice) => void;
  } = {},
): Promise<StartedWorker> {
  const { startWorker } = await import('@stile/worker');
  const log = options.log ?? createLogger({ level: plan.logLevel }).child({ part: 'worker' });
  const worker = await startWorker(
    {
      listen: parseHostPort(plan.listenAddress),
      ...(plan.publicAddress === undefined ? {} : { publicAddress: plan.publicAddress }),
      upstreams: plan.upstreams.map((address) => parseHostPort(address)),
      description: plan.description,
      tags: plan.tags,
      authStoragePath: plan.authStoragePath,
      ...(plan.activationToken === undefined ? {} : { activationToken: new Secret(plan.activationToken) }),
      releaseVersion: `Stile v${version}`,
    },
    {
      log,
      ...(options.signal === undefined ? {} : { signal: options.signal }),
      ...(options.showRegistration === undefined ? {} : { showRegistration: options.showRegistration }),
    },
  );
  return {
    address: worker.address,
    connectionsBySession: () => worker.connectionsBySession,
    close: () => worker.close(),
  };
}
