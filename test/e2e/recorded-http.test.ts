/** The recorded HTTP answers of another controller, replayed on a fresh `stile dev` with its own worker (issue 3, §5.9). */
import { readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
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

/** Recorded calls that no chain replays, with the reason and the test that shows what we do. */
const elsewhere: Readonly<Record<string, string>> = {
  'hosts-read-after-catalog-delete': 'what is deleted is 404: test/e2e/foreign-sequences.test.ts "destroys"',
  'ops-health': 'another listener: packages/runtime/src/ops-listener.test.ts',
  'ops-health-worker-info': 'another listener: packages/runtime/src/ops-listener.test.ts',
  'ops-unknown': 'another listener: packages/runtime/src/ops-listener.test.ts',
  'pagination-empty-list-groups': 'other chains make groups; the same envelope as pagination-empty-list',
  'pagination-token-grants-changed-other-type':
    'needs its grants changed: packages/controller/src/api/list/list-page.test.ts',
  'pagination-token-grants-changed-same-type':
    'needs its grants changed: packages/controller/src/api/list/list-page.test.ts',
  'rate-limit-429': 'test/e2e/rate-limits.test.ts',
  'unknown-path-v2': 'the same status; its policy is that of another web console',
  'sessions-list-filter': 'a session with nothing open is never canceling with us: test/e2e/sessions.test.ts',
  'sessions-read-canceling':
    'a session with nothing open is never canceling with us: test/e2e/sessions.test.ts',
  'targets-authorize-session-no-worker': 'a 503 with a sentence: test/e2e/bad-input.test.ts "no worker"',
  'targets-authorize-session-unauthorised-user': 'a user without rights: test/e2e/permission-matrix.test.ts',
  'targets-create-body-1200KiB-unknown-key':
    'its body is not in the record: packages/controller/src/api/server.test.ts',
  'targets-list-recursive-unauthorised-user': 'a user without rights: test/e2e/permission-matrix.test.ts',
};

test('every recorded call is replayed, or stands above with its reason', () => {
  const folder = join(import.meta.dirname, '../fixtures/http');
  const recorded = readdirSync(folder).map((file) => basename(file, '.json'));
  const replayed = new Set(replayChains.flatMap(({ steps }) => steps.map((step) => step.name)));
  const missing = recorded.filter((name) => !replayed.has(name) && !(name in elsewhere));
  expect(missing).toEqual([]);
  expect(Object.keys(elsewhere).filter((name) => replayed.has(name) || !recorded.includes(name))).toEqual([]);
});
