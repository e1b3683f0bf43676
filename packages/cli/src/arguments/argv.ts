/**
 * The words of a command line to flag values, with the rules of Go's `flag` package (cli.md §1.1): a pre-pass brings every
 * spelling to `--name=value` and refuses what Go refuses, in its words; yargs' parser (yargs-parser) then fills in the values.
 */
import { StileError } from '@stile/protocol/errors';
import type { Command, Flag } from '../command.ts';
import type { Environment } from './environment.ts';
import { FlagValues, type FlagValue, type RepeatedValue } from './flag-values.ts';
import { parseBoolean, parseDuration, parseInteger, type Parsed } from './go-values.ts';

/** What a command line holds for one command. */
export interface ParsedArguments {
  readonly flags: FlagValues;
  readonly positional: string | undefined;
  /** Plain words of a command that takes some. */
  readonly operands: readonly string[];
  /** Words where parsing stopped; no command uses them. */
  readonly leftover: readonly string[];
  /** After the first `--`, for commands that pass it on. */
  readonly passthrough: readonly string[];
}

function usage(message: string): StileError {
  return new StileError('invalidFlag', message);
}

/** Every flag of the command by name. */
export function flagsOf(command: Command): Map<string, Flag> {
  return new Map(command.groups.flatMap((group) => group.flags.map((flag) => [flag.name, flag] as const)));
}

interface Words {
  /** Flags as `--name=value`. */
  readonly normal: readonly string[];
  readonly operands: readonly string[];
  readonly leftover: readonly string[];
}

/** How the words of a command are read. */
interface Reading {
  /** By name, by short spelling, and nothing else. */
  readonly flags: ReadonlyMap<string, Flag>;
  readonly takesAssignments: boolean;
  readonly takesOperands: boolean;
}

function readingOf(command: Command): Reading {
  const named = [...flagsOf(command)];
  const short = named.flatMap(([, flag]) => (flag.alias === undefined ? [] : [[flag.alias, flag] as const]));
  return {
    flags: new Map([...short, ...named]),
    takesAssignments: command.assignments === true,
    takesOperands: command.operands !== undefined,
  };
}

/** The flag of a name as it was typed: `_` stands for `-` too. */
function flagNamed({ flags }: Reading, name: string): Flag | undefined {
  return flags.get(name) ?? flags.get(name.replaceAll('_', '-'));
}

interface SplitWord {
  readonly name: string;
  readonly value: string | undefined;
}

/** One flag word: its name and what stands after `=`. */
function splitFlag(word: string): SplitWord {
  const body = word.slice(word.startsWith('--') ? 2 : 1);
  if (body === '' || body.startsWith('-') || body.startsWith('=')) throw usage(`bad flag syntax: ${word}`);
  const cut = body.indexOf('=');
  return cut < 0
    ? { name: body, value: undefined }
    : { name: body.slice(0, cut), value: body.slice(cut + 1) };
}

/** `key=value` for a command that takes its flags so. @throws {StileError} invalidFlag for a key that is no flag's name */
function splitAssignment(word: string, reading: Reading): SplitWord | undefined {
  const [, name, value] = (reading.takesAssignments && /^([A-Za-z][\w-]*)=(.*)$/s.exec(word)) || [];
  if (name === undefined) return undefined;
  if (flagNamed(reading, name) === undefined)
    throw usage(`there is no property ${JSON.stringify(name)} here`);
  return { name, value };
}

function isFlagWord(word: string): boolean {
  return word.length >= 2 && word.startsWith('-');
}

