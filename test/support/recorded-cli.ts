/**
 * Recorded runs of the other make's command line (test/fixtures/README.md): read, put into our words, and compared with a run of
 * ours whose changing values (ids, times, tokens) are put behind the same placeholders.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Json } from './dev-server.ts';
import { root } from './process.ts';

/** One recorded run. */
export interface RecordedRun {
  readonly environment: Readonly<Record<string, string>>;
  /** Words after the program's name. */
  readonly words: readonly string[];
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Folder of the recorded runs. */
export const recordedFolder: string = join(root, 'test/fixtures/cli');

/** Words of a line as a shell would cut them: quotes, no other expansion. */
export function shellWords(line: string): string[] {
  const found = line.match(/(?:[^\s'"]|'[^']*'|"[^"]*")+/g) ?? [];
  return found.map((word) =>
    word.replace(/'([^']*)'|"([^"]*)"/g, (_all, single, double) => String(single ?? double)),
  );
}

/** Reads `NAME.txt`. */
export function readRecordedRun(name: string): RecordedRun {
  const text = readFileSync(join(recordedFolder, `${name}.txt`), 'utf8');
  const [command = '', exit = ''] = text.split('\n');
  const all = shellWords(command);
  const at = all.findIndex((word) => !/^[A-Z_]+=/.test(word));
  const environment = Object.fromEntries(
    all
      .slice(0, at)
      .map((word): [string, string] => [word.slice(0, word.indexOf('=')), word.slice(word.indexOf('=') + 1)]),
  );
  const part = (heading: string): string => {
    const from = text.indexOf(`--- ${heading}\n`);
    if (from < 0) return '';
    const rest = text.slice(from + heading.length + 5);
    const next = rest.indexOf('--- stderr\n');
    return inOurWords(next < 0 ? rest : rest.slice(0, next));
  };
  return {
    environment,
    words: all.slice(at + 1),
    status: Number(exit.replace('exit ', '')),
    stdout: part('stdout'),
    stderr: part('stderr'),
  };
}

/** The program's name where a text names the program; names and descriptions of `dev` resources stay as recorded (design.md §1). */
function inOurWords(text: string): string {
  return text
    .replaceAll('Usage: boundary', 'Usage: stile')
    .replaceAll('$(boundary config', '$(stile config')
    .replaceAll("'boundary authenticate", "'stile authenticate")
    .replaceAll('via BOUNDARY_TOKEN env', 'via STILE_TOKEN env');
}

const tokenText = /\bat_[A-Za-z0-9]{10}_[A-Za-z0-9]{20,}\b/g;
const rfc3339 = /\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z/g;
const rfc1123 = /\b(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d UTC/g;
const goTime = /\b\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)? \+0000 UTC/g;
/** Ids but those with the suffixes of the `dev` resources. */
const freshId = /\b(at|s|ttcp|alt|ampw|acctpw|csst|r|u|w)_(?!1234567890\b|0987654321\b)[A-Za-z0-9]{10}\b/g;

/** The text with changing values behind placeholders. */
export function withPlaceholders(text: string): string {
  return text
    .replace(tokenText, '<token>')
    .replace(/[1-9A-HJ-NP-Za-km-z]{500,}/g, '<authorization_token>')
    .replace(rfc3339, '<time>')
    .replace(rfc1123, '<time>')
    .replace(goTime, '<time like 2026-01-02 03:04:05.678901 +0000 UTC>')
    .replace(freshId, '<$1_id>')
    .replace(/<([a-z]+_id)_\d+>/g, '<$1>');
}

/**
 * The text with runs of list items under a heading about actions in one order: the recorded server gives them in random order
 * (cli.md §3.1).
 */
export function withSortedActions(text: string): string {
  const lines = text.split('\n');
  const indent = (line: string): number => line.length - line.trimStart().length;
  const result: string[] = [];
  let under = -1;
  let run: string[] = [];
  const flush = (): void => {
    result.push(...run.sort());
    run = [];
  };
  for (const line of lines) {
    if (under >= 0 && (line.trim() === '' || indent(line) <= under)) under = -1;
    const isItem = under >= 0 && /^\s+[a-z:-]+$/.test(line) && !line.endsWith(':');
    if (!isItem || (run[0] !== undefined && indent(run[0]) !== indent(line))) flush();
    if (isItem) run.push(line);
    else result.push(line);
    if (/^\s*Authorized Actions/.test(line)) under = indent(line);
  }
  flush();
  return result.join('\n');
}

/**
 * Where a value of ours departs from a recorded one: fields must be there with the same type and, but for placeholders, the same
 * value; we may have more fields (design.md §1). Paths in words; empty = agrees.
 */
export function departures(recorded: Json, ours: Json, path = ''): string[] {
  if (Array.isArray(recorded)) {
    if (!Array.isArray(ours)) return [`${path}: ${typeof ours} instead of a list`];
    const isSet = /actions/.test(path);
    const [a, b] = isSet ? [sorted(recorded), sorted(ours)] : [recorded, ours];
    if (a.length !== b.length) return [`${path}: ${JSON.stringify(b)} instead of ${JSON.stringify(a)}`];
    return a.flatMap((item: Json, index: number) => departures(item, b[index], `${path}[${index}]`));
  }
  if (typeof recorded === 'object' && recorded !== null) {
    if (typeof ours !== 'object' || ours === null)
      return [`${path}: ${JSON.stringify(ours)} instead of an object`];
    return Object.keys(recorded as object).flatMap((key) =>
      key in (ours as object)
        ? departures(recorded[key], ours[key], `${path}.${key}`)
        : [`${path}.${key}: missing`],
    );
  }
  if (typeof recorded !== typeof ours) return [`${path}: ${JSON.stringify(ours)} is no ${typeof recorded}`];
  if (recorded === '<certificate base64 DER>')
    return /^MII[A-Za-z0-9+/=]+$/.test(String(ours)) ? [] : [`${path}: no certificate`];
  return recorded === ours ? [] : [`${path}: ${JSON.stringify(ours)} instead of ${JSON.stringify(recorded)}`];
}

function sorted(items: readonly unknown[]): string[] {
  return items.map(String).sort((a, b) => (a < b ? -1 : 1));
}
