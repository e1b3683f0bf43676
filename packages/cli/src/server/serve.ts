/**
 * Runs a controller, a worker, or both until asked to stop: start order, banner, stop order. `stile dev` and `stile server` both end here.
 */
import type { ControllerConfig, ControllerParts } from '@stile/controller';
import { toStileError } from '@stile/protocol/errors';
import { Shutdown, createLogger, formatHostPort, type Logger, type WorkerProcessInfo } from '@stile/runtime';
import type { Output } from '../terminal/output.ts';
import { version } from '../version.ts';
import { renderBanner, renderRegistration, type BannerListener } from './banner.ts';
import { whenAskedToStop } from './signals.ts';
import { WorkerThreadHost } from './worker-host.ts';
import type { WorkerPlan } from './worker-plan.ts';

/** What is run. */
export interface ServePlan {
  /** Word of the last lines: `dev` or `server`. */
  readonly command: string;
  readonly logLevel: string;
  /** Further lines of the banner; may be filled in by `prepare`. */
  readonly facts: Record<string, string>;
  readonly controller?: ControllerConfig;
  /** Runs before anything listens. */
  readonly prepare?: (parts: ControllerParts) => Promise<void>;
  /** The worker, once it is known where the controller's cluster listener is bound. */
  readonly worker?: (controller: RunningController | undefined) => Promise<WorkerPlan>;
  /** Health and metrics of a process that is only a worker: host:port. */
  readonly workerOpsAddress?: string;
}

/** What a worker beside it needs of a controller. */
export interface RunningController {
  readonly clusterAddress: string;
  readonly parts: ControllerParts;
}

/** A part that listens: its lines of the banner, and a promise that settles when it dies. */
interface Part {
  readonly listeners: readonly BannerListener[];
  readonly facts: Readonly<Record<string, string>>;
  readonly died?: Promise<unknown>;
}

/**
 * Starts everything, prints the banner, waits for a signal, stops everything.
 * @returns the exit code: 0 after a signal, 2 when the worker died
 * @throws {StileError} what a part failed with at start; what was started is closed again
 */
export async function serve(plan: ServePlan, output: Output): Promise<number> {
  const asked = whenAskedToStop();
  const stopping = new AbortController();
  void asked.then(() => stopping.abort());
  const log = createLogger({ level: plan.logLevel });
  const shutdown = new Shutdown({ log });
  const thread =
    plan.controller === undefined || plan.worker === undefined ? undefined : new WorkerThreadHost();
  if (thread !== undefined) shutdown.add('worker thread', () => thread.discard());
  try {
    const { part: controllerPart, running } = await startControllerPart(plan, log, shutdown);
    const workerPart = await startWorkerPart(plan, running, {
      log,
      shutdown,
      signal: stopping.signal,
      thread,
      output,
    });
    const parts = [controllerPart, workerPart].filter((part) => part !== undefined);
    const facts = { ...plan.facts, 'log level': plan.logLevel, version: `Stile v${version}` };
    output.print(
      renderBanner(
        Object.assign(facts, ...parts.map((part) => part.facts)),
        parts.flatMap((part) => part.listeners),
      ),
    );
    const died = parts.flatMap((part) =>
      part.died === undefined ? [] : [part.died.then(() => 'died' as const)],
    );
    const end = await Promise.race([asked, ...died]);
    if (end === 'died') log.fatal({}, 'the worker ended unasked; stopping');
    else {
      output.print(
        `\n==> Health is enabled, waiting 0s before shutdown\n==> Stile ${plan.command} shutdown triggered, interrupt again to force`,
      );
    }
    return end === 'died' ? 2 : 0;
  } catch (error) {
    // Asked to stop while it was still starting, or waiting for its approval: that is no failure.
    if (stopping.signal.aborted && toStileError(error).code === 'aborted') return 0;
    throw error;
  } finally {
    await shutdown.run();
  }
}

