/** What Tab offers, against the real command table and a controller that answers as the test says. */
import { ApiClient, nodeTransport } from '@stile/client/api';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { eventually } from '../../../../test/support/eventually.ts';
import { ManualClock } from '../../../../test/support/manual-clock.ts';
import { StubApi, type StubAnswer } from '../../../../test/support/stub-api.ts';
import { commandTable } from '../command-table.ts';
import { completeLine } from './line-completion.ts';
import { loadRegistry, type Registry } from './place.ts';
import { RemoteValues } from './remote-values.ts';

let registry: Registry;
let stub: StubApi;
let clock: ManualClock;
let remote: RemoteValues;

function listed(...items: readonly Record<string, unknown>[]): StubAnswer {
  return { status: 200, body: { items, response_type: 'complete' } };
}

beforeAll(async () => {
  registry = await loadRegistry(commandTable);
});
beforeEach(async () => {
  stub = await StubApi.start(() => listed({ id: 'ttcp_aaa', name: 'web' }, { id: 'ttcp_bbb', name: 'db' }));
  clock = new ManualClock();
  remote = new RemoteValues(
    (work) => work(new ApiClient({ address: stub.address, transport: nodeTransport(), maxRetries: 0 })),
    clock,
  );
});
afterEach(() => stub.close());

async function offered(place: string, line: string): Promise<readonly string[]> {
  const { candidates, typed } = await completeLine(
    { registry, remote },
    place === '' ? [] : place.split(' '),
    line,
  );
  for (const candidate of candidates) expect(candidate.startsWith(typed)).toBe(true);
  expect(line.endsWith(typed)).toBe(true);
  return candidates;
}

describe('from the command table', () => {
  test.each([
    ['', 'targ', ['targets ']],
    ['', 'ses', ['session-recordings', 'sessions']],
    ['', 'host_s', ['host_sets ']],
    ['', 'targets re', ['read', 'remove-credential-sources', 'remove-host-sources']],
    ['targets', 're', ['read', 'remove-credential-sources', 'remove-host-sources']],
    ['targets', 'remove_h', ['remove_host_sources ']],
    ['targets', '../use', ['../users ']],
    ['targets', '/scopes/rot', ['/scopes/rotate-keys ']],
    ['targets', '../../nonsense/x', []],
    ['', 'help targets cre', ['create ']],
    ['', 'connect attrs={"a":', []],
    ['', 'connect attrs={"a": ', []],
    ['', 'connect attrs={"a": 1} -list', ['-listen-addr', '-listen-port']],
    ['', 'ls targ', ['targets ']],
    ['', 'ex', ['exit ']],
    ['targets', 'list -re', ['-recursive ']],
    ['targets', 'list --re', ['--recursive ']],
    ['targets', 'list rec', ['recursive=']],
    ['targets', 'list scope', ['scope_id=']],
    ['targets', 'list scope-', ['scope-id=']],
    ['targets', 'list recursive=', ['false', 'true']],
    ['targets', 'list recursive=t', ['true ']],
    ['targets', 'list -format ', ['json', 'table']],
    ['targets', 'list -format=j', ['json ']],
    ['targets', 'list -skip', []],
    ['targets', 'list -filter ', []],
    ['', 'nonsense ', []],
    ['', 'targets list # re', []],
    ['', 'connect -target-id x -- ', []],
    ['', 'connect/s', ['connect/ssh ']],
    ['connect', 'ssh -style s', ['ssh', 'sshpass']],
    ['auth', 'term', ['terminate-other-sessions', 'terminate-session']],
    ['auth', 'term_', []],
    ['auth', 'two', ['two-factor', 'two-factor-auth']],
    ['auth', 'two_factor con', ['config ']],
    ['auth', 'generate-token match', ['match_origin=']],
    ['auth', 'generate-token match_origin=f', ['false ']],
    ['auth', 'sessions origin cre', ['created_at', 'credentials', 'credentials_data']],
    ['tokens', '../token cr', ['create ']],
  ])('at %j, %j: %j', async (place, line, expected) => {
    expect(await offered(place, line)).toEqual(expected);
    expect(stub.requests).toEqual([]);
  });

  test('an empty line offers every namespace and the words of the shell, and nothing hidden', async () => {
    const all = await offered('', '');
    expect(all).toEqual(expect.arrayContaining(['exit', 'help', 'ls', 'quit', 'scopes', 'targets']));
    expect(all).not.toContain('version');
  });
});

