/**
 * Ids and names of resources for completion, asked of the controller: the first page of a list, remembered for a moment. Silent: whatever
 * goes wrong, there is just nothing to offer (tokens.md §3.4).
 */
import type { ApiClient, Query } from '@stile/client/api';
import type { ResourceType } from '@stile/protocol/grant';
import type { Clock } from '@stile/runtime/clock';
import { specs } from '../resources/specs.ts';

/** How long an answer is offered again, ms (tokens.md §3.4). */
const cacheMs = 5000;

/** How long a person who pressed Tab waits, ms (tokens.md §3.4). The answer of a slower server is there at the next Tab. */
const deadlineMs = 300;

/** Longest that a question goes on behind it, ms. */
const requestMs = 5000;

/** Most resources that are asked for: more of them nobody reads. */
const pageSize = 200;

/** A resource as it can be named. */
export interface RemoteValue {
  readonly id: string;
  /** Empty when it has none. */
  readonly name: string;
}

/** What to list. */
export interface RemoteQuestion {
  readonly type: ResourceType;
  /** Text of a flag that the line gives already, as `host-catalog-id`; the list may lie in what it names. */
  readonly flagText: (name: string) => string;
}

/** Calls `work` with a way to the API; nothing is printed. */
export type WithClient = (work: (client: ApiClient) => Promise<void>) => Promise<void>;

interface Kept {
  readonly values: Promise<readonly RemoteValue[]>;
  /** ms of the clock. */
  readonly until: number;
}

function textOf(item: unknown, key: string): string {
  const value: unknown = typeof item === 'object' && item !== null ? Reflect.get(item, key) : undefined;
  return typeof value === 'string' ? value : '';
}

function itemsOf(body: unknown): readonly unknown[] {
  const items: unknown = typeof body === 'object' && body !== null ? Reflect.get(body, 'items') : undefined;
  return Array.isArray(items) ? items : [];
}

/** Where the resources of the type are listed; undefined where the line does not say in what. */
function listOf({ type, flagText }: RemoteQuestion): { name: string; query: Query } | undefined {
  const spec = specs.find(({ noun }) => noun.replaceAll(' ', '-') === type);
  if (spec?.verbs.includes('list') !== true) return undefined;
  const { field, flag, isScope } = spec.parent;
  const given = flagText(flag.name);
  if (isScope && given === '')
    return { name: spec.name, query: { [field]: 'global', recursive: true, page_size: pageSize } };
  return given === '' ? undefined : { name: spec.name, query: { [field]: given, page_size: pageSize } };
}

/** Asks and remembers. */
export class RemoteValues {
  readonly #withClient: WithClient;
  readonly #clock: Clock;
  readonly #kept = new Map<string, Kept>();

  constructor(withClient: WithClient, clock: Clock) {
    this.#withClient = withClient;
    this.#clock = clock;
  }

  /** The resources, or none when they did not come in time. */
  async values(question: RemoteQuestion): Promise<readonly RemoteValue[]> {
    const list = listOf(question);
    if (list === undefined) return [];
    let tooLate: () => void = () => undefined;
    const late = new Promise<readonly RemoteValue[]>((resolve) => {
      tooLate = () => resolve([]);
    });
    const timer = this.#clock.setTimer(deadlineMs, () => tooLate());
    try {
      return await Promise.race([this.#remembered(list), late]);
    } finally {
      timer.cancel();
    }
  }

  /** Forgets what was asked: a command may have changed it, or who asks. */
  forget(): void {
    this.#kept.clear();
  }

  #remembered(list: { name: string; query: Query }): Promise<readonly RemoteValue[]> {
    const key = JSON.stringify(list);
    const kept = this.#kept.get(key);
    if (kept !== undefined && this.#clock.monotonicMs() < kept.until) return kept.values;
    // No token, no right, no server: nothing to offer.
    const values = this.#ask(list).catch(() => []);
    this.#kept.set(key, { values, until: this.#clock.monotonicMs() + cacheMs });
    return values;
  }

  async #ask({ name, query }: { name: string; query: Query }): Promise<readonly RemoteValue[]> {
    let values: readonly RemoteValue[] = [];
    await this.#withClient(async (client) => {
      const signal = AbortSignal.timeout(requestMs);
      const { body } = await client.call({ method: 'GET', path: name, query, signal });
      values = itemsOf(body).map((item) => ({ id: textOf(item, 'id'), name: textOf(item, 'name') }));
    });
    return values.slice(0, pageSize);
  }
}
