/** Process services without domain words: time, logs, secrets, addresses, deadlines, shutdown, byte streams. */
export * from './streams.ts';
export { ed25519KeyOf, newEd25519Key } from './keys/ed25519-key.ts';
export { certificatePem, ed25519Pem } from './keys/pem.ts';
export { Backoff, type BackoffOptions } from './backoff.ts';
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
export { machineFacts, type MachineFacts } from './machine.ts';
export { Shutdown, type ShutdownOptions } from './shutdown.ts';
export { othersTurn } from './turn.ts';
