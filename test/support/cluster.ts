/** Controllers and workers as processes of their own (`stile server`), on SQLite or PostgreSQL, for end-to-end tests. */
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { callApi, listenerAddress, type ApiAnswer, type Json } from './dev-server.ts';
import { eventually } from './eventually.ts';
import { cleanEnvironment, runStile, startStile, type RunningProcess } from './process.ts';

/** One `stile server` process. */
export interface ServerProcess {
  readonly name: string;
  process: RunningProcess;
  readonly configFile: string;
  readonly addresses: Record<string, string>;
}

/** A deployment: its processes and what `database init` printed. */
export class Cluster {
  readonly folder: string;
  readonly #databaseUrl: string;
  readonly #rootKey: string = randomBytes(32).toString('base64');
  readonly servers: Map<string, ServerProcess> = new Map();
  /** The JSON of `stile database init`. */
  initial: Json;

  /** Further lines of the `controller` section; by default there are no rate limits, which a fast machine would reach. */
  readonly #controllerLines: readonly string[];

  /** Further keys of the API listener, as in a flow mapping: `, max_header_size: 65536`. */
  readonly #apiKeys: string;

  /** Further listeners, each as a flow mapping. */
  readonly #moreListeners: readonly string[];

  /** Servers write what Node knows of them to the folder at SIGUSR2, as they would when Node itself breaks. */
  readonly #hasReports: boolean;

  constructor(
    options: {
      readonly hasReports?: boolean;
      readonly databaseUrl?: string;
      readonly controllerLines?: readonly string[];
      readonly apiKeys?: string;
      readonly moreListeners?: readonly string[];
    } = {},
  ) {
    this.#hasReports = options.hasReports ?? false;
    this.#moreListeners = options.moreListeners ?? [];
    this.#apiKeys = options.apiKeys ?? '';
    this.#controllerLines = options.controllerLines ?? ['  api_rate_limit_disable: true'];
    this.folder = mkdtempSync(join(tmpdir(), 'stile-cluster-'));
    this.#databaseUrl = options.databaseUrl ?? `sqlite://${join(this.folder, 'stile.db')}`;
  }

  /** Creates the tables and the first resources. */
  async initialize(): Promise<void> {
    const config = this.#writeConfig('init', this.#controllerSection('init', '127.0.0.1:0'));
    const done = await runStile(['database', 'init', '-config', config, '-format', 'json']);
    if (done.status !== 0) throw new Error(`database init failed (${done.status}): ${done.stderr}`);
    this.initial = JSON.parse(done.stdout) as Json;
  }

  /** Starts a controller; addresses are kept when it is started again under the same name. */
  async startController(name: string): Promise<ServerProcess> {
    const before = this.servers.get(name);
    const addresses = before?.addresses ?? {};
    const section = this.#controllerSection(name, addresses['cluster'] ?? '127.0.0.1:0', addresses['api']);
    return this.#start(name, section);
  }

  /** Creates a worker on a running controller, and starts it against the cluster addresses of `controllers`. */
  async startWorker(name: string, controllers: readonly string[]): Promise<ServerProcess> {
    const before = this.servers.get(name);
    const upstreams = controllers.map((each) => this.address(each, 'cluster'));
    const storage = join(this.folder, `${name}-keys`);
    let activation = '';
    if (before === undefined) {
      mkdirSync(storage, { mode: 0o700 });
      const created = await this.stile(controllers[0] ?? '', [
        'workers',
        'create',
        'controller-led',
        '-format',
        'json',
      ]);
      if (created.status !== 0) throw new Error(`workers create: ${created.stderr}`);
      activation = String((JSON.parse(created.stdout) as Json).item.controller_generated_activation_token);
    }
    const section = [
      'worker:',
      `  name: ${name}`,
      `  auth_storage_path: ${storage}`,
      `  initial_upstreams: [${upstreams.map((each) => `"${each}"`).join(', ')}]`,
      ...(activation === '' ? [] : [`  controller_generated_activation_token: ${activation}`]),
      'listener:',
      `  - { purpose: proxy, address: "${before?.addresses['proxy'] ?? '127.0.0.1:0'}" }`,
      `  - { purpose: ops, address: "127.0.0.1:0", tls_disable: true }`,
    ];
    return this.#start(name, section);
  }

  /** host:port of a listener of a server. */
  address(name: string, purpose: string): string {
    const address = this.servers.get(name)?.addresses[purpose];
    if (address === undefined) throw new Error(`${name} has no ${purpose} listener`);
    return address;
  }

