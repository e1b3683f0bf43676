/**
 * Tables in the documents are made from the code: error codes, options of the configuration file, flags of `stile dev`.
 * `npm run docs` writes them (STILE_WRITE_DOCS=1); this test fails when they are out of date.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { errorTable } from '@stile/protocol/errors';
import { describe, expect, test } from 'vitest';
import { commandTable } from '../../packages/cli/src/command-table.ts';
import type { Command } from '../../packages/cli/src/command.ts';
import { commands as devCommands } from '../../packages/cli/src/commands/dev.ts';
import { configSchema, type OptionSchema } from '../../packages/cli/src/config/config-schema.ts';
import { root } from './sources.ts';

/** Replaces what stands between two markers of a document, or checks it. */
function expectBlock(document: string, name: string, lines: readonly string[]): void {
  const path = join(root, document);
  const text = readFileSync(path, 'utf8');
  const open = `<!-- ${name} -->`;
  const close = `<!-- /${name} -->`;
  const from = text.indexOf(open);
  const to = text.indexOf(close);
  if (from < 0 || to < from) throw new Error(`${document} has no ${open} … ${close}`);
  const wanted = `\n\n${lines.join('\n')}\n\n`;
  if (process.env.STILE_WRITE_DOCS === '1') {
    writeFileSync(path, text.slice(0, from + open.length) + wanted + text.slice(to));
    return;
  }
  const place = `${document}, written by npm run docs`;
  expect({ place, text: text.slice(from + open.length, to) }).toEqual({ place, text: wanted });
}

const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('\n', ' ');
const table = (head: readonly string[], rows: readonly (readonly string[])[]): string[] =>
  [head, head.map(() => '---'), ...rows].map((row) => `| ${row.map(cell).join(' | ')} |`);

/** What of a command line in a document is no command, or no flag of it; `init|migrate` stands for both. */
function wrongParts(commands: readonly Command[], line: string): string[] {
  const [own = ''] = line.replace(/'[^']*'|"[^"]*"/g, 'TEXT').split(/ -- |[|>)] /);
  const words = own.split(/\s+/);
  const end = words.findIndex((word) => !/^[a-z][a-z|-]*$/.test(word));
  const path = words.slice(0, end < 0 ? undefined : end);
  const either = path.at(-1)?.split('|') ?? [];
  return either.flatMap((last) => {
    const name = [...path.slice(0, -1), last].join(' ');
    const found = commands.find((command) => command.path === name);
    // What a place holds (docs/shell.md).
    const place = name.replace(/ ?ls$/, '');
    if (last === 'ls' && (place === '' || commands.some((each) => each.path.startsWith(`${place} `))))
      return [];
    if (found === undefined)
      return commands.some((command) => command.path.startsWith(`${name} `)) ? [] : [`stile ${name}`];
    const known = new Set(found.groups.flatMap((group) => group.flags.map((flag) => flag.name)));
    const flags = [...own.matchAll(/(?<= )-([a-z][a-z-]*)/g)].map((match) => match[1] ?? '');
    return flags.filter((flag) => flag !== 'h' && !known.has(flag)).map((flag) => `stile ${name} -${flag}`);
  });
}

/** Rows of the option table, groups before what they hold. */
function optionRows(schema: OptionSchema, path: string): string[][] {
  const here = (key: string, option: OptionSchema): string =>
    option.type === 'array' ? `${path}${key}[]` : path + key;
  return Object.entries(schema.properties ?? {}).flatMap(([key, option]) => {
    const inner = option.type === 'array' && option.items?.properties !== undefined ? option.items : option;
    const kind = option.enum === undefined ? (option.format ?? option.type) : option.enum.join(', ');
    const isRequired = schema.required?.includes(key) === true;
    const row = [
      `\`${here(key, option)}\``,
      option['x-secret'] === true ? `${kind}, secret` : kind,
      isRequired ? 'required' : option.default === undefined ? '' : `\`${String(option.default)}\``,
      option.description,
    ];
    return inner.properties === undefined ? [row] : [row, ...optionRows(inner, `${here(key, option)}.`)];
  });
}

