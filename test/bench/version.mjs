// Bench: wall time of `stile version` over that of `node -e 0`: client commands must not load server code.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { atMost, figure } from './support/figure.mjs';
import { withoutDisturbedRounds } from './support/machine.mjs';
import { cleanEnvironment, stileBin } from './support/process.mjs';

export const name = 'version';
export const title = 'stile version over node -e 0';
export const deadlineMs = 120_000;

export async function run({ isQuick, quiet }) {
  const rounds = isQuick ? 5 : 15;
  // The first pair fills the file cache.
  await measurePair(0);
  const measured = [];
  for (let round = 0; round < rounds; round += 1) {
    const { value, foreignCores } = await quiet.measure(() => measurePair(round));
    measured.push({ round, foreignCores, ...value });
  }
  const { kept, rounds: counted } = withoutDisturbedRounds(measured);
  const values = { stile: kept.map((each) => each.stile), node: kept.map((each) => each.node) };
  return {
    rounds: counted,
    measured,
    figures: [
      figure({
        name: 'stile version, ratio to node -e 0',
        unit: '×',
        values: values.stile.map((value, round) => value / values.node[round]),
        goal: atMost(2),
      }),
      figure({
        name: 'stile version',
        unit: 'ms',
        values: values.stile,
        peer: { name: 'node -e 0', values: values.node },
      }),
    ],
  };
}

async function measurePair(round) {
  const pair = [
    ['stile', [stileBin, 'version']],
    ['node', ['-e', '0']],
  ];
  const result = {};
  for (const [who, args] of round % 2 === 0 ? pair : pair.reverse()) result[who] = await wallMs(args);
  return result;
}

async function wallMs(args) {
  const start = performance.now();
  const child = spawn(process.execPath, args, { env: cleanEnvironment(), stdio: 'ignore' });
  const timer = setTimeout(() => child.kill('SIGKILL'), 30_000);
  const [code, signal] = await once(child, 'close');
  clearTimeout(timer);
  if (code !== 0) throw new Error(`node ${args.join(' ')}: ${code ?? signal}`);
  return performance.now() - start;
}
