/**
 * Lines from a person at a terminal: editing, history and completion by `node:readline`. Between two lines the terminal is as it was
 * found, so that a command may ask questions and run programs on it; what was typed meanwhile is not lost.
 */
import { createInterface, type Interface } from 'node:readline';
import type { CommandStreams } from '../terminal/streams.ts';

/** What came: a line, Ctrl-C, or the end of all lines (Ctrl-D, a terminal that went away). */
export type ReadLine =
  | { readonly kind: 'line'; readonly text: string }
  | { readonly kind: 'interrupted' }
  | { readonly kind: 'end' };

/** What the shell offers for the end of a line. */
export interface Completion {
  /** Complete words, as they would be typed. */
  readonly candidates: readonly string[];
  /** What of the line they replace: its end. */
  readonly typed: string;
}

/** Where the lines come from. */
export interface LineReaderOptions {
  readonly input: CommandStreams['stdin'];
  /** A terminal; lines are shown there. */
  readonly screen: CommandStreams['stdout'];
  readonly complete: (line: string) => Promise<Completion>;
}

/** Reads line after line. Holds nothing between two reads. */
export class LineReader {
  readonly #options: LineReaderOptions;
  /** Lines that came in one piece with an earlier one (pasted), and what stood behind the last of them. */
  readonly #waiting: string[] = [];
  #begun = '';
  #hasEnded = false;

  constructor(options: LineReaderOptions) {
    this.#options = options;
  }

  /** The next line. @param history newest first, for the arrow keys */
  async read(prompt: string, history: readonly string[]): Promise<ReadLine> {
    const waiting = this.#waiting.shift();
    if (waiting !== undefined) {
      this.#options.screen.write(`${prompt}${waiting}\n`);
      return { kind: 'line', text: waiting };
    }
    return this.#hasEnded ? { kind: 'end' } : this.#ask(prompt, history);
  }

  async #ask(prompt: string, history: readonly string[]): Promise<ReadLine> {
    const { input, screen } = this.#options;
    let isOpen = true;
    const lines = createInterface({
      input,
      output: screen,
      terminal: true,
      prompt,
      history: [...history],
      historySize: Math.max(history.length, 1),
      completer: (line: string, done: (error: Error | null, result?: [string[], string]) => void) => {
        const offer = async (): Promise<void> => {
          try {
            const { candidates, typed } = await this.#options.complete(line);
            if (isOpen) done(null, [[...candidates], typed]);
          } catch (error) {
            // A fault of ours; unanswered, the terminal would stay deaf.
            if (isOpen) done(error instanceof Error ? error : new Error(String(error)));
          }
        };
        void offer();
      },
    });
    // A terminal that goes away may say so by an error.
    const onError = (): void => lines.close();
    input.on('error', onError);
    try {
      return await this.#firstOf(lines, () => isOpen);
    } finally {
      isOpen = false;
      lines.close();
      input.off('error', onError);
    }
  }

  #firstOf(lines: Interface, isOpen: () => boolean): Promise<ReadLine> {
    return new Promise((resolve) => {
      const came: string[] = [];
      lines.on('line', (text) => {
        came.push(text);
        if (came.length > 1) return;
        // What was read with this line belongs to the next ones: the rest of the piece is taken in first.
        process.nextTick(() => {
          this.#waiting.push(...came.slice(1));
          this.#begun = lines.line;
          resolve({ kind: 'line', text });
        });
      });
      lines.once('SIGINT', () => {
        this.#waiting.length = 0;
        this.#options.screen.write('^C\n');
        resolve({ kind: 'interrupted' });
      });
      lines.once('close', () => {
        if (!isOpen()) return;
        this.#hasEnded = true;
        if (came.length > 0) return;
        this.#options.screen.write('\n');
        resolve({ kind: 'end' });
      });
      const begun = this.#begun;
      this.#begun = '';
      lines.prompt();
      if (begun !== '') lines.write(begun);
    });
  }
}
