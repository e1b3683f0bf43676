/**
 * Families of attribute flags (cli.md §1.3): `-attributes` for a whole JSON object, `-attr`, `-string-attr`, `-num-attr` and
 * `-bool-attr` for one key at a time. Dotted keys nest, a repeated key makes a list, values may be `env://` and `file://`.
 */
import { StileError } from '@stile/protocol/errors';
import { parseBoolean } from '../arguments/go-values.ts';
import type { CommandContext } from '../command.ts';
import { readIndirect } from '../tokens/token-source.ts';
import { pieceFlags } from './field-flags.ts';
import type { FieldFlag } from './resource-spec.ts';

type PieceType = 'any' | 'text' | 'number' | 'boolean';

function invalid(flagName: string, text: string, why: string): StileError {
  // The value may be a secret: only its key is named.
  return new StileError(
    'invalidFlag',
    `invalid value for flag -${flagName}, key ${JSON.stringify(text.split('=')[0])}: ${why}`,
  );
}

/** What a value looks like: JSON where it is JSON, else a text. */
function inferred(text: string): unknown {
  if (!/^(?:true|false|null|-?\d.*|[{["].*)$/s.test(text)) return text;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    // Such as `10.0.0.1` or `[x`: it only looked like JSON.
    return text;
  }
}

function typed(text: string, type: PieceType): { value: unknown } | { problem: string } {
  switch (type) {
    case 'any':
      return { value: inferred(text) };
    case 'text':
      return { value: text };
    case 'number': {
      const isNumber = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/.test(text);
      return isNumber && Number.isFinite(Number(text))
        ? { value: Number(text) }
        : { problem: 'it is no number' };
    }
    case 'boolean': {
      const parsed = parseBoolean(text);
      return 'problem' in parsed ? { problem: 'it is neither true nor false' } : parsed;
    }
  }
}

/** A tree of keys while it grows; no key of it can be one of an object's prototype. */
type Tree = Map<string, unknown>;

function plainOf(tree: Tree): Record<string, unknown> {
  return Object.fromEntries(
    [...tree].map(([key, value]) => [key, value instanceof Map ? plainOf(value as Tree) : value]),
  );
}

/** Sets a dotted key; the second value of a key makes a list of both. @throws when a part is already a plain value */
function place(tree: Tree, key: string, value: unknown): void {
  const parts = key.split('.');
  const last = parts.pop() ?? '';
  let at = tree;
  for (const part of parts) {
    const inner = at.get(part) ?? new Map<string, unknown>();
    if (!(inner instanceof Map))
      throw new TypeError(`${JSON.stringify(part)} is a value already and cannot hold keys`);
    at.set(part, inner);
    at = inner as Tree;
  }
  const before = at.get(last);
  if (before instanceof Map)
    throw new TypeError(`${JSON.stringify(last)} holds keys already and cannot be a value`);
  if (before === undefined) at.set(last, value);
  else at.set(last, Array.isArray(before) ? [...(before as unknown[]), value] : [before, value]);
}

function checkKey(flagName: string, text: string, key: string): void {
  const isLegal = key !== '' && key.split('.').every((part) => part !== '');
  if (!isLegal) throw invalid(flagName, text, 'a key of letters must stand before "=", and between dots');
}

async function pieceValue(
  piece: { name: string; type: PieceType; text: string },
  context: CommandContext,
): Promise<unknown> {
  const { name, type, text } = piece;
  const cut = text.indexOf('=');
  if (cut < 0) {
    if (type === 'any') return null;
    throw invalid(name, text, 'it must be key=value');
  }
  const given = text.slice(cut + 1);
  if (/^(env|file):\/\//.test(given)) {
    const read = await readIndirect(given, `-${name}`, context);
    const value = typed(read.reveal(), type === 'any' ? 'text' : type);
    if ('problem' in value) throw invalid(name, text, value.problem);
    return value.value;
  }
  const value = typed(given, type);
  if ('problem' in value) throw invalid(name, text, value.problem);
  return value.value;
}

function isPlainObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

async function wholeValue(
  field: FieldFlag,
  context: CommandContext,
): Promise<Record<string, unknown> | null> {
  const given = context.flags.text(field.name);
  if (given === 'null') return null;
  const text = /^(env|file):\/\//.test(given)
    ? (await readIndirect(given, `-${field.name}`, context)).reveal()
    : given;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // The parser's message may quote the text, which may be a secret.
    value = undefined;
  }
  if (!isPlainObject(value)) {
    throw new StileError(
      'invalidFlag',
      `invalid value for flag -${field.name}: it must be a JSON object, as {"key":"value"}`,
    );
  }
  return value;
}

/**
 * The object that a family of flags makes; undefined when none of them is given, null to clear.
 * @throws {StileError} invalidFlag for text that is no JSON object, a number that is none, the whole and a key of it together
 */
export async function readAttributes(
  field: FieldFlag,
  context: CommandContext,
): Promise<Record<string, unknown> | null | undefined> {
  const { flags } = context;
  const types = new Map(pieceFlags(field).map(({ flag, type }) => [flag.name, type]));
  // In the order of the command line, whichever flags of the family: a key that comes again makes a list.
  const pieces = flags
    .inOrder(new Set(types.keys()))
    .map(({ name, text }) => ({ name, type: types.get(name) ?? 'any', text }));
  if (flags.text(field.name) !== '') {
    const [first] = pieces;
    if (first !== undefined)
      throw new StileError('invalidFlag', `-${field.name} and -${first.name} exclude each other`);
    return wholeValue(field, context);
  }
  if (pieces.length === 0) return undefined;
  const tree: Tree = new Map();
  for (const piece of pieces) {
    const key = piece.text.split('=', 1)[0]?.trim() ?? '';
    checkKey(piece.name, piece.text, key);
    const value = await pieceValue(piece, context);
    try {
      place(tree, key, value);
    } catch (error) {
      throw invalid(piece.name, piece.text, error instanceof Error ? error.message : 'it cannot be set');
    }
  }
  return plainOf(tree);
}

/** `key=value` texts as an object of texts; a later one of the same key wins. @throws {StileError} invalidFlag without `=` */
export function readPairs(field: FieldFlag, values: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    values.map((text) => {
      const cut = text.indexOf('=');
      if (cut <= 0) throw invalid(field.name, text, 'it must be key=value');
      return [text.slice(0, cut), text.slice(cut + 1)];
    }),
  );
}
