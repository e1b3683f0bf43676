import { createHash } from 'node:crypto';
import { Secret, type Clock } from '@stile/runtime';
import { expect, it } from 'vitest';
import { describeBothEngines } from '../../../../../test/support/engines.ts';
import { makeIdentities, testIds } from '../../../../../test/support/identities.ts';
import { ManualClock } from '../../../../../test/support/manual-clock.ts';
import { waitingStatement } from '../../../../../test/support/waiting-statement.ts';
import { setUserDisabled, deleteUser } from '../../iam/user-repository.ts';
import { bindAccounts, unbindAccounts } from '../../iam/user/user-account-repository.ts';
import { KeyService } from '../../keys/key-service.ts';
import { generateRootKey, rootKeyOf } from '../../keys/root-key.ts';
import type { Connection, Database } from '../../store/database.ts';
import { deleteAuthTokens, revokeAuthTokens } from './auth-token-change-repository.ts';
import { AuthTokenService } from './auth-token-service.ts';
import { parseAuthToken } from './auth-token-text.ts';
import type { RevokedReason } from './auth-token.ts';

const hourMs = 3_600_000;
const who = {
  accountVersion: 1,
  userId: testIds.plain.user,
  accountId: testIds.plain.account,
  authMethodId: testIds.authMethod,
  scopeId: 'global',
};
const anonymous = { userId: 'u_anon' };

interface Installation {
  readonly database: Database;
  readonly keys: KeyService;
  readonly tokens: AuthTokenService;
  readonly close: () => Promise<void>;
}

async function install(database: Database, clock: Clock): Promise<Installation> {
  await makeIdentities(database);
  const keys = await KeyService.open({ database, rootKey: rootKeyOf(generateRootKey()), clock });
  const tokens = new AuthTokenService({ database, keys, clock });
  return {
    database,
    keys,
    tokens,
    close: async () => {
      await tokens.close();
      keys.close();
    },
  };
}

const client = { address: '127.0.0.1', port: 40_000, userAgent: 'test' };

/** A request that is answered with success. */
async function useOnce(tokens: AuthTokenService, text: Secret): Promise<void> {
  const caller = await tokens.authenticate({ text: text.reveal() });
  expect(caller.userId).toBe(testIds.plain.user);
  tokens.noteUse(caller, client);
  await tokens.flush();
}

/** Permission to list all tokens of a scope. */
function everything(scopeId: string) {
  return new Map([[scopeId, { all: true, own: false, ids: [], ownIds: [] }]]);
}

/** All of a token's row, the stored secrets included. */
function storedToken(database: Database, id: string) {
  return database.reader.selectFrom('auth_token').selectAll().where('id', '=', id).executeTakeFirstOrThrow();
}

