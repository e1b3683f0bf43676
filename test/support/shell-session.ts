/** `stile shell` at a terminal, for tests that type into it: lines, prompts, and what comes between them. */
import { eventually } from './eventually.ts';
import { stileBin, type RunningProcess } from './process.ts';
import type { Terminals } from './terminal.ts';

/** One shell at a terminal of its own. */
export class ShellSession {
  /** What is seen is its standard output. */
  readonly screen: RunningProcess;
  /** Presses keys. */
  readonly type: (keys: string) => void;
  #seen = 0;

  /** @param before a shell command that runs at the terminal first, with a semicolon */
  constructor(terminals: Terminals, env: Record<string, string>, before = '') {
    const command = `${before} exec '${process.execPath}' '${stileBin}' shell`;
    const { screen, type } = terminals.open(command, env);
    this.screen = screen;
    this.type = type;
  }

  /** What came since the last call, up to and with the pattern, which must be there once. */
  async shows(pattern: RegExp): Promise<string> {
    const found = await eventually(() => {
      const match = pattern.exec(this.screen.stdout.slice(this.#seen));
      if (match === null && this.screen.child.exitCode !== null)
        throw new Error(`ended: ${this.screen.stdout}`);
      return match ?? undefined;
    }).catch((error: unknown) => {
      throw new Error(`no ${String(pattern)} in ${JSON.stringify(this.screen.stdout.slice(this.#seen))}`, {
        cause: error,
      });
    });
    const text = this.screen.stdout.slice(this.#seen, this.#seen + found.index + found[0].length);
    this.#seen += text.length;
    return text;
  }

  /** The prompt of a place; what came before it. */
  prompt(place = ''): Promise<string> {
    return this.shows(new RegExp(`\\[\\S*:\\d+\\]${place}> `));
  }

  /** Types a line and waits for the next prompt; what was shown between. */
  async line(text: string, place = ''): Promise<string> {
    this.type(`${text}\r`);
    return this.prompt(place);
  }
}
