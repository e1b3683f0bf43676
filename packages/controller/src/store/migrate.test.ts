import {
  connectionStatuses,
  connectionTransitions,
  sessionStatuses,
  sessionTransitions,
} from '@stile/protocol';
import { silentLogger, systemClock } from '@stile/runtime';
import { sql } from 'kysely';
import { expect, it } from 'vitest';
import { describeBothEngines } from '../../../../test/support/engines.ts';
import { makeIdentities, testIds } from '../../../../test/support/identities.ts';
import { connectionRowIn, sessionRow, sessionRowIn } from '../../../../test/support/session-rows.ts';
import { openDatabase, type Database } from './database.ts';
import { isInitialized, migrate, needsMigration } from './migrate.ts';
import { workerEventsStep } from './migrations/0009-worker-events.ts';
import { ddlOf } from './migrations/ddl.ts';

const stepNames = [
  '0001-iam',
  '0002-auth',
  '0003-targets',
  '0004-sessions',
  '0005-keys-and-events',
  '0006-scope-settings',
  '0007-credentials',
  '0008-workers',
  '0009-worker-events',
  '0010-auth-token-kinds',
  '0011-second-factor',
  '0012-events',
  '0013-node-facts',
  '0014-event-subjects',
];

/** What an update of a status answers. */
async function outcome(work: () => Promise<unknown>): Promise<'done' | 'refused'> {
  try {
    await work();
    return 'done';
  } catch (error) {
    expect(error).toMatchObject({ code: 'internal' });
    return 'refused';
  }
}

async function addTarget(
  database: Database,
  id: string,
  changes: { name?: string; default_port?: number } = {},
) {
  await database.write((tx) =>
    tx
      .insertInto('target')
      .values({
        id,
        scope_id: testIds.project,
        type: 'tcp',
        name: changes.name ?? id,
        description: null,
        address: '127.0.0.1',
        default_port: changes.default_port ?? 22,
        default_client_port: null,
        session_max_seconds: 60,
        session_connection_limit: -1,
        egress_worker_filter: null,
        worker_filter: null,
        session_lease: null,
        version: 1,
        created_at: 1,
        updated_at: 1,
      })
      .execute(),
  );
}

