// Bench: a page of 100 sessions at 1,000, 100,000 and 1,000,000 rows, as the admin, on three controllers side by side: the
// first page, the first page with ended sessions, the pages after it, and the recursive list from the global scope.
import { randomBytes } from 'node:crypto';
import { copyFileSync } from 'node:fs';
import { check, headersOf } from './support/api-load.mjs';
import { atMost, figure } from './support/figure.mjs';
import { withoutDisturbedRounds } from './support/machine.mjs';
import { startProgram } from './support/remote-program.mjs';
import { runSql } from './support/sqlite-file.mjs';
import { percentile, rotated } from './support/statistics.mjs';
import { Installation } from './support/stile-cluster.mjs';

export const name = 'listing';
export const title = 'a page of 100 sessions at 1k, 100k and 1M rows';
export const deadlineMs = 900_000;

const sizes = [1_000, 100_000, 1_000_000];
const quickSizes = [1_000, 20_000];
const pageSize = 100;
/** Calls of a round and kind; every tenth row is a session that has not ended, so at 1,000 rows one page holds them all. */
const callsPerRound = 40;

export async function run({ scope, isQuick, quiet, progress }) {
  const rounds = isQuick ? 2 : 5;
  const load = startProgram(scope, 'http-load');
  const stores = await startStores(scope, { rowCounts: isQuick ? quickSizes : sizes, progress });
  const kinds = kindsOf(stores[0].projectId);
  const measured = [];
  for (let round = 0; round < rounds; round += 1) {
    for (const kind of kinds) {
      for (const { rows, api } of rotated(stores, round)) {
        const { value, foreignCores } = await quiet.measure(() => measure(load, api, kind));
        measured.push({ round, kind: kind.name, rows, ...value, foreignCores });
      }
    }
    progress(`round ${round + 1} of ${rounds}`);
  }
  const { kept, rounds: counted } = withoutDisturbedRounds(measured);
  return { figures: kinds.flatMap((kind) => figuresOf(kind, stores, kept)), rounds: counted, measured };
}

function kindsOf(projectId) {
  const project = `scope_id=${projectId}`;
  return [
    { name: 'first page', query: project },
    { name: 'first page with ended ones', query: `${project}&include_terminated=true` },
    { name: 'next pages', query: `${project}&include_terminated=true`, pages: 10 },
    { name: 'first page, recursive from global', query: 'scope_id=global&recursive=true' },
  ];
}

async function measure(load, api, { query, pages }) {
  const url = `${api.address}/v1/sessions?${query}&page_size=${pageSize}`;
  const headers = headersOf(api.token);
  let times;
  if (pages === undefined) {
    const options = { url, headers, method: 'GET', clients: 1, expected: 200 };
    ({ times } = check(await load.call('load', { ...options, count: callsPerRound })));
  } else {
    const answer = await load.call('walk', { url, headers, pages });
    if (answer.distinct !== pages * pageSize || answer.items !== answer.distinct) {
      throw new Error(`${pages} pages held ${answer.items} sessions, ${answer.distinct} different ones`);
    }
    ({ times } = answer);
  }
  return { p50: percentile(times, 0.5), p95: percentile(times, 0.95) };
}

function figuresOf({ name: kind }, stores, measured) {
  const pick = (rows, key) =>
    measured.filter((each) => each.kind === kind && each.rows === rows).map((each) => each[key]);
  const least = stores[0].rows;
  const most = stores.at(-1).rows;
  const small = pick(least, 'p50');
  return [
    figure({
      name: `${kind}, p50 at ${most} over ${least} rows`,
      unit: '×',
      values: pick(most, 'p50').map((value, round) => value / small[round]),
      goal: atMost(1.5),
    }),
    figure({ name: `${kind}, p95 at ${most} rows`, unit: 'ms', values: pick(most, 'p95'), goal: atMost(50) }),
    ...stores.map(({ rows }) =>
      figure({ name: `${kind}, p50 at ${rows} rows`, unit: 'ms', values: pick(rows, 'p50') }),
    ),
  ];
}

/** One controller for each size, all with the same keys, resources and login. */
async function startStores(scope, { rowCounts, progress }) {
  const first = new Installation(scope);
  await first.initialize();
  const once = await first.startController();
  const login = await first.login(once.api);
  const { projectId } = first;
  const target = await once.api.createTarget({ projectId, name: 'bench endpoint', port: 22 });
  await once.child.stop();
  // Merges the write-ahead log into the file, so that a copy of it is whole.
  await runSql(first.databaseFile, []);
  const stores = [];
  for (const rows of rowCounts) {
    const store = first.sibling();
    copyFileSync(first.databaseFile, store.databaseFile);
    const start = performance.now();
    await insertSessions(store.databaseFile, { rows, login, target });
    progress(`${rows} rows inserted in ${((performance.now() - start) / 1000).toFixed(1)} s`);
    const { api } = await store.startController();
    await first.login(api);
    stores.push({ rows, api, projectId });
  }
  return stores;
}

/** Sessions of the last 50 minutes: ended ones are kept an hour. Nine of ten have ended. */
async function insertSessions(file, { rows, login, target }) {
  const nowUs = Date.now() * 1000;
  const stepUs = Math.floor(3_000_000_000 / rows);
  await runSql(file, [
    { sql: 'begin immediate' },
    {
      sql: `
        with recursive n (i) as (select 0 union all select i + 1 from n where i + 1 < $rows)
        insert into session (
          id, scope_id, target_id, user_id, auth_token_id, type, endpoint, status, connection_limit, connections_used,
          lease_seconds, certificate, private_key_sealed, expires_at, active_at, terminated_at, end_reason, ended_by,
          version, created_at, updated_at
        )
        select
          's_' || printf('%010d', (i * 7919) % $rows), $scope, $target, $user, $token, 'tcp', 'tcp://127.0.0.1:22',
          iif(i % 10 = 0, 'pending', 'terminated'), -1, iif(i % 10 = 0, 0, 1), 60, $certificate, $key,
          $now + 28800000000,
          iif(i % 10 = 0, null, $now - i * $step), iif(i % 10 = 0, null, $now - i * $step),
          iif(i % 10 = 0, null, 'client finished'), iif(i % 10 = 0, null, $user),
          1, $now - i * $step, $now - i * $step
        from n`,
      values: {
        $rows: rows,
        $scope: target.scope_id,
        $target: target.id,
        $user: login.user_id,
        $token: login.id,
        $certificate: randomBytes(353),
        $key: randomBytes(64),
        $now: nowUs,
        $step: stepUs,
      },
    },
    { sql: 'commit' },
  ]);
}
