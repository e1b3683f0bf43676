/** What a line of the shell asks for (tokens.md §3.4): one of the shell's own words, a namespace to enter, or a command to run. Pure. */
import { StileError } from '@stile/protocol/errors';
import { expandShortcut } from '../arguments/shortcuts.ts';
import type { Command } from '../command.ts';
import { nextWords, resolveCommand } from '../command-path.ts';
import { flagNamed } from '../terminal/completion.ts';
import { parseLine, type LineWord } from './line-parser.ts';
import { commandAt, follow, isNamespace, walk, type Place, type Registry } from './place.ts';

/** The words that the shell keeps for itself, with what they do. */
export const shellWords: Readonly<Record<string, string>> = {
  ls: 'list a place: ls, ls PATH',
  help: 'help of this place or of a command: help, help CMD, ?, CMD ?',
  exit: 'leave, as quit and Ctrl-D do',
  quit: 'leave',
};

/** What to do. */
export type LineAction =
  | { readonly kind: 'nothing' }
  | { readonly kind: 'leave' }
  | { readonly kind: 'enter'; readonly place: Place }
  | { readonly kind: 'list'; readonly place: Place }
  | { readonly kind: 'help'; readonly place: Place; readonly isOfShell: boolean }
  | { readonly kind: 'run'; readonly command: Command; readonly words: readonly string[] }
  | { readonly kind: 'unknown'; readonly message: string; readonly exitCode: number };

/** Exit codes of an unknown command: at the root and in a namespace (cli.md §1.8). */
const unknownCommand = 127;
const unknownSubcommand = 1;

/** Where the line is read. */
interface Reading {
  readonly registry: Registry;
  readonly place: Place;
}

function unknown({ registry, place }: Reading, word: string): LineAction {
  const where = place.length === 0 ? '' : ` in ${place.join(' ')}`;
  const names =
    place.length === 0 ? registry.rows.map((row) => row.name) : nextWords(registry.commands, place);
  const close = names.filter((name) => name.startsWith(word) || word.startsWith(name));
  const elsewhere = follow(registry, [], word) === undefined ? [] : [`/${word}`];
  const meant = [...elsewhere, ...(close.length === 1 ? close : [])][0];
  const hint = meant === undefined ? '"ls" shows what there is' : `did you mean ${JSON.stringify(meant)}?`;
  return {
    kind: 'unknown',
    message: `There is no command ${JSON.stringify(word)}${where}; ${hint}`,
    exitCode: place.length === 0 ? unknownCommand : unknownSubcommand,
  };
}

/** The place that all of the words name. */
function placeOf(reading: Reading, words: readonly LineWord[]): Place | LineAction {
  const { place, length } = walk(reading.registry, reading.place, words);
  const rest = words[length];
  return rest === undefined ? place : unknown({ ...reading, place }, rest.text);
}

function list(reading: Reading, words: readonly LineWord[]): LineAction {
  const place = placeOf(reading, words);
  if ('kind' in place) return place;
  if (isNamespace(reading.registry, place)) return { kind: 'list', place };
  throw new StileError('invalidFlag', `${place.join(' ')} is a command; "help" says what it does`);
}

function help(reading: Reading, words: readonly LineWord[]): LineAction {
  const place = placeOf(reading, words);
  return 'kind' in place ? place : { kind: 'help', place, isOfShell: words.length === 0 };
}

function isHelp(word: LineWord): boolean {
  return word.isBare && ['-h', '-help', '--help'].includes(word.text);
}

function leave(words: readonly LineWord[]): LineAction {
  if (words[0] !== undefined) throw new StileError('invalidFlag', 'exit and quit take no words');
  return { kind: 'leave' };
}

/** One word that is no value of the flag before it, as the command line has it: `key=value` becomes `-key=value`. */
function dashed(command: Command, word: string, isFirst: boolean): string {
  const [, key, value = ''] = /^([A-Za-z][\w-]*)=(.*)$/s.exec(word) ?? [];
  if (key === undefined) return word;
  if (flagNamed(command, `-${key}`) !== undefined) return `-${word}`;
  // Of `read`, `update` and `delete` by id, which have no flags of their own.
  if (key === 'id' && isFirst && command.positional !== undefined) return value;
  throw new StileError('invalidFlag', `there is no property ${JSON.stringify(key)} here`);
}

/** The arguments of a command with a dash before every flag; what follows `--` stays as it is. */
function withDashes(command: Command, words: readonly string[]): string[] {
  const result: string[] = [];
  let isValue = false;
  for (const [index, word] of words.entries()) {
    if (isValue) {
      result.push(word);
      isValue = false;
    } else if (word === '--') {
      return [...result, ...words.slice(index)];
    } else {
      result.push(dashed(command, word, index === 0));
      const flag = word.includes('=') ? undefined : flagNamed(command, word);
      isValue = flag !== undefined && flag.type !== 'boolean';
    }
  }
  return result;
}

/** A command and its arguments; `read ttcp_…` is that of the resource, whose flags may follow. */
function run(registry: Registry, command: Command, words: readonly string[]): LineAction {
  const path = command.path.split(' ');
  const expanded = expandShortcut([...path, ...withDashes(command, words.slice(0, 1)), ...words.slice(1)]);
  const found = expanded === undefined ? undefined : resolveCommand(registry.commands, expanded);
  if (expanded === undefined || found === undefined)
    return { kind: 'run', command, words: [...path, ...withDashes(command, words)] };
  const own = found.command.path.split(' ');
  return {
    kind: 'run',
    command: found.command,
    words: [...own, ...withDashes(found.command, expanded.slice(found.length))],
  };
}

/** A path, and what follows it. */
function runOrEnter(reading: Reading, words: readonly LineWord[]): LineAction {
  const { registry } = reading;
  const { place, length } = walk(registry, reading.place, words);
  const rest = words.slice(length);
  const [next] = rest;
  const last = words[length - 1]?.text ?? '';
  // A name that is both runs; with a slash behind it, it is entered. The way up never runs anything.
  const isWay = last.endsWith('/') || last.split('/').at(-1) === '..';
  const command = next === undefined && isWay ? undefined : commandAt(registry, place);
  if (command !== undefined) {
    return run(
      registry,
      command,
      rest.map(({ text }) => text),
    );
  }
  if (next === undefined && isNamespace(registry, place)) return { kind: 'enter', place };
  if (next !== undefined && isHelp(next)) return { kind: 'help', place, isOfShell: length === 0 };
  return unknown({ registry, place }, (next ?? words[0])?.text ?? '');
}

/**
 * Reads a line.
 * @throws {StileError} invalidFlag for a line that cannot be read
 */
export function actionOf(registry: Registry, place: Place, line: string): LineAction {
  const words = parseLine(line);
  const reading = { registry, place };
  const [first, ...rest] = words;
  if (first === undefined) return { kind: 'nothing' };
  const last = words.at(-1);
  if (last?.isBare === true && last.text === '?') return help(reading, words.slice(0, -1));
  switch (first.isBare ? first.text : '') {
    case 'ls':
      return list(reading, rest);
    case 'help':
      return help(reading, rest);
    case 'exit':
    case 'quit':
      return leave(rest);
    default:
      return runOrEnter(reading, words);
  }
}
