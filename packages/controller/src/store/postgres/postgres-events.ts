/**
 * Events between controllers on one PostgreSQL: each is in a row of `store_event` in the transaction that caused it, and NOTIFY
 * names the row to the others. The rows are what counts: anybody who may connect to the database may notify, so nothing is
 * believed but what is read; and after a broken connection, or on an engine without LISTEN (CockroachDB), all are read.
 */
import { randomBase62, toStileError } from '@stile/protocol';
import { Backoff, type Clock, type Logger, type Timer } from '@stile/runtime';
import { sql } from 'kysely';
import pg from 'pg';
import { chunkSize, chunksOf } from '../chunks.ts';
import type { Connection } from '../engine/connection.ts';
import type { Database } from '../engine/contract.ts';
import type { EventHub } from '../engine/event-hub.ts';
import type { StoreEventTable } from '../schema.ts';
import { eventAbout, subjectOf, type StoreEvent, type StoreEvents } from '../events.ts';
import { UnitContext } from '../engine/unit-context.ts';

const channel = 'stile_events';
/** Ids in one row, characters: some 5,000 of them. */
const mostSubjects = 65_536;
/** What a notification says: who published the row, and its id. */
const payloadPattern = /^([0-9A-Za-z]{1,32}) ([0-9A-Za-z]{1,32})$/;
/** Rows that are named and not read yet; with more, all that came lately are read. */
const mostNamed = 5_000;
/** Without LISTEN, other controllers hear of an event within this. */
const pollEveryMs = 500;
/** With LISTEN the rows are looked at only to find what a broken connection swallowed, and to throw old ones away. */
const sweepEveryMs = 30_000;
/** A transaction may commit this much later than the time it gave its events: a statement's timeout and some. */
const overlapUs = 60_000_000;
/** Rows older than this are deleted; a controller that was away longer reads the sessions themselves when it starts. */
const keptUs = 600_000_000;

/** What the events need; the database is asked for rows. */
export interface PostgresEventsOptions {
  readonly url: string;
  readonly clock: Clock;
  readonly log: Logger;
  readonly database: Pick<Database, 'reader' | 'write'>;
  readonly hub: EventHub;
  /** Whether the server has LISTEN/NOTIFY. */
  readonly canListen: boolean;
}

/** Starts to listen with the first subscriber; `close` once. */
export class PostgresEvents implements StoreEvents {
  readonly #options: PostgresEventsOptions;
  /** Tells own events from those of other controllers. */
  readonly #origin = randomBase62(10);
  /** Event ids delivered, with their times, for as long as a look at the rows may meet them again. */
  readonly #seen = new Map<string, number>();
  readonly #backoff = new Backoff({ minMs: 50, maxMs: 2000 });
  readonly #fetchBackoff = new Backoff({ minMs: 20, maxMs: 1000 });
  /** Ids of rows of others that a notification named, in order. */
  readonly #named = new Set<string>();
  #client: pg.Client | undefined;
  #timer: Timer | undefined;
  #retryTimer: Timer | undefined;
  #fetchTimer: Timer | undefined;
  #fetching: Promise<void> | undefined;
  #reading: Promise<void> = Promise.resolve();
  #startedAtUs = 0;
  #isStarted = false;
  #isClosed = false;

  constructor(options: PostgresEventsOptions) {
    this.#options = options;
  }

