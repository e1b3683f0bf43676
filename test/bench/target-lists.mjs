// Bench: a page of 100 targets at 1,000 and 1,000,000 rows as the admin: the first page, the pages after it, and the recursive
// list; and the same first page for a user with 1,000 grants on single targets, against the admin's of the same round.
import { copyFileSync } from 'node:fs';
import { Api } from './support/api.mjs';
import { check, headersOf } from './support/api-load.mjs';
import { atMost, figure } from './support/figure.mjs';
import { withoutDisturbedRounds } from './support/machine.mjs';
import { startProgram } from './support/remote-program.mjs';
import { runSql } from './support/sqlite-file.mjs';
import { percentile, rotated } from './support/statistics.mjs';
import { Installation } from './support/stile-cluster.mjs';

export const name = 'target-lists';
export const title = 'a page of 100 targets at 1k and 1M rows, and as a user with 1,000 grants';
export const deadlineMs = 900_000;

const sizes = [1_000, 1_000_000];
const quickSizes = [1_000, 20_000];
const pageSize = 100;
const grantCount = 1_000;
const callsPerRound = 40;
const limitedLogin = 'limited';

export async function run({ scope, isQuick, quiet, progress }) {
  const rounds = isQuick ? 2 : 5;
  const load = startProgram(scope, 'http-load');
  const stores = await startStores(scope, { rowCounts: isQuick ? quickSizes : sizes, progress });
  const kinds = kindsOf(stores[0].projectId);
  const measured = [];
  for (let round = 0; round < rounds; round += 1) {
    for (const kind of kinds) {
      for (const store of rotated(stores, round)) {
        const { value, foreignCores } = await quiet.measure(() => measure(load, store, kind));
        measured.push({ round, kind: kind.name, rows: store.rows, ...value, foreignCores });
      }
    }
    progress(`round ${round + 1} of ${rounds}`);
  }
  const { kept, rounds: counted } = withoutDisturbedRounds(measured);
  const figures = [
    ...kinds.filter((kind) => !kind.isLimited).flatMap((kind) => sizeFigures(kind, stores, kept)),
    ...stores.flatMap((store) => grantFigures(store, kept)),
  ];
  return { figures, rounds: counted, measured };
}

function kindsOf(projectId) {
  const project = `scope_id=${projectId}`;
  return [
    { name: 'first page', query: project },
    { name: 'next pages', query: project, pages: 9 },
    { name: 'first page, recursive from global', query: 'scope_id=global&recursive=true' },
    { name: 'first page, 1,000 grants', query: project, isLimited: true },
    { name: 'first page, recursive, 1,000 grants', query: 'scope_id=global&recursive=true', isLimited: true },
  ];
}

async function measure(load, store, { query, pages, isLimited }) {
  const api = isLimited ? store.limited : store.admin;
  const url = `${api.address}/v1/targets?${query}&page_size=${pageSize}`;
  const headers = headersOf(api.token);
  let times;
  if (pages === undefined) {
    const { items = [] } = await api.call('GET', new URL(url).pathname + new URL(url).search);
    if (items.length !== pageSize) throw new Error(`a page held ${items.length} targets`);
    const options = { url, headers, method: 'GET', clients: 1, expected: 200 };
    ({ times } = check(await load.call('load', { ...options, count: callsPerRound })));
  } else {
    const answer = await load.call('walk', { url, headers, pages });
    if (answer.distinct !== pages * pageSize || answer.items !== answer.distinct) {
      throw new Error(`${pages} pages held ${answer.items} targets, ${answer.distinct} different ones`);
    }
    ({ times } = answer);
  }
  return { p50: percentile(times, 0.5), p95: percentile(times, 0.95) };
}

const picked = (measured, kind, rows, key) =>
  measured.filter((each) => each.kind === kind && each.rows === rows).map((each) => each[key]);

function sizeFigures({ name: kind }, stores, measured) {
  const [least, most] = [stores[0].rows, stores.at(-1).rows];
  const small = picked(measured, kind, least, 'p50');
  return [
    figure({
      name: `${kind}, p50 at ${most} over ${least} rows`,
      unit: '×',
      values: picked(measured, kind, most, 'p50').map((value, round) => value / small[round]),
      goal: atMost(1.5),
    }),
    figure({
      name: `${kind}, p95 at ${most} rows`,
      unit: 'ms',
      values: picked(measured, kind, most, 'p95'),
      goal: atMost(50),
    }),
    ...stores.map(({ rows }) =>
      figure({
        name: `${kind}, p50 at ${rows} rows`,
        unit: 'ms',
        values: picked(measured, kind, rows, 'p50'),
      }),
    ),
  ];
}