describeBothEngines('migrations', ({ engine, open, newUrl }) => {
  it('let a database of before tell that a worker was deleted', async () => {
    const database = await open();
    if (engine === 'postgres') {
      await database.write(async (tx) => {
        await sql`alter table store_event drop constraint store_event_known_type`.execute(tx);
        await sql`alter table store_event add constraint store_event_type_check
          check (type in ('session-ending', 'session-ended'))`.execute(tx);
        for (const statement of workerEventsStep.statements(ddlOf(engine)))
          await sql.raw(statement).execute(tx);
      });
    }
    const tell = database.write((tx) =>
      database.events.publish(tx, { type: 'worker-deleted', workerId: 'w_1234567890' }),
    );
    await expect(tell).resolves.toBeUndefined();
  });

  it('make the schema once, and then find nothing to do', async () => {
    const database = await open({ isEmpty: true });
    expect(await needsMigration(database)).toBe(true);
    expect(await isInitialized(database)).toBe(false);
    expect((await migrate(database)).applied).toEqual(stepNames);
    expect(await needsMigration(database)).toBe(false);
    expect((await migrate(database)).applied).toEqual([]);
    expect(await isInitialized(database)).toBe(false);
    await makeIdentities(database);
    expect(await isInitialized(database)).toBe(true);
  });

  it('refuse a database of a newer version and leave it as it is', async () => {
    const database = await open();
    await database.write((tx) =>
      sql`insert into kysely_migration (name, timestamp) values ('9999-later', '2030-01-01')`.execute(tx),
    );
    await expect(migrate(database)).rejects.toMatchObject({ code: 'failedPrecondition' });
  });

  it('let every session status go only where the table says', async () => {
    const database = await open();
    for (const from of sessionStatuses) {
      for (const to of sessionStatuses) {
        const id = `s_${from}_${to}`;
        await database.write((tx) => tx.insertInto('session').values(sessionRowIn(from, id)).execute());
        const { id: _, ...changes } = sessionRowIn(to, id);
        const answer = await outcome(() =>
          database.write((tx) => tx.updateTable('session').set(changes).where('id', '=', id).execute()),
        );
        const isLegal = from === to || sessionTransitions[from].includes(to);
        expect([from, to, answer]).toEqual([from, to, isLegal ? 'done' : 'refused']);
      }
    }
  });

  it('let every connection status go only where the table says', async () => {
    const database = await open();
    await database.write((tx) =>
      tx
        .insertInto('session')
        .values(sessionRow({ id: 's_1' }))
        .execute(),
    );
    for (const from of connectionStatuses) {
      for (const to of connectionStatuses) {
        const id = `sc_${from}_${to}`;
        await database.write((tx) =>
          tx
            .insertInto('session_connection')
            .values(connectionRowIn(from, id, 's_1'))
            .execute(),
        );
        const { id: _, ...changes } = connectionRowIn(to, id, 's_1');
        const answer = await outcome(() =>
          database.write((tx) =>
            tx.updateTable('session_connection').set(changes).where('id', '=', id).execute(),
          ),
        );
        const isLegal = from === to || connectionTransitions[from].includes(to);
        expect([from, to, answer]).toEqual([from, to, isLegal ? 'done' : 'refused']);
      }
    }
  });

  it.each([
    ['more connections than its limit', { connection_limit: 1, connections_used: 2 }],
    ['a limit of none', { connection_limit: 0 }],
    ['an end without a reason', { status: 'terminated', terminated_at: 1 }],
    ['an end without a time', { status: 'terminated', end_reason: 'canceled' }],
    ['a time of its end before the end', { terminated_at: 1 }],
    ['a reason that is none', { status: 'canceling', canceling_at: 1, end_reason: 'whim' }],
  ] as const)('refuse a session with %s', async (_name, changes) => {
    const database = await open();
    const row = sessionRow({ id: 's_1', ...changes });
    await expect(
      database.write((tx) => tx.insertInto('session').values(row).execute()),
    ).rejects.toMatchObject({
      code: 'internal',
    });
  });

  it('keep names unique where they must be, with the text of the API, and let others repeat', async () => {
    const database = await open();
    await makeIdentities(database);
    await addTarget(database, 'ttcp_1', { name: 'same' });
    await expect(addTarget(database, 'ttcp_2', { name: 'same' })).rejects.toMatchObject({
      code: 'invalidArgument',
      message:
        'Invalid request.  Request attempted to make second resource with the same field value that must be unique.',
    });
    const user = {
      scope_id: 'global',
      name: null,
      description: null,
      disabled_at: null,
      version: 1,
      created_at: 1,
      updated_at: 1,
    };
    await database.write((tx) =>
      tx
        .insertInto('iam_user')
        .values([
          { id: 'u_1', ...user },
          { id: 'u_2', ...user },
        ])
        .execute(),
    );
  });

  it('refuse a value out of range and a row of a parent that is not there', async () => {
    const database = await open();
    await makeIdentities(database);
    await expect(addTarget(database, 'ttcp_1', { default_port: 65_536 })).rejects.toMatchObject({
      code: 'internal',
    });
    await database.write((tx) => tx.deleteFrom('scope').where('id', '=', testIds.project).execute());
    await expect(addTarget(database, 'ttcp_1')).rejects.toMatchObject({ code: 'notFound' });
  });

  it('take with a deleted scope all that is in it, but its sessions', async () => {
    const database = await open();
    await makeIdentities(database);
    await addTarget(database, 'ttcp_1');
    await database.write(async (tx) => {
      const times = { name: null, description: null, version: 1, created_at: 1, updated_at: 1 };
      await tx
        .insertInto('iam_role')
        .values({ id: 'r_1', scope_id: 'global', ...times })
        .execute();
      await tx
        .insertInto('iam_role_grant_scope')
        .values({ role_id: 'r_1', grant_scope: testIds.project })
        .execute();
      await tx
        .insertInto('session')
        .values(sessionRow({ id: 's_1' }))
        .execute();
      await tx.deleteFrom('scope').where('id', '=', testIds.org).execute();
    });
    const { reader } = database;
    expect(await reader.selectFrom('scope').select('id').execute()).toEqual([{ id: 'global' }]);
    expect(await reader.selectFrom('target').select('id').execute()).toEqual([]);
    expect(await reader.selectFrom('iam_role_grant_scope').selectAll().execute()).toEqual([]);
    expect(await reader.selectFrom('session').select('id').execute()).toEqual([{ id: 's_1' }]);
  });

  it('take a deleted user out of groups and roles, and leave its accounts unbound', async () => {
    const database = await open();
    await makeIdentities(database);
    const times = { name: null, description: null, version: 1, created_at: 1, updated_at: 1 };
    await database.write(async (tx) => {
      await tx
        .insertInto('iam_group')
        .values({ id: 'g_1', scope_id: 'global', ...times })
        .execute();
      await tx
        .insertInto('iam_group_member')
        .values({ group_id: 'g_1', member_id: testIds.plain.user })
        .execute();
      await tx
        .insertInto('iam_role')
        .values({ id: 'r_1', scope_id: 'global', ...times })
        .execute();
      await tx
        .insertInto('iam_role_principal')
        .values([testIds.plain.user, 'g_1'].map((id) => ({ role_id: 'r_1', principal_id: id })))
        .execute();
      await tx.deleteFrom('iam_user').where('id', '=', testIds.plain.user).execute();
    });
    const { reader } = database;
    expect(await reader.selectFrom('iam_group_member').selectAll().execute()).toEqual([]);
    expect(await reader.selectFrom('iam_role_principal').select('principal_id').execute()).toEqual([
      { principal_id: 'g_1' },
    ]);
    const account = await reader
      .selectFrom('account')
      .select('user_id')
      .where('id', '=', testIds.plain.account)
      .executeTakeFirst();
    expect(account).toEqual({ user_id: null });
  });

  it('empty the primary auth method of a scope when it is deleted', async () => {
    const database = await open();
    await makeIdentities(database);
    await database.write((tx) => tx.deleteFrom('auth_method').where('id', '=', testIds.authMethod).execute());
    const scope = await database.reader
      .selectFrom('scope')
      .select('primary_auth_method_id')
      .where('id', '=', 'global')
      .executeTakeFirst();
    expect(scope).toEqual({ primary_auth_method_id: null });
  });

  if (engine === 'postgres') {
    it('are run once when several controllers start at once', async () => {
      const url = await newUrl();
      const databases = await Promise.all(
        [0, 1, 2].map(() => openDatabase({ url, clock: systemClock, log: silentLogger })),
      );
      const results = await Promise.all(databases.map((database) => migrate(database)));
      expect(results.flatMap((result) => result.applied)).toEqual(stepNames);
      for (const database of databases) await database.close();
    });
  }
});
