/** A whole `stile dev` as a child process on free ports, and a logged-in way to call it, for end-to-end tests. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cleanEnvironment, runStile, startStile, type Finished, type RunningProcess } from './process.ts';

/** A running `stile dev`. */
export interface DevServer {
  readonly process: RunningProcess;
  /** `http://127.0.0.1:port` of the API. */
  readonly address: string;
  /** host:port of the worker's proxy listener; empty with `-controller-only`. */
  readonly proxyAddress: string;
  /** host:port of health and metrics. */
  readonly opsAddress: string;
  /** Environment for CLI calls: address and a HOME of its own. */
  readonly env: Record<string, string>;
  /** Runs `stile` against this server, logged in as the admin. */
  readonly stile: (args: readonly string[], env?: Readonly<Record<string, string>>) => Promise<Finished>;
  /** A call of the API with the admin's token (or another); the answer and its body. */
  readonly api: (method: string, path: string, body?: unknown, token?: string) => Promise<ApiAnswer>;
  readonly adminToken: string;
  /** Logs in and returns the token. */
  readonly login: (loginName: string, password: string) => Promise<string>;
  readonly stop: () => Promise<void>;
}

/** One answer of the API. */
export interface ApiAnswer {
  readonly status: number;
  readonly headers: Headers;
  // The body is JSON of any shape; tests look into it freely.
  readonly body: Json;
}

/** JSON of any shape, for tests that look into it. */
// eslint-disable-next-line typescript/no-explicit-any -- a test reads recorded shapes; a wrong path fails the test
export type Json = any;

/** Addresses on free ports. */
const freePorts = ['api', 'cluster', 'proxy', 'ops'].flatMap((name) => [
  `-${name}-listen-address`,
  '127.0.0.1:0',
]);

/** Starts `stile dev` on free ports with further arguments, waits until it is ready, logs in as admin. */
export async function startDevServer(args: readonly string[] = []): Promise<DevServer> {
  const home = mkdtempSync(join(tmpdir(), 'stile-dev-home-'));
  const child = startStile(['dev', ...freePorts, ...args], { env: cleanEnvironment({ HOME: home }) });
  try {
    await child.match(/server started! Log data will stream in below:/);
    const at = (purpose: string): string => listenerAddress(child.stdout, purpose);
    const address = `http://${at('api')}`;
    const env = cleanEnvironment({ HOME: home, STILE_ADDR: address });
    const api = (method: string, path: string, body?: unknown, token?: string): Promise<ApiAnswer> =>
      callApi(address, { method, path, body, token: token ?? adminToken });
    const login = async (loginName: string, password: string): Promise<string> => {
      const answer = await callApi(address, {
        method: 'POST',
        path: '/v1/auth-methods/ampw_1234567890:authenticate',
        body: { command: 'login', attributes: { login_name: loginName, password } },
        token: '',
      });
      if (answer.status !== 200)
        throw new Error(`login failed: ${answer.status} ${JSON.stringify(answer.body)}`);
      return String(answer.body.attributes.token);
    };
    const adminToken = await login('admin', 'password');
    return {
      process: child,
      address,
      proxyAddress: args.includes('-controller-only') ? '' : at('proxy'),
      opsAddress: at('ops'),
      env,
      api,
      login,
      adminToken,
      stile: (words, more = {}) => runStile(words, { env: { ...env, STILE_TOKEN: adminToken, ...more } }),
      stop: async () => {
        await child.stop();
        rmSync(home, { recursive: true, force: true });
      },
    };
  } catch (error) {
    await child.stop('SIGKILL');
    rmSync(home, { recursive: true, force: true });
    throw error;
  }
}

/** The address in the banner's line of a listener. */
export function listenerAddress(banner: string, purpose: string): string {
  const line = banner.split('\n').find((text) => text.includes(`purpose: "${purpose}"`));
  const found = line?.match(/addr: "([^"]+)"/)?.[1];
  if (found === undefined) throw new Error(`no listener with purpose ${purpose} in:\n${banner}`);
  return found;
}

/** One HTTP call with a token. */
export async function callApi(
  address: string,
  call: { readonly method: string; readonly path: string; readonly body?: unknown; readonly token?: string },
): Promise<ApiAnswer> {
  const response = await fetch(`${address}${call.path}`, {
    method: call.method,
    headers: { authorization: `Bearer ${call.token ?? ''}`, 'content-type': 'application/json' },
    ...(call.body === undefined ? {} : { body: JSON.stringify(call.body) }),
  });
  // A stream has no end.
  const isStream = response.headers.get('content-type') === 'text/event-stream';
  if (isStream) await response.body?.cancel();
  const text = isStream ? '' : await response.text();
  return {
    status: response.status,
    headers: response.headers,
    body: text === '' ? undefined : (JSON.parse(text) as Json),
  };
}
