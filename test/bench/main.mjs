// `npm run bench [-- name… --quick]`: runs the benches one after the other, prints their figures as a table, and keeps them in
// results/<date>.json and in the table of README.md. A goal that was missed is shown as missed; only a bench that could not
// be run makes the exit status 1.
import * as authorize from './authorize.mjs';
import * as cancel from './cancel.mjs';
import * as coldStart from './cold-start.mjs';
import * as expiry from './expiry.mjs';
import * as idleMemory from './idle-memory.mjs';
import * as listing from './listing.mjs';
import * as pingUnderBulk from './ping-under-bulk.mjs';
import * as readTarget from './read-target.mjs';
import * as setUp from './set-up.mjs';
import * as signIn from './sign-in.mjs';
import * as targetLists from './target-lists.mjs';
import * as throughput from './throughput.mjs';
import * as tokenCheck from './token-check.mjs';
import * as tokenGc from './token-gc.mjs';
import * as tokenLists from './token-lists.mjs';
import * as tokenRevoke from './token-revoke.mjs';
import * as version from './version.mjs';
import * as watch from './watch.mjs';
import { describeMachine, Quiet } from './support/machine.mjs';
import { keepResults } from './support/results.mjs';
import { Scope } from './support/scope.mjs';
import { tableOf } from './support/table.mjs';

const benches = [
  throughput,
  pingUnderBulk,
  setUp,
  authorize,
  readTarget,
  signIn,
  cancel,
  listing,
  targetLists,
  tokenCheck,
  tokenRevoke,
  tokenLists,
  tokenGc,
  watch,
  idleMemory,
  coldStart,
  version,
  expiry,
];

/** Waiting for a quiet machine, in all of a run, unless `--wait` says otherwise. */
const defaultWaitSeconds = 180;

const usage = `Usage: node test/bench/main.mjs [--quick] [--wait=seconds] [name…]

  --quick         fewer and smaller rounds, for work on a bench; nothing is kept
  --wait=seconds  longest wait for a quiet machine in all of the run (${defaultWaitSeconds})
  name            ${benches.map((bench) => bench.name).join(' ')}
`;

/** What owns the processes and folders of the bench that runs now. */
let scope = new Scope();
let isEnding = false;

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.on(signal, () => {
    if (isEnding) process.exit(130); // A second time: the exit listener of scope.mjs ends what is left.
    isEnding = true;
    console.error(`\n${signal}: ending what the bench started`);
    scope.close().then(
      () => process.exit(130),
      () => process.exit(130),
    );
  });
}

process.exitCode = await main(process.argv.slice(2));

async function main(words) {
  if (words.includes('-h') || words.includes('--help')) {
    console.log(usage);
    return 0;
  }
  const isQuick = words.includes('--quick');
  const waitSeconds = Number(
    words.find((word) => word.startsWith('--wait='))?.slice(7) ?? defaultWaitSeconds,
  );
  const names = words.filter((word) => word !== '--quick' && !word.startsWith('--wait='));
  const unknown = names.filter((each) => benches.every((bench) => bench.name !== each));
  if (unknown.length > 0) {
    console.error(`no bench is called ${unknown.join(', ')}\n\n${usage}`);
    return 1;
  }
  const chosen = names.length === 0 ? benches : benches.filter((bench) => names.includes(bench.name));
  const quiet = new Quiet(isQuick ? 5_000 : waitSeconds * 1000);
  const results = [];
  for (const bench of chosen) {
    if (isEnding) break;
    const result = await runBench(bench, { isQuick, quiet, waitSeconds });
    results.push(result);
    console.log(`\n${tableOf([result])}`);
    // Kept at once: a run that is broken off later has not measured in vain.
    if (!isQuick && result.figures !== undefined) await keepResults([result]);
  }
  const failed = results.filter((result) => result.error !== undefined);
  if (results.length > 1) console.log(`\n${tableOf(results)}`);
  console.log(`\n${summaryOf(results)}`);
  return failed.length === 0 ? 0 : 1;
}

/** One bench with all it started ended again, however it went. */
async function runBench(bench, { isQuick, quiet, waitSeconds }) {
  const machine = describeMachine();
  const start = Date.now();
  const result = {
    name: bench.name,
    title: bench.title,
    measuredAt: new Date(start).toISOString(),
    isQuick,
    machine,
  };
  scope = new Scope();
  const progress = (text) => console.error(`${bench.name}: ${text}`);
  progress(`${bench.title}; load ${machine.loadBefore.join(' ')}`);
  let timer;
  try {
    const deadlineMs = bench.deadlineMs + waitSeconds * 1000;
    const late = new Promise((_resolve, reject) => {
      timer = setTimeout(() => reject(new Error(`did not end within ${deadlineMs / 1000} s`)), deadlineMs);
    });
    Object.assign(result, await Promise.race([bench.run({ scope, isQuick, quiet, progress }), late]));
  } catch (error) {
    result.error = error instanceof Error ? error.message : String(error);
    console.error(error);
  } finally {
    clearTimeout(timer);
    await scope.close().catch((error) => console.error(error));
  }
  result.seconds = Math.round((Date.now() - start) / 1000);
  return result;
}

function summaryOf(results) {
  const goals = results.flatMap((result) => (result.figures ?? []).filter((each) => each.goal !== undefined));
  const lines = [`${goals.filter((each) => each.met).length} of ${goals.length} goals met`];
  for (const each of goals) if (!each.met) lines.push(`missed: ${each.name}: ${each.median} ${each.unit}`);
  for (const { name, skipped, error } of results) {
    if (skipped !== undefined) lines.push(`skipped: ${name}: ${skipped}`);
    if (error !== undefined) lines.push(`failed: ${name}: ${error.split('\n')[0]}`);
  }
  return lines.join('\n');
}
