import { StileError } from '@stile/protocol';
import { expect, it, describe } from 'vitest';
import { subjectOf } from './events.ts';
import { describeBothEngines } from '../../../../test/support/engines.ts';
import { sessionRow } from '../../../../test/support/session-rows.ts';
import { parseDatabaseUrl, type Connection, type Database } from './database.ts';
import type { StoreEvent } from './events.ts';
import { isUniqueViolation } from './store-error.ts';

async function addSession(tx: Connection, id: string, limit = -1): Promise<void> {
  await tx
    .insertInto('session')
    .values(sessionRow({ id, connection_limit: limit }))
    .execute();
}

async function sessionIds(database: Database): Promise<string[]> {
  const rows = await database.reader.selectFrom('session').select('id').orderBy('id').execute();
  return rows.map((row) => row.id);
}

const failure = new StileError('failedPrecondition', 'on purpose');

describeBothEngines('database', ({ open }) => {
  it('shows a write to every read that begins after it resolved', async () => {
    const database = await open();
    for (let count = 0; count < 50; count++) {
      await database.write((tx) => addSession(tx, `s_${count}`));
      expect(await sessionIds(database)).toHaveLength(count + 1);
    }
  });

  it('keeps numbers, bytes, texts and nulls as they are', async () => {
    const database = await open();
    const row = sessionRow({
      id: 's_1',
      endpoint: 'tcp://grüße-😀:22',
      certificate: new Uint8Array([0, 255, 10, 13]),
      expires_at: Number.MAX_SAFE_INTEGER,
      created_at: 1_790_000_000_123_457,
    });
    await database.write((tx) => tx.insertInto('session').values(row).execute());
    const read = await database.reader
      .selectFrom('session')
      .selectAll()
      .where('id', '=', 's_1')
      .executeTakeFirstOrThrow();
    expect({
      ...read,
      certificate: new Uint8Array(read.certificate),
      private_key_sealed: new Uint8Array(read.private_key_sealed),
    }).toEqual(row);
  });

  it('counts as a number', async () => {
    const database = await open();
    await database.write((tx) => addSession(tx, 's_1'));
    const { fn } = database.reader;
    const row = await database.reader
      .selectFrom('session')
      .select([
        fn.countAll<number>().as('count'),
        fn.sum<number>('version').as('sum'),
        fn.max('created_at').as('max'),
      ])
      .executeTakeFirstOrThrow();
    expect(row).toEqual({ count: 1, sum: 1, max: 1_000_000 });
  });

  it('takes back all of a unit that fails', async () => {
    const database = await open();
    const failing = database.write(async (tx) => {
      await addSession(tx, 's_1');
      await addSession(tx, 's_2');
      throw failure;
    });
    await expect(failing).rejects.toBe(failure);
    expect(await sessionIds(database)).toEqual([]);
  });

  it('lets no unit be hurt by the failure of another that runs at the same time', async () => {
    const database = await open();
    await database.write((tx) => addSession(tx, 's_taken'));
    const results = await Promise.allSettled(
      Array.from({ length: 60 }, (_, count) =>
        database.write(async (tx) => {
          await addSession(tx, `s_${String(count).padStart(2, '0')}`);
          if (count % 3 === 1) throw failure;
          if (count % 3 === 2) await addSession(tx, 's_taken');
        }),
      ),
    );
    const kept = results.flatMap((result, count) => (result.status === 'fulfilled' ? [count] : []));
    expect(kept).toEqual(Array.from({ length: 20 }, (_, count) => count * 3));
    const names = kept.map((count) => `s_${String(count).padStart(2, '0')}`);
    expect(await sessionIds(database)).toEqual([...names, 's_taken']);
    const reasons = results.map((result) => (result.status === 'rejected' ? result.reason : undefined));
    expect(reasons[1]).toBe(failure);
    expect(isUniqueViolation(reasons[2])).toBe(true);
  });

  it('lets a unit go on after a statement that was refused, where it changed nothing', async () => {
    const database = await open();
    const changed = await database.write(async (tx) => {
      const none = await tx
        .updateTable('session')
        .set({ version: 2 })
        .where('id', '=', 's_none')
        .executeTakeFirst();
      await addSession(tx, 's_1');
      const one = await tx
        .updateTable('session')
        .set({ version: 2 })
        .where('id', '=', 's_1')
        .executeTakeFirst();
      return [none.numUpdatedRows, one.numUpdatedRows];
    });
    expect(changed).toEqual([0n, 1n]);
  });

  it('gives exactly as many connections as the limit allows, however many ask at once', async () => {
    const database = await open();
    await database.write((tx) => addSession(tx, 's_1', 10));
    const takes = await Promise.all(
      Array.from({ length: 100 }, () =>
        database.write(async (tx) => {
          const taken = await tx
            .updateTable('session')
            .set((eb) => ({ connections_used: eb('connections_used', '+', 1) }))
            .where('id', '=', 's_1')
            .where((eb) =>
              eb.or([
                eb('connection_limit', '=', -1),
                eb('connections_used', '<', eb.ref('connection_limit')),
              ]),
            )
            .returning('connections_used')
            .executeTakeFirst();
          return taken !== undefined;
        }),
      ),
    );
    expect(takes.filter(Boolean)).toHaveLength(10);
  });

  it('refuses the handle of a unit after its end', async () => {
    const database = await open();
    let kept: Connection | undefined;
    await database.write((tx) => {
      kept = tx;
      return Promise.resolve();
    });
    const late = kept;
    if (late === undefined) throw new Error('no handle');
    await expect(addSession(late, 's_late')).rejects.toMatchObject({ code: 'internal' });
    expect(await sessionIds(database)).toEqual([]);
  });

  it('opens no transaction but by write', async () => {
    const database = await open();
    const opened = database.reader
      .transaction()
      .execute((tx) => tx.selectFrom('session').selectAll().execute());
    await expect(opened).rejects.toMatchObject({ code: 'internal' });
  });

  it('delivers events after the commit, in order, and none of a unit that failed', async () => {
    const database = await open();
    const heard: StoreEvent[] = [];
    const stop = database.events.subscribe((event) => heard.push(event));
    await database.write(async (tx) => {
      await addSession(tx, 's_1');
      await database.events.publish(tx, { type: 'session-ending', sessionId: 's_1' });
      await database.events.publish(tx, { type: 'session-ended', sessionId: 's_1' });
      expect(heard).toEqual([]);
    });
    const failing = database.write(async (tx) => {
      await addSession(tx, 's_2');
      await database.events.publish(tx, { type: 'session-ending', sessionId: 's_2' });
      throw failure;
    });
    await expect(failing).rejects.toBe(failure);
    expect(heard).toEqual([
      { type: 'session-ending', sessionId: 's_1' },
      { type: 'session-ended', sessionId: 's_1' },
    ]);
    stop();
    await database.write((tx) => database.events.publish(tx, { type: 'session-ended', sessionId: 's_3' }));
    expect(heard).toHaveLength(2);
  });

  it('goes on when a listener of events throws', async () => {
    const database = await open();
    const heard: string[] = [];
    database.events.subscribe(() => {
      throw new Error('a listener at fault');
    });
    database.events.subscribe((event) => heard.push(subjectOf(event)));
    await database.write((tx) => database.events.publish(tx, { type: 'session-ended', sessionId: 's_1' }));
    await database.write((tx) => addSession(tx, 's_2'));
    expect(heard).toEqual(['s_1']);
    expect(await sessionIds(database)).toEqual(['s_2']);
  });

  it('refuses to publish outside of a unit', async () => {
    const database = await open();
    const published = async (): Promise<void> =>
      database.events.publish(database.reader, { type: 'session-ended', sessionId: 's_1' });
    await expect(published()).rejects.toMatchObject({ code: 'internal' });
  });

  it('answers unavailable once it is closed, and lets what runs finish first', async () => {
    const database = await open();
    const writing = database.write((tx) => addSession(tx, 's_1'));
    const reading = sessionIds(database);
    const closing = database.close();
    await writing;
    await reading;
    await closing;
    await expect(database.write((tx) => addSession(tx, 's_2'))).rejects.toMatchObject({
      code: 'unavailable',
    });
    await expect(sessionIds(database)).rejects.toMatchObject({ code: 'unavailable' });
  });

  it('answers a text that cannot be stored or found with an error of the caller or nothing, not with a fault', async () => {
    const database = await open();
    const found = await database.reader
      .selectFrom('session')
      .select('id')
      .where('id', '=', 's_\0')
      .execute()
      .catch((error: unknown) => error);
    if (Array.isArray(found)) expect(found).toEqual([]);
    else expect(found).toMatchObject({ code: 'invalidArgument' });
    expect(await sessionIds(database)).toEqual([]);
  });
});

