/** Programs at a real terminal, that of `script`: what is typed, what is seen, and the size of the window. */
import { start, run, type RunningProcess } from './process.ts';

/** A program on a terminal of its own. */
export interface Terminal {
  /** What the program shows is its standard output. */
  readonly screen: RunningProcess;
  /** Presses keys. */
  readonly type: (keys: string) => void;
}

/** The terminals of a test file. Close them after each test. */
export class Terminals {
  readonly #opened: RunningProcess[] = [];

  /** Runs a shell command on a new terminal. */
  open(command: string, env: Record<string, string>): Terminal {
    const screen = start('script', ['-qec', command, '/dev/null'], { env, keepInputOpen: true });
    this.#opened.push(screen);
    return { screen, type: (keys) => void screen.child.stdin?.write(keys) };
  }

  /** Ends what still runs. */
  async close(): Promise<void> {
    for (const child of this.#opened.splice(0)) await child.stop('SIGKILL');
  }
}

/** Gives the terminal at `device` another size, as a window that is pulled. */
export async function resize(device: string, columns: number): Promise<void> {
  const { status, stderr } = await run('stty', ['-F', device, 'cols', String(columns)]);
  if (status !== 0) throw new Error(`stty: ${stderr}`);
}
