/** Questions to the person at the terminal: on stderr, so that stdout stays clean; the answer is read without echo where asked. */
import { once } from 'node:events';
import { createInterface } from 'node:readline/promises';
import type { ReadStream } from 'node:tty';
import { StileError } from '@stile/protocol/errors';
import type { CommandStreams } from './streams.ts';

/** Longest answer, characters. */
const maxAnswerLength = 4096;

function isTerminal(stream: CommandStreams['stdin']): stream is ReadStream {
  return stream.isTTY === true && 'setRawMode' in stream;
}

function requireTerminal(streams: CommandStreams, what: string): ReadStream {
  const { stdin } = streams;
  if (isTerminal(stdin)) return stdin;
  throw new StileError(
    'invalidFlag',
    `standard input is no terminal, so the ${what} cannot be asked for; give it by flag or environment`,
  );
}

/** The person gave up: Ctrl-C, Ctrl-D, or the terminal went away. */
function givenUp(cause?: unknown): StileError {
  return new StileError('aborted', 'interrupted', { cause });
}

/**
 * Asks for a line, shown as it is typed.
 * @throws {StileError} invalidFlag without a terminal, aborted on Ctrl-C and Ctrl-D
 */
export async function ask(streams: CommandStreams, what: string, question: string): Promise<string> {
  const input = requireTerminal(streams, what);
  const lines = createInterface({ input, output: streams.stderr, terminal: true });
  // A question does not end by itself when the terminal goes away.
  const closed = once(lines, 'close').then(() => Promise.reject(givenUp()));
  try {
    return (await Promise.race([lines.question(question), closed])).trim();
  } catch (cause) {
    streams.stderr.write('\n');
    throw givenUp(cause);
  } finally {
    closed.catch(() => undefined);
    lines.close();
  }
}

/** Ctrl-C, Ctrl-D, backspace and delete as a terminal in raw mode sends them. */
const interruptKey = '\u0003';
const endKey = '\u0004';
const eraseKeys: ReadonlySet<string> = new Set(['\b', '\u007f']);

/** Applies typed characters to the answer. @returns the answer when it is complete */
function takeKeys(answer: string[], text: string): string | undefined {
  for (const key of text) {
    if (key === interruptKey) throw givenUp();
    if (key === '\r' || key === '\n' || key === endKey) return answer.join('');
    if (eraseKeys.has(key)) answer.pop();
    else if (answer.length < maxAnswerLength) answer.push(key);
  }
  return undefined;
}

/** What is typed up to Enter. Takes nothing else off the terminal: the shell listens there too. */
async function typedSecret(input: ReadStream): Promise<string> {
  const answer: string[] = [];
  let stop = (): void => undefined;
  try {
    return await new Promise<string>((resolve, reject) => {
      const onData = (text: string): void => {
        try {
          const complete = takeKeys(answer, text);
          if (complete !== undefined) resolve(complete);
        } catch (error) {
          reject(error instanceof Error ? error : new Error('interrupted'));
        }
      };
      const onEnd = (): void => reject(givenUp());
      stop = () => void input.off('data', onData).off('end', onEnd);
      input.on('data', onData);
      input.once('end', onEnd);
      // A question before this one has paused it.
      input.resume();
    });
  } finally {
    stop();
  }
}

/**
 * Asks for a secret; nothing is shown of it.
 * @throws {StileError} invalidFlag without a terminal, aborted on Ctrl-C
 */
export async function askSecret(streams: CommandStreams, what: string, question: string): Promise<string> {
  const input = requireTerminal(streams, what);
  // Before the question is seen: what is typed at once must not be echoed either.
  input.setRawMode(true);
  streams.stderr.write(question);
  input.setEncoding('utf8');
  try {
    return await typedSecret(input);
  } finally {
    input.setRawMode(false);
    input.pause();
    streams.stderr.write('\n');
  }
}
