/**
 * Golden texts of commands (test/golden/cli): what each sends, its table, its JSON, its curl line, and its errors. Each runs its own
 * example from the help text. `npm run golden` writes the files (STILE_WRITE_GOLDEN=1).
 */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Command } from '../../packages/cli/src/command.ts';
import { runCli, type CliResult } from './cli-run.ts';
import { root } from './process.ts';
import { shellWords } from './recorded-cli.ts';
import { StubApi, type SeenRequest, type StubAnswer } from './stub-api.ts';

/** Where the files are. */
export const goldenFolder = join(root, 'test/golden/cli');

/** Whether this run writes the files instead of comparing. */
export const isWritingGolden = process.env.STILE_WRITE_GOLDEN === '1';

/** What examples read by env://. */
const secrets: Readonly<Record<string, string>> = {
  PASSWORD: 'correct horse',
  NEW_PASSWORD: 'battery staple',
  PRIVATE_KEY: '-----BEGIN PRIVATE KEY-----',
  KEY_ID: 'AKIA1',
  API_KEY: 'k-1',
  API_OBJECT: '{"key":"k-2"}',
  CLIENT_SECRET: 'c-1',
  VAULT_TOKEN: 'v-1',
  WORKER_TOKEN: 'fingerprint-1',
  CODE: '492039',
  ONE_TIME_TOKEN: 'at_1234567890_s1onetime',
};
/** Where logins of examples are stored. */
const home = mkdtempSync(join(tmpdir(), 'stile-golden-'));
process.once('exit', () => rmSync(home, { recursive: true, force: true }));

/** Variables that examples run with: what they read, a token, and a place of its own for logins. */
export const exampleVariables: Readonly<Record<string, string>> = {
  ...secrets,
  STILE_TOKEN: 'at_1234567890_s1xxxx',
  TZ: 'UTC',
  XDG_CONFIG_HOME: home,
};

/** One group of commands with one file. */
export interface GoldenGroup {
  /** Name of the file, without `.txt`. */
  readonly name: string;
  readonly commands: readonly Command[];
  readonly answer: (request: SeenRequest, command: Command) => StubAnswer;
}

/** Words of the command's first example, without `stile`. */
export function exampleWords(command: Command): string[] {
  return shellWords(command.examples[0]).slice(1);
}

/** Runs a command line against a stub, whose address is written `http://stub`. */
export async function runAtStub(stub: StubApi, words: readonly string[]): Promise<CliResult> {
  const done = await runCli(words, { ...exampleVariables, STILE_ADDR: stub.address });
  const hide = (text: string): string => text.replaceAll(stub.address, 'http://stub');
  return { ...done, stdout: hide(done.stdout), stderr: hide(done.stderr) };
}

function requestText({ method, url, body }: SeenRequest): string {
  return `${method} ${url}${body === '' ? '' : `\n${JSON.stringify(JSON.parse(body), null, 2)}`}`;
}

function part(title: string, { exitCode, stdout, stderr }: CliResult): string {
  return `--- ${title} (exit ${exitCode})\n${stdout}${stderr}`;
}

const refusal = { status: 403, body: { kind: 'PermissionDenied', message: 'Forbidden.' } };

/** Everything that is worth knowing of a command, as text. */
async function goldenText(stub: StubApi, command: Command, answer: GoldenGroup['answer']): Promise<string> {
  const words = exampleWords(command);
  stub.answerWith((request) => answer(request, command));
  stub.requests.length = 0;
  const table = await runAtStub(stub, words);
  const requests = stub.requests.map(requestText).join('\n');
  const json = await runAtStub(stub, [...words, '-format', 'json']);
  const curl = await runAtStub(stub, [...words, '-output-curl-string']);
  stub.answerWith(() => refusal);
  const refused = await runAtStub(stub, words);
  const refusedJson = await runAtStub(stub, [...words, '-format', 'json']);
  const bare = await runAtStub(stub, command.path.split(' '));
  return [
    `$ ${command.examples[0]}`,
    `--- requests\n${requests}`,
    part('table', table),
    part('json', json),
    part('curl', curl),
    part('refused', refused),
    part('refused, json', refusedJson),
    ...(bare.exitCode === 3 ? [part('no flags', bare)] : []),
  ]
    .map((text) => text.trimEnd())
    .join('\n');
}

/** The golden file of a group. */
export function goldenFile(name: string): string {
  return join(goldenFolder, `${name}.txt`);
}

const separator = '\n\n==========\n\n';

/** The golden texts of a group by the first line, which is the command line. */
function readGolden(name: string): Map<string, string> {
  if (!existsSync(goldenFile(name))) return new Map();
  const texts = readFileSync(goldenFile(name), 'utf8').trimEnd().split(separator);
  return new Map(texts.map((text) => [text.split('\n')[0] ?? '', text]));
}

/** Declares the tests of a group: every command against its golden text, and the file against the commands. */
export function describeGolden({ name, commands, answer }: GoldenGroup): void {
  describe(`stile ${name}`, () => {
    const golden = readGolden(name);
    const written: string[] = [];
    let stub: StubApi;
    beforeAll(async () => {
      stub = await StubApi.start(() => ({ status: 500 }));
    });
    afterAll(() => stub.close());

    test.each(commands.map((command) => [command.path, command] as const))('%s', async (_path, command) => {
      const text = await goldenText(stub, command, answer);
      written.push(text);
      if (!isWritingGolden) expect(text).toBe(golden.get(`$ ${command.examples[0]}`));
      for (const secret of Object.values(secrets)) {
        // Only what is sent holds it.
        const [, , ...shown] = text.split(/^--- /m);
        expect(shown.join('')).not.toContain(secret);
      }
    });

    test('the golden file holds these commands and no others', () => {
      if (isWritingGolden) {
        mkdirSync(goldenFolder, { recursive: true });
        writeFileSync(goldenFile(name), `${written.join(separator)}\n`);
        return;
      }
      expect([...golden.keys()].toSorted()).toEqual(
        commands.map((command) => `$ ${command.examples[0]}`).toSorted(),
      );
    });
  });
}

/** Exit codes in a golden file that are not those of an agreeing and of a refusing controller. */
export function wrongExits(name: string): string[] {
  const text = readFileSync(goldenFile(name), 'utf8');
  const exits = [...text.matchAll(/^--- (table|json|curl|refused|refused, json) \(exit (\d+)\)$/gm)];
  return exits
    .filter(([, title = '', code]) => code !== (title.startsWith('refused') ? '1' : '0'))
    .map(([line]) => line);
}
