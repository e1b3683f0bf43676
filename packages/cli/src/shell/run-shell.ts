/** `stile shell` from flags to exit code: a person at a terminal, a line given by `-c`, or a script on standard input (tokens.md §3.4). */
import { Readable } from 'node:stream';
import { StileError } from '@stile/protocol/errors';
import type { CommandContext } from '../command.ts';
import { Shell } from './shell.ts';

/** Longest line of a script, characters: far more than any command takes. */
const maxScriptLine = 1_048_576;

/** The lines of a text that comes in pieces. @throws {StileError} invalidFlag for one without an end in sight */
export async function* linesOf(pieces: AsyncIterable<unknown>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const piece of pieces) {
    rest += piece instanceof Uint8Array ? decoder.decode(piece, { stream: true }) : String(piece);
    const lines = rest.split(/\r?\n/);
    rest = lines.pop() ?? '';
    if (rest.length > maxScriptLine)
      throw new StileError('invalidFlag', `a line has more than ${maxScriptLine} characters`);
    yield* lines;
  }
  if (rest !== '') yield rest;
}

/** Runs the shell. @returns the exit code */
export async function runShell(context: CommandContext): Promise<number> {
  const { flags, streams } = context;
  const { stdin, stdout, stderr } = streams;
  if (flags.isGiven('c')) return withShell(context, (shell) => runText(shell, flags.text('c')));
  const screen = [stdout, stderr].find((stream) => stream.isTTY === true);
  if (stdin.isTTY === true && screen !== undefined)
    return withShell(context, (shell) => shell.interact({ input: stdin, screen }));
  // Standard input is the script: no command reads from it.
  const silent = { ...context, streams: { ...streams, stdin: Readable.from([]) } };
  return withShell(silent, (shell) => shell.runScript(linesOf(stdin), true));
}

function runText(shell: Shell, text: string): Promise<number> {
  return shell.runScript(linesOf(Readable.from([text])), false);
}

async function withShell(context: CommandContext, work: (shell: Shell) => Promise<number>): Promise<number> {
  const shell = await Shell.open(context);
  try {
    return await work(shell);
  } finally {
    shell.close();
  }
}
