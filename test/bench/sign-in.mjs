// Bench: password sign-in with 8 clients, and the controller's memory after it. Each client signs in to an account of its own
// from an address of its own; the limit on logins counts failures only, and none of these fails, so it is not measured here.
import { check, clients, loadRounds } from './support/api-load.mjs';
import { atLeast, atMost, figure } from './support/figure.mjs';
import { residentBytes } from './support/process-usage.mjs';
import { startProgram } from './support/remote-program.mjs';
import { runSql } from './support/sqlite-file.mjs';
import { Installation } from './support/stile-cluster.mjs';

export const name = 'sign-in';
export const title = 'password sign-in, 8 clients';
export const deadlineMs = 300_000;

export async function run({ scope, isQuick, quiet, progress }) {
  const installation = new Installation(scope);
  const { auth_method: method } = await installation.initialize();
  await runSql(installation.databaseFile, manyAccounts());
  const { child, api } = await installation.startController();
  const load = startProgram(scope, 'http-load');
  const call = {
    url: `${api.address}/v1/auth-methods/${method.auth_method_id}:authenticate`,
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    bodies: accountNames.map((loginName) =>
      JSON.stringify({
        command: 'login',
        attributes: { login_name: loginName, password: method.password },
      }),
    ),
    // All of 127.0.0.0/8 is this machine on Linux; elsewhere only 127.0.0.1 is.
    localAddresses:
      process.platform === 'linux' ? accountNames.map((_, index) => `127.0.0.${index + 2}`) : undefined,
  };
  const atRest = residentBytes(child.pid);
  const result = await loadRounds({
    load,
    quiet,
    progress,
    rounds: isQuick ? 2 : 5,
    roundMs: isQuick ? 3_000 : 10_000,
    warmUpMs: 2_000,
    call,
  });
  // As a controller meets it: another request comes, nothing else is done to make it give memory back.
  check(await load.call('load', { ...call, clients: 1, count: 1, expected: 200 }));
  const after = residentBytes(child.pid);
  return {
    figures: [
      figure({ name: 'password sign-in', unit: '/s', values: result.rate, goal: atLeast(10) }),
      figure({ name: 'password sign-in, p50', unit: 'ms', values: result.p50 }),
      figure({ name: 'password sign-in, p99', unit: 'ms', values: result.p99 }),
      figure({
        name: `controller memory after ${result.calls} sign-ins`,
        unit: 'MB',
        values: [after / 1e6],
        goal: atMost(400),
      }),
      figure({ name: 'controller memory before', unit: 'MB', values: [atRest / 1e6] }),
    ],
    rounds: result.rounds,
    measured: result.measured,
  };
}

const accountNames = Array.from({ length: clients }, (_, index) => `bench${index}`);

/** Copies of the admin's account: another user and login name each, the same password. */
function manyAccounts() {
  return accountNames.flatMap((loginName, index) => [
    {
      sql: `insert into iam_user (id, scope_id, name, version, created_at, updated_at)
            select ?, scope_id, ?, 1, created_at, updated_at from account where login_name = 'admin'`,
      values: [`u_bench0000${index}`, loginName],
    },
    {
      sql: `insert into account (id, auth_method_id, scope_id, user_id, type, login_name, password_hash, version, created_at, updated_at)
            select ?, auth_method_id, scope_id, ?, type, ?, password_hash, 1, created_at, updated_at
            from account where login_name = 'admin'`,
      values: [`acctpw_bench0000${index}`, `u_bench0000${index}`, loginName],
    },
  ]);
}
