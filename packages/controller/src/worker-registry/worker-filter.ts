/** Worker filters of targets: parsed once for each text, evaluated on a worker's name and tags (session-protocol.md §4.10). */
import { StileError } from '@stile/protocol';
import { parseFilter } from '@stile/protocol/filter';
import type { Filter } from '@stile/protocol/filter';
import { filterInputOf } from './worker.ts';
import type { Worker } from './worker.ts';

/** Filters kept parsed; a cluster has few. */
const mostFilters = 512;

/** Evaluates filters. Parsing is pure, so its results are kept. */
export class WorkerFilters {
  readonly #parsed = new Map<string, Filter | undefined>();

  /** Whether the worker passes; null passes everybody, a filter that cannot be parsed or evaluated nobody. */
  matches(filter: string | null, worker: Pick<Worker, 'name' | 'config_tags' | 'api_tags'>): boolean {
    if (filter === null) return true;
    return this.#filterOf(filter)?.matches(filterInputOf(worker)) ?? false;
  }

  #filterOf(text: string): Filter | undefined {
    if (this.#parsed.has(text)) return this.#parsed.get(text);
    // The oldest goes: a Map keeps the order of insertion.
    const [oldest] = this.#parsed.keys();
    if (this.#parsed.size >= mostFilters && oldest !== undefined) this.#parsed.delete(oldest);
    const filter = parsedOrUndefined(text);
    this.#parsed.set(text, filter);
    return filter;
  }
}

function parsedOrUndefined(text: string): Filter | undefined {
  try {
    return parseFilter(text);
  } catch (error) {
    // Targets are checked when written; a filter from elsewhere that cannot be read lets nobody pass.
    if (error instanceof StileError) return undefined;
    throw error;
  }
}
