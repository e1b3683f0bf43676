/** Process services without domain words: time, logs, secrets, addresses, deadlines, shutdown, byte streams. */
export { Backoff, type BackoffOptions } from './backoff.ts';
export { systemClock, type Clock, type Timer } from './clock.ts';
export { withDeadline } from './deadline.ts';
export { formatHostPort, listen, parseHostPort, type HostPort } from './listen.ts';
export {
  createLogger,
  scrubAuthTokens,
  silentLogger,
  type LogLine,
  type LogOptions,
  type Logger,
} from './log.ts';
export {
  OpsListener,
  createMetricsRegistry,
  type OpsListenerOptions,
  type WorkerProcessInfo,
} from './ops-listener.ts';
export { Secret } from './secret.ts';
export { Shutdown, type ShutdownOptions } from './shutdown.ts';