async function startControllerPart(
  plan: ServePlan,
  log: Logger,
  shutdown: Shutdown,
): Promise<{ part: Part | undefined; running: RunningController | undefined }> {
  if (plan.controller === undefined) return { part: undefined, running: undefined };
  const { startController } = await import('@stile/controller');
  const controller = await startController(plan.controller, {
    log: log.child({ part: 'controller' }),
    releaseVersion: `Stile v${version}`,
    hasWorker: plan.worker !== undefined,
    ...(plan.prepare === undefined ? {} : { prepare: plan.prepare }),
  });
  shutdown.add('controller', () => controller.close());
  const clusterAddress = formatHostPort(controller.clusterAddress.host, controller.clusterAddress.port);
  const api = controller.apiAddresses.map(({ host, port }, index): BannerListener => {
    const listener = plan.controller?.listeners.api[index];
    return {
      purpose: 'api',
      address: formatHostPort(host, port),
      facts: {
        cors_enabled: String(listener?.corsEnabled ?? true),
        cors_allowed_headers: `[${(listener?.corsAllowedHeaders ?? []).join(' ')}]`,
        cors_allowed_origins: `[${(listener?.corsAllowedOrigins ?? ['*']).join(' ')}]`,
      },
    };
  });
  const { opsAddress } = controller;
  const ops: BannerListener[] =
    opsAddress === undefined
      ? []
      : [{ purpose: 'ops', address: formatHostPort(opsAddress.host, opsAddress.port) }];
  return {
    part: {
      listeners: [...api, { purpose: 'cluster', address: clusterAddress }, ...ops],
      facts: { 'controller public cluster addr': plan.controller.publicClusterAddress ?? clusterAddress },
    },
    running: { clusterAddress, parts: controller.parts },
  };
}

async function startWorkerPart(
  plan: ServePlan,
  controller: RunningController | undefined,
  around: {
    readonly log: Logger;
    readonly shutdown: Shutdown;
    readonly signal: AbortSignal;
    readonly thread: WorkerThreadHost | undefined;
    readonly output: Output;
  },
): Promise<Part | undefined> {
  if (plan.worker === undefined) return undefined;
  const workerPlan = await plan.worker(controller);
  const worker =
    around.thread === undefined ? await runAlone(workerPlan, around) : await around.thread.start(workerPlan);
  around.shutdown.add('worker', () => worker.stop());
  const listeners: BannerListener[] = [{ purpose: 'proxy', address: worker.address }];
  if (controller === undefined && plan.workerOpsAddress !== undefined) {
    listeners.push({
      purpose: 'ops',
      address: await startOps(plan.workerOpsAddress, {
        ...around,
        health: 'health' in worker ? worker.health : undefined,
      }),
    });
  }
  const facts = { 'worker public proxy addr': workerPlan.publicAddress ?? worker.address };
  return { listeners, facts, ...('ended' in worker ? { died: worker.ended } : {}) };
}

/** A worker that has the process to itself runs on the main thread. */
async function runAlone(
  plan: WorkerPlan,
  around: { readonly log: Logger; readonly signal: AbortSignal; readonly output: Output },
): Promise<{ address: string; stop: () => Promise<void>; health?: () => WorkerProcessInfo }> {
  const { runWorker } = await import('./run-worker.ts');
  const worker = await runWorker(plan, {
    log: around.log.child({ part: 'worker' }),
    signal: around.signal,
    showRegistration: (notice) => around.output.print(renderRegistration(notice, plan.authStoragePath)),
  });
  return {
    address: worker.address,
    stop: () => worker.close(),
    health: () => healthOf(worker.connectionsBySession()),
  };
}

/** What `/health?worker_info=1` shows. */
function healthOf(connections: Readonly<Record<string, number>>): WorkerProcessInfo {
  return {
    state: 'active',
    active_session_count: Object.keys(connections).length,
    session_connections: connections,
  };
}

async function startOps(
  address: string,
  around: {
    readonly log: Logger;
    readonly shutdown: Shutdown;
    readonly health?: (() => WorkerProcessInfo) | undefined;
  },
): Promise<string> {
  const { OpsListener, parseHostPort } = await import('@stile/runtime');
  const listener = new OpsListener({
    address: parseHostPort(address),
    log: around.log,
    ...(around.health === undefined ? {} : { workerInfo: around.health }),
  });
  around.shutdown.add('ops listener', () => listener.close());
  const bound = await listener.start();
  return formatHostPort(bound.host, bound.port);
}
