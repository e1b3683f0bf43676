/**
 * Where the shell stands in the tree of commands, and where a path of names leads from there: `auth sessions`, `../tokens list`,
 * `/auth/two-factor`. The tree is the command table; which word means what is decided by `command-path.ts`, as everywhere. Pure.
 */
import type { Command, CommandRow } from '../command.ts';
import { findRow, groupPath, resolveCommand } from '../command-path.ts';
import type { LineWord } from './line-parser.ts';

/** The whole command table, loaded. */
export interface Registry {
  readonly rows: readonly CommandRow[];
  readonly commands: readonly Command[];
}

/** A place: the words of a namespace, spelled as in the table; none at the root. */
export type Place = readonly string[];

/** Loads every module of the table. */
export async function loadRegistry(rows: readonly CommandRow[]): Promise<Registry> {
  const modules = await Promise.all(rows.map((row) => row.load()));
  // A module may serve several rows.
  return { rows, commands: [...new Set(modules.flatMap((module) => module.commands))] };
}

/** The command whose path is the place. */
export function commandAt({ commands }: Registry, place: Place): Command | undefined {
  const path = place.join(' ');
  return commands.find((command) => command.path === path);
}

/** Whether there are commands below. */
export function isNamespace({ commands }: Registry, place: Place): boolean {
  return place.length === 0 || groupPath(commands, place).length === place.length;
}

/** The place or command of that name at a place. */
function below({ rows, commands }: Registry, place: Place, name: string): Place | undefined {
  if (place.length === 0) {
    const row = findRow(rows, name);
    return row === undefined ? undefined : [row.name];
  }
  const words = [...place, name];
  const group = groupPath(commands, words);
  if (group.length === words.length) return group;
  const found = resolveCommand(commands, words);
  return found?.length === words.length ? found.command.path.split(' ') : undefined;
}

/**
 * Where one word leads: names with `/` between them, `..` for one up, a leading `/` for the root. Wholly, or nowhere: a word that is no
 * path is an argument.
 */
export function follow(registry: Registry, from: Place, word: string): Place | undefined {
  let place: Place | undefined = word.startsWith('/') ? [] : from;
  for (const part of word.split('/')) {
    if (place === undefined) return undefined;
    if (part === '' || part === '.') continue;
    place = part === '..' ? place.slice(0, -1) : below(registry, place, part);
  }
  return place;
}

/** How far the words of a line are a path. */
export interface Walk {
  readonly place: Place;
  /** How many of the words belong to it. */
  readonly length: number;
}

/** Follows the words that are names; only the first of them may lead up. */
export function walk(registry: Registry, from: Place, words: readonly LineWord[]): Walk {
  let place = from;
  let length = 0;
  for (const { text, isBare } of words) {
    const leadsUp = text.startsWith('/') || text.split('/').includes('..');
    const next = !isBare || (leadsUp && length > 0) ? undefined : follow(registry, place, text);
    if (next === undefined) break;
    place = next;
    length += 1;
  }
  return { place, length };
}
