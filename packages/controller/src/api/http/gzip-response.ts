/**
 * An answer that goes on, compressed (console.md §3.2): whatever is written is on its way at once, so that no event waits for the next
 * one, and a peer that does not read is seen as without compression.
 */
import { negotiate } from '@fastify/accept-negotiator';
import { constants, createGzip, type Gzip } from 'node:zlib';
import type { IncomingHttpHeaders, ServerResponse } from 'node:http';
import type { ResponseLike } from '../../events/viewer/stream-socket.ts';

/**
 * Rows resemble their neighbours: the fastest level makes a tenth of them. The window and the state of 8 kB each cost some 60 kB a
 * stream, a quarter of the default, for a thousand streams.
 */
const options = {
  level: constants.Z_BEST_SPEED,
  windowBits: 13,
  memLevel: 6,
  flush: constants.Z_SYNC_FLUSH,
};

/** Whether the client takes gzip, and rather than the text as it is (RFC 9110 §12.5.3). */
export function acceptsGzip(headers: IncomingHttpHeaders): boolean {
  const accepted = headers['accept-encoding'];
  return typeof accepted === 'string' && negotiate(accepted, ['gzip', 'identity']) === 'gzip';
}

/** Owns the compressor until the answer is closed. */
export class GzipResponse implements ResponseLike {
  readonly #response: ServerResponse;
  readonly #gzip: Gzip = createGzip(options);

  constructor(response: ServerResponse) {
    this.#response = response;
    this.#gzip.pipe(response);
    response.once('close', () => this.#gzip.destroy());
    // It fails with memory alone: the peer then opens another stream.
    this.#gzip.on('error', () => response.destroy());
  }

  get destroyed(): boolean {
    return this.#response.destroyed;
  }

  /** False when what was written waits, for the compressor or for the peer: `drain` follows. */
  write(text: string): boolean {
    return this.#gzip.write(text);
  }

  end(): void {
    this.#gzip.end();
  }

  destroy(): void {
    this.#response.destroy();
  }

  on(event: 'drain' | 'close' | 'error', listener: () => void): void {
    if (event === 'drain') this.#gzip.on('drain', listener);
    else this.#response.on(event, listener);
  }
}
