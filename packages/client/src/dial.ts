/** The two ends of the library for programs: ask for a session, and open one stream to its endpoint as a node Duplex. */
import { Duplex } from 'node:stream';
import { StileError } from '@stile/protocol/errors';
import { tofuTokenLength } from '@stile/protocol/handshake';
import { randomBase62 } from '@stile/protocol/ids';
import type { SessionAuthorization } from '@stile/protocol/session-authorization';
import { Secret, StreamBuffers, type ByteStream } from '@stile/runtime/streams';
import type { ApiClient, AuthorizeRequest } from './api/api-client.ts';
import type { SessionAuthorizationAnswer } from './api/api-types.ts';
import { openAuthorization } from './session-authorization.ts';
import { WorkerConnector } from './worker-connection.ts';

/** A session that was granted. */
export interface AuthorizedSession {
  readonly sessionId: string;
  /** Goes to `openLocalListener` or `dial`, here or on another machine. */
  readonly authorizationToken: Secret;
  /** Everything the controller answered, credentials included. */
  readonly answer: SessionAuthorizationAnswer;
}

/**
 * Asks the controller for a session against a target.
 * @throws {StileError} permissionDenied, notFound, unavailable, invalidAuthorizationToken when the answer has none
 */
export async function authorize(client: ApiClient, request: AuthorizeRequest): Promise<AuthorizedSession> {
  const { body } = await client.authorizeSession(request);
  const token = body.authorization_token;
  if (typeof token !== 'string' || token === '') {
    throw new StileError(
      'invalidAuthorizationToken',
      'the controller answered without an authorization token',
    );
  }
  return { sessionId: body.session_id ?? '', authorizationToken: new Secret(token), answer: body };
}

/** How to dial. */
export interface DialOptions {
  readonly authorization: string | SessionAuthorization;
  readonly signal?: AbortSignal;
  /** 20 characters; the same for every dial of one session, because the session belongs to its first client. Random by default. */
  readonly tofuToken?: string;
}

/** A ByteStream as a node Duplex. Destroying it cuts the connection; a graceful end closes both directions. */
class StreamDuplex extends Duplex {
  readonly #stream: ByteStream;
  #onWritable: (() => void) | undefined;

  constructor(stream: ByteStream) {
    super({ allowHalfOpen: false });
    this.#stream = stream;
    stream.start({
      onBytes: (pieces) => {
        // The memory is the stream's again when this returns.
        let wantsMore = true;
        for (const piece of pieces) wantsMore = this.push(Buffer.from(piece));
        if (wantsMore) return 'ready';
        stream.pause();
        return 'busy';
      },
      onEnd: () => this.push(null),
      onReset: (error) => this.destroy(error),
      onWritable: () => {
        const resume = this.#onWritable;
        this.#onWritable = undefined;
        resume?.();
      },
    });
  }

  override _read(): void {
    this.#stream.resume();
  }

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    if (this.#stream.write([chunk], 0) === 'ready') done();
    else this.#onWritable = done;
  }

  override _final(done: () => void): void {
    this.#stream.end();
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#stream.close(error instanceof StileError ? error : undefined);
    done(error);
  }
}

/**
 * Opens one connection to the endpoint of a session.
 * @returns a stream the caller owns
 * @throws {StileError} as `WorkerConnector.connect`
 */
export async function dial(options: DialOptions): Promise<Duplex> {
  const connector = new WorkerConnector({
    credentials: openAuthorization(options.authorization),
    buffers: new StreamBuffers(),
    tofuToken: options.tofuToken ?? randomBase62(tofuTokenLength),
  });
  const { stream } = await connector.connect(options.signal);
  return new StreamDuplex(stream);
}