function grantFigures({ rows }, measured) {
  const pairs = [
    ['first page, 1,000 grants', 'first page'],
    ['first page, recursive, 1,000 grants', 'first page, recursive from global'],
  ];
  return pairs.map(([limited, admin]) => {
    const peer = picked(measured, admin, rows, 'p50');
    return figure({
      name: `${limited} over the admin's, p50 at ${rows} rows`,
      unit: '×',
      values: picked(measured, limited, rows, 'p50').map((value, round) => value / peer[round]),
      goal: atMost(3),
    });
  });
}

/** One controller for each size, all with the same keys and logins. */
async function startStores(scope, { rowCounts, progress }) {
  const first = new Installation(scope);
  await first.initialize();
  // Merges the write-ahead log into the file, so that a copy of it is whole.
  await runSql(first.databaseFile, []);
  const stores = [];
  for (const rows of rowCounts) {
    const store = first.sibling();
    copyFileSync(first.databaseFile, store.databaseFile);
    const start = performance.now();
    await insertTargets(store.databaseFile, { rows, initial: first.initial });
    progress(`${rows} rows inserted in ${((performance.now() - start) / 1000).toFixed(1)} s`);
    const { api: admin } = await store.startController();
    await first.login(admin);
    const limited = new Api(admin.address);
    const { auth_method_id: id, password } = first.initial.auth_method;
    await limited.login(id, limitedLogin, password);
    stores.push({ rows, admin, limited, projectId: first.projectId });
  }
  return stores;
}

/** Targets, and a user of the admin's password whose role names every so many of them. */
async function insertTargets(file, { rows, initial }) {
  const values = {
    $rows: rows,
    $project: initial.project_scope.scope_id,
    $now: Date.now() * 1000,
    $admin: initial.auth_method.login_name,
    $login: limitedLogin,
    $every: Math.floor(rows / grantCount),
  };
  const uses = (sql) => ({
    sql,
    values: Object.fromEntries(Object.entries(values).filter(([key]) => sql.includes(key))),
  });
  await runSql(file, [
    { sql: 'begin immediate' },
    uses(`
      with recursive n (i) as (select 0 union all select i + 1 from n where i + 1 < $rows)
      insert into target (id, scope_id, type, name, address, default_port, session_max_seconds,
        session_connection_limit, version, created_at, updated_at)
      select 'ttcp_' || printf('%010d', (i * 7919) % $rows), $project, 'tcp', 'target ' || i, '10.0.0.1', 22, 28800, -1, 1,
        $now - i * 1000, $now - i * 1000
      from n`),
    uses(`insert into iam_user (id, scope_id, name, version, created_at, updated_at)
      values ('u_limited000', 'global', $login, 1, $now, $now)`),
    uses(`insert into account (id, auth_method_id, scope_id, user_id, type, login_name, password_hash, version,
        created_at, updated_at)
      select 'acctpw_limited000', auth_method_id, scope_id, 'u_limited000', type, $login, password_hash, 1, $now, $now
      from account where login_name = $admin`),
    uses(`insert into iam_role (id, scope_id, name, version, created_at, updated_at)
      values ('r_limited000', $project, 'limited', 1, $now, $now)`),
    { sql: `insert into iam_role_grant_scope (role_id, grant_scope) values ('r_limited000', 'this')` },
    { sql: `insert into iam_role_principal (role_id, principal_id) values ('r_limited000', 'u_limited000')` },
    {
      sql: `insert into iam_role_grant (role_id, position, raw, canonical)
        values ('r_limited000', 0, 'type=target;actions=list', 'type=target;actions=list')`,
    },
    uses(`
      insert into iam_role_grant (role_id, position, raw, canonical)
      select 'r_limited000', row_number() over (), grant_text, grant_text from (
        select 'ids=' || id || ';type=target;actions=read' as grant_text from target
        where name like 'target %' and cast(substr(name, 8) as integer) % $every = 0
        limit ${grantCount})`),
    { sql: 'commit' },
  ]);
}
