// Bench: what the check of an auth token costs a request: listing the auth methods with a token against the same without one. It is what
// everybody may read before a login, so both answers are the same but for the list token, and both go through the whole pipeline:
// grants, permission, list, rendering. The two sides take turns within each round.
import { check, clients, headersOf } from './support/api-load.mjs';
import { Api } from './support/api.mjs';
import { atLeast, figure } from './support/figure.mjs';
import { withoutDisturbedRounds } from './support/machine.mjs';
import { cpuSeconds } from './support/process-usage.mjs';
import { startProgram } from './support/remote-program.mjs';
import { percentile, rotated } from './support/statistics.mjs';
import { startCluster } from './support/stile-cluster.mjs';

export const name = 'token-check';
export const title = 'a request with an auth token against the same without, 8 clients';
export const deadlineMs = 300_000;

/** Both sides are measured so often within a round, in turns: what others do on the machine hits both. */
const turns = 4;
const loginName = 'plain';
const password = 'a password of the bench';

export async function run({ scope, isQuick, quiet, progress }) {
  const rounds = isQuick ? 2 : 7;
  const turnMs = isQuick ? 500 : 1_000;
  const cluster = await startCluster(scope, { hasWorker: false });
  const { url, token } = await openList(cluster);
  const { pid } = cluster.controller;
  const sides = [
    { side: 'token', headers: headersOf(token) },
    { side: 'anonymous', headers: { 'content-type': 'application/json' } },
  ];
  await requireSameAnswer(url, sides);
  const load = startProgram(scope, 'http-load');
  const runSide = async ({ headers }, forMs) => {
    const cpuBefore = cpuSeconds(pid);
    const options = { url, method: 'GET', headers, clients, forMs, expected: 200 };
    const answer = check(await load.call('load', options));
    return { ...answer, cpuSeconds: cpuSeconds(pid) - cpuBefore };
  };
  for (const side of sides) await runSide(side, 1_500);
  const measured = [];
  for (let round = 0; round < rounds; round += 1) {
    const { value, foreignCores } = await quiet.measure(async () => {
      const answers = { token: [], anonymous: [] };
      for (let turn = 0; turn < turns; turn += 1) {
        for (const each of rotated(sides, round + turn)) answers[each.side].push(await runSide(each, turnMs));
      }
      return { token: together(answers.token), anonymous: together(answers.anonymous) };
    });
    measured.push({ round, foreignCores, ...value });
    progress(`round ${round + 1} of ${rounds}: ${(value.token.rate / value.anonymous.rate).toFixed(2)}×`);
  }
  const { kept, rounds: counted } = withoutDisturbedRounds(measured);
  return { figures: figuresOf(kept), rounds: counted, measured };
}

/** The list that everybody may read, and the token of a user who holds nothing but what everybody does. */
async function openList({ api, installation }) {
  const { auth_method: method } = installation.initial;
  await sameFieldsForAll(api);
  const account = await api.call('POST', '/v1/accounts', {
    auth_method_id: method.auth_method_id,
    type: 'password',
    attributes: { login_name: loginName, password },
  });
  const user = await api.call('POST', '/v1/users', { scope_id: 'global', name: loginName });
  await api.call('POST', `/v1/users/${user.id}:add-accounts`, {
    version: user.version,
    account_ids: [account.id],
  });
  const plain = new Api(api.address);
  const { token } = await plain.login(method.auth_method_id, loginName, password);
  return { url: `${api.address}/v1/auth-methods?scope_id=global`, token };
}

/** Anonymous callers are shown fewer fields of what they list, unless the grant itself names the fields. */
async function sameFieldsForAll(api) {
  const { items } = await api.call('GET', '/v1/roles?scope_id=global');
  const roles = await Promise.all(items.map(({ id }) => api.call('GET', `/v1/roles/${id}`)));
  const role = roles.find(({ principal_ids: ids = [] }) => ids.includes('u_anon'));
  const fields = 'output_fields=id,scope_id,scope,name,description,type,is_primary,authorized_actions';
  await api.call('POST', `/v1/roles/${role.id}:set-grants`, {
    version: role.version,
    grant_strings: role.grant_strings.map((text) =>
      text.includes('type=auth-method') ? `${text};${fields}` : text,
    ),
  });
}

/** Otherwise the ratio would compare two different answers. A list token holds the time, and the hash of the grants. */
async function requireSameAnswer(url, sides) {
  const texts = [];
  for (const { headers } of sides) {
    const response = await fetch(url, { headers });
    const { list_token: listToken, ...shown } = await response.json();
    if (listToken === undefined) throw new Error(`no list: ${JSON.stringify(shown)}`);
    texts.push(`${response.status} ${JSON.stringify(shown)}`);
  }
  if (texts[0] !== texts[1]) throw new Error(`the answers differ:\n${texts.join('\n')}`);
}

/** Several turns as one measurement. */
function together(answers) {
  const times = answers.flatMap((answer) => [...answer.times]);
  const seconds = answers.reduce((sum, answer) => sum + answer.seconds, 0);
  const cpu = answers.reduce((sum, answer) => sum + answer.cpuSeconds, 0);
  return {
    rate: times.length / seconds,
    cpuMs: (cpu / times.length) * 1000,
    p50: percentile(times, 0.5),
    p99: percentile(times, 0.99),
  };
}

function figuresOf(kept) {
  const pick = (side, key) => kept.map((each) => each[side][key]);
  const peer = (key) => ({ name: 'without a token', values: pick('anonymous', key) });
  return [
    figure({
      name: 'list auth methods, requests with a token over those without',
      unit: '×',
      values: kept.map((each) => each.token.rate / each.anonymous.rate),
      goal: atLeast(0.6),
    }),
    figure({
      name: 'list auth methods with a token',
      unit: '/s',
      values: pick('token', 'rate'),
      peer: peer('rate'),
    }),
    figure({
      name: 'list auth methods with a token, p50',
      unit: 'ms',
      values: pick('token', 'p50'),
      peer: peer('p50'),
    }),
    figure({
      name: 'list auth methods with a token, p99',
      unit: 'ms',
      values: pick('token', 'p99'),
      peer: peer('p99'),
    }),
    figure({
      name: 'CPU of the controller per request with a token',
      unit: 'ms',
      values: pick('token', 'cpuMs'),
      peer: peer('cpuMs'),
    }),
  ];
}
