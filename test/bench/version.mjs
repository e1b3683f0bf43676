// Bench: wall time of `stile version` over that of `node -e 0`: client commands must not load server code.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { atMost, figure } from './support/figure.mjs';
import { cleanEnvironment, stileBin } from './support/process.mjs';

export const name = 'version';
export const title = 'stile version over node -e 0';
export const deadlineMs = 120_000;

export async function run({ isQuick, quiet }) {
  const rounds = isQuick ? 5 : 15;
  const values = { stile: [], node: [] };
  for (let round = 0; round < rounds + 1; round += 1) {
    const pair = [
      ['stile', [stileBin, 'version']],
      ['node', ['-e', '0']],
    ];
    await quiet.wait();
    for (const [who, args] of round % 2 === 0 ? pair : pair.reverse()) {
      const ms = await wallMs(args);
      // The first pair fills the file cache.
      if (round > 0) values[who].push(ms);
    }
  }
  return {
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

async function wallMs(args) {
  const start = performance.now();
  const child = spawn(process.execPath, args, { env: cleanEnvironment(), stdio: 'ignore' });
  const timer = setTimeout(() => child.kill('SIGKILL'), 30_000);
  const [code, signal] = await once(child, 'close');
  clearTimeout(timer);
  if (code !== 0) throw new Error(`node ${args.join(' ')}: ${code ?? signal}`);
  return performance.now() - start;
}
