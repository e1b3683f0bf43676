// Child processes of a bench: start, await a line, read what they used, stop by process id.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { forgetPid, rememberPid } from './scope.mjs';

/** Folder of the checkout. */
export const root = join(fileURLToPath(import.meta.url), '../../../..');

const { bin } = JSON.parse(readFileSync(join(root, 'packages/cli/package.json'), 'utf8'));

/** The built command line, as npm would run it. */
export const stileBin = join(root, 'packages/cli', bin.stile);

/** Characters of output that are kept for error texts and for `match`. */
const maxOutput = 256 * 1024;

/** An environment with nothing of the caller's but PATH. */
export function cleanEnvironment(more = {}) {
  return {
    PATH: `${process.env.PATH ?? ''}:/usr/sbin`,
    HOME: '/nonexistent',
    TZ: 'UTC',
    LC_ALL: 'C.UTF-8',
    ...more,
  };
}

/** Where a program is, or undefined. /usr/sbin counts too: sshd lives there. */
export function findProgram(name) {
  const found = spawnSync('/bin/sh', ['-c', 'command -v "$1"', 'sh', name], {
    encoding: 'utf8',
    env: cleanEnvironment(),
  });
  const text = found.stdout?.trim() ?? '';
  return found.status === 0 && text !== '' ? text : undefined;
}

/** A running child. */
export class Child {
  #process;
  #name;
  #output = '';
  #waiting = new Set();
  #closed;

  constructor(program, args, options = {}) {
    this.#name = options.name ?? `${program.split('/').pop()} ${args.slice(0, 3).join(' ')}`;
    this.#process = spawn(program, args, {
      cwd: root,
      env: cleanEnvironment(options.env),
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const { pid } = this.#process;
    if (pid !== undefined) rememberPid(pid);
    for (const stream of [this.#process.stdout, this.#process.stderr]) {
      stream.setEncoding('utf8').on('data', (text) => this.#take(text));
    }
    this.#closed = new Promise((resolve) => {
      this.#process.once('error', (error) => this.#take(`\n${error.message}\n`));
      this.#process.once('close', (code, signal) => {
        if (pid !== undefined) forgetPid(pid);
        resolve(code ?? signal ?? 'not started');
        for (const check of this.#waiting) check();
      });
    });
  }

  #take(text) {
    this.#output = (this.#output + text).slice(-maxOutput);
    for (const check of this.#waiting) check();
  }

  get pid() {
    return this.#process.pid;
  }

  get isRunning() {
    return this.#process.exitCode === null && this.#process.signalCode === null && this.pid !== undefined;
  }

  /** The newest output, standard output and error together. */
  get output() {
    return this.#output;
  }

  /** The first match of `pattern` in the output; fails when the child ends or the deadline passes before. */
  async match(pattern, deadlineMs = 30_000) {
    let timer;
    let check;
    try {
      return await new Promise((resolve, reject) => {
        const fail = (why) => reject(new Error(`${this.#name} ${why} ${pattern}:\n${this.#output}`));
        check = () => {
          const found = this.#output.match(pattern);
          if (found !== null) resolve(found);
          else if (!this.isRunning) fail('ended before');
        };
        timer = setTimeout(() => fail(`within ${deadlineMs} ms did not print`), deadlineMs);
        this.#waiting.add(check);
        check();
      });
    } finally {
      clearTimeout(timer);
      this.#waiting.delete(check);
    }
  }

  /** Exit status, or the name of the signal; kills at the deadline. */
  async ended(deadlineMs = 60_000) {
    const timer = setTimeout(() => this.#process.kill('SIGKILL'), deadlineMs);
    try {
      return await this.#closed;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Asks the child to end and waits; SIGKILL when it does not within the deadline. */
  async stop(signal = 'SIGTERM', deadlineMs = 15_000) {
    if (this.isRunning) this.#process.kill(signal);
    return this.ended(deadlineMs);
  }
}

/** Starts `stile` with arguments. */
export function startStile(args, options = {}) {
  return new Child(process.execPath, [...profileArguments(), stileBin, ...args], {
    name: `stile ${args[0]}`,
    ...options,
  });
}

/** With STILE_BENCH_PROFILE=FOLDER every `stile` writes a CPU profile there when it ends. */
function profileArguments() {
  const folder = process.env.STILE_BENCH_PROFILE;
  return folder === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${folder}`];
}

/** Runs a program to its end; fails unless it exits with 0. Returns its standard output. */
export async function run(program, args, options = {}) {
  const child = spawn(program, args, {
    cwd: root,
    env: cleanEnvironment(options.env),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  if (child.pid !== undefined) rememberPid(child.pid);
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text) => (stderr += text));
  const timer = setTimeout(() => child.kill('SIGKILL'), options.deadlineMs ?? 60_000);
  try {
    const [code, signal] = await once(child, 'close');
    if (code !== 0)
      throw new Error(`${program} ${args.slice(0, 4).join(' ')}: ${code ?? signal}\n${stdout}${stderr}`);
    return stdout;
  } finally {
    clearTimeout(timer);
    if (child.pid !== undefined) forgetPid(child.pid);
  }
}

/** Runs `stile` to its end. */
export function runStile(args, options = {}) {
  return run(process.execPath, [stileBin, ...args], options);
}
