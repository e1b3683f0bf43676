/** Starting and stopping a whole controller. */
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { Secret, systemClock, silentLogger, type HostPort } from '@stile/runtime';
import { startTestController } from '../../../test/support/controller.ts';
import { call } from '../../../test/support/http-client.ts';
import { makeTempDir } from '../../../test/support/temp-dir.ts';
import type { ControllerConfig } from './config.ts';
import { startController } from './controller.ts';
import { generateRootKey } from './keys/root-key.ts';
import { openDatabase } from './store/database.ts';
import { migrate } from './store/migrate.ts';

const loopback: HostPort = { host: '127.0.0.1', port: 0 };
const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function newConfig(): Promise<ControllerConfig> {
  const dir = await makeTempDir();
  closers.push(() => dir.remove());
  return {
    name: 'c1',
    database: { url: new Secret(`sqlite://${join(dir.path, 'stile.db')}`) },
    rootKey: generateRootKey(),
    listeners: { api: [{ address: loopback }], cluster: { address: loopback } },
  };
}

/** A port that nobody listens on at the moment. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise<void>((resolve) => server.close(() => resolve()));
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

describe('a controller refuses to start', () => {
  test('on an empty database, naming the command that helps', async () => {
    await expect(startController(await newConfig())).rejects.toMatchObject({
      code: 'failedPrecondition',
      message: expect.stringContaining('stile database init') as unknown,
    });
  });

  test('on a migrated database without first resources', async () => {
    const config = await newConfig();
    const database = await openDatabase({
      url: config.database.url.reveal(),
      clock: systemClock,
      log: silentLogger,
    });
    await migrate(database);
    await database.close();
    await expect(startController(config)).rejects.toThrow(/stile database init/);
  });

  test('with another root key than the one that sealed the database', async () => {
    const config = await newConfig();
    const first = await startTestController({ ...config, migrate: true });
    await first.stop();
    await expect(startController({ ...config, rootKey: generateRootKey() })).rejects.toMatchObject({
      code: 'failedPrecondition',
      message: expect.stringContaining('root key') as unknown,
    });
  });

  test('on an address in use, and leaves nothing open', async () => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    closers.push(() => new Promise((resolve) => other.close(() => resolve())));
    const taken = other.address();
    if (taken === null || typeof taken === 'string') throw new Error('no address');
    const config = await newConfig();
    const listeners = { ...config.listeners, api: [{ address: { host: '127.0.0.1', port: taken.port } }] };
    await expect(startTestController({ ...config, listeners, migrate: true })).rejects.toMatchObject({
      code: 'listenFailed',
      message: expect.stringContaining(String(taken.port)) as unknown,
    });
    // The database is free again: SQLite lets one controller have it.
    const again = await startController(config);
    await again.close();
  });

  test('with a root key that is none', async () => {
    const config = await newConfig();
    await expect(
      startController({ ...config, rootKey: new Secret('short'), migrate: true }),
    ).rejects.toMatchObject({
      code: 'invalidConfig',
    });
  });
});

describe('a controller that starts', () => {
  test('answers every request rightly from the first millisecond that it listens (CVE-2024-12289)', async () => {
    const port = await freePort();
    const config = await newConfig();
    const listeners = { ...config.listeners, api: [{ address: { host: '127.0.0.1', port } }] };
    let isDone = false;
    const seen = new Map<string, number>();
    const knock = async (): Promise<void> => {
      while (!isDone) {
        const result = await call({ host: '127.0.0.1', port }, { path: '/v1/scopes?scope_id=global' }).then(
          (answer) => String(answer.status),
          (error: unknown) => (error instanceof Error && 'code' in error ? String(error.code) : 'unknown'),
        );
        seen.set(result, (seen.get(result) ?? 0) + 1);
      }
    };
    const knocking = Promise.all([knock(), knock(), knock(), knock()]);
    const stile = await startTestController({
      ...config,
      listeners,
      migrate: true,
      apiRateLimitDisable: true,
    });
    const before = seen.get('200') ?? 0;
    await expect.poll(() => seen.get('200') ?? 0).toBeGreaterThan(before + 10);
    isDone = true;
    await knocking;
    await stile.stop();
    expect([...seen.keys()].sort()).toEqual(['200', 'ECONNREFUSED']);
  });

  test('listens on several addresses, shows its health, and closes once', async () => {
    const config = await newConfig();
    const listeners = {
      ...config.listeners,
      api: [{ address: loopback }, { address: loopback }],
      ops: { address: loopback },
    };
    const { controller, stop } = await startTestController({ ...config, listeners, migrate: true });
    expect(controller.apiAddresses).toHaveLength(2);
    for (const address of controller.apiAddresses) {
      expect((await call(address, { path: '/v1/scopes' })).status).toBe(200);
    }
    if (controller.opsAddress === undefined) throw new Error('no ops listener');
    expect(await call(controller.opsAddress, { path: '/health' })).toMatchObject({ status: 200, json: {} });
    await Promise.all([controller.close(), controller.close()]);
    await stop();
  });

  test('starts again on what it left: logins stay good', async () => {
    const config = await newConfig();
    const first = await startTestController({ ...config, migrate: true });
    const { admin } = first;
    await first.stop();
    const again = await startController(config);
    closers.push(() => again.close());
    const [address = loopback] = again.apiAddresses;
    const headers = { authorization: `Bearer ${admin}` };
    expect((await call(address, { path: '/v1/targets/ttcp_1234567890', headers })).status).toBe(200);
  });
});
