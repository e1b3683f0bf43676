import { expect, it } from 'vitest';
import { sql } from 'kysely';
import { describeBothEngines } from '../../../../test/support/engines.ts';
import { connectionRowIn, sessionRow, sessionRowIn } from '../../../../test/support/session-rows.ts';
import type { Connection } from './database.ts';
import { listSince, purgeDeletedBefore, record } from './deleted-resource-repository.ts';
import { isLivingSession, isOpenConnection, pageOf, type PageRequest } from './page.ts';
import type { SessionTable } from './schema.ts';

function sessionsOf(db: Connection, page: PageRequest) {
  return pageOf(db.selectFrom('session').selectAll().where('scope_id', '=', 'p_test'), 'session', page);
}

/** Every id, page by page. */
async function walk(db: Connection, phase: PageRequest['phase'], limit: number): Promise<string[]> {
  const ids: string[] = [];
  let after: PageRequest['after'];
  for (let pages = 0; pages < 100; pages++) {
    const rows = await sessionsOf(db, { limit, phase, ...(after === undefined ? {} : { after }) }).execute();
    const last = rows.at(-1);
    ids.push(...rows.map((row) => row.id));
    if (last === undefined || rows.length < limit) return ids;
    after = { at: phase === 'created' ? last.created_at : last.updated_at, id: last.id };
  }
  throw new Error('the pages do not end');
}

function newestFirst(rows: readonly SessionTable[], at: 'created_at' | 'updated_at'): string[] {
  return rows.toSorted((a, b) => b[at] - a[at] || (a.id < b.id ? 1 : -1)).map((row) => row.id);
}

