/**
 * Reading an accepted socket into one buffer, as `onread` does for dialed ones: Node offers that in `net.connect` and `tls.connect` only, and
 * allocates for every read of any other socket (docs/adr/0001). Works through the properties in which Node keeps the option; where a
 * Node has them otherwise it says so, and its caller takes 'data' events.
 */
import type { Socket } from 'node:net';

/** What Node's own handle of a stream has (lib/net.js, `initSocketHandle`). */
interface StreamHandle {
  useUserBuffer(buffer: Uint8Array): void;
}

function isStreamHandle(value: unknown): value is StreamHandle {
  return typeof value === 'object' && value !== null && 'useUserBuffer' in value;
}

/**
 * From now on every read of the socket goes to `buffer`, and `onBytes` gets the length; what lies there is valid until it returns. The socket must
 * have nothing read and unread. `pause`, `resume` and the other events stay as they are.
 * @returns false where this Node cannot; nothing has changed then
 */
export function readInto(socket: Socket, buffer: Buffer, onBytes: (length: number) => void): boolean {
  const symbols = new Map(
    Object.getOwnPropertySymbols(socket).map((symbol) => [symbol.description, symbol] as const),
  );
  const [bufferKey, callbackKey, generatorKey] = ['kBuffer', 'kBufferCb', 'kBufferGen'].map((name) =>
    symbols.get(name),
  );
  const handle: unknown = Reflect.get(socket, '_handle');
  if (bufferKey === undefined || callbackKey === undefined || generatorKey === undefined) return false;
  if (!isStreamHandle(handle)) return false;
  Reflect.set(socket, bufferKey, buffer);
  Reflect.set(socket, callbackKey, (length: number): boolean => {
    onBytes(length);
    return true;
  });
  Reflect.set(socket, generatorKey, null);
  handle.useUserBuffer(buffer);
  return true;
}
