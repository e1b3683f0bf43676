/** Long lists are printed as their pages come: nothing waits for the end, nothing is kept, and a reader that left ends the paging. */
import { Readable, Writable } from 'node:stream';
import { afterEach, describe, expect, test } from 'vitest';
import { runCli } from '../../../../test/support/cli-run.ts';
import { eventually } from '../../../../test/support/eventually.ts';
import { StubApi, type StubAnswer } from '../../../../test/support/stub-api.ts';
import { run } from '../run.ts';

let stub: StubApi | undefined;
afterEach(async () => {
  await stub?.close();
  stub = undefined;
});

function page(number: number, last: number): StubAnswer {
  const items = [{ id: `ttcp_${number}`, name: `target ${number}` }];
  return number === last
    ? { status: 200, body: { items, response_type: 'complete' } }
    : { status: 200, body: { items, response_type: 'delta', list_token: `page ${number + 1}` } };
}

/** Answers page after page; page `held` only when `release` is called. */
async function startPages(last: number, held = 0): Promise<{ release: () => void }> {
  let release = (): void => undefined;
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  stub = await StubApi.start(async ({ url }) => {
    const number = Number(/list_token=page\+(\d+)/.exec(url)?.[1] ?? 1);
    if (number === held) await released;
    return page(number, last);
  });
  return { release };
}

class Reader extends Writable {
  text = '';

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.text += chunk.toString('utf8');
    done();
  }
}

function start(words: readonly string[], stdout: Writable): Promise<number> {
  return run({
    words,
    variables: { HOME: '/nonexistent', STILE_ADDR: stub?.address, STILE_TOKEN: 'at_1234567890_s1x' },
    streams: { stdin: Readable.from([]), stdout, stderr: new Reader() },
  });
}

describe('a list of several pages', () => {
  test.each([
    ['table', /^\nTarget information:\n {2}ID: +ttcp_1\n/],
    ['json', /^\{"status_code":200,"items":\[\{"id":"ttcp_1"/],
  ])('%s: the first page is printed before the second is answered', async (format, beginning) => {
    const { release } = await startPages(2, 2);
    const reader = new Reader();
    const ended = start(['targets', 'list', '-format', format], reader);
    await eventually(() => reader.text.includes('target 1') || undefined);
    expect(reader.text).toMatch(beginning);
    expect(reader.text).not.toContain('target 2');
    release();
    expect(await ended).toBe(0);
    expect(reader.text).toContain('target 2');
  });

  test('looks as one list in both layouts', async () => {
    await startPages(3);
    const environment = { STILE_ADDR: stub?.address ?? '', STILE_TOKEN: 'at_1234567890_s1x' };
    const table = await runCli(['targets', 'list'], environment);
    expect(table.stdout.match(/Target information:/g)).toHaveLength(1);
    expect(table.stdout.match(/^ {2}ID: /gm)).toHaveLength(3);
    expect(table.stdout).toContain('target 1\n\n  ID:');
    const json = await runCli(['targets', 'list', '-format', 'json'], environment);
    expect(JSON.parse(json.stdout)).toEqual({
      status_code: 200,
      items: [1, 2, 3].map((number) => ({ id: `ttcp_${number}`, name: `target ${number}` })),
    });
  });

  test('a refused later page is an error after what was printed, and JSON that does not pass for whole', async () => {
    stub = await StubApi.start(({ url }) =>
      url.includes('list_token')
        ? { status: 400, body: { kind: 'invalid list token', message: 'Expired.' } }
        : page(1, 2),
    );
    const environment = { STILE_ADDR: stub.address, STILE_TOKEN: 'at_1234567890_s1x' };
    const done = await runCli(['targets', 'list', '-format', 'json'], environment);
    expect(done.exitCode).toBe(1);
    expect(done.stdout).toContain('ttcp_1');
    expect(() => JSON.parse(done.stdout) as unknown).toThrow(SyntaxError);
  });

  test('a reader that does not read holds the paging back', async () => {
    await startPages(5);
    const waiting: (() => void)[] = [];
    const slow = new Writable({
      highWaterMark: 1,
      write(_chunk, _encoding, done) {
        waiting.push(done);
      },
    });
    let isEnded = false;
    const ended = start(['targets', 'list'], slow).finally(() => {
      isEnded = true;
    });
    for (let pages = 1; pages <= 5; pages += 1) {
      const taken = await eventually(() => waiting.shift());
      // Page n is on its way to the reader, and nobody has asked for the next one.
      expect(stub?.requests).toHaveLength(pages);
      taken();
    }
    await eventually(() => {
      waiting.shift()?.();
      return isEnded || undefined;
    });
    expect(await ended).toBe(0);
  });

  test('a reader that went away ends the paging', async () => {
    await startPages(1000);
    const gone = new Writable({
      write(_chunk, _encoding, done) {
        done(Object.assign(new Error('write EPIPE'), { code: 'EPIPE' }));
      },
    });
    gone.on('error', () => undefined);
    expect(await start(['targets', 'list'], gone)).toBe(0);
    expect(stub?.requests.length).toBeLessThan(5);
  });
});
