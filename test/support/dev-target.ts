/** Targets and sessions of a running server over its API, for end-to-end tests. */
import { randomBytes } from 'node:crypto';
import type { ApiAnswer, Json } from './dev-server.ts';
import { eventually } from './eventually.ts';

/** A call as the administrator. */
export type ApiCall = (method: string, path: string, body?: unknown) => Promise<ApiAnswer>;

/** What a target is to be. */
export interface TargetWish {
  readonly port: number;
  readonly address?: string;
  readonly connectionLimit?: number;
  readonly maxSeconds?: number;
  /** `strict` or `grace=<duration>`. */
  readonly lease?: string;
  readonly scopeId?: string;
}

/** Creates a target with an address and gives its id. */
export async function createTarget(api: ApiCall, wish: TargetWish): Promise<string> {
  const answer = await api('POST', '/v1/targets', {
    type: 'tcp',
    scope_id: wish.scopeId ?? 'p_1234567890',
    name: `target-${randomBytes(6).toString('hex')}`,
    address: wish.address ?? '127.0.0.1',
    session_connection_limit: wish.connectionLimit ?? -1,
    ...(wish.maxSeconds === undefined ? {} : { session_max_seconds: wish.maxSeconds }),
    ...(wish.lease === undefined ? {} : { session_lease: wish.lease }),
    attributes: { default_port: wish.port },
  });
  if (answer.status !== 200)
    throw new Error(`create target: ${answer.status} ${JSON.stringify(answer.body)}`);
  return String(answer.body.id);
}

/** Authorizes a session; fails when that is refused. */
export async function authorizeSession(api: ApiCall, targetId: string): Promise<Json> {
  const answer = await api('POST', `/v1/targets/${targetId}:authorize-session`, {});
  if (answer.status !== 200) throw new Error(`authorize: ${answer.status} ${JSON.stringify(answer.body)}`);
  return answer.body;
}

/** The session as the administrator reads it. */
export async function readSession(api: ApiCall, sessionId: string): Promise<Json> {
  const answer = await api('GET', `/v1/sessions/${sessionId}`);
  if (answer.status !== 200) throw new Error(`read session: ${answer.status} ${JSON.stringify(answer.body)}`);
  return answer.body;
}

/** Waits until the session is terminated. */
export function terminated(api: ApiCall, sessionId: string, deadlineMs?: number): Promise<Json> {
  return eventually(async () => {
    const session = await readSession(api, sessionId);
    return session.status === 'terminated' ? session : undefined;
  }, deadlineMs);
}

/** Cancels a session in whatever version it stands, as the command line does. */
export async function cancelSession(api: ApiCall, sessionId: string): Promise<ApiAnswer> {
  const { version } = await readSession(api, sessionId);
  return api('POST', `/v1/sessions/${sessionId}:cancel`, { version: Number(version) });
}
