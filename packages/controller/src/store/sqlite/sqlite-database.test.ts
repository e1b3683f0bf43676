import { chmod, mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { silentLogger } from '@stile/runtime';
import { sql } from 'kysely';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { sessionRow } from '../../../../../test/support/session-rows.ts';
import { makeTempDir, type TempDir } from '../../../../../test/support/temp-dir.ts';
import type { Connection } from '../engine/connection.ts';
import type { Database } from '../engine/contract.ts';
import { migrate } from '../migrate.ts';
import { openSqlite, type SqliteOptions } from './sqlite-database.ts';

async function addSession(tx: Connection, id: string): Promise<void> {
  await tx.insertInto('session').values(sessionRow({ id })).execute();
}

async function sessionIds(database: Database): Promise<string[]> {
  return (await database.reader.selectFrom('session').select('id').orderBy('id').execute()).map(
    (row) => row.id,
  );
}

describe('sqlite database', () => {
  let dir: TempDir;
  let path: string;
  const opened: Database[] = [];
  const open = async (options: Partial<SqliteOptions> = {}): Promise<Database> => {
    const database = await openSqlite({ path, log: silentLogger, ...options });
    opened.push(database);
    return database;
  };

  beforeEach(async () => {
    dir = await makeTempDir();
    path = join(dir.path, 'stile.db');
  });
  afterEach(async () => {
    for (const database of opened.splice(0)) await database.close();
    await dir.remove();
  });

  it('is a file that only its owner can read, with all that stands beside it', async () => {
    const database = await open();
    await migrate(database);
    for (const name of ['', '-wal', '-shm', '.lock']) {
      expect((await stat(path + name)).mode & 0o777).toBe(0o600);
    }
  });

  it('keeps what was written when it is opened again', async () => {
    const first = await open();
    await migrate(first);
    await first.write((tx) => addSession(tx, 's_1'));
    await first.close();
    expect(await sessionIds(await open())).toEqual(['s_1']);
  });

  it('syncs every commit to disk and enforces foreign keys', async () => {
    const database = await open();
    await database.write(async (tx) => {
      expect((await sql`pragma synchronous`.execute(tx)).rows).toEqual([{ synchronous: 2 }]);
      expect((await sql`pragma journal_mode`.execute(tx)).rows).toEqual([{ journal_mode: 'wal' }]);
      expect((await sql`pragma foreign_keys`.execute(tx)).rows).toEqual([{ foreign_keys: 1 }]);
    });
  });

  it('is refused to a second opener, which is told the file and what to do, until the first has closed', async () => {
    const first = await open();
    await migrate(first);
    await expect(open()).rejects.toMatchObject({
      code: 'failedPrecondition',
      message: expect.stringMatching(/stile\.db is in use by another Stile process.*PostgreSQL/),
    });
    await first.write((tx) => addSession(tx, 's_1'));
    await first.close();
    expect(await sessionIds(await open())).toEqual(['s_1']);
  });

  it('cannot be changed through the reader', async () => {
    const database = await open();
    await migrate(database);
    await expect(addSession(database.reader, 's_1')).rejects.toMatchObject({ code: 'storageFull' });
    expect(await sessionIds(database)).toEqual([]);
  });

  it('answers storageFull when the disk is full, takes the unit back whole, and writes again when there is room', async () => {
    // Freed pages are the room: what is deleted can be written anew.
    const database = await open({ maxPages: 320 });
    await migrate(database);
    const fill = async (count: number): Promise<void> =>
      database.write(async (tx) => {
        await addSession(tx, `s_${count}`);
        await tx
          .updateTable('session')
          .set({ certificate: new Uint8Array(8000) })
          .where('id', '=', `s_${count}`)
          .execute();
      });
    let written = 0;
    const full = await (async () => {
      for (; written < 1000; written++) await fill(written);
    })().catch((error: unknown) => error);
    expect(full).toMatchObject({ code: 'storageFull', message: expect.stringContaining(path) });
    expect(written).toBeGreaterThan(3);
    expect(await sessionIds(database)).toHaveLength(written);
    await database.write((tx) => tx.deleteFrom('session').execute());
    await fill(1000);
    expect(await sessionIds(database)).toEqual(['s_1000']);
  });

  it('fails all units of a transaction that broke, even one that hides the error, and goes on with the next', async () => {
    const database = await open({ maxPages: 320 });
    await migrate(database);
    const tooMuch = database.write(async (tx) => {
      await addSession(tx, 's_1');
      const update = tx.updateTable('session').set({ certificate: new Uint8Array(2_000_000) });
      await update
        .where('id', '=', 's_1')
        .execute()
        .catch(() => undefined);
      // What comes now must not reach the file outside of a transaction.
      await addSession(tx, 's_2').catch(() => undefined);
    });
    const beside = database.write((tx) => addSession(tx, 's_3'));
    const results = await Promise.allSettled([tooMuch, beside]);
    expect(results[0]).toMatchObject({ status: 'rejected', reason: { code: 'storageFull' } });
    const kept = results[1]?.status === 'fulfilled' ? ['s_3'] : [];
    expect(await sessionIds(database)).toEqual(kept);
    await database.write((tx) => addSession(tx, 's_4'));
    expect(await sessionIds(database)).toEqual([...kept, 's_4']);
  });

  it('rolls back a unit that does not end in time, and lets the others through', async () => {
    const database = await open({ unitTimeoutMs: 100 });
    await migrate(database);
    const stuck = database.write(async (tx) => {
      await addSession(tx, 's_1');
      await new Promise(() => undefined);
    });
    const nested = database.write(async (tx) => {
      await addSession(tx, 's_2');
      await database.write((inner) => addSession(inner, 's_3'));
    });
    const good = database.write((tx) => addSession(tx, 's_4'));
    await expect(stuck).rejects.toMatchObject({ code: 'deadlineExceeded' });
    await expect(nested).rejects.toMatchObject({ code: 'deadlineExceeded' });
    await good;
    expect(await sessionIds(database)).toContain('s_4');
    expect(await sessionIds(database)).not.toContain('s_1');
    expect(await sessionIds(database)).not.toContain('s_2');
  });

  it('runs statements of one unit one after the other, even when they are sent together', async () => {
    const database = await open();
    await migrate(database);
    await database.write(async (tx) => {
      await Promise.all(Array.from({ length: 20 }, (_, count) => addSession(tx, `s_${count}`)));
    });
    expect(await sessionIds(database)).toHaveLength(20);
    const failing = database.write(async (tx) => {
      await Promise.all([addSession(tx, 's_x'), addSession(tx, 's_0'), addSession(tx, 's_y')]);
    });
    await expect(failing).rejects.toMatchObject({ code: 'invalidArgument' });
    expect(await sessionIds(database)).toHaveLength(20);
  });

  it('shares one transaction among units that wait together', async () => {
    const database = await open();
    await migrate(database);
    const before = await stat(`${path}-wal`);
    await Promise.all(
      Array.from({ length: 64 }, (_, count) => database.write((tx) => addSession(tx, `s_${count}`))),
    );
    const together = (await stat(`${path}-wal`)).size - before.size;
    // One by one, each commit writes its pages anew: some sixteen of 4 kB.
    expect(together).toBeLessThan(64 * 16 * 4096 * 0.5);
  });

  it('does not hold up reading while it writes', async () => {
    const database = await open({ unitTimeoutMs: 5000 });
    await migrate(database);
    let release: (() => void) | undefined;
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    const writing = database.write(async (tx) => {
      await addSession(tx, 's_1');
      await held;
    });
    for (let count = 0; count < 10; count++) expect(await sessionIds(database)).toEqual([]);
    release?.();
    await writing;
    expect(await sessionIds(database)).toEqual(['s_1']);
  });

  it('names a file that is no database, a directory that is not there, and one that is a directory', async () => {
    await writeFile(
      path,
      'this is a text, and a rather long one, which no database would begin with'.repeat(20),
    );
    await expect(open()).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringContaining(path),
    });
    path = join(dir.path, 'missing', 'stile.db');
    await expect(open()).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringContaining(path),
    });
    path = join(dir.path, 'directory');
    await mkdir(path);
    await expect(open()).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringContaining(path),
    });
  });

  it('leaves the lock to others when it could not be opened', async () => {
    await writeFile(path, 'no database'.repeat(500));
    await expect(open()).rejects.toMatchObject({ code: 'unavailable' });
    await writeFile(path, '');
    await chmod(path, 0o600);
    const database = await open();
    await migrate(database);
    expect(await sessionIds(database)).toEqual([]);
  });

  it('keeps its whole content in the one file once it is closed', async () => {
    const database = await open();
    await migrate(database);
    await database.write((tx) => addSession(tx, 's_findme'));
    await database.close();
    expect((await readFile(path)).includes('s_findme')).toBe(true);
    await expect(stat(`${path}-wal`)).rejects.toMatchObject({ code: 'ENOENT' });
  });
});
