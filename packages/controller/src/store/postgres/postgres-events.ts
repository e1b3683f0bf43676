/**
 * Events between controllers on one PostgreSQL: each is a row of `store_event` in the transaction that caused it, and
 * NOTIFY wakes the others. The rows are what counts: after a broken connection, or on an engine without LISTEN
 * (CockroachDB), they are read instead.
 */
import { randomBase62, toStileError } from '@stile/protocol';
import { Backoff, type Clock, type Logger, type Timer } from '@stile/runtime';
import { sql } from 'kysely';
import pg from 'pg';
import { chunksOf } from '../chunks.ts';
import type { Connection } from '../engine/connection.ts';
import type { Database } from '../engine/contract.ts';
import type { EventHub } from '../engine/event-hub.ts';
import type { StoreEventTable } from '../schema.ts';
import { eventAbout, storeEventTypes, subjectOf, type StoreEvent, type StoreEvents } from '../events.ts';
import { UnitContext } from '../engine/unit-context.ts';

const channel = 'stile_events';
/** Ids in one row, characters: PostgreSQL takes 8,000 bytes in a notification, and the rest of the row is some 150. */
const mostSubjects = 7000;
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
  #client: pg.Client | undefined;
  #timer: Timer | undefined;
  #retryTimer: Timer | undefined;
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
      const payloads = chunk.map((row) => JSON.stringify(row));
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
    const client = this.#client;
    this.#client = undefined;
    if (client !== undefined) await client.end();
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
    const row = parseRow(payload);
    if (row === undefined) this.#options.log.warn({}, 'a notification of events cannot be read');
    else this.#deliver(row);
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

/** A row as NOTIFY carries it; anybody who may connect to the database may notify, so it is checked. */
function parseRow(payload: string): StoreEventTable | undefined {
  let value: unknown;
  try {
    value = JSON.parse(payload);
  } catch {
    return undefined; // not ours: the caller logs it
  }
  if (typeof value !== 'object' || value === null) return undefined;
  const row: Partial<Record<keyof StoreEventTable, unknown>> = value;
  const type = storeEventTypes.find((each) => each === row.type);
  if (type === undefined) return undefined;
  if (typeof row.id !== 'string' || typeof row.origin !== 'string') return undefined;
  if (typeof row.subject_ids !== 'string' || typeof row.created_at !== 'number') return undefined;
  return {
    id: row.id,
    origin: row.origin,
    type,
    subject_ids: row.subject_ids,
    created_at: row.created_at,
  };
}