describe('documents', () => {
  test('README lists every error code with what it means at each edge', () => {
    const rows = Object.entries(errorTable).map(
      ([code, { kind, status, exitCode, retryable, description }]) => [
        `\`${code}\``,
        kind,
        String(status),
        String(exitCode),
        retryable ? 'yes' : '',
        description,
      ],
    );
    expectBlock(
      'README.md',
      'error-codes',
      table(['code', 'kind', 'HTTP', 'exit', 'retry', 'meaning'], rows),
    );
  });

  test('docs/configuration.md lists every option of the configuration file', () => {
    const rows = optionRows(configSchema, '');
    expectBlock('docs/configuration.md', 'options', table(['key', 'type', 'default', 'meaning'], rows));
  });

  test('docs/commands.md lists every command', async () => {
    const modules = await Promise.all(commandTable.map((row) => row.load()));
    const rows = modules
      .flatMap((module) => module.commands)
      .map(({ path, aliases = [], sameAs, summary, permission, examples }) => [
        [path, ...aliases].map((name) => `\`${name}\``).join(', '),
        sameAs === undefined ? summary : `The same as \`${sameAs}\``,
        permission === undefined ? '' : `\`${permission}\``,
        `\`${examples[0]}\``,
      ]);
    const unique = [...new Map(rows.map((row) => [row[0], row])).values()];
    expectBlock('docs/commands.md', 'commands', table(['command', 'does', 'needs', 'example'], unique));
  });

  test.each(['README.md', 'SECURITY.md', 'docs/operations.md', 'docs/configuration.md', 'docs/shell.md'])(
    '%s names commands and flags that exist',
    async (document) => {
      const modules = await Promise.all(commandTable.map((row) => row.load()));
      const commands = modules.flatMap((module) => module.commands);
      const text = readFileSync(join(root, document), 'utf8').replaceAll('\\\n', ' ');
      const lines = [...text.matchAll(/`stile ([a-z][^`\n]*)`|npx stile ([a-z][^\n`]*)/g)].map(
        (match) => match[1] ?? match[2] ?? '',
      );
      expect(lines.length).toBeGreaterThan(0);
      expect(lines.flatMap((line) => wrongParts(commands, line))).toEqual([]);
    },
  );

  test('README lists every flag of stile dev', () => {
    const flags = devCommands.flatMap((command) => command.groups.flatMap((group) => group.flags));
    const rows = flags
      .filter((flag) => flag.hidden !== true)
      .map((flag) => [
        `\`-${flag.name}\``,
        flag.type,
        flag.default === undefined ? '' : `\`${flag.default}\``,
        flag.env === undefined ? '' : `\`STILE_${flag.env}\``,
        flag.help,
      ]);
    expectBlock('README.md', 'options', table(['flag', 'type', 'default', 'environment', 'meaning'], rows));
  });

  test('docs/status.md names files that exist', () => {
    const text = readFileSync(join(root, 'docs/status.md'), 'utf8');
    const named = [...text.matchAll(/`((?:test|packages|docs)\/[\w./*-]+|SECURITY\.md|\.ci\/run)`/g)].map(
      (match) => match[1] ?? '',
    );
    expect(named.length).toBeGreaterThan(40);
    // A pattern stands for the folder before it.
    const missing = named.filter((path) => !existsSync(join(root, path.replace(/\/[^/]*\*.*$/, ''))));
    expect(missing).toEqual([]);
  });

  test('docs/status.md names tests by paths from the root, and their names as they are', () => {
    const text = readFileSync(join(root, 'docs/status.md'), 'utf8');
    const named = [...text.matchAll(/`([\w./*-]+\.test\.ts)`(?: "([^"]+)")?/g)].map(
      ([, path = '', name = '']) => ({ path, name }),
    );
    expect(named.filter(({ path }) => !/^(?:test|packages)\//.test(path))).toEqual([]);
    const gone = named.filter(
      ({ path, name }) => name !== '' && !readFileSync(join(root, path), 'utf8').includes(name),
    );
    expect(gone).toEqual([]);
  });
});