describe('database url', () => {
  it.each([
    ['sqlite:///var/lib/stile.db', { engine: 'sqlite', path: '/var/lib/stile.db' }],
    ['sqlite:/var/lib/stile.db', { engine: 'sqlite', path: '/var/lib/stile.db' }],
    ['sqlite:///with%20space.db', { engine: 'sqlite', path: '/with space.db' }],
    ['/var/lib/stile.db', { engine: 'sqlite', path: '/var/lib/stile.db' }],
    [
      'postgresql://u:p@h:1/d?sslmode=require',
      { engine: 'postgres', url: 'postgresql://u:p@h:1/d?sslmode=require' },
    ],
    ['postgres://h/d', { engine: 'postgres', url: 'postgres://h/d' }],
  ])('%s is read', (url, address) => {
    expect(parseDatabaseUrl(url)).toEqual(address);
  });

  it.each([
    '',
    '  ',
    ':memory:',
    'sqlite://',
    'sqlite:///',
    'sqlite://relative.db',
    'mysql://u:geheim@h/d',
    'sqlite:///%zz',
    'a\0b',
  ])('%j is refused, naming the legal forms and not the url', (url) => {
    expect(() => parseDatabaseUrl(url)).toThrow(
      expect.objectContaining({ code: 'invalidConfig', message: expect.not.stringContaining('geheim') }),
    );
  });
});
