// Bench: requests while the garbage collection works through 1,000,000 dead auth tokens, against the same requests to a controller on a
// copy of the same file that has nothing to collect. Of the two one runs at a time, the other is stopped (SIGSTOP); they take turns.
import { copyFileSync } from 'node:fs';
import { check, clients, headersOf } from './support/api-load.mjs';
import { atMost, figure } from './support/figure.mjs';
import { withoutDisturbedRounds } from './support/machine.mjs';
import { startProgram } from './support/remote-program.mjs';
import { runSql } from './support/sqlite-file.mjs';
import { percentile, rotated } from './support/statistics.mjs';
import { Installation } from './support/stile-cluster.mjs';
import { insertTokens, tokenRows } from './support/token-rows.mjs';

export const name = 'token-gc';
export const title = 'requests while 1,000,000 dead auth tokens are collected';
export const deadlineMs = 900_000;

/** Both are measured so often within a round, in turns. */
const turns = 3;

/** Of the dead ones most were revoked; one in ten ended by time, which nobody has written. */
const fateOf = `case i % 10 when 1 then 'expired' when 2 then 'sweptIdle' when 3 then 'sweptExpired' else 'revoked' end`;

const sides = [
  // A period of a second is what the collection has anyway as long as it finds full batches.
  { side: 'collecting', controller: { auth_token_gc_period: '1s', auth_token_gc_retention: '1h' } },
  { side: 'idle', controller: { auth_token_gc_period: '24h', auth_token_gc_retention: '2400h' } },
];

const kinds = [
  { kind: 'read one target', method: 'GET', path: ({ targetId }) => `/v1/targets/${targetId}` },
  { kind: 'create a role', method: 'POST', path: () => '/v1/roles', bodies: ['{"scope_id":"global"}'] },
];

export async function run({ scope, isQuick, quiet, progress }) {
  const rounds = isQuick ? 2 : 7;
  const turnMs = isQuick ? 1_500 : 3_000;
  const rows = isQuick ? 100_000 : 1_000_000;
  const load = startProgram(scope, 'http-load');
  const stores = await startStores(scope, { rows, progress });
  for (const kind of kinds) for (const store of stores) await measure(load, store, kind, 1_500);
  const measured = [];
  for (let round = 0; round < rounds; round += 1) {
    for (const kind of kinds) {
      // The sides take turns already: what others do hits both, and a second attempt would take as long again.
      const work = () => takeTurns({ load, stores, kind, turnMs, round });
      const { value, foreignCores } = await quiet.measure(work, { attempts: 2 });
      measured.push({ round, kind: kind.kind, foreignCores, ...value });
    }
    progress(`round ${round + 1} of ${rounds}`);
  }
  const collected = await collectedBy(stores, rows);
  progress(`${collected.rows} rows collected, ${Math.round(collected.perSecond)} a second`);
  const { kept, rounds: counted } = withoutDisturbedRounds(measured);
  const figures = kinds.flatMap(({ kind }) => figuresOf(kind, kept));
  figures.push(
    figure({ name: `dead tokens deleted a second, of ${rows}`, unit: '/s', values: [collected.perSecond] }),
  );
  return { figures, rounds: counted, measured };
}

async function takeTurns({ load, stores, kind, turnMs, round }) {
  const times = { collecting: [], idle: [] };
  for (let turn = 0; turn < turns; turn += 1) {
    for (const store of rotated(stores, round + turn)) {
      times[store.side].push(...(await measure(load, store, kind, turnMs)));
    }
  }
  const of = (values) => ({ p50: percentile(values, 0.5), p99: percentile(values, 0.99) });
  return { collecting: of(times.collecting), idle: of(times.idle) };
}

/** One side alone runs while it is measured. */
async function measure(load, store, { path, method, bodies }, forMs) {
  const { api } = store;
  const options = { url: `${api.address}${path(store)}`, headers: headersOf(api.token), method };
  resume(store);
  try {
    const answer = await load.call('load', { ...options, bodies, clients, forMs, expected: 200 });
    return check(answer).times;
  } finally {
    pause(store);
  }
}

function resume(store) {
  process.kill(store.child.pid, 'SIGCONT');
  store.resumedAt = performance.now();
}

function pause(store) {
  process.kill(store.child.pid, 'SIGSTOP');
  store.ranMs += performance.now() - store.resumedAt;
}

/** How many rows are gone; fails when the collection did not work all the time it was measured, or had nothing left to do. */
async function collectedBy(stores, rows) {
  for (const { child } of stores) {
    process.kill(child.pid, 'SIGCONT');
    await child.stop();
  }
  const [left, untouched] = await Promise.all(
    ['collecting', 'idle'].map(async (side) => {
      const { store } = stores.find((each) => each.side === side);
      const [{ tokens }] = await runSql(store.databaseFile, [
        { sql: `select count(*) as tokens from auth_token where origin = '192.0.2.7:40123'` },
      ]);
      return tokens;
    }),
  );
  if (left === 0 || left === rows || untouched !== rows) {
    throw new Error(
      `of ${rows} dead tokens ${left} are left, and ${untouched} where none was to be collected`,
    );
  }
  const { ranMs } = stores.find((each) => each.side === 'collecting');
  return { rows: rows - left, perSecond: ((rows - left) / ranMs) * 1000 };
}

function figuresOf(kind, measured) {
  const ofKind = measured.filter((each) => each.kind === kind);
  const pick = (side, key) => ofKind.map((each) => each[side][key]);
  return [
    figure({
      name: `${kind}, p99 while collecting over idle`,
      unit: '×',
      values: ofKind.map(({ collecting, idle }) => collecting.p99 / idle.p99),
      goal: atMost(2),
    }),
    ...['p99', 'p50'].map((key) =>
      figure({
        name: `${kind} while collecting, ${key}`,
        unit: 'ms',
        values: pick('collecting', key),
        peer: { name: 'idle', values: pick('idle', key) },
      }),
    ),
  ];
}

/** Two controllers of the same keys on copies of one file; both stopped. */
async function startStores(scope, { rows, progress }) {
  const first = new Installation(scope);
  await first.initialize();
  const once = await first.startController();
  await first.login(once.api);
  const target = await once.api.createTarget({
    projectId: first.projectId,
    name: 'bench endpoint',
    port: 22,
  });
  await once.child.stop();
  const start = performance.now();
  const times = { nowUs: Date.now() * 1000, youngestUs: 30 * 86_400_000_000, stepUs: 1_000_000 };
  // Merges the write-ahead log into the file, so that a copy of it is whole.
  await insertTokens(first.databaseFile, tokenRows({ rows, fateOf, ...times }));
  progress(`${rows} rows inserted in ${((performance.now() - start) / 1000).toFixed(1)} s`);
  const stores = [];
  for (const { side, controller } of sides) {
    const store = first.sibling(controller);
    copyFileSync(first.databaseFile, store.databaseFile);
    const { api, child } = await store.startController();
    await first.login(api);
    const made = { side, store, api, child, targetId: target.id, ranMs: 0, resumedAt: performance.now() };
    pause(made);
    stores.push(made);
  }
  return stores;
}