/** Go's pass over the words: stops at the first word that is nothing the command takes, or behind `--`. */
function normalise(words: readonly string[], reading: Reading): Words {
  const normal: string[] = [];
  const operands: string[] = [];
  let index = 0;
  while (index < words.length) {
    const word = words[index] ?? '';
    const isFlag = isFlagWord(word);
    const assignment = isFlag ? undefined : splitAssignment(word, reading);
    if (!isFlag && assignment === undefined && !reading.takesOperands) break;
    index += 1;
    if (word === '--') break;
    if (!isFlag && assignment === undefined) {
      operands.push(word);
      continue;
    }
    const { name, value: attached } = assignment ?? splitFlag(word);
    const flag = flagNamed(reading, name);
    if (flag === undefined) throw usage(`flag provided but not defined: -${name}`);
    let value = attached;
    if (value === undefined && flag.type === 'boolean') value = 'true';
    if (value === undefined) {
      if (index >= words.length) throw usage(`flag needs an argument: -${name}`);
      value = words[index] ?? '';
      index += 1;
    }
    const text = flag.type === 'boolean' ? booleanText(name, value, assignment !== undefined) : value;
    if (flag.isWord === true && text === 'true') operands.push(flag.name.replaceAll('-', '_'));
    normal.push(`--${flag.name}=${text}`);
  }
  return { normal, operands, leftover: words.slice(index) };
}

/** Refused in the words of Go, which scripts may know, where it was a flag; properties are ours. */
function booleanText(name: string, text: string, isProperty: boolean): string {
  const parsed = parseBoolean(text);
  if (!('problem' in parsed)) return String(parsed.value);
  const shown = JSON.stringify(text);
  throw usage(
    isProperty
      ? `${name} is true or false, not ${shown}`
      : `invalid boolean value ${shown} for -${name}: ${parsed.problem}`,
  );
}

/** yargs without its own opinions: no clusters, no camel case, no dots, no numbers; the last of a repeated scalar wins. */
const parserConfiguration = {
  'short-option-groups': false,
  'camel-case-expansion': false,
  'dot-notation': false,
  'parse-numbers': false,
  'parse-positional-numbers': false,
  'boolean-negation': false,
  'duplicate-arguments-array': false,
  'greedy-arrays': false,
  'strip-aliased': true,
};

/** yargs takes one pair of quotes off a value, and a filter begins and ends with its own: it gets a pair to take. */
function quoteValue(word: string): string {
  const cut = word.indexOf('=') + 1;
  return `${word.slice(0, cut)}"${word.slice(cut)}"`;
}

/** The values of repeatable flags, in the order of the words. */
function repeatedValues(words: readonly string[], flags: ReadonlyMap<string, Flag>): RepeatedValue[] {
  return words.flatMap((word) => {
    const cut = word.indexOf('=');
    const name = word.slice(2, cut);
    const flag = flags.get(name);
    if (flag?.repeat !== true) return [];
    const text = word.slice(cut + 1);
    return [{ name, text: flag.keepsSpaces === true ? text : text.trim() }];
  });
}

/** Raw values by flag name: the text, `true`/`false`, or the texts of a repeatable flag. */
async function readValues(
  words: readonly string[],
  flags: ReadonlyMap<string, Flag>,
  repeatedTexts: readonly RepeatedValue[],
): Promise<Map<string, string | boolean | string[]>> {
  // Not loaded where there is nothing to parse: `stile version` must not wait for it.
  if (words.length === 0) return new Map();
  const { default: parse } = await import('yargs-parser');
  const named = (wanted: (flag: Flag) => boolean): string[] =>
    [...flags.values()].filter(wanted).map((flag) => flag.name);
  const repeated = named((flag) => flag.repeat === true);
  const values = new Map<string, string | boolean | string[]>();
  const scalars = words
    .filter((word) => !repeated.some((name) => word.startsWith(`--${name}=`)))
    .map(quoteValue);
  const parsed: Record<string, unknown> = parse(scalars, {
    string: named((flag) => flag.type !== 'boolean' && flag.repeat !== true),
    boolean: named((flag) => flag.type === 'boolean'),
    configuration: parserConfiguration,
  });
  for (const flag of flags.values()) {
    const value = Object.hasOwn(parsed, flag.name) ? parsed[flag.name] : undefined;
    if (typeof value === 'string' || typeof value === 'boolean') values.set(flag.name, value);
  }
  for (const name of repeated) {
    const texts = repeatedTexts.filter((each) => each.name === name).map(({ text }) => text);
    if (texts.length > 0) values.set(name, texts);
  }
  return values;
}

