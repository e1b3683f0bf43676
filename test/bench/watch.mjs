// Bench: 100 viewers of the event stream, 10,000 living sessions, 100 changes a second: what the streams cost the controller beside the
// changes themselves, which are measured without viewers in the same round; and from the change's own time to each viewer.
import { randomBytes } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { Api } from './support/api.mjs';
import { atMost, figure } from './support/figure.mjs';
import { withoutDisturbedRounds } from './support/machine.mjs';
import { cpuSeconds, residentBytes } from './support/process-usage.mjs';
import { startProgram } from './support/remote-program.mjs';
import { runSql } from './support/sqlite-file.mjs';
import { percentile } from './support/statistics.mjs';
import { Installation } from './support/stile-cluster.mjs';

export const name = 'watch';
export const title = '100 viewers, 10,000 sessions, 100 changes a second';
export const deadlineMs = 600_000;

const viewerCount = 100;
/** A user may have so many streams. */
const streamsOfUser = 4;
const changesPerSecond = 100;
const sessionCount = 10_000;

export async function run({ scope, isQuick, quiet, progress }) {
  const rounds = isQuick ? 1 : 5;
  const seconds = isQuick ? 5 : 10;
  const { api, child, target, tokens } = await prepare(scope, progress);
  const program = startProgram(scope, 'event-viewers');
  const changes = new Changes(api, target.id);
  await changes.run(2);
  const measured = [];
  let snapshotMs;
  for (let round = 0; round < rounds; round += 1) {
    const bare = await quiet.measure(() => load({ child, changes, seconds }));
    const viewers = tokens.map((token) => ({
      address: api.address,
      token,
      query: 'topic=sessions&scope_id=global&recursive=true',
    }));
    const opened = await program.call('open', { viewers }, 300_000);
    if (opened.some(({ rows }) => rows < sessionCount)) throw new Error('a snapshot held too few rows');
    snapshotMs ??= opened.map(({ ms }) => ms);
    // The garbage of the snapshots is no part of the streams' cost.
    await pause(2_000);
    const watched = await quiet.measure(async () => {
      await program.call('begin');
      const used = await load({ child, changes, seconds });
      await pause(500);
      return { ...used, ...(await program.call('end')), memory: residentBytes(child.pid) };
    });
    await program.call('close');
    const { delays, bytes, memory, made } = watched.value;
    // Two changes of one session within a batch, or while a viewer's socket is full, are one by design.
    if (delays.length < made * viewerCount * 0.99) {
      throw new Error(`${made} changes reached ${viewerCount} viewers ${delays.length} times only`);
    }
    measured.push({
      round,
      foreignCores: Math.max(bare.foreignCores, watched.foreignCores),
      bareCpu: bare.value.cpu,
      cpu: watched.value.cpu,
      streamsCpu: watched.value.cpu - bare.value.cpu,
      p50: percentile(delays, 0.5),
      p99: percentile(delays, 0.99),
      slowest: Math.max(...delays),
      rate: bytes / 1000 / seconds,
      memory: memory / 1e6,
    });
    progress(`round ${round + 1} of ${rounds}: ${JSON.stringify(measured.at(-1))}`);
    // Streams that were closed must be gone before the next round opens its own.
    await pause(1_000);
  }
  const { kept, rounds: counted } = withoutDisturbedRounds(measured);
  const pick = (key) => kept.map((each) => each[key]);
  return {
    rounds: counted,
    measured,
    figures: [
      figure({
        name: 'controller CPU for the streams, % of a core',
        unit: '%',
        values: pick('streamsCpu'),
        goal: atMost(20),
      }),
      figure({ name: 'controller CPU in all, changes included', unit: '%', values: pick('cpu') }),
      figure({ name: 'controller CPU without viewers', unit: '%', values: pick('bareCpu') }),
      figure({ name: 'change to viewer, p50', unit: 'ms', values: pick('p50') }),
      figure({ name: 'change to viewer, p99', unit: 'ms', values: pick('p99'), goal: atMost(250) }),
      figure({ name: 'change to viewer, slowest', unit: 'ms', values: pick('slowest') }),
      figure({ name: 'bytes to all viewers', unit: 'kB/s', values: pick('rate') }),
      figure({ name: 'snapshot of 10,000 sessions, one viewer', unit: 'ms', values: snapshotMs }),
      figure({ name: 'controller memory with the viewers', unit: 'MB', values: pick('memory') }),
    ],
  };
}

