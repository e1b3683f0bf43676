/** The recorded answers of another controller, replayed on ours: status, kind, message, fields and types agree, on both engines. */
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { Secret } from '@stile/runtime';
import { startTestController, type TestController } from '../../../../test/support/controller.ts';
import { createDatabase, PostgresServer } from '../../../../test/support/postgres.ts';
import { replay, replayChains } from '../../../../test/support/recorded-http.ts';

describe.each(['sqlite', 'postgres'] as const)('a recorded call is answered as recorded, on %s', (engine) => {
  let stile: TestController;
  let server: PostgresServer | undefined;

  beforeAll(async () => {
    if (engine === 'sqlite') stile = await startTestController();
    else {
      const shared = inject('postgresUrl');
      server = shared === undefined ? await PostgresServer.start() : undefined;
      const url = await createDatabase(shared ?? server?.url ?? '');
      stile = await startTestController({ database: { url: new Secret(url) } });
    }
    await stile.addLiveWorker();
  });
  afterAll(async () => {
    await stile.stop();
    await server?.stop();
  });

  test.each(replayChains.map(({ title, steps }) => [title, steps] as const))('%s', async (_title, steps) => {
    const ground = { address: stile.api, tokens: { admin: stile.admin, user: stile.user } };
    expect(await replay(ground, steps)).toEqual([]);
  });
});
