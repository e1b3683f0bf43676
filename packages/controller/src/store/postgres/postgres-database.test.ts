import { silentLogger, systemClock } from '@stile/runtime';
import { sql } from 'kysely';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { subjectOf, type StoreEvent } from '../events.ts';
import { eventually } from '../../../../../test/support/eventually.ts';
import { PostgresServer } from '../../../../../test/support/postgres.ts';
import { sessionRow } from '../../../../../test/support/session-rows.ts';
import type { Connection } from '../engine/connection.ts';
import type { Database } from '../engine/contract.ts';
import { migrate } from '../migrate.ts';
import { openPostgres, type PostgresOptions } from './postgres-database.ts';

async function addSession(tx: Connection, id: string): Promise<void> {
  await tx.insertInto('session').values(sessionRow({ id })).execute();
}

/** Ids of the sessions that a database hears of, in order. */
function listenTo(database: Database): string[] {
  const heard: string[] = [];
  database.events.subscribe((event) => heard.push(subjectOf(event)));
  return heard;
}

async function publish(database: Database, sessionId: string): Promise<void> {
  await database.write((tx) => database.events.publish(tx, { type: 'session-ending', sessionId }));
}

describe('postgres database', () => {
  let server: PostgresServer;
  const opened: Database[] = [];
  const open = async (url: string, options: Partial<PostgresOptions> = {}): Promise<Database> => {
    const database = await openPostgres({ url, clock: systemClock, log: silentLogger, ...options });
    opened.push(database);
    return database;
  };
  const openNew = async (
    options: Partial<PostgresOptions> = {},
  ): Promise<{ database: Database; url: string }> => {
    const url = await server.createDatabase();
    const database = await open(url, options);
    await migrate(database);
    return { database, url };
  };
  /** Two controllers' databases of which the second listens already; what each hears of, the pings of the start included. */
  const openPair = async (options: Partial<PostgresOptions> = {}) => {
    const { database: first, url } = await openNew();
    const second = await open(url, options);
    const [heardFirst, heardSecond] = [listenTo(first), listenTo(second)];
    await eventually(async () => {
      await publish(first, 's_ping');
      return heardSecond.includes('s_ping') ? true : undefined;
    });
    return { first, second, url, heardFirst, heardSecond };
  };
  /** Ends connections as an administrator, or a failing network, would. */
  const cutConnections = async (url: string, applicationName: string): Promise<number> => {
    const client = new pg.Client({ connectionString: server.url });
    await client.connect();
    const { rows } = await client.query<{ cut: boolean }>(
      'select pg_terminate_backend(pid) as cut from pg_stat_activity where datname = $1 and application_name = $2',
      [new URL(url).pathname.slice(1), applicationName],
    );
    await client.end();
    return rows.length;
  };

  beforeAll(async () => {
    server = await PostgresServer.start();
  });
  afterEach(async () => {
    for (const database of opened.splice(0)) await database.close();
  });
  afterAll(() => server.stop());

  it('runs a unit again after a conflict of serializable transactions', async () => {
    const { database } = await openNew();
    await database.write((tx) => addSession(tx, 's_1'));
    let runs = 0;
    let open_: (() => void) | undefined;
    const bothHaveRead = new Promise<void>((resolve) => {
      open_ = resolve;
    });
    const bump = (): Promise<void> =>
      database.write(async (tx) => {
        await sql`set transaction isolation level serializable`.execute(tx);
        const row = await tx
          .selectFrom('session')
          .select('version')
          .where('id', '=', 's_1')
          .executeTakeFirstOrThrow();
        runs += 1;
        if (runs === 2) open_?.();
        await bothHaveRead;
        await tx
          .updateTable('session')
          .set({ version: row.version + 1 })
          .where('id', '=', 's_1')
          .execute();
      });
    await Promise.all([bump(), bump()]);
    expect(await database.reader.selectFrom('session').select('version').executeTakeFirst()).toEqual({
      version: 3,
    });
    expect(runs).toBe(3);
  });

  it('runs a unit again after a deadlock', async () => {
    const { database } = await openNew();
    for (const id of ['s_1', 's_2']) await database.write((tx) => addSession(tx, id));
    const bump = (tx: Connection, id: string): Promise<unknown> =>
      tx
        .updateTable('session')
        .set((eb) => ({ version: eb('version', '+', 1) }))
        .where('id', '=', id)
        .execute();
    let arrived = 0;
    let open_: (() => void) | undefined;
    const bothHoldOne = new Promise<void>((resolve) => {
      open_ = resolve;
    });
    const cross = (first: string, second: string): Promise<void> =>
      database.write(async (tx) => {
        await bump(tx, first);
        arrived += 1;
        if (arrived === 2) open_?.();
        await bothHoldOne;
        await bump(tx, second);
      });
    await Promise.all([cross('s_1', 's_2'), cross('s_2', 's_1')]);
    const rows = await database.reader.selectFrom('session').select('version').execute();
    expect(rows).toEqual([{ version: 3 }, { version: 3 }]);
  });

  it('runs statements that a unit begins together one after the other, as the driver wants them', async () => {
    const { database } = await openNew();
    const warnings: Error[] = [];
    const heed = (warning: Error): number => warnings.push(warning);
    process.on('warning', heed);
    const results = await database.write((tx) =>
      Promise.allSettled([
        tx.selectFrom('scope').select('id').execute(),
        sql`select * from no_such_table`.execute(tx),
        tx.selectFrom('scope').select('id').execute(),
      ]),
    );
    process.off('warning', heed);
    // The second spoils the transaction for the third.
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'rejected']);
    expect(warnings).toEqual([]);
  });

  it('reads on after its connections were cut, without an error', async () => {
    const { database, url } = await openNew();
    await database.write((tx) => addSession(tx, 's_1'));
    await Promise.all(
      Array.from({ length: 8 }, () => database.reader.selectFrom('session').select('id').execute()),
    );
    expect(await cutConnections(url, 'stile')).toBeGreaterThan(0);
    expect(await database.reader.selectFrom('session').select('id').execute()).toEqual([{ id: 's_1' }]);
  });

  it('fails a unit whose connection was cut, and nothing else', async () => {
    const { database, url } = await openNew();
    let cut = 0;
    const failing = database.write(async (tx) => {
      await addSession(tx, 's_1');
      cut = await cutConnections(url, 'stile');
      await addSession(tx, 's_2');
    });
    await expect(failing).rejects.toMatchObject({ code: 'unavailable' });
    expect(cut).toBeGreaterThan(0);
    await database.write((tx) => addSession(tx, 's_3'));
    expect(await database.reader.selectFrom('session').select('id').execute()).toEqual([{ id: 's_3' }]);
  });

  it('answers unavailable while the server is away, and works again when it is back', async () => {
    const { database } = await openNew();
    await server.pause();
    await expect(database.reader.selectFrom('session').select('id').execute()).rejects.toMatchObject({
      code: 'unavailable',
    });
    await expect(database.write((tx) => addSession(tx, 's_1'))).rejects.toMatchObject({
      code: 'unavailable',
    });
    await server.resume();
    await database.write((tx) => addSession(tx, 's_2'));
    expect(await database.reader.selectFrom('session').select('id').execute()).toEqual([{ id: 's_2' }]);
  });

  it('stops a statement that takes too long, and a unit that waits too long', async () => {
    const { database } = await openNew({ statementTimeoutMs: 200 });
    await expect(sql`select pg_sleep(5)`.execute(database.reader)).rejects.toMatchObject({
      code: 'deadlineExceeded',
    });
    const stuck = database.write(async (tx) => {
      await addSession(tx, 's_1');
      await new Promise((resolve) => {
        systemClock.setTimer(1000, () => resolve(undefined));
      });
      await addSession(tx, 's_2');
    });
    await expect(stuck).rejects.toMatchObject({
      code: expect.stringMatching(/deadlineExceeded|unavailable/),
    });
    expect(await database.reader.selectFrom('session').select('id').execute()).toEqual([]);
  });

  it('uses no more connections than it may, however many units wait', async () => {
    const { database } = await openNew({ maxConnections: 3 });
    await Promise.all(
      Array.from({ length: 60 }, (_, count) => database.write((tx) => addSession(tx, `s_${count}`))),
    );
    const { rows } = await sql<{ count: number }>`
      select count(*) as count from pg_stat_activity
      where datname = current_database() and application_name = 'stile'`.execute(database.reader);
    expect(rows[0]?.count).toBeLessThanOrEqual(3);
  });

  it('tells the other controllers of events, each once', async () => {
    const { first, second, heardFirst, heardSecond } = await openPair();
    await publish(first, 's_1');
    expect(heardFirst).toContain('s_1');
    await eventually(() => (heardSecond.includes('s_1') ? true : undefined));
    await publish(second, 's_2');
    await eventually(() => (heardFirst.includes('s_2') ? true : undefined));
    expect(heardSecond.filter((id) => id === 's_1')).toHaveLength(1);
    expect(heardFirst.filter((id) => id === 's_1')).toHaveLength(1);
  });

  it('tells the other controllers of a thousand events of one unit by one row, in order', async () => {
    const { first, heardFirst, heardSecond } = await openPair();
    const ids = Array.from({ length: 1001 }, (_, count) => `s_${String(count).padStart(10, '0')}`);
    const events = ids.map((sessionId) => ({ type: 'session-ended', sessionId }) as const);
    await first.write((tx) => first.events.publish(tx, ...events));
    expect(heardFirst.filter((id) => id !== 's_ping')).toEqual(ids);
    await eventually(() => (heardSecond.includes('s_0000001000') ? true : undefined));
    expect(heardSecond.filter((id) => id !== 's_ping')).toEqual(ids);
    const rows = await first.reader
      .selectFrom('store_event')
      .select('id')
      .where('type', '=', 'session-ended')
      .execute();
    expect(rows).toHaveLength(1);
  });

  it('tells of each event what it is, whichever others the unit published', async () => {
    const { first, second } = await openPair();
    const heard: StoreEvent[] = [];
    second.events.subscribe((event) => heard.push(event));
    const events: StoreEvent[] = [
      { type: 'session-ending', sessionId: 's_1' },
      { type: 'session-ended', sessionId: 's_2' },
      { type: 'session-ended', sessionId: 's_3' },
      { type: 'worker-deleted', workerId: 'w_1' },
      { type: 'session-ended', sessionId: 's_4' },
      { type: 'rights-changed', subjectId: 'r_1' },
    ];
    await first.write(async (tx) => {
      await first.events.publish(tx, ...events.slice(0, 4));
      await first.events.publish(tx, ...events.slice(4));
    });
    await eventually(() => (heard.some((event) => subjectOf(event) === 'r_1') ? true : undefined));
    expect(heard.filter((event) => subjectOf(event) !== 's_ping')).toEqual(events);
  });

  it('tells of events that were committed while the listening connection was broken', async () => {
    const { first, url, heardSecond: heard } = await openPair();
    await cutConnections(url, 'stile events');
    await publish(first, 's_missed');
    await eventually(() => (heard.includes('s_missed') ? true : undefined));
    await publish(first, 's_after');
    await eventually(() => (heard.includes('s_after') ? true : undefined));
    expect(heard.filter((id) => id === 's_missed')).toHaveLength(1);
  });

  it('tells of events where the engine cannot listen, by looking at the rows', async () => {
    const { database: first, url } = await openNew({ notifications: 'poll' });
    const second = await open(url, { notifications: 'poll' });
    const heard = listenTo(second);
    await publish(first, 's_1');
    await eventually(() => (heard.includes('s_1') ? true : undefined));
    await publish(first, 's_2');
    await eventually(() => (heard.includes('s_2') ? true : undefined));
    expect(heard).toEqual(['s_1', 's_2']);
  });

  it('tells of events whose rows cannot be read at once as soon as they can', async () => {
    let onRefused = (): void => undefined;
    const refused = new Promise<void>((resolve) => {
      onRefused = resolve;
    });
    const log = { ...silentLogger, warn: () => onRefused() };
    const { first, heardSecond: heard } = await openPair({ log });
    await first.write(async (tx) => {
      await first.events.publish(tx, { type: 'session-ending', sessionId: 's_1' });
      await sql`alter table store_event rename to store_event_away`.execute(tx);
    });
    await refused;
    await sql`alter table store_event_away rename to store_event`.execute(first.reader);
    await eventually(() => (heard.includes('s_1') ? true : undefined));
    expect(heard.filter((id) => id === 's_1')).toHaveLength(1);
  });

  it('believes no notification, but the row that it names', async () => {
    const { first, heardSecond: heard } = await openPair();
    for (const payload of [
      '',
      'x',
      '{}',
      '[]',
      'null',
      '{"id":1}',
      '{"id":"a","origin":"b","type":"worker-deleted","subject_ids":"w_1","created_at":1}',
      'x worker-deleted',
      'forger 0123456789abcdef',
      `forger ${'x'.repeat(7_900)}`,
    ]) {
      await sql`select pg_notify('stile_events', ${payload})`.execute(first.reader);
    }
    // More than are remembered, none of which is there.
    await sql`select pg_notify('stile_events', 'forger ' || count) from generate_series(1, 12000) as count`.execute(
      first.reader,
    );
    await publish(first, 's_1');
    await eventually(() => (heard.includes('s_1') ? true : undefined));
    expect(new Set(heard)).toEqual(new Set(['s_ping', 's_1']));
    expect(heard.filter((id) => id === 's_1')).toHaveLength(1);
  });

  it('says that the server is away when it is opened, and shows no password', async () => {
    const url = new URL(server.url);
    url.port = '1';
    url.password = 'geheim';
    const failed = await open(url.href).catch((error: unknown) => error);
    expect(failed).toMatchObject({ code: 'unavailable', message: expect.not.stringContaining('geheim') });
  });

  it('says that it is refused when the password is wrong or the database missing', async () => {
    const wrong = new URL(server.url);
    wrong.password = 'geheim';
    await expect(open(wrong.href)).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.not.stringContaining('geheim'),
    });
    const missing = new URL(server.url);
    missing.pathname = '/missing';
    await expect(open(missing.href)).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringContaining('does not exist'),
    });
  });
});
