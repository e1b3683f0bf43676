import { expect, it } from 'vitest';
import { describeBothEngines } from '../../../../test/support/engines.ts';
import { sessionRow } from '../../../../test/support/session-rows.ts';
import { PreparedQuery } from './prepared-query.ts';

const byStatus = new PreparedQuery(
  (db, input: { status: 'pending' | 'active'; least: number; other: string }) =>
    db
      .selectFrom('session')
      .select(['id', 'version'])
      .where('version', '>=', input.least)
      .where('type', '=', 'tcp')
      .where((eb) => eb.or([eb('status', '=', input.status), eb('id', 'in', [input.other, input.other])]))
      .orderBy('id'),
);

describeBothEngines('prepared query', ({ open }) => {
  it('binds its values anew at each run, on every database it is run on', async () => {
    const [one, two] = [await open(), await open()];
    for (const database of [one, two]) {
      await database.write((tx) =>
        tx
          .insertInto('session')
          .values([1, 2, 3].map((version) => sessionRow({ id: `s_${version}`, version })))
          .execute(),
      );
    }
    await two.write((tx) => tx.deleteFrom('session').where('id', '=', 's_3').execute());
    const find = async (database: typeof one, least: number, other = ''): Promise<string[]> =>
      (await byStatus.execute(database.reader, { status: 'pending', least, other })).map(({ id }) => id);
    expect(await find(one, 2)).toEqual(['s_2', 's_3']);
    expect(await find(one, 3)).toEqual(['s_3']);
    expect(await find(two, 2)).toEqual(['s_2']);
    expect(await byStatus.first(one.reader, { status: 'active', least: 1, other: 's_1' })).toEqual({
      id: 's_1',
      version: 1,
    });
    expect(await byStatus.first(one.reader, { status: 'active', least: 1, other: '' })).toBeUndefined();
  });

  it('runs in a unit of work too', async () => {
    const database = await open();
    const rows = await database.write(async (tx) => {
      await tx
        .insertInto('session')
        .values(sessionRow({ id: 's_1' }))
        .execute();
      return byStatus.execute(tx, { status: 'pending', least: 1, other: '' });
    });
    expect(rows).toEqual([{ id: 's_1', version: 1 }]);
  });

  it('takes values for what they are, never for SQL', async () => {
    const database = await open();
    await database.write((tx) =>
      tx
        .insertInto('session')
        .values(sessionRow({ id: 's_1' }))
        .execute(),
    );
    expect(
      await byStatus.execute(database.reader, { status: 'active', least: 0, other: "' or '1'='1" }),
    ).toEqual([]);
  });
});