  async publish(tx: Connection, ...events: StoreEvent[]): Promise<void> {
    UnitContext.of(tx).add(events);
    const created_at = this.#options.clock.nowUs();
    // The end of a token may be that of thousands of sessions.
    const rows = subjectListsOf(events).map((list) => ({
      id: randomBase62(16),
      origin: this.#origin,
      ...list,
      created_at,
    }));
    for (const chunk of chunksOf(rows)) {
      await tx.insertInto('store_event').values(chunk).execute();
      if (!this.#options.canListen) continue;
      const payloads = chunk.map(({ origin, id }) => `${origin} ${id}`);
      await sql`select pg_notify(${channel}, payload) from unnest(cast(${payloads} as text[])) as payload`.execute(
        tx,
      );
    }
  }

  publishHere(tx: Connection, event: StoreEvent): void {
    UnitContext.of(tx).add([event]);
  }

  subscribe(listener: (event: StoreEvent) => void): () => void {
    if (!this.#isStarted) {
      this.#isStarted = true;
      this.#startedAtUs = this.#options.clock.nowUs();
      if (this.#options.canListen) void this.#listen();
      this.#arm();
    }
    return this.#options.hub.subscribe(listener);
  }

  /** Ends the listening connection and waits for a look at the rows that is under way. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#timer?.cancel();
    this.#retryTimer?.cancel();
    this.#fetchTimer?.cancel();
    const client = this.#client;
    this.#client = undefined;
    if (client !== undefined) await client.end();
    await this.#fetching;
    await this.#reading;
  }

  /** Connects and listens; never throws; tries again until closed. */
  async #listen(): Promise<void> {
    const client = new pg.Client({
      connectionString: this.#options.url,
      keepAlive: true,
      connectionTimeoutMillis: 10_000,
      application_name: 'stile events',
    });
    let isOver = false;
    const again = (error: unknown): void => {
      if (isOver || this.#isClosed) return;
      isOver = true;
      this.#client = undefined;
      this.#options.log.warn({ err: error }, 'lost the connection that hears of events; trying again');
      void client.end().catch(() => undefined); // it is broken already
      this.#retryTimer = this.#options.clock.setTimer(this.#backoff.next(), () => void this.#listen());
    };
    client.on('error', again);
    client.on('end', () => again(new Error('connection ended')));
    client.on('notification', (message) => this.#onNotification(message.payload ?? ''));
    try {
      await client.connect();
      await client.query(`listen ${channel}`);
      if (this.#isClosed) return await client.end();
      this.#client = client;
      this.#backoff.reset();
      // What was committed while nobody listened.
      await this.#read();
    } catch (error) {
      again(error);
    }
  }

  #onNotification(payload: string): void {
    const [, origin, id] = payloadPattern.exec(payload) ?? [];
    if (id === undefined || origin === this.#origin || this.#isClosed) return;
    if (this.#named.size >= mostNamed) {
      this.#named.clear();
      void this.#read();
    }
    this.#named.add(id);
    if (this.#fetchTimer === undefined) this.#fetching ??= this.#fetch();
  }

  /** Reads the rows that were named, as often as some are named meanwhile; never throws. */
  async #fetch(): Promise<void> {
    // Those of one packet of the server come together.
    await Promise.resolve();
    const { database, log, clock } = this.#options;
    while (this.#named.size > 0 && !this.#isClosed) {
      const ids = [...this.#named].slice(0, chunkSize);
      try {
        const rows = await database.reader
          .selectFrom('store_event')
          .selectAll()
          .where('id', 'in', ids)
          .execute();
        const found = new Map(rows.map((row) => [row.id, row]));
        for (const id of ids) {
          this.#named.delete(id);
          const row = found.get(id);
          if (row !== undefined) this.#deliver(row);
        }
        this.#fetchBackoff.reset();
      } catch (error) {
        log.warn({ err: toStileError(error) }, 'events that were named cannot be read; trying again');
        this.#fetchTimer = clock.setTimer(this.#fetchBackoff.next(), () => {
          this.#fetchTimer = undefined;
          this.#fetching ??= this.#fetch();
        });
        break;
      }
    }
    this.#fetching = undefined;
  }

  #deliver(row: StoreEventTable): void {
    if (row.origin === this.#origin || this.#seen.has(row.id)) return;
    this.#seen.set(row.id, row.created_at);
    this.#options.hub.deliver(row.subject_ids.split(',').map((id) => eventAbout(row.type, id)));
  }

  #arm(): void {
    const delayMs = this.#options.canListen ? sweepEveryMs : pollEveryMs;
    this.#timer = this.#options.clock.setTimer(delayMs, () => {
      void this.#read().then(() => {
        if (!this.#isClosed) this.#arm();
      });
    });
  }

  /** Reads the rows of the last while and delivers what is new; never throws. */
  #read(): Promise<void> {
    this.#reading = this.#reading.then(() => this.#readOnce());
    return this.#reading;
  }

  async #readOnce(): Promise<void> {
    if (this.#isClosed) return;
    const nowUs = this.#options.clock.nowUs();
    try {
      const rows = await this.#options.database.reader
        .selectFrom('store_event')
        .selectAll()
        .where('created_at', '>=', Math.max(this.#startedAtUs, nowUs - 2 * overlapUs) - overlapUs)
        .orderBy('created_at')
        .execute();
      for (const row of rows) this.#deliver(row);
      for (const [id, at] of this.#seen) if (at < nowUs - 4 * overlapUs) this.#seen.delete(id);
      if (this.#options.canListen) await this.#deleteOld(nowUs);
      else if (rows.length > 0) await this.#deleteOld(nowUs);
    } catch (error) {
      this.#options.log.warn({ err: toStileError(error) }, 'events cannot be read; trying again');
    }
  }

  async #deleteOld(nowUs: number): Promise<void> {
    await this.#options.database.write((tx) =>
      tx
        .deleteFrom('store_event')
        .where('created_at', '<', nowUs - keptUs)
        .execute(),
    );
  }
}

/** Neighbours of one type together, as many as a row takes. */
function subjectListsOf(events: readonly StoreEvent[]): Pick<StoreEventTable, 'type' | 'subject_ids'>[] {
  const lists: { readonly type: StoreEvent['type']; subject_ids: string }[] = [];
  for (const event of events) {
    const last = lists.at(-1);
    const id = subjectOf(event);
    if (last?.type === event.type && last.subject_ids.length + id.length < mostSubjects) {
      last.subject_ids += `,${id}`;
    } else lists.push({ type: event.type, subject_ids: id });
  }
  return lists;
}