/** CPU of the controller in percent of a core while changes are made. */
async function load({ child, changes, seconds }) {
  const before = cpuSeconds(child.pid);
  const made = await changes.run(seconds);
  return { cpu: ((cpuSeconds(child.pid) - before) / seconds) * 100, made };
}

/** Makes sessions and ends them in turn, at a steady rate. */
class Changes {
  #api;
  #targetId;
  #living = [];

  constructor(api, targetId) {
    this.#api = api;
    this.#targetId = targetId;
  }

  /** @returns {Promise<number>} how many changes were made */
  async run(seconds) {
    const count = seconds * changesPerSecond;
    const startMs = performance.now();
    const open = [];
    for (let at = 0; at < count; at += 1) {
      const dueMs = startMs + (at * 1000) / changesPerSecond;
      const leftMs = dueMs - performance.now();
      if (leftMs > 1) await pause(leftMs);
      open.push(this.#change());
    }
    await Promise.all(open);
    return count;
  }

  async #change() {
    const id = this.#living.length >= 20 ? this.#living.shift() : undefined;
    if (id === undefined) this.#living.push((await this.#api.authorize(this.#targetId)).session_id);
    else await this.#api.call('POST', `/v1/sessions/${id}:cancel`, { version: 1 });
  }
}

/** A controller with the sessions, and a token for each viewer. */
async function prepare(scope, progress) {
  const installation = new Installation(scope);
  await installation.initialize();
  const { projectId, initial } = installation;
  await insertSessions(installation.databaseFile, projectId);
  const controller = await installation.startController();
  await installation.login(controller.api);
  const { api, child } = controller;
  await installation.startWorker(controller);
  const target = await api.createTarget({ projectId, name: 'bench endpoint', port: 22 });
  const logins = await makeUsers(api, initial.auth_method.auth_method_id);
  const tokens = [];
  for (const login of logins) {
    const user = new Api(api.address);
    await user.login(initial.auth_method.auth_method_id, login, 'viewer password');
    for (let at = 0; at < streamsOfUser; at += 1) tokens.push(user.token);
  }
  progress(`${tokens.length} viewers of ${logins.length} users`);
  return { api, child, target, tokens };
}

async function makeUsers(api, authMethodId) {
  const logins = Array.from({ length: viewerCount / streamsOfUser }, (_, at) => `viewer${at}`);
  const userIds = [];
  for (const login of logins) {
    const account = await api.call('POST', '/v1/accounts', {
      auth_method_id: authMethodId,
      type: 'password',
      attributes: { login_name: login, password: 'viewer password' },
    });
    const user = await api.call('POST', '/v1/users', { scope_id: 'global', name: login });
    await api.call('POST', `/v1/users/${user.id}:set-accounts`, {
      version: user.version,
      account_ids: [account.id],
    });
    userIds.push(user.id);
  }
  let role = await api.call('POST', '/v1/roles', { scope_id: 'global', name: 'viewers' });
  const change = async (action, body) => {
    role = await api.call('POST', `/v1/roles/${role.id}:${action}`, { version: role.version, ...body });
  };
  await change('set-grant-scopes', { grant_scope_ids: ['this', 'descendants'] });
  await change('set-grants', { grant_strings: ['ids=*;type=session;actions=list,read,cancel'] });
  await change('set-principals', { principal_ids: userIds });
  return logins;
}

/** Living sessions of the last 50 minutes. */
async function insertSessions(file, projectId) {
  const nowUs = Date.now() * 1000;
  await runSql(file, [
    { sql: 'begin immediate' },
    {
      sql: `
        with recursive n (i) as (select 0 union all select i + 1 from n where i + 1 < $rows)
        insert into session (
          id, scope_id, target_id, user_id, auth_token_id, type, endpoint, status, connection_limit, connections_used,
          lease_seconds, certificate, private_key_sealed, expires_at, version, created_at, updated_at
        )
        select
          's_' || printf('%010d', i), $scope, 'ttcp_0000000000', 'u_0000000000', 'at_0000000000', 'tcp',
          'tcp://127.0.0.1:22', 'pending', -1, 0, 60, $certificate, $key, $now + 28800000000, 1,
          $now - i * 300000, $now - i * 300000
        from n`,
      values: {
        $rows: sessionCount,
        $scope: projectId,
        $certificate: randomBytes(353),
        $key: randomBytes(64),
        $now: nowUs,
      },
    },
    { sql: 'commit' },
  ]);
}
