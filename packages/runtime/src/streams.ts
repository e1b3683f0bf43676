/**
 * Entry `@stile/runtime/streams`: time, addresses, deadlines, secrets and byte streams, without logs and metrics. What a client
 * loads: the rest would cost it a hundred modules and a quarter of its start.
 */
export { systemClock, type Clock, type Timer } from './clock.ts';
export { withDeadline } from './deadline.ts';
export { formatHostPort, listen, parseHostPort, type HostPort } from './listen.ts';
export { Secret } from './secret.ts';
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
