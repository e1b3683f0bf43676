/** The recorded answers of another controller, replayed on ours: status, kind, message, fields and types agree. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTestController, type TestController } from '../../../../test/support/controller.ts';
import { replay, replayChains } from '../../../../test/support/recorded-http.ts';

let stile: TestController;
beforeAll(async () => {
  stile = await startTestController();
  await stile.addLiveWorker();
});
afterAll(() => stile.stop());

describe('a recorded call is answered as recorded', () => {
  test.each(replayChains.map(({ title, steps }) => [title, steps] as const))('%s', async (_title, steps) => {
    const ground = { address: stile.api, tokens: { admin: stile.admin, user: stile.user } };
    expect(await replay(ground, steps)).toEqual([]);
  });
});
