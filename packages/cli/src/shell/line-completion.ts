/**
 * What Tab offers at the end of a line: names of the place, flags, `key=`, values that are known, and ids and names that the controller
 * lists for flags whose row names a resource type (tokens.md §3.4). All but the last comes from the command table.
 */
import type { Command, Flag } from '../command.ts';
import { nextWords } from '../command-path.ts';
import { assignableFlags, flagNamed, shownFlags } from '../terminal/completion.ts';
import { shellWords } from './line-action.ts';
import { scanLine, spellWord, type LineWord } from './line-parser.ts';
import type { Completion } from './line-reader.ts';
import { commandAt, follow, walk, type Place, type Registry } from './place.ts';
import type { RemoteValues } from './remote-values.ts';

/** Where completion looks. */
export interface CompletionSources {
  readonly registry: Registry;
  readonly remote: RemoteValues;
}

const nothing: Completion = { candidates: [], typed: '' };

/** What could steer a terminal, or cannot be typed: no candidate. */
const untypable = /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/u;

/** The end of the line as far as it is typed. */
interface Typed {
  /** Words before it. */
  readonly before: readonly LineWord[];
  /** Its text without quotes; empty behind a blank. */
  readonly text: string;
  /** It as it stands. */
  readonly raw: string;
  readonly quote: '"' | "'" | '';
}

