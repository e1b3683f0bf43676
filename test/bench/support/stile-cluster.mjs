// A controller and a worker, each the built `stile server` in a process of its own, as in production: so that CPU and
// memory of the two can be told apart. Configuration files are JSON, which is YAML.
import { randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { Api } from './api.mjs';
import { runStile, startStile } from './process.mjs';

const startedLine = /server started! Log data will stream in below:/;

/** The address in the banner's line of a listener. */
export function listenerAddress(banner, purpose) {
  const line = banner.split('\n').find((text) => text.includes(`purpose: "${purpose}"`));
  const found = line?.match(/addr: "([^"]+)"/)?.[1];
  if (found === undefined) throw new Error(`no listener with purpose ${purpose} in:\n${banner}`);
  return found;
}

/** Writes a configuration file that only we may read. */
function writeConfig(folder, name, config) {
  const file = join(folder, name);
  writeFileSync(file, JSON.stringify(config, null, 2), { mode: 0o600 });
  return file;
}

/** A database with its first resources, ready for `startController`. */
export class Installation {
  #scope;
  #folder;
  #databaseUrl;
  #rootKey = randomBytes(32).toString('base64');
  #config;
  #controller;
  #initial;

  /**
   * @param {{ databaseUrl?: string, controller?: object }} [o] `databaseUrl`: default an SQLite file in a temporary folder;
   * `controller`: further keys of that section of the configuration
   */
  constructor(scope, { databaseUrl, controller = {} } = {}) {
    this.#scope = scope;
    this.#controller = controller;
    this.#folder = scope.temporaryFolder('stile');
    this.#databaseUrl = databaseUrl ?? `sqlite://${this.databaseFile}`;
  }

  /** The SQLite file, when there is one. */
  get databaseFile() {
    return join(this.#folder, 'stile.db');
  }

  /** What `database init` made: auth_method, project_scope … */
  get initial() {
    return this.#initial;
  }

  get projectId() {
    return this.#initial.project_scope.scope_id;
  }

  /** Runs `stile database init`. */
  async initialize() {
    this.#config = writeConfig(this.#folder, 'controller.yaml', this.#controllerConfig());
    const text = await runStile(['database', 'init', '-config', this.#config], {
      env: { STILE_CLI_FORMAT: 'json' },
    });
    this.#initial = JSON.parse(text.trim().split('\n').at(-1));
    return this.#initial;
  }

  #controllerConfig() {
    return {
      // Benches make more calls with one token than the limits allow.
      controller: {
        name: 'bench',
        database: { url: this.#databaseUrl },
        api_rate_limit_disable: true,
        ...this.#controller,
      },
      listener: [
        { purpose: 'api', address: '127.0.0.1:0', tls_disable: true },
        { purpose: 'cluster', address: '127.0.0.1:0' },
      ],
      kms: [{ purpose: 'root', key: this.#rootKey }],
      log_level: 'warn',
    };
  }

  /** An installation of the same keys and resources on a copy of the database file. The copy is the caller's to make. */
  sibling(controller = {}) {
    const other = new Installation(this.#scope, { controller });
    other.#rootKey = this.#rootKey;
    other.#initial = this.#initial;
    other.#config = writeConfig(other.#folder, 'controller.yaml', other.#controllerConfig());
    return other;
  }

  /** Starts the controller; it ends with the scope. */
  async startController() {
    const child = startStile(['server', '-config', this.#config], { name: 'stile server (controller)' });
    this.#scope.defer(() => child.stop());
    await child.match(startedLine);
    const api = new Api(`http://${listenerAddress(child.output, 'api')}`);
    return { child, api, clusterAddress: listenerAddress(child.output, 'cluster') };
  }

  /** Logs a caller in as the admin. */
  async login(api) {
    const { auth_method_id: id, login_name: name, password } = this.#initial.auth_method;
    return api.login(id, name, password);
  }

  /** Enrols a worker with a one-time token, starts it, and waits until the controller sees it. */
  async startWorker({ api, clusterAddress }) {
    const made = await api.call('POST', '/v1/workers:create:controller-led', { scope_id: 'global' });
    const storage = join(this.#folder, `worker-${made.id}`);
    mkdirSync(storage, { mode: 0o700 });
    const file = writeConfig(this.#folder, `${made.id}.yaml`, {
      worker: {
        initial_upstreams: [clusterAddress],
        controller_generated_activation_token: made.controller_generated_activation_token,
        auth_storage_path: storage,
      },
      listener: [{ purpose: 'proxy', address: '127.0.0.1:0' }],
      log_level: 'warn',
    });
    const child = startStile(['server', '-config', file], { name: 'stile server (worker)' });
    this.#scope.defer(() => child.stop());
    await child.match(startedLine);
    for (const end = Date.now() + 15_000; ;) {
      const { items = [] } = await api.call('GET', '/v1/workers?scope_id=global');
      if (items.find((item) => item.id === made.id)?.last_status_time !== undefined) return { child };
      if (Date.now() > end) throw new Error(`the worker does not reach the controller:\n${child.output}`);
      await pause(50);
    }
  }
}

/** Everything a data path bench needs: database, controller, worker, and a target that leads to the endpoint. */
export async function startCluster(scope, { endpointPort, databaseUrl, hasWorker = true } = {}) {
  const installation = new Installation(scope, { databaseUrl });
  await installation.initialize();
  const controller = await installation.startController();
  await installation.login(controller.api);
  const worker = hasWorker ? await installation.startWorker(controller) : undefined;
  const { api } = controller;
  const { projectId } = installation;
  const target =
    endpointPort === undefined
      ? undefined
      : await api.createTarget({ projectId, name: 'bench endpoint', port: endpointPort });
  return { installation, api, projectId, target, controller: controller.child, worker: worker?.child };
}

/** `stile connect` to a target: a process of its own that listens on a free local port. It ends with the scope. */
export async function startConnect(scope, api, targetId) {
  const child = startStile(['connect', '-target-id', targetId, '-format', 'json', '-listen-port', '0'], {
    env: { STILE_ADDR: api.address, STILE_TOKEN: api.token },
    name: 'stile connect',
  });
  scope.defer(() => child.stop());
  const [line] = await child.match(/^\{.*"port":.*\}$/m);
  const { port, session_id: sessionId } = JSON.parse(line);
  return { name: 'stile', port, sessionId, child, clientPid: child.pid };
}
