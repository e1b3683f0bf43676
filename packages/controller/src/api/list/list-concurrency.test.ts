/** Lists that are read while others delete, create and change: on both engines, over HTTP, with real requests at once. */
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { Secret } from '@stile/runtime';
import { startTestController, type TestController } from '../../../../../test/support/controller.ts';
import { createDatabase, PostgresServer } from '../../../../../test/support/postgres.ts';
import { seededRandom } from '../../../../../test/support/seeded-random.ts';

/** Targets at the beginning, and how many of them are deleted during the list. */
const [rows, deleted] = [120, 40];

interface Page {
  readonly items?: readonly { readonly id: string; readonly version: number }[];
  readonly removed_ids?: readonly string[];
  readonly list_token: string;
  readonly response_type: 'delta' | 'complete';
}

describe.each(['sqlite', 'postgres'] as const)('a list on %s', (engine) => {
  let stile: TestController;
  let server: PostgresServer | undefined;
  beforeAll(async () => {
    if (engine === 'sqlite') stile = await startTestController({ apiRateLimitDisable: true });
    else {
      const shared = inject('postgresUrl');
      server = shared === undefined ? await PostgresServer.start() : undefined;
      const url = await createDatabase(shared ?? server?.url ?? '');
      stile = await startTestController({ database: { url: new Secret(url) }, apiRateLimitDisable: true });
    }
  });
  afterAll(async () => {
    await stile.stop();
    await server?.stop();
  });

  async function create(name: string): Promise<string> {
    const body = { scope_id: 'p_1234567890', type: 'tcp', name, attributes: { default_port: 22 } };
    const answer = await stile.send('POST', '/v1/targets', body, stile.admin);
    expect(answer.status).toBe(200);
    return (answer.json as { id: string }).id;
  }

  async function page(token: string): Promise<Page> {
    const query = `scope_id=p_1234567890&page_size=7${token === '' ? '' : `&list_token=${token}`}`;
    const answer = await stile.send('GET', `/v1/targets?${query}`, undefined, stile.admin);
    expect([answer.status, answer.text]).toEqual([200, answer.text]);
    return answer.json as Page;
  }

  /** Every page up to the end of a phase; between two pages `change` does something. */
  async function toTheEnd(token: string, change: () => Promise<unknown>): Promise<Page[]> {
    const pages: Page[] = [];
    for (let next = token; ;) {
      const [current] = await Promise.all([page(next), change()]);
      pages.push(current);
      if (current.response_type === 'complete') return pages;
      next = current.list_token;
    }
  }

  test('shows what stays exactly once and tells what went, while rows are deleted, changed and made', async () => {
    const random = seededRandom();
    console.info(`seed ${random.seed}: STILE_TEST_SEED=${random.seed} repeats it`);
    const ids: string[] = [];
    for (let count = 0; count < rows; count += 1) ids.push(await create(`row ${count}`));
    const doomed = new Set<string>();
    while (doomed.size < deleted) doomed.add(ids[random.between(0, rows - 1)] ?? '');
    const queue = [...doomed];
    let made = 0;
    const change = (): Promise<unknown> =>
      Promise.all([
        ...queue.splice(0, 3).map(async (id) => {
          expect((await stile.send('DELETE', `/v1/targets/${id}`, undefined, stile.admin)).status).toBe(204);
        }),
        create(`meanwhile ${(made += 1)}`),
      ]);

    const first = await toTheEnd('', change);
    while (queue.length > 0) await change();
    const shown = first.flatMap(({ items = [] }) => items.map(({ id }) => id));
    const staying = ids.filter((id) => !doomed.has(id));
    expect(new Set(shown).size).toBe(shown.length);
    expect(staying.filter((id) => !shown.includes(id))).toEqual([]);

    const since = await toTheEnd(first.at(-1)?.list_token ?? '', () => Promise.resolve());
    const removed = new Set(since.flatMap(({ removed_ids: gone = [] }) => gone));
    expect([...doomed].filter((id) => !removed.has(id))).toEqual([]);
    // Whoever drops what was removed and takes in what changed has what is there now.
    const known = new Set([...shown, ...since.flatMap(({ items = [] }) => items.map(({ id }) => id))]);
    for (const id of removed) known.delete(id);
    const now = await toTheEnd('', () => Promise.resolve());
    expect([...known].toSorted()).toEqual(
      now.flatMap(({ items = [] }) => items.map(({ id }) => id)).toSorted(),
    );
  });
});
