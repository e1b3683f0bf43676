/**
 * A mixed load of several users on a deployment whose processes die under it: authorize, connect, transfer, read, list, cancel,
 * for ever and without stopping at a failure. It remembers what was acknowledged, and every answer that must never come.
 */
import { callApi, type ApiAnswer, type Json } from './dev-server.ts';
import { ForeignConnection, isResult, newTofuToken, readAuthorization } from './foreign-client.ts';
import type { SeededRandom } from './seeded-random.ts';

/** Where a session stands, in the only order there is. */
const ranks: Readonly<Record<string, number>> = { pending: 0, active: 1, canceling: 2, terminated: 3 };

/** Answers that a process may give while others die; anything else is noted as wrong. */
const expectedStatuses: ReadonlySet<number> = new Set([200, 404, 503, 504]);

/** What was acknowledged, by session id. */
export interface Acknowledged {
  readonly authorized: Set<string>;
  /** Handshake results received. */
  readonly connections: Map<string, number>;
  readonly canceled: Set<string>;
  lists: number;
  transfers: number;
}

/** The load. Start it once, stop it once. */
export class MixedLoad {
  readonly acknowledged: Acknowledged = {
    authorized: new Set(),
    connections: new Map(),
    canceled: new Set(),
    lists: 0,
    transfers: 0,
  };
  /** What must never be seen, in words. */
  readonly wrong: string[] = [];
  readonly #options: LoadOptions;
  readonly #seen: Map<string, { readonly rank: number; readonly version: number }> = new Map();
  #isStopped = false;
  #users: Promise<void>[] = [];

  constructor(options: LoadOptions) {
    this.#options = options;
  }

  /** Starts so many users. */
  start(users: number): void {
    this.#users = Array.from({ length: users }, () => this.#user());
  }

  /** Ends them after the step they are at. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await Promise.all(this.#users);
  }

  async #user(): Promise<void> {
    while (!this.#isStopped) {
      try {
        await this.#round();
      } catch {
        // A process died under the call: the next round asks again. What was acknowledged before stands.
        await pause();
      }
    }
  }

  async #round(): Promise<void> {
    const { random, targets, scopeId } = this.#options;
    const target = random.pick(targets);
    const granted = await this.#call('POST', `/v1/targets/${target}:authorize-session`, {});
    if (granted.status !== 200) return pause();
    const sessionId = String(granted.body.session_id);
    this.acknowledged.authorized.add(sessionId);
    try {
      await this.#connect(String(granted.body.authorization_token), sessionId);
      const list = await this.#call('GET', `/v1/sessions?scope_id=${scopeId}&page_size=10`);
      if (list.status === 200) this.acknowledged.lists += 1;
    } finally {
      if (random.between(1, 10) <= 8) await this.#cancel(sessionId);
    }
  }

  async #connect(token: string, sessionId: string): Promise<void> {
    const auth = readAuthorization(token);
    const tofuToken = newTofuToken();
    for (let left = this.#options.random.between(0, 2); left > 0; left -= 1) {
      const connection = await ForeignConnection.open(auth, { tofuToken });
      try {
        const answer = await connection.handshake();
        if (!isResult(answer)) return;
        const { connections } = this.acknowledged;
        connections.set(sessionId, (connections.get(sessionId) ?? 0) + 1);
        await connection.roundTrip(Buffer.alloc(this.#options.random.between(1, 20_000), 1), 5000);
        this.acknowledged.transfers += 1;
      } finally {
        connection.destroy();
      }
    }
  }

  async #cancel(sessionId: string): Promise<void> {
    const found = await this.#call('GET', `/v1/sessions/${sessionId}`);
    if (found.status === 404) this.wrong.push(`${sessionId} was acknowledged and is not found`);
    if (found.status !== 200) return;
    this.#observe(found.body);
    const answer = await this.#call('POST', `/v1/sessions/${sessionId}:cancel`, {
      version: Number(found.body.version),
    });
    if (answer.status !== 200) return;
    this.acknowledged.canceled.add(sessionId);
    this.#observe(answer.body);
    if ((ranks[String(answer.body.status)] ?? 0) < 2)
      this.wrong.push(`${sessionId} is ${String(answer.body.status)} after its cancel`);
  }

  /** A session never goes back, neither in status nor in version. */
  #observe(session: Json): void {
    const id = String(session.id);
    const now = { rank: ranks[String(session.status)] ?? -1, version: Number(session.version) };
    const before = this.#seen.get(id);
    if (before !== undefined && (now.rank < before.rank || now.version < before.version))
      this.wrong.push(`${id} went back from ${JSON.stringify(before)} to ${JSON.stringify(now)}`);
    this.#seen.set(id, now);
  }

  async #call(method: string, path: string, body?: unknown): Promise<ApiAnswer> {
    const { address, token } = this.#options;
    const answer = await callApi(address(), { method, path, body, token });
    if (!expectedStatuses.has(answer.status))
      this.wrong.push(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
    return answer;
  }
}

/** What a load needs to know. */
export interface LoadOptions {
  /** `http://host:port` of an API; asked at each call. */
  readonly address: () => string;
  readonly token: string;
  readonly scopeId: string;
  readonly targets: readonly [string, ...string[]];
  readonly random: SeededRandom;
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 5));
}
