// Bench: a page of 100 auth tokens at 1,000 and 1,000,000 rows, of which one in five lives, with a quarter of dead ones at the front:
// active ones only and all, where the sweep has written every end, and where none of the ends that time brought was ever written.
import { copyFileSync } from 'node:fs';
import { check, headersOf } from './support/api-load.mjs';
import { atMost, figure } from './support/figure.mjs';
import { withoutDisturbedRounds } from './support/machine.mjs';
import { startProgram } from './support/remote-program.mjs';
import { runSql } from './support/sqlite-file.mjs';
import { percentile, rotated } from './support/statistics.mjs';
import { Installation } from './support/stile-cluster.mjs';
import { insertTokens, tokenRows } from './support/token-rows.mjs';

export const name = 'token-lists';
export const title = 'a page of 100 auth tokens at 1k and 1M rows';
export const deadlineMs = 900_000;

const sizes = [1_000, 1_000_000];
const quickSizes = [1_000, 20_000];
const pageSize = 100;
const callsPerRound = 40;
/** No sweep, no collection while the bench lasts. */
const controller = { auth_token_gc_period: '24h', auth_token_gc_retention: '2400h' };

/** The newest quarter is dead; behind it every fourth lives. Of the dead ones half were revoked, half ended by time. */
const dead = (idle, expired) =>
  `case i % 4 when 1 then '${idle}' when 2 then '${expired}' else 'revoked' end`;
const fateOf = (idle, expired) =>
  `case when i >= $rows / 4 and i % 4 = 0 then 'living' else ${dead(idle, expired)} end`;
const states = [
  { state: 'swept', fate: fateOf('sweptIdle', 'sweptExpired') },
  { state: 'never swept', fate: fateOf('idle', 'expired') },
];

const kinds = [
  { kind: 'active ones', query: '', isJudged: true },
  { kind: 'active ones, next pages', query: '', pages: 2 },
  { kind: 'active ones of type api', query: '&type=api' },
  { kind: 'all', query: '&include_expired=true', isJudged: true },
];

export async function run({ scope, isQuick, quiet, progress }) {
  const rounds = isQuick ? 2 : 5;
  const load = startProgram(scope, 'http-load');
  const stores = await startStores(scope, { rowCounts: isQuick ? quickSizes : sizes, progress });
  const measured = [];
  for (let round = 0; round < rounds; round += 1) {
    for (const each of kinds) {
      for (const store of rotated(stores, round)) {
        const { value, foreignCores } = await quiet.measure(() => measure(load, store, each));
        measured.push({
          round,
          kind: each.kind,
          state: store.state,
          rows: store.rows,
          ...value,
          foreignCores,
        });
      }
    }
    progress(`round ${round + 1} of ${rounds}`);
  }
  const { kept, rounds: counted } = withoutDisturbedRounds(measured);
  const figures = states.flatMap(({ state }) => kinds.flatMap((each) => figuresOf(each, state, kept)));
  return { figures, rounds: counted, measured };
}

async function measure(load, { api }, { query, pages }) {
  const url = `${api.address}/v1/auth-tokens?scope_id=global${query}&page_size=${pageSize}`;
  const headers = headersOf(api.token);
  let times;
  if (pages === undefined) {
    const options = { url, headers, method: 'GET', clients: 1, expected: 200 };
    ({ times } = check(await load.call('load', { ...options, count: callsPerRound })));
  } else {
    const repeated = [];
    // The smallest list has hardly more than one page.
    for (let walks = 0; walks < callsPerRound / 2; walks += 1) {
      const answer = await load.call('walk', { url, headers, pages });
      if (answer.items !== answer.distinct)
        throw new Error(`${answer.items - answer.distinct} tokens came twice`);
      repeated.push(...answer.times);
    }
    times = repeated;
  }
  return { p50: percentile(times, 0.5), p95: percentile(times, 0.95) };
}

function figuresOf({ kind, isJudged }, state, measured) {
  const ofKind = measured.filter((each) => each.kind === kind && each.state === state);
  const rowCounts = [...new Set(ofKind.map(({ rows }) => rows))].sort((a, b) => a - b);
  const pick = (rows, key) => ofKind.filter((each) => each.rows === rows).map((each) => each[key]);
  const [least, most] = [rowCounts[0], rowCounts.at(-1)];
  const small = pick(least, 'p50');
  const goals = isJudged === true && state === 'swept' ? [atMost(1.5), atMost(50)] : [];
  return [
    figure({
      name: `${kind}, ${state}, p50 at ${most} over ${least} rows`,
      unit: '×',
      values: pick(most, 'p50').map((value, round) => value / small[round]),
      goal: goals[0],
    }),
    figure({
      name: `${kind}, ${state}, p95 at ${most} rows`,
      unit: 'ms',
      values: pick(most, 'p95'),
      goal: goals[1],
      peer: { name: `${least} rows`, values: pick(least, 'p95') },
    }),
  ];
}

/** A controller for each size and state, all with the same keys and login. */
async function startStores(scope, { rowCounts, progress }) {
  const first = new Installation(scope, { controller });
  await first.initialize();
  // Merges the write-ahead log into the file, so that a copy of it is whole.
  await runSql(first.databaseFile, []);
  const stores = [];
  for (const rows of rowCounts) {
    for (const { state, fate } of states) {
      const store = first.sibling(controller);
      copyFileSync(first.databaseFile, store.databaseFile);
      const start = performance.now();
      const times = { nowUs: Date.now() * 1000, youngestUs: 10_000_000, stepUs: 1_000_000 };
      await insertTokens(store.databaseFile, tokenRows({ rows, fateOf: fate, ...times }));
      progress(`${rows} rows, ${state}: inserted in ${((performance.now() - start) / 1000).toFixed(1)} s`);
      const { api } = await store.startController();
      await first.login(api);
      const page = await api.call('GET', `/v1/auth-tokens?scope_id=global&page_size=${pageSize}`);
      if (page.items.length !== pageSize || page.items.some((item) => item.status !== 'active')) {
        throw new Error(`a page of ${page.items.length} tokens, or dead ones among them`);
      }
      stores.push({ rows, state, api });
    }
  }
  return stores;
}