function convert(flag: Flag, text: string): Parsed<string | number | boolean> {
  switch (flag.type) {
    case 'string':
      return { value: text };
    case 'boolean':
      return parseBoolean(text);
    case 'int':
      return parseInteger(text, { signed: true });
    case 'uint':
      return parseInteger(text, { signed: false });
    case 'duration':
      return parseDuration(text);
  }
}

/** A flag's value from the command line. @throws {StileError} invalidFlag */
function fromCommandLine(flag: Flag, raw: string | boolean | string[]): FlagValue {
  if (typeof raw !== 'string') return { value: raw, origin: 'flag' };
  const parsed = convert(flag, raw);
  if ('problem' in parsed) {
    throw usage(`invalid value ${JSON.stringify(raw)} for flag -${flag.name}: ${parsed.problem}`);
  }
  return { value: parsed.value, origin: 'flag' };
}

/** A flag's value from the environment; a text that cannot be read is as if it were not there (cli.md §1.2). */
function fromEnvironment(flag: Flag, environment: Environment): FlagValue | undefined {
  const text = flag.env === undefined ? undefined : environment.get(flag.env);
  if (text === undefined) return undefined;
  if (flag.repeat === true) {
    const values = text.split(',').map((value) => value.trim());
    return { value: values.filter((value) => value !== ''), origin: 'environment' };
  }
  const parsed = convert(flag, text);
  return 'problem' in parsed ? undefined : { value: parsed.value, origin: 'environment' };
}

function defaultOf(flag: Flag): FlagValue | undefined {
  if (flag.default === undefined) return undefined;
  const parsed = convert(flag, flag.default);
  if ('problem' in parsed) throw new TypeError(`default of flag ${flag.name}: ${parsed.problem}`);
  return { value: parsed.value, origin: 'default' };
}

/** The first `--` ends what is the command's own. */
function splitPassthrough(
  command: Command,
  words: readonly string[],
): [readonly string[], readonly string[]] {
  const cut = command.passthrough === true ? words.indexOf('--') : -1;
  return cut < 0 ? [words, []] : [words.slice(0, cut), words.slice(cut + 1)];
}

/**
 * Reads the words after the command's path.
 * @param inherited values of the shell that the line is typed in, between those of the line and of the environment
 * @throws {StileError} invalidFlag with the text Go's `flag` package has for it (cli.md §1.1)
 */
export async function parseArguments(
  command: Command,
  words: readonly string[],
  environment: Environment,
  inherited: ReadonlyMap<string, FlagValue> = new Map(),
): Promise<ParsedArguments> {
  const [own, passthrough] = splitPassthrough(command, words);
  const [first] = own;
  const hasPositional =
    command.positional !== undefined && first !== undefined && first !== '' && !first.startsWith('-');
  const flags = flagsOf(command);
  const { normal, operands, leftover } = normalise(hasPositional ? own.slice(1) : own, readingOf(command));
  const repeated = repeatedValues(normal, flags);
  const given = await readValues(normal, flags, repeated);
  const values = new Map<string, FlagValue>();
  for (const flag of flags.values()) {
    const raw = given.get(flag.name);
    const value =
      raw === undefined
        ? (inherited.get(flag.name) ?? fromEnvironment(flag, environment) ?? defaultOf(flag))
        : fromCommandLine(flag, raw);
    if (value !== undefined) values.set(flag.name, value);
  }
  return {
    flags: new FlagValues(values, repeated),
    positional: hasPositional ? first : undefined,
    operands,
    leftover,
    passthrough,
  };
}
