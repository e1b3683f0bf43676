/** What a stranger can learn of tokens from how they are refused: neither from the time nor from the database (tokens.md §1.2). */
import { randomBytes } from 'node:crypto';
import { newId } from '@stile/protocol';
import { Secret } from '@stile/runtime';
import { expect, it } from 'vitest';
import { describeBothEngines } from '../../../../../test/support/engines.ts';
import { makeIdentities, testIds } from '../../../../../test/support/identities.ts';
import { ManualClock } from '../../../../../test/support/manual-clock.ts';
import { KeyService } from '../../keys/key-service.ts';
import { generateRootKey, rootKeyOf } from '../../keys/root-key.ts';
import type { Database } from '../../store/database.ts';
import { revokeAuthTokens } from './auth-token-change-repository.ts';
import { AuthTokenService, type IssuedToken } from './auth-token-service.ts';
import { formatAuthToken, newAuthTokenParts, parseAuthToken } from './auth-token-text.ts';

const who = {
  userId: testIds.plain.user,
  accountId: testIds.plain.account,
  accountVersion: 1,
  authMethodId: testIds.authMethod,
  scopeId: 'global',
};
const anonymous = { userId: 'u_anon' };
/** Times six kinds: more than ten thousand calls. */
const rounds = 2000;
/** What a call costs when nothing comes in between, by kind: their calls alternate, so that a busy machine is busy for all of them. */
const noise = 1.3;

interface Installation {
  readonly tokens: AuthTokenService;
  /** Statements that the service has begun to read with. */
  readonly reads: () => number;
  /** MACs that the service has computed. */
  readonly macs: () => number;
  readonly close: () => Promise<void>;
}

/** The database, counting how often somebody starts to read from it. */
function counted(database: Database): { readonly database: Database; readonly reads: () => number } {
  let count = 0;
  const counting = new Proxy(database, {
    get: (target, key) => {
      if (key === 'reader') count += 1;
      const value: unknown = Reflect.get(target, key, target);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
  return { database: counting, reads: () => count };
}

async function install(opened: Database): Promise<Installation> {
  const clock = new ManualClock();
  await makeIdentities(opened);
  const keys = await KeyService.open({ database: opened, rootKey: rootKeyOf(generateRootKey()), clock });
  const { database, reads } = counted(opened);
  let macs = 0;
  const counting: ConstructorParameters<typeof AuthTokenService>[0]['keys'] = {
    mac: (...given) => {
      macs += 1;
      return keys.mac(...given);
    },
    macWith: (...given) => {
      macs += 1;
      return keys.macWith(...given);
    },
    hasVersion: (version) => keys.hasVersion(version),
  };
  const tokens = new AuthTokenService({ database, keys: counting, clock });
  return {
    tokens,
    reads,
    macs: () => macs,
    close: async () => {
      await tokens.close();
      keys.close();
    },
  };
}

/** A text for the id of a token, with the first characters of its secret and others after them; the check sum is right. */
function guess({ row, text }: IssuedToken, knownCharacters: number): string {
  const secret = parseAuthToken(text.reveal())?.secret.reveal() ?? '';
  const other = newAuthTokenParts(row.id).secret.reveal();
  const last = secret.endsWith('a') ? 'b' : 'a';
  const mixed = (secret.slice(0, knownCharacters) + other.slice(knownCharacters)).slice(0, -1) + last;
  return formatAuthToken({ id: row.id, secret: new Secret(mixed) }).reveal();
}

/** The fastest fifth is hardly disturbed by others. */
function undisturbed(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 5)] ?? 0;
}

/** How a token can be refused whose text is of the form: a new text each time. */
async function refusedKinds(
  tokens: AuthTokenService,
  database: Database,
): Promise<Readonly<Record<string, () => string>>> {
  const alive = await tokens.issue(who);
  const ended = await tokens.issue(who);
  const orphan = await tokens.issue(who);
  const end = { reason: 'user request', nowUs: 1 } as const;
  await database.write(async (tx) => {
    await revokeAuthTokens(tx, [ended.row.id], end);
    await tx
      .updateTable('auth_token')
      .set({ secret_key_version: 77 })
      .where('id', '=', orphan.row.id)
      .execute();
  });
  return {
    'unknown id': () => formatAuthToken(newAuthTokenParts(newId('authToken'))).reveal(),
    'key version that is gone': () => orphan.text.reveal(),
    'wrong secret': () => guess(alive, 0),
    'nearly the secret': () => guess(alive, 42),
    'wrong secret of a revoked token': () => guess(ended, 0),
    'revoked with the right secret': () => ended.text.reveal(),
  };
}

describeBothEngines('a token that is refused', ({ open }) => {
  it('case 32: takes the same time whether its id is unknown, its secret wrong, nearly right, or its token revoked', async () => {
    const database = await open();
    const { tokens, close } = await install(database);
    const kinds = await refusedKinds(tokens, database);
    const times = new Map(Object.keys(kinds).map((kind) => [kind, [] as number[]]));
    for (let round = 0; round < rounds; round++) {
      for (const [kind, make] of Object.entries(kinds)) {
        const text = make();
        const start = process.hrtime.bigint();
        const caller = await tokens.authenticate({ text });
        times.get(kind)?.push(Number(process.hrtime.bigint() - start));
        if (caller.userId !== 'u_anon') throw new Error(`${kind} was accepted`);
      }
    }
    const costs = Object.fromEntries([...times].map(([kind, values]) => [kind, undisturbed(values)]));
    const factor = Math.max(...Object.values(costs)) / Math.min(...Object.values(costs));
    expect({ costs, factor }).toSatisfy(() => factor < noise);
    await close();
  }, 120_000);

  it('case 32: costs one read and one MAC, whyever it is refused', async () => {
    const database = await open();
    const { tokens, reads, macs, close } = await install(database);
    for (const [kind, make] of Object.entries(await refusedKinds(tokens, database))) {
      const text = make();
      const before = { reads: reads(), macs: macs() };
      expect(await tokens.authenticate({ text })).toEqual(anonymous);
      const cost = { kind, reads: reads() - before.reads, macs: macs() - before.macs };
      expect(cost).toEqual({ kind, reads: 1, macs: 1 });
    }
    await close();
  });

  it('case 29: costs no read of the database when it is not of the form, or its check sum is wrong', async () => {
    const { tokens, reads, close } = await install(await open());
    const { row, text } = await tokens.issue(who);
    const good = text.reveal();
    const before = reads();
    const forms = [
      row.id,
      `${row.id}_`,
      `${good}_x`,
      'at__x',
      'x',
      '',
      'x'.repeat(1024 * 1024),
      'at_'.repeat(350_000),
      `${good}\0`,
      `${good}\r\nX-Injected: 1`,
      `${good} `,
      ` ${good}`,
      `${good}\n`,
      good.toUpperCase(),
      good.replace('at_', 'AT_'),
      good.replace(/.$/, '\u0661'),
      good.replace(/.$/, '\uff11'),
      good.slice(0, -1) + (good.endsWith('0') ? '1' : '0'),
      row.id + good.slice(13).replace(/[a-z]/, (letter) => (letter === 'z' ? 'y' : 'z')),
      newId('authToken') + good.slice(13),
      randomBytes(65).toString('latin1'),
    ];
    for (const form of forms) expect(await tokens.authenticate({ text: form })).toEqual(anonymous);
    expect(reads()).toBe(before);
    await tokens.authenticate({ text: good });
    expect(reads()).toBe(before + 1);
    await close();
  });
});
