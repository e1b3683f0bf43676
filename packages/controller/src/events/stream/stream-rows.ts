/** The rows of this controller's streams in the database, by which every controller counts the streams of a token. */
import { toStileError } from '@stile/protocol';
import type { Clock, Logger } from '@stile/runtime';
import type { Connection, Database } from '../../store/database.ts';
import {
  countStreams,
  deleteEventStreams,
  deleteStreamsOf,
  deleteStreamsOfDead,
  insertEventStream,
} from './event-stream-repository.ts';
import type { OpenStream } from './open-stream.ts';

/** Writes and counts rows. `close` once, when no stream is open any more. */
export class StreamRows {
  readonly #database: Database;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #controllerId: string;
  readonly #writes = new Set<Promise<void>>();
  #isClosed = false;

  constructor(options: {
    readonly database: Database;
    readonly clock: Clock;
    readonly log: Logger;
    readonly controllerId: string;
  }) {
    this.#database = options.database;
    this.#clock = options.clock;
    this.#log = options.log;
    this.#controllerId = options.controllerId;
  }

  /** Other controllers can count the stream from now on. @throws {StileError} unavailable, storageFull */
  async add(stream: OpenStream): Promise<void> {
    const { id, caller } = stream;
    await this.#database.write((tx) =>
      insertEventStream(tx, {
        id,
        controller_id: this.#controllerId,
        auth_token_id: caller.authTokenId ?? null,
        user_id: caller.userId,
        opened_at: this.#clock.nowUs(),
      }),
    );
    stream.isStored = true;
  }

  /** The stream is over; its row goes now, or after a while. */
  takeAway({ id, rowStaysMs }: OpenStream): void {
    if (rowStaysMs === 0) this.#delete(id);
    else this.#clock.setTimer(rowStaysMs, () => this.#delete(id));
  }

  /** Open streams of these tokens, on every controller. @throws {StileError} unavailable */
  async countOf(authTokenIds: readonly string[]): Promise<number> {
    let sum = 0;
    for (const count of (await this.streamsOf(authTokenIds)).values()) sum += count;
    return sum;
  }

  /** Open streams by token; one that has none is absent. */
  streamsOf(authTokenIds: readonly string[]): Promise<ReadonlyMap<string, number>> {
    return countStreams(this.#database.reader, authTokenIds, this.#clock.nowUs());
  }

  /** Throws the rows of dead controllers away. @throws {StileError} unavailable, storageFull */
  async sweep(): Promise<void> {
    await this.#database.write((tx) => deleteStreamsOfDead(tx, this.#clock.nowUs()));
  }

  /** Takes all rows of this controller away. Never rejects. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.all(this.#writes);
    await this.#write((tx) => deleteStreamsOf(tx, this.#controllerId));
  }

  #delete(id: string): void {
    if (this.#isClosed) return;
    const written = this.#write((tx) => deleteEventStreams(tx, [id])).then(() => {
      this.#writes.delete(written);
    });
    this.#writes.add(written);
  }

  /** Never rejects. */
  async #write(unit: (tx: Connection) => Promise<void>): Promise<void> {
    try {
      await this.#database.write(unit);
    } catch (error) {
      // They count until this controller's own row is gone.
      this.#log.warn({ err: toStileError(error) }, 'rows of event streams could not be taken away');
    }
  }
}
