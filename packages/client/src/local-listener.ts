/** The listener on the user's machine: accepts, hands each connection on as a byte stream, and closes (step 5 of the flow). */
import { createServer, type Server, type Socket } from 'node:net';
import { StileError } from '@stile/protocol/errors';
import { listen, TcpStream, type HostPort, type StreamBuffers } from '@stile/runtime/streams';

/** How to listen. */
export interface LocalListenerOptions {
  readonly address: HostPort;
  readonly buffers: StreamBuffers;
  /** Takes ownership of the stream. */
  readonly onConnection: (stream: TcpStream) => void;
  /** The listener broke after it was open; no further connection comes. */
  readonly onError: (error: StileError) => void;
}

/** A listening socket. `close` ends it; connections that were handed on live on. */
export class LocalListener {
  readonly #server: Server;
  readonly #options: LocalListenerOptions;

  constructor(options: LocalListenerOptions) {
    this.#options = options;
    this.#server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (socket: Socket) => {
      options.onConnection(TcpStream.accept(socket, options.buffers));
    });
  }

  /** @returns the bound address. @throws {StileError} listenFailed */
  async open(): Promise<HostPort> {
    const bound = await listen(this.#server, this.#options.address);
    this.#server.on('error', (cause) => {
      this.#options.onError(new StileError('listenFailed', 'error from accept', { cause }));
    });
    return bound;
  }

  /** Stops accepting. Idempotent. */
  close(): void {
    // Not awaited: the callback comes only when all handed-on sockets are closed, and they are not the listener's.
    this.#server.close();
  }
}
