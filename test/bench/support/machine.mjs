// The machine a bench runs on, and waiting until others leave it in peace.
import { cpus, loadavg, platform, release, totalmem } from 'node:os';
import { busyCores, busySeconds, cpuSeconds } from './process-usage.mjs';

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
   * Measures on a quiet machine. A measurement during which others used more than `limit` cores is repeated, twice at
   * most; the one with the least foreign load counts, and its load is returned beside it.
   */
  async measure(work, limit = 0.15) {
    let best;
    for (let attempt = 0; attempt < 3; attempt += 1) {
      await this.wait();
      const busy = busySeconds();
      const own = cpuSeconds(process.pid);
      const start = performance.now();
      const value = await work();
      const seconds = (performance.now() - start) / 1000;
      const foreign =
        busy === undefined
          ? 0
          : Math.max(0, (busySeconds() - busy - (cpuSeconds(process.pid) - own)) / seconds);
      if (best === undefined || foreign < best.foreignCores) best = { value, foreignCores: foreign };
      if (foreign <= limit) break;
    }
    return best;
  }
}
