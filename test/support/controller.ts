/** A real controller in the test's own process, with the first resources of `stile dev`, on SQLite in a temporary folder. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  createInitialResources,
  generateRootKey,
  startController,
  type Controller,
  type ControllerConfig,
  type KeyService,
} from '@stile/controller';
import { Secret, type HostPort, type Logger } from '@stile/runtime';
import { call, type HttpAnswer } from './http-client.ts';

/** A running controller and its users' tokens. */
export interface TestController {
  readonly controller: Controller;
  readonly api: HostPort;
  /** Token of `admin`. */
  readonly admin: string;
  /** Token of `user`, who has the rights of everybody only. */
  readonly user: string;
  /** One call with a token (`''` = none). */
  readonly send: (method: string, path: string, body?: unknown, token?: string) => Promise<HttpAnswer>;
  readonly login: (loginName: string, password: string) => Promise<string>;
  /** Puts in a worker that seems linked for an hour: for calls that choose one, where no byte flows. */
  readonly addLiveWorker: (id?: string) => Promise<void>;
  readonly stop: () => Promise<void>;
}

/** How it differs from `stile dev`. */
export interface TestControllerOptions extends Partial<ControllerConfig> {
  readonly log?: Logger;
}

const loopback: HostPort = { host: '127.0.0.1', port: 0 };

async function initialize(
  controller: Parameters<typeof createInitialResources>[0],
  hashes: readonly string[],
  clock: Parameters<typeof createInitialResources>[1],
  keys: KeyService,
): Promise<void> {
  const [adminHash = '', userHash = ''] = hashes;
  await createInitialResources(controller, clock, {
    suffix: '1234567890',
    secondarySuffix: '0987654321',
    admin: { loginName: 'admin', passwordHash: adminHash },
    user: { loginName: 'user', passwordHash: userHash },
    mayConnect: 'mayConnect',
    hasScopeRoles: false,
    skip: {},
    hostAddress: '127.0.0.1',
    targets: { defaultPort: 22, connectionLimit: -1, aliasPostgres: { port: 5432, keys } },
  });
}

/** Starts one; the caller stops it. */
export async function startTestController(options: TestControllerOptions = {}): Promise<TestController> {
  const folder = mkdtempSync(join(tmpdir(), 'stile-controller-'));
  const { log, ...config } = options;
  const controller = await startController(
    {
      name: 'test-controller',
      database: { url: new Secret(`sqlite://${join(folder, 'stile.db')}`) },
      rootKey: generateRootKey(),
      listeners: { api: [{ address: loopback }], cluster: { address: loopback } },
      migrate: true,
      ...config,
    },
    {
      ...(log === undefined ? {} : { log }),
      prepare: async ({ database, passwords, clock, keys }) => {
        const hashes = [
          await passwords.hash(new Secret('password')),
          await passwords.hash(new Secret('password')),
        ];
        await initialize(database, hashes, clock, keys);
      },
    },
  );
  const [api = loopback] = controller.apiAddresses;
  const send: TestController['send'] = (method, path, body, token = '') =>
    call(api, { method, path, body, headers: { authorization: `Bearer ${token}` } });
  const login = async (loginName: string, password: string): Promise<string> => {
    const attributes = { login_name: loginName, password };
    const answer = await send('POST', '/v1/auth-methods/ampw_1234567890:authenticate', { attributes });
    const { token } = (answer.json as { attributes?: { token?: string } }).attributes ?? {};
    if (token === undefined) throw new Error(`login failed: ${answer.status} ${answer.text}`);
    return token;
  };
  return {
    controller,
    api,
    admin: await login('admin', 'password'),
    user: await login('user', 'password'),
    send,
    login,
    addLiveWorker: (id = 'w_1234567890') => addLiveWorker(controller, id),
    stop: async () => {
      await controller.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function addLiveWorker({ parts }: Controller, id: string): Promise<void> {
  const nowUs = parts.clock.nowUs();
  await parts.workers.createControllerLed({
    id,
    name: id.toLowerCase(),
    description: 'A default worker created in dev mode',
  });
  await parts.database.write((tx) =>
    tx
      .updateTable('worker')
      .set({
        address: '127.0.0.1:9202',
        config_tags: '{"type":["dev","local"]}',
        controller_id: 'ctrl_0000000000',
        last_seen_at: nowUs + 3600 * 1_000_000,
        release_version: 'Stile v0.1.0',
      })
      .where('id', '=', id)
      .execute(),
  );
}
