/** The recorded HTTP answers of another controller, replayed on a fresh `stile dev` with its own worker (issue 3, §5.9). */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseHostPort } from '@stile/runtime';
import { startDevServer, type DevServer } from '../support/dev-server.ts';
import { replay, replayChains } from '../support/recorded-http.ts';

let dev: DevServer;
let tokens: Record<string, string>;
beforeAll(async () => {
  dev = await startDevServer(['-host-address', '127.0.0.1']);
  tokens = { admin: dev.adminToken, user: await dev.login('user', 'password') };
});
afterAll(() => dev?.stop());

describe('a recorded call is answered as recorded', () => {
  test.each(replayChains.map(({ title, steps }) => [title, steps] as const))('%s', async (_title, steps) => {
    const address = parseHostPort(dev.address.slice('http://'.length));
    expect(await replay({ address, tokens }, steps)).toEqual([]);
  });
});
