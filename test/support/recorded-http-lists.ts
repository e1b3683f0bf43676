/** Recorded lists that are continued and asked again: what changed since, what was removed (http-api.md §1.10). */
import { call } from './http-client.ts';
import type { ReplayChain, ReplayGround } from './recorded-http.ts';

interface Listed {
  readonly list_token: string;
  readonly response_type: string;
  readonly items?: readonly { readonly id: string; readonly version: number }[];
}

async function ask(ground: ReplayGround, method: string, path: string, body?: unknown): Promise<unknown> {
  const headers = { authorization: `Bearer ${ground.tokens['admin'] ?? ''}` };
  return (await call(ground.address, { method, path, headers, body })).json;
}

/** What the steps hand on to each other. */
const place = { methodId: '', token: '' };

async function page(ground: ReplayGround, token: string): Promise<Listed> {
  const path = `/v1/accounts?auth_method_id=${place.methodId}&page_size=2${token === '' ? '' : `&list_token=${token}`}`;
  // The API's own shape; a wrong one fails the replay.
  return (await ask(ground, 'GET', path)) as Listed;
}

async function createAccount(ground: ReplayGround, name: string, loginName: string): Promise<void> {
  await ask(ground, 'POST', '/v1/accounts', {
    auth_method_id: place.methodId,
    type: 'password',
    name,
    attributes: { login_name: loginName },
  });
}

/** Three accounts, listed to the end. */
async function listToTheEnd(ground: ReplayGround): Promise<Readonly<Record<string, string>>> {
  const method = { scope_id: 'o_1234567890', type: 'password', name: 'lists that are asked again' };
  // As above.
  place.methodId = String(((await ask(ground, 'POST', '/v1/auth-methods', method)) as { id: string }).id);
  for (const number of [0, 1, 2]) await createAccount(ground, `a${number}`, `acct${number}`);
  let listed = await page(ground, '');
  while (listed.response_type === 'delta') listed = await page(ground, listed.list_token);
  place.token = listed.list_token;
  return { listed: place.methodId, listToken: place.token };
}

/** The first page of what changed; then one account goes, one changes, one comes. */
async function changeWhileListing(ground: ReplayGround): Promise<Readonly<Record<string, string>>> {
  const first = await page(ground, place.token);
  const [newest, middle] = first.items ?? [];
  await ask(ground, 'DELETE', `/v1/accounts/${newest?.id ?? ''}`);
  await ask(ground, 'PATCH', `/v1/accounts/${middle?.id ?? ''}`, {
    version: middle?.version,
    name: 'changed',
  });
  await createAccount(ground, 'new', 'newone');
  place.token = first.list_token;
  return { listToken: place.token };
}

async function nextPage(ground: ReplayGround): Promise<Readonly<Record<string, string>>> {
  place.token = (await page(ground, place.token)).list_token;
  return { listToken: place.token };
}

const ids = { '<ampw_id>': 'listed', '<list_token>': 'listToken' };
/** What other chains have deleted is told too: the ids of a type, wherever they lay. */
const count = { loose: ['est_item_count', 'removed_ids'], added: ['est_item_count', 'removed_ids'] };

/** The chains. */
export const listChains: readonly ReplayChain[] = [
  {
    title: 'a list that is asked again',
    steps: [
      { name: 'pagination-refresh-nothing-changed', before: listToTheEnd, ids, ...count },
      { name: 'pagination-refresh-after-delete-update-create', before: changeWhileListing, ids, ...count },
      { name: 'pagination-refresh-end', before: nextPage, ids, ...count },
    ],
  },
  { title: 'a list of nothing', steps: [{ name: 'pagination-empty-list' }] },
];