describe('from the controller', () => {
  test.each([
    ['a flag of an id', 'targets read -id ', ['ttcp_aaa', 'ttcp_bbb']],
    ['the same with =', 'targets read -id=ttcp_a', ['ttcp_aaa ']],
    ['key=value', 'targets read id=ttcp_b', ['ttcp_bbb ']],
    ['an open quote', "targets read id='ttcp_b", ["'ttcp_bbb' "]],
    ['the leading word', 'targets read ttcp_b', ['ttcp_bbb ']],
    ['the leading word of a namespace', 'connect ttcp_b', ['ttcp_bbb ']],
  ])('%s is completed with the ids of what is there', async (_name, line, expected) => {
    expect(await offered('', line)).toEqual(expected);
    expect(stub.requests.map(({ method, url }) => `${method} ${url}`)).toEqual([
      'GET /v1/targets?scope_id=global&recursive=true&page_size=200',
    ]);
  });

  test('a plain word that may be a name is completed with names too, quoted as they need it', async () => {
    stub.answerWith(() => listed({ id: 'at_aaa', name: 'deploy' }, { id: 'at_bbb', name: 'de mo' }));
    expect(await offered('', 'tokens view ')).toEqual(
      expect.arrayContaining(['at_aaa', 'at_bbb', 'de\\ mo', 'deploy']),
    );
    expect(await offered('', 'tokens view dep')).toEqual(['deploy ']);
    expect(await offered('', 'tokens view deploy at_')).toEqual([]);
    expect(await offered('', 'auth terminate-session id=at_b')).toEqual(['at_bbb ']);
    expect(stub.requests).toHaveLength(1);
  });

  test('a list that lies in something is asked for where the line names it, and only there', async () => {
    expect(await offered('', 'groups read -id ttcp_a')).toEqual(['ttcp_aaa ']);
    expect(await offered('', 'hosts read -id ')).toEqual([]);
    expect(await offered('', 'hosts list host-catalog-id=ttcp_b')).toEqual(['ttcp_bbb ']);
    expect(await offered('', 'targets list -scope-id p_1 -filter x scope_id=ttcp_a')).toEqual(['ttcp_aaa ']);
    expect(stub.requests.map(({ url }) => url)).toEqual([
      '/v1/groups?scope_id=global&recursive=true&page_size=200',
      '/v1/host-catalogs?scope_id=global&recursive=true&page_size=200',
      '/v1/scopes?scope_id=p_1&page_size=200',
    ]);
  });

  test('the answer counts for five seconds, and no longer than the next command', async () => {
    const ask = (): Promise<readonly string[]> => offered('', 'targets read -id ttcp_a');
    await ask();
    await ask();
    clock.advance(4999);
    await ask();
    expect(stub.requests).toHaveLength(1);
    clock.advance(1);
    await ask();
    expect(stub.requests).toHaveLength(2);
    remote.forget();
    await ask();
    expect(stub.requests).toHaveLength(3);
  });

  test('nobody waits longer than 300 ms, and a late answer is there the next time', async () => {
    let answer: (answer: StubAnswer) => void = () => undefined;
    stub.answerWith(() => new Promise((resolve) => (answer = resolve)));
    const first = offered('', 'targets read -id ');
    await eventually(() => (stub.requests.length > 0 ? true : undefined));
    clock.advance(300);
    expect(await first).toEqual([]);
    answer(listed({ id: 'ttcp_late' }));
    expect(await offered('', 'targets read -id ')).toEqual(['ttcp_late ']);
    expect(stub.requests).toHaveLength(1);
  });

  test.each([
    ['401', { status: 401, body: { kind: 'Unauthenticated' } }],
    ['500 without JSON', { status: 500, body: 'oops' }],
    ['JSON of another shape', { status: 200, body: { items: [null, 7, { id: 7 }, 'x', {}] } }],
    ['no list', { status: 200, body: { items: 'x' } }],
    ['null', { status: 200, body: 'null' }],
  ])('an answer of %s is nothing to offer', async (_name, answer) => {
    stub.answerWith(() => answer);
    expect(await offered('', 'targets read -id ')).toEqual([]);
  });

  test('a controller that is gone is nothing to offer', async () => {
    await stub.close();
    expect(await offered('', 'targets read -id ')).toEqual([]);
    stub = await StubApi.start(() => ({ status: 200 }));
  });

  test('what could steer the terminal is not offered (case 65), and other text as it must be typed', async () => {
    stub.answerWith(() =>
      listed(
        { id: 'ttcp_\u001b]0;x\u0007' },
        { id: 'ttcp_\u202e' },
        { id: 'ttcp_a b' },
        { id: `ttcp_$(id)'"` },
        { id: 'ttcp_ü' },
      ),
    );
    expect(await offered('', 'targets read -id ttcp_')).toEqual(
      [`ttcp_\\$\\(id\\)\\'\\"`, 'ttcp_ü', 'ttcp_a\\ b'].toSorted(),
    );
    expect(await offered('', "targets read -id 'ttcp_a")).toEqual(["'ttcp_a b' "]);
  });
});