describeBothEngines('auth tokens', ({ open }) => {
  it.each<[string, (tx: Connection) => Promise<unknown>]>([
    [
      'the user is disabled',
      (tx) => tx.updateTable('iam_user').set({ disabled_at: 1 }).where('id', '=', who.userId).execute(),
    ],
    [
      'the account is taken from its user',
      (tx) => tx.updateTable('account').set({ user_id: null }).where('id', '=', who.accountId).execute(),
    ],
    [
      'the account gets another password',
      (tx) =>
        tx
          .updateTable('account')
          .set({ password_hash: '$argon2id$other', version: 2 })
          .where('id', '=', who.accountId)
          .execute(),
    ],
  ])('are not given to a login during which %s', async (_title, change) => {
    const database = await open();
    const { tokens, close } = await install(database, new ManualClock());
    let finish = (): void => undefined;
    const finished = new Promise<void>((resolve) => {
      finish = resolve;
    });
    const changing = await new Promise<{ readonly done: Promise<void> }>((resolve) => {
      const done = database.write(async (tx) => {
        await change(tx);
        resolve({ done });
        await finished;
      });
    });
    const issuing = tokens.issue(who);
    issuing.catch(() => undefined);
    await waitingStatement(database);
    finish();
    await changing.done;
    await expect(issuing).rejects.toMatchObject({ code: 'unauthenticated' });
    expect(await database.reader.selectFrom('auth_token').select('id').execute()).toEqual([]);
    await close();
  });

  it('say who calls, with account and scope', async () => {
    const { tokens, close } = await install(await open(), new ManualClock());
    const { row, text } = await tokens.issue(who);
    expect(await tokens.authenticate({ text: text.reveal() })).toMatchObject({
      userId: testIds.plain.user,
      userScopeId: 'global',
      accountId: testIds.plain.account,
      authMethodId: testIds.authMethod,
      authTokenId: row.id,
    });
    await close();
  });

  it.each([undefined, '', ' ', 'null', 'undefined', 'Bearer', 'at_0123456789', `r_${'x'.repeat(63)}`])(
    'leave a caller with %j anonymous',
    async (text) => {
      const { tokens, close } = await install(await open(), new ManualClock());
      expect(await tokens.authenticate({ text })).toEqual(anonymous);
      await close();
    },
  );

  it('are refused with another secret, and by the right secret under another id', async () => {
    const { tokens, close } = await install(await open(), new ManualClock());
    const first = await tokens.issue(who);
    const second = await tokens.issue(who);
    const mixed = second.row.id + first.text.reveal().slice(second.row.id.length);
    expect(await tokens.authenticate({ text: mixed })).toEqual(anonymous);
    expect((await tokens.authenticate({ text: first.text.reveal() })).authTokenId).toBe(first.row.id);
    await close();
  });

  it('case 31: do not hold when their MACs are swapped in the database', async () => {
    const { database, tokens, close } = await install(await open(), new ManualClock());
    const [first, second] = [
      await tokens.issue(who),
      await tokens.issue({ ...who, userId: testIds.admin.user, accountId: testIds.admin.account }),
    ];
    const [a, b] = [await storedToken(database, first.row.id), await storedToken(database, second.row.id)];
    await database.write(async (tx) => {
      await tx.updateTable('auth_token').set({ secret_mac: b.secret_mac }).where('id', '=', a.id).execute();
      await tx.updateTable('auth_token').set({ secret_mac: a.secret_mac }).where('id', '=', b.id).execute();
    });
    expect(await tokens.authenticate({ text: first.text.reveal() })).toEqual(anonymous);
    expect(await tokens.authenticate({ text: second.text.reveal() })).toEqual(anonymous);
    await close();
  });

  it('case 31: do not hold when a row is put into the database with a plain hash of a known secret', async () => {
    const { database, tokens, close } = await install(await open(), new ManualClock());
    const { row, text } = await tokens.issue(who);
    const secret = parseAuthToken(text.reveal())?.secret.reveal() ?? '';
    for (const input of [secret, `${row.id}\x1f${secret}`]) {
      const mac = createHash('sha256').update(input).digest();
      await database.write((tx) =>
        tx.updateTable('auth_token').set({ secret_mac: mac }).where('id', '=', row.id).execute(),
      );
      expect(await tokens.authenticate({ text: text.reveal() })).toEqual(anonymous);
    }
    await close();
  });

  it('of another installation are nobody here, even with the row copied', async () => {
    const clock = new ManualClock();
    const here = await install(await open(), clock);
    const there = await install(await open(), clock);
    const { row, text } = await there.tokens.issue(who);
    expect(await here.tokens.authenticate({ text: text.reveal() })).toEqual(anonymous);
    const stored = await storedToken(there.database, row.id);
    await here.database.write((tx) => tx.insertInto('auth_token').values(stored).execute());
    expect(await here.tokens.authenticate({ text: text.reveal() })).toEqual(anonymous);
    expect((await there.tokens.authenticate({ text: text.reveal() })).userId).toBe(testIds.plain.user);
    await here.close();
    await there.close();
  });

  it('whose key version does not exist are nobody', async () => {
    const { database, tokens, close } = await install(await open(), new ManualClock());
    const { row, text } = await tokens.issue(who);
    await database.write((tx) =>
      tx.updateTable('auth_token').set({ secret_key_version: 77 }).where('id', '=', row.id).execute(),
    );
    expect(await tokens.authenticate({ text: text.reveal() })).toEqual(anonymous);
    await close();
  });

  it('hold on after a rotation of the data key', async () => {
    const { keys, tokens, close } = await install(await open(), new ManualClock());
    const { text } = await tokens.issue(who);
    await keys.rotate();
    expect((await tokens.authenticate({ text: text.reveal() })).userId).toBe(testIds.plain.user);
    await close();
  });

  it('of a disabled user are nobody from the next request on, and good again when it is enabled', async () => {
    const { database, tokens, close } = await install(await open(), new ManualClock());
    const { text } = await tokens.issue(who);
    await database.write((tx) => setUserDisabled(tx, testIds.plain.user, 1));
    expect(await tokens.authenticate({ text: text.reveal() })).toEqual(anonymous);
    await database.write((tx) => setUserDisabled(tx, testIds.plain.user, null));
    expect((await tokens.authenticate({ text: text.reveal() })).userId).toBe(testIds.plain.user);
    await close();
  });

  it('are gone with their user', async () => {
    const { database, tokens, close } = await install(await open(), new ManualClock());
    const { row, text } = await tokens.issue(who);
    await database.write((tx) => deleteUser(tx, testIds.plain.user));
    expect(await tokens.authenticate({ text: text.reveal() })).toEqual(anonymous);
    expect(await tokens.lookup(row.id)).toBeUndefined();
    await close();
  });

  it('are gone with their account and with their auth method', async () => {
    const { database, tokens, close } = await install(await open(), new ManualClock());
    const plain = await tokens.issue(who);
    const admin = await tokens.issue({
      ...who,
      userId: testIds.admin.user,
      accountId: testIds.admin.account,
    });
    await database.write((tx) => tx.deleteFrom('account').where('id', '=', testIds.plain.account).execute());
    expect(await tokens.authenticate({ text: plain.text.reveal() })).toEqual(anonymous);
    await database.write((tx) => tx.deleteFrom('auth_method').where('id', '=', testIds.authMethod).execute());
    expect(await tokens.authenticate({ text: admin.text.reveal() })).toEqual(anonymous);
    await close();
  });

  it('are nobody when their account was bound to another user or to none', async () => {
    const { database, tokens, close } = await install(await open(), new ManualClock());
    const { text } = await tokens.issue(who);
    for (const userId of [testIds.admin.user, null]) {
      await database.write((tx) =>
        tx.updateTable('account').set({ user_id: userId }).where('id', '=', testIds.plain.account).execute(),
      );
      expect(await tokens.authenticate({ text: text.reveal() })).toEqual(anonymous);
    }
    await close();
  });

  it('end after seven days, though they are used all the time, and the end is written at the next use', async () => {
    const clock = new ManualClock();
    const { database, tokens, close } = await install(await open(), clock);
    const { row, text } = await tokens.issue(who);
    for (let hours = 0; hours < 167; hours += 20) {
      await useOnce(tokens, text);
      clock.advance(20 * hourMs);
    }
    expect(await tokens.authenticate({ text: text.reveal() })).toEqual(anonymous);
    await tokens.flush();
    expect((await storedToken(database, row.id)).revoked_reason).toBe('expired');
    await close();
  });

  it('end when they are not used for a day, and stay ended', async () => {
    const clock = new ManualClock();
    const { database, tokens, close } = await install(await open(), clock);
    const { row, text } = await tokens.issue(who);
    clock.advance(23 * hourMs);
    await useOnce(tokens, text);
    clock.advance(23 * hourMs);
    await useOnce(tokens, text);
    clock.advance(24 * hourMs);
    expect(await tokens.authenticate({ text: text.reveal() })).toEqual(anonymous);
    await tokens.flush();
    expect((await storedToken(database, row.id)).revoked_reason).toBe('idle');
    await close();
  });

  it('write their last use at the first use and then every ten minutes, however many requests come', async () => {
    const clock = new ManualClock();
    const { tokens, close } = await install(await open(), clock);
    const { row, text } = await tokens.issue(who);
    const use = async (): Promise<number> => {
      for (let count = 0; count < 20; count++) {
        tokens.noteUse(await tokens.authenticate({ text: text.reveal() }), client);
      }
      await tokens.flush();
      return (await tokens.read(row.id)).last_used_at;
    };
    clock.advance(1000);
    const first = await use();
    expect(first).toBe(row.created_at + 1_000_000);
    clock.advance(599_000);
    expect(await use()).toBe(first);
    clock.advance(1000);
    expect(await use()).toBe(first + 600_000_000);
    await close();
  });

  it('are not made for a user who was disabled, or whose account was taken away, while the password was checked', async () => {
    const clock = new ManualClock();
    const { database, tokens, close } = await install(await open(), clock);
    await database.write((tx) => setUserDisabled(tx, who.userId, clock.nowUs()));
    await expect(tokens.issue(who)).rejects.toMatchObject({ code: 'unauthenticated' });
    await database.write((tx) => setUserDisabled(tx, who.userId, null));
    await database.write((tx) => unbindAccounts(tx, who.userId, [who.accountId]));
    await expect(tokens.issue(who)).rejects.toMatchObject({ code: 'unauthenticated' });
    await database.write((tx) => bindAccounts(tx, who.userId, [who.accountId]));
    await expect(tokens.issue(who)).resolves.toBeDefined();
    await close();
  });

  it('do not count a refused request as use', async () => {
    const clock = new ManualClock();
    const { tokens, close } = await install(await open(), clock);
    const first = await tokens.issue(who);
    const second = await tokens.issue(who);
    clock.advance(1000);
    await tokens.authenticate({ text: second.row.id + first.text.reveal().slice(second.row.id.length) });
    await tokens.flush();
    expect((await tokens.read(second.row.id)).last_used_at).toBe(second.row.created_at);
    await close();
  });

  it('that were ended are nobody, whoever still has the text', async () => {
    const { database, tokens, close } = await install(await open(), new ManualClock());
    const { row, text } = await tokens.issue(who);
    expect(await database.write((tx) => deleteAuthTokens(tx, [row.id]))).toEqual([row.id]);
    expect(await tokens.authenticate({ text: text.reveal() })).toEqual(anonymous);
    await expect(tokens.read(row.id)).rejects.toMatchObject({ code: 'notFound' });
    expect(await database.write((tx) => deleteAuthTokens(tx, [row.id]))).toEqual([]);
    await close();
  });

  it('that were revoked keep their first reason and are not listed', async () => {
    const clock = new ManualClock();
    const { database, tokens, close } = await install(await open(), clock);
    const { row, text } = await tokens.issue(who);
    const revoke = (reason: RevokedReason): Promise<string[]> =>
      database.write((tx) => revokeAuthTokens(tx, [row.id], { reason, nowUs: clock.nowUs() }));
    expect(await revoke('user request')).toEqual([row.id]);
    expect(await revoke('admin request')).toEqual([]);
    expect((await storedToken(database, row.id)).revoked_reason).toBe('user request');
    expect(await tokens.authenticate({ text: text.reveal() })).toEqual(anonymous);
    expect(tokens.statusOf(await tokens.read(row.id))).toBe('revoked');
    expect(
      await tokens.list({
        permissions: everything('global'),
        ownerId: 'u_admin',
        page: { limit: 10, phase: 'created' },
      }),
    ).toEqual([]);
    await close();
  });

  it('are listed page by page, newest first, those of one user alone when asked, without what proves them', async () => {
    const clock = new ManualClock();
    const { tokens, close } = await install(await open(), clock);
    const made: string[] = [];
    for (let count = 0; count < 5; count++) {
      made.unshift((await tokens.issue(who)).row.id);
      clock.advance(1000);
    }
    const other = await tokens.issue({
      ...who,
      userId: testIds.admin.user,
      accountId: testIds.admin.account,
    });
    const seen: string[] = [];
    let after: { at: number; id: string } | undefined;
    for (let pages = 0; pages < 4; pages++) {
      const rows = await tokens.list({
        permissions: everything('global'),
        ownerId: 'u_admin',
        userId: testIds.plain.user,
        page: { limit: 2, phase: 'created', ...(after === undefined ? {} : { after }) },
      });
      for (const row of rows) {
        seen.push(row.id);
        after = { at: row.created_at, id: row.id };
        expect(Object.keys(row)).not.toContain('secret_mac');
      }
    }
    expect(seen).toEqual(made);
    const all = await tokens.list({
      permissions: everything('global'),
      ownerId: 'u_admin',
      page: { limit: 10, phase: 'created' },
    });
    expect(all.map((row) => row.id)).toEqual([other.row.id, ...made]);
    expect(
      await tokens.list({
        permissions: everything(testIds.org),
        ownerId: 'u_admin',
        page: { limit: 10, phase: 'created' },
      }),
    ).toEqual([]);
    await close();
  });

  it('cannot be issued for a user that was deleted meanwhile', async () => {
    const { database, tokens, close } = await install(await open(), new ManualClock());
    await database.write((tx) => deleteUser(tx, testIds.plain.user));
    await expect(tokens.issue(who)).rejects.toMatchObject({ code: 'unauthenticated' });
    await close();
  });

  it('leave nothing in the database from which their text could be told', async () => {
    const { database, tokens, close } = await install(await open(), new ManualClock());
    const { row, text } = await tokens.issue(who);
    const stored = await storedToken(database, row.id);
    const secret = parseAuthToken(text.reveal())?.secret ?? new Secret('');
    const shown = JSON.stringify(stored) + Buffer.from(stored.secret_mac).toString('latin1');
    expect(shown).not.toContain(secret.reveal());
    expect(Buffer.from(stored.secret_mac)).not.toEqual(createHash('sha256').update(secret.reveal()).digest());
    await close();
  });
});
