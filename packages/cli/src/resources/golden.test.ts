/**
 * Every command of every resource against its golden file (test/golden/cli): what it sends, its table, its JSON, its curl line, and
 * its errors. Each runs its own example from the help text. A new row of the table fails here until its golden text is written
 * (`npm run golden`) and read.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runCli, type CliResult } from '../../../../test/support/cli-run.ts';
import { root } from '../../../../test/support/process.ts';
import { shellWords } from '../../../../test/support/recorded-cli.ts';
import { sampleAnswer } from '../../../../test/support/sample-answers.ts';
import { StubApi, type SeenRequest } from '../../../../test/support/stub-api.ts';
import type { Command } from '../command.ts';
import { commandTable } from '../command-table.ts';
import { commandsOf } from './resource-commands.ts';
import { specs } from './specs.ts';

const folder = join(root, 'test/golden/cli');
const isWriting = process.env.STILE_WRITE_GOLDEN === '1';

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
};
const variables = { ...secrets, STILE_TOKEN: 'at_1234567890_s1xxxx', TZ: 'UTC' };

let stub: StubApi;
beforeAll(async () => {
  stub = await StubApi.start(() => ({ status: 500 }));
});
afterAll(() => stub.close());

/** The type that a command is about: the word behind create, update and their like. */
function typeOf(command: Command): string {
  return command.path.split(' ')[2] ?? '';
}

function wordsOf(command: Command): string[] {
  return shellWords(command.examples[0]).slice(1);
}

async function runAt(words: readonly string[]): Promise<CliResult> {
  const done = await runCli(words, { ...variables, STILE_ADDR: stub.address });
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
async function goldenText(command: Command): Promise<string> {
  const words = wordsOf(command);
  stub.answerWith((request) => sampleAnswer(request, typeOf(command)));
  stub.requests.length = 0;
  const table = await runAt(words);
  const requests = stub.requests.map(requestText).join('\n');
  const json = await runAt([...words, '-format', 'json']);
  const curl = await runAt([...words, '-output-curl-string']);
  stub.answerWith(() => refusal);
  const refused = await runAt(words);
  const refusedJson = await runAt([...words, '-format', 'json']);
  const bare = await runAt(command.path.split(' '));
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

const fileOf = (resource: string): string => join(folder, `${resource}.txt`);
const separator = '\n\n==========\n\n';

/** The golden texts of a resource by the first line, which is the command line. */
function readGolden(resource: string): Map<string, string> {
  if (!existsSync(fileOf(resource))) return new Map();
  const texts = readFileSync(fileOf(resource), 'utf8').trimEnd().split(separator);
  return new Map(texts.map((text) => [text.split('\n')[0] ?? '', text]));
}

describe.each(specs.map((spec) => spec.name))('stile %s', (resource) => {
  const commands = commandsOf(resource);
  const golden = readGolden(resource);
  const written: string[] = [];

  test.each(commands.map((command) => [command.path, command] as const))('%s', async (_path, command) => {
    const text = await goldenText(command);
    written.push(text);
    if (!isWriting) expect(text).toBe(golden.get(`$ ${command.examples[0]}`));
    for (const secret of Object.values(secrets)) {
      // Only what is sent holds it.
      const [, , ...shown] = text.split(/^--- /m);
      expect(shown.join('')).not.toContain(secret);
    }
  });

  test('the golden file holds these commands and no others', () => {
    if (isWriting) {
      mkdirSync(folder, { recursive: true });
      writeFileSync(fileOf(resource), `${written.join(separator)}\n`);
      return;
    }
    expect([...golden.keys()].toSorted()).toEqual(
      commands.map((command) => `$ ${command.examples[0]}`).toSorted(),
    );
  });
});

describe('the table of resources', () => {
  test('every row has a first word in the command table, and a golden file; no golden file is without a row', () => {
    const names = specs.map((spec) => spec.name);
    const words = commandTable.map((row) => row.name);
    expect(names.filter((name) => !words.includes(name))).toEqual([]);
    if (!isWriting)
      expect(readdirSync(folder).toSorted()).toEqual(names.map((name) => `${name}.txt`).toSorted());
  });

  test('every command is answered with success when the controller agrees, and exits 1 when it refuses', () => {
    for (const [resource, text] of specs.map(
      (spec) => [spec.name, readFileSync(fileOf(spec.name), 'utf8')] as const,
    )) {
      const exits = [...text.matchAll(/^--- (table|json|curl|refused|refused, json) \(exit (\d+)\)$/gm)];
      const wrong = exits.filter(
        ([, title = '', code]) => code !== (title.startsWith('refused') ? '1' : '0'),
      );
      expect({ resource, wrong: wrong.map(([line]) => line) }).toEqual({ resource, wrong: [] });
    }
  });

  test('summaries, examples and flags are complete', () => {
    const wrong = specs
      .flatMap((spec) => commandsOf(spec.name))
      .flatMap((command) => {
        const flags = command.groups.flatMap((group) => group.flags);
        const names = flags.map((flag) => flag.name);
        return [
          ...names.filter((name, index) => names.indexOf(name) !== index).map((name) => `-${name} twice`),
          ...flags.filter((flag) => !/^[A-Z].*\.$/s.test(flag.help)).map((flag) => `help of -${flag.name}`),
          ...(/^[A-Z].{8,}[^.]$/.test(command.summary) ? [] : ['summary']),
          ...(command.description.endsWith('.') ? [] : ['description']),
        ].map((problem) => `${command.path}: ${problem}`);
      });
    expect(wrong).toEqual([]);
  });
});
