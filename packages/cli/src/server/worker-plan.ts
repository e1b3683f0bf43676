/** What a worker is started with, as plain data: it crosses into the worker's thread by structured clone. */

/** Options of a worker, complete but for defaults of its own. */
export interface WorkerPlan {
  readonly name: string;
  readonly description: string;
  /** host:port of the proxy listener. */
  readonly listenAddress: string;
  /** host:port that clients dial; absent: the bound address. */
  readonly publicAddress?: string;
  /** host:port of cluster listeners. */
  readonly upstreams: readonly string[];
  readonly tags: Readonly<Record<string, readonly string[]>>;
  readonly authStoragePath: string;
  /** Secret. Revealed here because a Secret does not cross a thread; never logged, dropped after enrolment. */
  readonly activationToken?: string;
  readonly logLevel: string;
}

/** What the thread tells its host. */
export type WorkerMessage =
  | { readonly type: 'ready'; readonly address: string }
  | { readonly type: 'failed'; readonly code: string; readonly message: string }
  | { readonly type: 'stopped' };

/** What the host tells its thread: first to start, later to stop. */
export type HostMessage = { readonly type: 'start'; readonly plan: WorkerPlan } | { readonly type: 'stop' };