function typedAt(line: string): Typed | undefined {
  const { words, openQuote, isJsonOpen, commentStart } = scanLine(line);
  // Neither a comment nor the inside of a JSON value has words.
  if (commentStart !== undefined || isJsonOpen) return undefined;
  const last = words.at(-1);
  if (last === undefined || last.end < line.length) return { before: words, text: '', raw: '', quote: '' };
  const raw = line.slice(last.start);
  const [, quote = ''] = /^[^"'\\]*?(["'])/.exec(raw) ?? [];
  return {
    before: words.slice(0, -1),
    text: last.text,
    raw,
    quote: openQuote !== undefined && (quote === '"' || quote === "'") ? quote : '',
  };
}

/** The candidates that go on what is typed; a single one that ends the word gets a blank. */
function offer(texts: Iterable<string>, typed: Pick<Typed, 'raw' | 'quote'>): Completion {
  const spellings = [...new Set(texts)]
    .filter((text) => text !== '' && !untypable.test(text))
    .map((text) => spellWord(text, typed.quote))
    .filter((spelling) => spelling.startsWith(typed.raw))
    .toSorted();
  const [only = ''] = spellings;
  const isWhole = spellings.length === 1 && !/[=/]$/.test(only);
  return { candidates: isWhole ? [`${only} `] : spellings, typed: typed.raw };
}

/** As the user spells: `_` where `_` was begun with. */
function spelledLike(typed: string, names: readonly string[]): string[] {
  return typed.includes('_') ? names.map((name) => name.replaceAll('-', '_')) : [...names];
}

/** Names of a place, behind a path that is typed already. */
function names({ registry }: CompletionSources, from: Place, typed: Typed): string[] {
  const cut = typed.text.lastIndexOf('/') + 1;
  const place = cut === 0 ? from : follow(registry, from, typed.text.slice(0, cut));
  if (place === undefined) return [];
  const shown = registry.rows.filter((row) => row.group !== 'hidden');
  const below = place.length === 0 ? shown.map((row) => row.name) : nextWords(registry.commands, place);
  return spelledLike(typed.text.slice(cut), below).map((name) => typed.text.slice(0, cut) + name);
}

/** The text that the words give to a flag; the last one counts. */
function flagText(command: Command, words: readonly LineWord[], name: string): string {
  let text = '';
  for (const [index, word] of words.entries()) {
    const [, key, value] = /^(?:--?)?([A-Za-z][\w-]*)(?:=(.*))?$/s.exec(word.text) ?? [];
    if (key === undefined || flagNamed(command, `-${key}`)?.name !== name) continue;
    if (value !== undefined) text = value;
    else if (word.text.startsWith('-')) text = words[index + 1]?.text ?? text;
  }
  return text;
}

/** A flag or plain word whose values may be known. */
interface Valued {
  readonly completes?: readonly string[];
  readonly completesFrom?: Flag['completesFrom'];
  readonly type?: Flag['type'];
  readonly name: string;
}

async function valuesOf(
  { remote }: CompletionSources,
  valued: Valued,
  given: { command: Command; words: readonly LineWord[] },
): Promise<string[]> {
  const known = [...(valued.completes ?? []), ...(valued.type === 'boolean' ? ['true', 'false'] : [])];
  if (valued.completesFrom === undefined) return known;
  const listed = await remote.values({
    type: valued.completesFrom,
    flagText: (name) => flagText(given.command, given.words, name),
  });
  // Where an id is asked for, a name would not be taken.
  const isId = /(?:^|-)id$/.test(valued.name);
  return [...known, ...listed.flatMap(({ id, name }) => (isId ? [id] : [id, name]))];
}

/** The value behind `=` of the word that is typed, whose key is part of it. */
async function attachedValue(
  sources: CompletionSources,
  typed: Typed,
  given: { command: Command; words: readonly LineWord[] },
): Promise<Completion> {
  const [, dashes = '', key = ''] = /^(-{0,2})([A-Za-z][\w-]*)=/.exec(typed.raw) ?? [];
  const flag = flagNamed(given.command, `-${key}`);
  if (flag === undefined) return nothing;
  const raw = typed.raw.slice(dashes.length + key.length + 1);
  return offer(await valuesOf(sources, flag, given), { raw, quote: typed.quote });
}

/** The flag that fills the plain word in front, where the command has one: its id. */
function positionalOf({ positional, groups }: Command): Valued | undefined {
  if (positional === undefined) return undefined;
  const flags = groups.flatMap((group) => group.flags);
  return flags.find(
    ({ name, completesFrom }) => /^(?:target-)?id$/.test(name) && completesFrom !== undefined,
  );
}

async function argumentsOf(
  sources: CompletionSources,
  typed: Typed,
  given: { command: Command; words: readonly LineWord[] },
): Promise<Completion> {
  const { command, words } = given;
  if (words.some(({ text }) => text === '--')) return nothing;
  const previous = flagNamed(command, words.at(-1)?.text);
  if (previous !== undefined && previous.type !== 'boolean')
    return offer(await valuesOf(sources, previous, given), typed);
  if (/^-{0,2}[A-Za-z][\w-]*=/.test(typed.raw)) return attachedValue(sources, typed, given);
  if (typed.text.startsWith('-')) {
    const dash = typed.text.startsWith('--') ? '--' : '-';
    const flags = shownFlags(command).map(({ name }) => name);
    return offer(
      spelledLike(typed.text, flags).map((name) => dash + name),
      typed,
    );
  }
  const isDashed = typed.text.includes('-');
  const keys = assignableFlags(command).map((name) => `${isDashed ? name : name.replaceAll('-', '_')}=`);
  return offer([...keys, ...(await plainWords(sources, given))], typed);
}

/** Values for the plain words that the command still takes. */
async function plainWords(
  sources: CompletionSources,
  given: { command: Command; words: readonly LineWord[] },
): Promise<string[]> {
  const { command, words } = given;
  const { operands } = command;
  const positional = words.length === 0 ? positionalOf(command) : undefined;
  if (positional !== undefined) return valuesOf(sources, positional, given);
  const taken = words.filter(({ text }, index) => {
    const isValue = (flagNamed(command, words[index - 1]?.text)?.type ?? 'boolean') !== 'boolean';
    return !isValue && !text.startsWith('-') && !text.includes('=');
  });
  return operands === undefined || taken.length >= operands.max ? [] : valuesOf(sources, operands, given);
}

/** Candidates for the end of a line, cut at the cursor. */
export async function completeLine(
  sources: CompletionSources,
  place: Place,
  line: string,
): Promise<Completion> {
  const typed = typedAt(line);
  if (typed === undefined) return nothing;
  const { registry } = sources;
  const [first] = typed.before;
  const isOwnWord = first?.isBare === true && (first.text === 'ls' || first.text === 'help');
  const words = isOwnWord ? typed.before.slice(1) : typed.before;
  const { place: reached, length } = walk(registry, place, words);
  const rest = words.slice(length);
  const command = isOwnWord ? undefined : commandAt(registry, reached);
  const below = rest.length === 0 ? names(sources, reached, typed) : [];
  if (command !== undefined) {
    const found = await argumentsOf(sources, typed, { command, words: rest });
    const both = offer(below, typed);
    return both.candidates.length === 0 ? found : merged(both, found, typed);
  }
  const own = typed.before.length === 0 && !typed.text.includes('/') ? Object.keys(shellWords) : [];
  return offer([...below, ...own], typed);
}

/** Names below and arguments of a command that is a namespace too. */
function merged(names: Completion, found: Completion, typed: Typed): Completion {
  const all = [...names.candidates, ...found.candidates].map((each) => each.trimEnd());
  return found.candidates.length === 0 || found.typed !== typed.raw
    ? names
    : { candidates: all.toSorted(), typed: typed.raw };
}
