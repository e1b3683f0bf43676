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
export type { ByteStream, EndKind, StreamReader, WriteResult } from './stream/byte-stream.ts';
export { CopyLoop, type CopyEnd, type CopySide } from './stream/copy.ts';
export { StreamBuffers } from './stream/stream-buffers.ts';
export { TcpStream, type TcpDialOptions } from './stream/tcp-stream.ts';
export type { CloseFrame } from './stream/websocket-frame.ts';
export { WebSocketStream, type WebSocketStreamOptions } from './stream/websocket-stream.ts';
export {
  acceptUpgrade,
  requestUpgrade,
  type AcceptUpgradeOptions,
  type RequestUpgradeOptions,
} from './stream/websocket-upgrade.ts';
