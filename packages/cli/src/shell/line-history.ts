/** The lines for the arrow keys: those of earlier shells and those of this one, each once; the file behind them may be missing. */
import { StileError } from '@stile/protocol/errors';
import type { Command } from '../command.ts';
import type { Output } from '../terminal/output.ts';
import { HistoryFile, maxHistoryLines, mayKeep } from './history.ts';

/** Names and short spellings of every flag that takes a secret. */
function secretNames(commands: readonly Command[]): ReadonlySet<string> {
  const flags = commands.flatMap(({ groups }) => groups.flatMap((group) => group.flags));
  const secret = flags.filter((flag) => flag.secret === true);
  return new Set(secret.flatMap(({ name, alias }) => (alias === undefined ? [name] : [name, alias])));
}

/** What was typed. A file that cannot be used is said once, and then done without. */
export class LineHistory {
  readonly #secretNames: ReadonlySet<string>;
  readonly #output: Output;
  #file: HistoryFile | undefined;
  #lines: readonly string[] = [];

  private constructor(commands: readonly Command[], output: Output) {
    this.#secretNames = secretNames(commands);
    this.#output = output;
  }

  /** The history in the file at `path`. */
  static async open(path: string, commands: readonly Command[], output: Output): Promise<LineHistory> {
    const history = new LineHistory(commands, output);
    history.#file = new HistoryFile(path);
    await history.#withFile(async (file) => {
      history.#lines = (await file.load()).toReversed();
    });
    return history;
  }

  /** Newest first. */
  get lines(): readonly string[] {
    return this.#lines;
  }

  /** Takes a line in, unless it may hold a secret or was the last one too. */
  async add(text: string): Promise<void> {
    if (!mayKeep(text, this.#secretNames) || this.#lines[0] === text) return;
    this.#lines = [text, ...this.#lines.filter((line) => line !== text)].slice(0, maxHistoryLines);
    await this.#withFile((file) => file.append(text));
  }

  async #withFile(work: (file: HistoryFile) => Promise<void>): Promise<void> {
    if (this.#file === undefined) return;
    try {
      await work(this.#file);
    } catch (error) {
      if (!(error instanceof StileError)) throw error;
      this.#output.warn(`The history is not kept: ${error.message}`);
      this.#file = undefined;
    }
  }
}
