/** `stile sessions watch` against a server that says anything: what is printed where, and with which exit code it ends. */
import { afterEach, describe, expect, test } from 'vitest';
import { runCli } from '../../../../test/support/cli-run.ts';
import { startScriptedApi, type ScriptedApi } from '../../../../test/support/scripted-api.ts';
import { changeLine, screenLines } from './watch-rows.ts';

const apis: ScriptedApi[] = [];
afterEach(async () => {
  for (const api of apis.splice(0)) await api.close();
});

const row = {
  id: 's_1234567890',
  version: 1,
  status: 'active',
  user_id: 'u_1234567890',
  target_id: 'ttcp_1234567890',
  endpoint: 'tcp://127.0.0.1:22',
  created_time: '2026-11-22T10:00:00Z',
  updated_time: '2026-11-22T10:00:00Z',
};
const hostile = { ...row, id: 's_\u001b[2J\u202e', user_id: 'u\r\nfake', endpoint: '\u001b]0;x\u0007' };

/** The first connection gets these events, the next one is refused: so a run ends by itself. */
async function serve(events: readonly (readonly [string, unknown])[]): Promise<ScriptedApi> {
  let calls = 0;
  const api = await startScriptedApi((_request, response) => {
    calls += 1;
    if (calls > 1) return { status: 401, body: { kind: 'Unauthenticated', message: 'no longer' } };
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.end(
      events.map(([event, data]) => `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`).join(''),
    );
    return undefined;
  });
  apis.push(api);
  return api;
}

const all: readonly (readonly [string, unknown])[] = [
  ['hello', { server_time: '2026-11-22T10:00:00Z' }],
  ['snapshot', { rows: [row] }],
  ['snapshot-end', {}],
  ['delta', { rows: [{ ...row, version: 2, status: 'terminated', end_reason: 'canceled' }] }],
  ['delta', { rows: [], removed: [row.id] }],
  ['bye', { reason: 'token revoked' }],
];

describe('stile sessions watch', () => {
  test('prints a line for each change where there is no terminal, and why it could not go on', async () => {
    const api = await serve(all);
    const run = await runCli(['sessions', 'watch', '-addr', api.address]);
    const lines = run.stdout.trimEnd().split('\n');
    expect(lines).toHaveLength(2);
    expect(lines[0]).toContain('s_1234567890  active');
    expect(lines[1]).toContain('s_1234567890  terminated');
    expect(lines[1]).toContain('(canceled)');
    expect(run.exitCode).toBe(1);
    expect(run.stderr).toContain(
      'Lost the event stream: the server ended the stream: token revoked; trying again in',
    );
    expect(run.stderr).toContain('no longer');
    expect(api.requests[0]?.path).toBe('/v1/events?topic=sessions&scope_id=global&recursive=true');
  });

  test('says what to do about a token that has ended', async () => {
    const api = await serve(all);
    const run = await runCli(['sessions', 'watch', '-addr', api.address], { STILE_TOKEN: 'at_1_s1x' });
    expect(run.exitCode).toBe(1);
    expect(run.stderr).toContain('The token of STILE_TOKEN is not valid (any more)');
  });

  test('prints one line of JSON for each event with -format json', async () => {
    const api = await serve(all);
    const run = await runCli(['sessions', 'watch', '-recursive', '-format', 'json', '-addr', api.address]);
    const events = run.stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { event: string; data: unknown });
    expect(events.map((each) => each.event)).toEqual([...all.map(([event]) => event), 'lost']);
    expect(events[1]?.data).toEqual({ rows: [row] });
  });

  test('passes flags on, and reads the list where the server has no stream', async () => {
    let lists = 0;
    const api = await startScriptedApi((request) => {
      if (request.path.startsWith('/v1/events')) return { status: 404, body: '' };
      lists += 1;
      if (lists > 1) return { status: 403, body: { kind: 'PermissionDenied', message: 'no' } };
      return { status: 200, body: { response_type: 'delta', list_token: 'a', items: [row] } };
    });
    apis.push(api);
    const flags = [
      '-scope-id',
      'p_1234567890',
      '-filter',
      '"/item/status" == "active"',
      '-include-terminated',
    ];
    const run = await runCli(['sessions', 'watch', ...flags, '-addr', api.address]);
    expect(run.stdout).toContain('s_1234567890  active');
    expect(run.stderr).toContain('has no event stream');
    expect(run.exitCode).toBe(1);
    const asked = new URL(api.requests[0]?.path ?? '', 'http://x').searchParams;
    expect(Object.fromEntries(asked)).toEqual({
      topic: 'sessions',
      scope_id: 'p_1234567890',
      include_terminated: 'true',
      filter: '"/item/status" == "active"',
    });
  });

  test('lets nothing of the server steer the terminal', async () => {
    const api = await serve([
      ['snapshot', { rows: [hostile, null, 7, { id: 5 }, { nothing: true }] }],
      ['delta', 'nonsense'],
      ['delta', { rows: 'x', removed: [1] }],
    ]);
    const run = await runCli(['sessions', 'watch', '-recursive', '-addr', api.address]);
    expect(run.stdout).not.toMatch(/[^\P{Cc}\n]|\u202e/u);
    expect(run.stdout.trimEnd().split('\n')).toHaveLength(1);
    const json = await serve([['snapshot', { rows: [hostile] }]]);
    const second = await runCli([
      'sessions',
      'watch',
      '-recursive',
      '-format',
      'json',
      '-addr',
      json.address,
    ]);
    expect(second.stdout).not.toMatch(/[^\P{Cc}\n]|\u202e/u);
  });

  test('prints a curl command instead, when asked to', async () => {
    const api = await serve(all);
    const run = await runCli([
      'sessions',
      'watch',
      '-recursive',
      '-output-curl-string',
      '-addr',
      api.address,
    ]);
    expect(run.stdout).toContain('/v1/events?topic=sessions');
    expect(api.requests).toEqual([]);
  });
});

describe('the table', () => {
  const screen = { columns: 200, lines: 24, state: 'live' };

  test('counts by status, and shows newest first', () => {
    const later = { ...row, id: 's_later', created_time: '2026-11-22T11:00:00Z', status: 'pending' };
    const lines = screenLines([row, later], screen);
    expect(lines[0]).toBe('Sessions: 1 pending, 1 active, 0 canceling, 0 terminated (live)');
    expect(lines[2]).toMatch(/^s_later /);
    expect(lines[3]).toMatch(/^s_1234567890 /);
  });

  test('fits the terminal, and says how many more there are', () => {
    const rows = Array.from({ length: 100 }, (_, at) => ({ ...row, id: `s_${at}` }));
    const lines = screenLines(rows, { columns: 40, lines: 10, state: 'live' });
    expect(lines.length).toBeLessThan(10);
    expect(lines.at(-1)).toBe('… and 94 more');
    expect(lines.every((line) => Array.from(line).length <= 40)).toBe(true);
  });

  test('shows hostile text as text', () => {
    const text = [...screenLines([hostile], screen), changeLine(hostile)].join('');
    expect(text).not.toMatch(/[\p{Cc}\p{Bidi_Control}]/u);
  });
});