describeBothEngines('pages', ({ engine, open }) => {
  it.each([1, 2, 3, 7, 100])('of %i rows show each row once, also where times are equal', async (limit) => {
    const database = await open();
    const rows = Array.from({ length: 23 }, (_, count) =>
      sessionRow({ id: `s_${count}`, created_at: Math.floor(count / 4), updated_at: (count * 7) % 5 }),
    );
    await database.write((tx) => tx.insertInto('session').values(rows).execute());
    expect(await walk(database.reader, 'created', limit)).toEqual(newestFirst(rows, 'created_at'));
    expect(await walk(database.reader, 'updated', limit)).toEqual(newestFirst(rows, 'updated_at'));
  });

  it('lose and repeat nothing that was there when newer rows come in between', async () => {
    const database = await open();
    const row = (count: number): SessionTable => sessionRow({ id: `s_${count}`, created_at: count });
    await database.write((tx) => tx.insertInto('session').values([1, 2, 3, 4].map(row)).execute());
    const first = await sessionsOf(database.reader, { limit: 2, phase: 'created' }).execute();
    await database.write((tx) => tx.insertInto('session').values([5, 6].map(row)).execute());
    const second = await sessionsOf(database.reader, {
      limit: 2,
      phase: 'created',
      after: { at: 3, id: 's_3' },
    }).execute();
    expect([...first, ...second].map(({ id }) => id)).toEqual(['s_4', 's_3', 's_2', 's_1']);
  });

  it('show what changed since a time', async () => {
    const database = await open();
    const rows = [10, 20, 30].map((at) => sessionRow({ id: `s_${at}`, updated_at: at }));
    await database.write((tx) => tx.insertInto('session').values(rows).execute());
    const changed = await sessionsOf(database.reader, {
      limit: 10,
      phase: 'updated',
      updatedSince: 20,
    }).execute();
    expect(changed.map(({ id }) => id)).toEqual(['s_30', 's_20']);
  });

  it('leave out what has ended or is closed when asked', async () => {
    const database = await open();
    await database.write(async (tx) => {
      await tx
        .insertInto('session')
        .values([sessionRowIn('active', 's_1'), sessionRowIn('terminated', 's_2')])
        .execute();
      await tx
        .insertInto('session_connection')
        .values([connectionRowIn('connected', 'sc_1', 's_1'), connectionRowIn('closed', 'sc_2', 's_1')])
        .execute();
    });
    const { reader } = database;
    expect(await reader.selectFrom('session').select('id').where(isLivingSession).execute()).toEqual([
      { id: 's_1' },
    ]);
    expect(
      await reader.selectFrom('session_connection').select('id').where(isOpenConnection).execute(),
    ).toEqual([{ id: 'sc_1' }]);
  });

  it('report deleted ids of one type since a time, each once, and forget old ones', async () => {
    const database = await open();
    await database.write(async (tx) => {
      await record(tx, 'target', ['ttcp_1', 'ttcp_2'], 10);
      await record(
        tx,
        'target',
        Array.from({ length: 1200 }, (_, count) => `ttcp_many${count}`),
        30,
      );
      await record(tx, 'host', ['hst_1'], 20);
      await record(tx, 'target', ['ttcp_2'], 40);
      await record(tx, 'target', [], 50);
    });
    const since = await listSince(database.reader, 'target', 20);
    expect(since.ids).toHaveLength(1201);
    expect(since.ids.at(-1)).toBe('ttcp_2');
    expect((await listSince(database.reader, 'host', 0)).ids).toEqual(['hst_1']);
    expect(await database.write((tx) => purgeDeletedBefore(tx, 30))).toBe(2);
    expect((await listSince(database.reader, 'host', 0)).ids).toEqual([]);
  });

  if (engine === 'sqlite') {
    const page: PageRequest = { limit: 100, phase: 'created', after: { at: 5, id: 's_5' } };
    const sessions = (db: Connection) =>
      db.selectFrom('session').selectAll().where('scope_id', '=', 'p_test');
    it.each([
      ['a session', (db: Connection) => db.selectFrom('session').selectAll().where('id', '=', 's_1')],
      ['the sessions of a scope', (db: Connection) => pageOf(sessions(db), 'session', page)],
      [
        'those that changed',
        (db: Connection) => pageOf(sessions(db), 'session', { ...page, phase: 'updated', updatedSince: 3 }),
      ],
      [
        'the living sessions of a scope',
        (db: Connection) => pageOf(sessions(db).where(isLivingSession), 'session', page),
      ],
      [
        'the sessions of a user in a scope',
        (db: Connection) => pageOf(sessions(db).where('user_id', '=', 'u_1'), 'session', page),
      ],
      [
        'the living sessions of a user in a scope',
        (db: Connection) =>
          pageOf(sessions(db).where('user_id', '=', 'u_1').where(isLivingSession), 'session', page),
      ],
      [
        'the living sessions of a token',
        (db: Connection) =>
          db.selectFrom('session').select('id').where('auth_token_id', '=', 'at_1').where(isLivingSession),
      ],
      [
        'the living sessions of a target',
        (db: Connection) =>
          db.selectFrom('session').select('id').where('target_id', '=', 'ttcp_1').where(isLivingSession),
      ],
      [
        'the living sessions of a host',
        (db: Connection) =>
          db.selectFrom('session').select('id').where('host_id', '=', 'hst_1').where(isLivingSession),
      ],
      [
        'the sessions to expire',
        (db: Connection) =>
          db
            .selectFrom('session')
            .select('id')
            .where('expires_at', '<=', 9)
            .where(isLivingSession)
            .orderBy('expires_at')
            .limit(100),
      ],
      [
        'the open connections of a session',
        (db: Connection) =>
          db
            .selectFrom('session_connection')
            .selectAll()
            .where('session_id', '=', 's_1')
            .where(isOpenConnection),
      ],
      [
        'the open connections of a worker',
        (db: Connection) =>
          db
            .selectFrom('session_connection')
            .selectAll()
            .where('worker_id', '=', 'w_1')
            .where(isOpenConnection),
      ],
      [
        'the targets of a scope',
        (db: Connection) =>
          pageOf(db.selectFrom('target').selectAll().where('scope_id', '=', 'p_1'), 'target', page),
      ],
      ['an auth token', (db: Connection) => db.selectFrom('auth_token').selectAll().where('id', '=', 'at_1')],
      [
        'deleted ids',
        (db: Connection) =>
          db
            .selectFrom('deleted_resource')
            .select('id')
            .where('type', '=', 'target')
            .where('deleted_at', '>=', 1)
            .orderBy('deleted_at'),
      ],
    ])('find %s by an index, without scanning or sorting', async (_name, query) => {
      const database = await open();
      const { sql: text, parameters } = query(database.reader).compile();
      // The parameters of a plan do not matter, as long as there are as many.
      const parts = text.split('?');
      const filled = sql.join(
        parts.map((part, at) =>
          at < parameters.length ? sql`${sql.raw(part)}${parameters[at]}` : sql.raw(part),
        ),
        sql.raw(''),
      );
      const plan = await sql<{ detail: string }>`explain query plan ${filled}`.execute(database.reader);
      const details = plan.rows.map((row) => row.detail).join('; ');
      expect(details).toMatch(/SEARCH .* USING (COVERING )?INDEX/);
      expect(details).not.toMatch(/SCAN|TEMP B-TREE/);
    });
  }
});
