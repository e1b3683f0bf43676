// The machine a bench runs on, and waiting until others leave it in peace.
import { cpus, loadavg, platform, release, totalmem } from 'node:os';
import { busyCores, busySeconds, ownCpuSeconds } from './process-usage.mjs';

/** What a reader needs to compare figures. */
export function describeMachine() {
  const all = cpus();
  return {
    node: process.version,
    openssl: process.versions.openssl,
    cpu: all[0]?.model.trim() ?? 'unknown',
    cores: all.length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    system: `${platform()} ${release()}`,
    loadBefore: loadavg().map((value) => Number(value.toFixed(2))),
  };
}

/** Waits until the machine is quiet, as long as the budget of the whole run lasts. */
export class Quiet {
  #budgetMs;

  constructor(budgetMs) {
    this.#budgetMs = budgetMs;
  }

  /** Resolves when fewer than `cores` are busy over 300 ms, or the budget is used up. */
  async wait(cores = 0.15) {
    while (this.#budgetMs > 0) {
      const start = performance.now();
      if ((await busyCores(300)) < cores) return;
      this.#budgetMs -= performance.now() - start;
    }
  }

  /**
   * Measures on a quiet machine. A measurement during which others used more than `limit` cores is repeated; the one with
   * the least foreign load counts, and its load is returned beside it.
   */
  async measure(work, { attempts = 3, limit = 0.15 } = {}) {
    let best;
    for (let attempt = 0; attempt < attempts; attempt += 1) {
      await this.wait();
      const [busy, own, start] = [busySeconds(), ownCpuSeconds(), performance.now()];
      const value = await work();
      const seconds = (performance.now() - start) / 1000;
      const foreign = busy === undefined ? 0 : (busySeconds() - busy - (ownCpuSeconds() - own)) / seconds;
      if (best === undefined || foreign < best.foreignCores)
        best = { value, foreignCores: Math.max(0, foreign) };
      if (foreign <= limit) break;
    }
    return best;
  }
}

/** Foreign load, in cores, above which a round is left out. */
const mostForeignCores = 0.3;
/** Rounds that must remain; with fewer quiet ones all are kept, and the result says so. */
const fewestRounds = 3;

/**
 * Leaves out the rounds that others disturbed. A round goes as a whole, so that peers stay comparable.
 * @param {{ round: number, foreignCores: number }[]} measured
 * @returns {{ kept: object[], rounds: { kept: number, leftOut: number, foreignCores: number } }}
 */
export function withoutDisturbedRounds(measured) {
  const worst = new Map();
  for (const { round, foreignCores } of measured) {
    worst.set(round, Math.max(worst.get(round) ?? 0, foreignCores));
  }
  const quiet = [...worst].filter(([, cores]) => cores <= mostForeignCores).map(([round]) => round);
  const chosen = new Set(quiet.length >= fewestRounds ? quiet : worst.keys());
  const kept = measured.filter(({ round }) => chosen.has(round));
  const foreignCores = Math.max(...[...chosen].map((round) => worst.get(round)));
  return {
    kept,
    rounds: {
      kept: chosen.size,
      leftOut: worst.size - chosen.size,
      foreignCores: Number(foreignCores.toFixed(2)),
    },
  };
}