  /** Runs `stile` as the initial administrator against a controller. */
  async stile(controller: string, words: readonly string[]): ReturnType<typeof runStile> {
    const env = {
      STILE_ADDR: `http://${this.address(controller, 'api')}`,
      STILE_TOKEN: await this.adminToken(controller),
    };
    return runStile(words, { env: cleanEnvironment(env) });
  }

  #adminToken: string | undefined;

  /** A token of the initial administrator. */
  async adminToken(controller: string): Promise<string> {
    this.#adminToken ??= await this.login(controller);
    return this.#adminToken;
  }

  /** Logs the initial administrator in. */
  async login(controller: string): Promise<string> {
    const { auth_method_id: method, login_name: name, password } = this.initial.auth_method;
    const answer = await callApi(`http://${this.address(controller, 'api')}`, {
      method: 'POST',
      path: `/v1/auth-methods/${String(method)}:authenticate`,
      body: { attributes: { login_name: name, password } },
    });
    if (answer.status !== 200) throw new Error(`login: ${answer.status} ${JSON.stringify(answer.body)}`);
    return String(answer.body.attributes.token);
  }

  /** One call of a controller's API as the administrator. */
  async api(controller: string, method: string, path: string, body?: unknown): Promise<ApiAnswer> {
    const token = await this.adminToken(controller);
    return callApi(`http://${this.address(controller, 'api')}`, { method, path, body, token });
  }

  /** Waits until the controller sees that many live workers. */
  async liveWorkers(controller: string, count: number): Promise<void> {
    await eventually(async () => {
      const { body } = await this.api(controller, 'GET', '/v1/workers?scope_id=global');
      const live = ((body.items ?? []) as Json[]).filter(
        (worker) => worker.last_status_time !== undefined && worker.address !== undefined,
      );
      return live.length >= count ? true : undefined;
    });
  }

  /** Ends a server without a chance to clean up. */
  async kill(name: string): Promise<void> {
    const server = this.servers.get(name);
    if (server === undefined) throw new Error(`there is no server ${name}`);
    await server.process.stop('SIGKILL');
  }

  /** Ends everything and removes the folder. */
  async stop(): Promise<void> {
    const all = [...this.servers.values()];
    const isController = (each: ServerProcess): boolean => each.addresses['api'] !== undefined;
    await Promise.all(all.filter((each) => !isController(each)).map((each) => each.process.stop()));
    await Promise.all(all.filter(isController).map((each) => each.process.stop()));
    rmSync(this.folder, { recursive: true, force: true });
  }

  async #start(name: string, section: readonly string[]): Promise<ServerProcess> {
    const configFile = this.#writeConfig(name, section);
    const reports = `--report-on-signal --report-directory=${this.folder}`;
    const env = cleanEnvironment(this.#hasReports ? { NODE_OPTIONS: reports } : {});
    const child = startStile(['server', '-config', configFile], { env });
    const before = this.servers.get(name);
    const server: ServerProcess = before ?? { name, process: child, configFile, addresses: {} };
    server.process = child;
    this.servers.set(name, server);
    await child.match(/server started! Log data will stream in below:/);
    for (const purpose of ['api', 'cluster', 'proxy', 'ops']) {
      if (child.stdout.includes(`purpose: "${purpose}"`))
        server.addresses[purpose] = listenerAddress(child.stdout, purpose);
    }
    return server;
  }

  #controllerSection(name: string, cluster: string, api = '127.0.0.1:0'): string[] {
    return [
      'controller:',
      `  name: ${name}`,
      `  database: { url: "${this.#databaseUrl}" }`,
      ...this.#controllerLines,
      'kms:',
      `  - { purpose: root, key: "${this.#rootKey}" }`,
      'listener:',
      `  - { purpose: api, address: "${api}", tls_disable: true${this.#apiKeys} }`,
      `  - { purpose: cluster, address: "${cluster}" }`,
      `  - { purpose: ops, address: "127.0.0.1:0", tls_disable: true }`,
      ...this.#moreListeners.map((listener) => `  - ${listener}`),
    ];
  }

  #writeConfig(name: string, lines: readonly string[]): string {
    const file = join(this.folder, `${name}.yaml`);
    writeFileSync(file, `${lines.join('\n')}\n`, { mode: 0o600 });
    return file;
  }
}
