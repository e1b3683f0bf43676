/** Lines in the start-up files of bash, zsh and fish that make the shell ask `stile` for completions (cli.md §1.13). */
import { access, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, isAbsolute, join } from 'node:path';
import { StileError } from '@stile/protocol/errors';
import type { Environment } from '../arguments/environment.ts';

/** A path as one word of a POSIX shell. */
function quoted(path: string): string {
  return /^[\w./-]+$/.test(path) ? path : `'${path.replaceAll("'", `'\\''`)}'`;
}

/** bash and zsh read the argument of `-C` as a command line once more. */
function commandOf(program: string): string {
  return quoted(quoted(program));
}

function bashLine(program: string): string {
  return `complete -C ${commandOf(program)} stile`;
}

/** Loads what `complete` needs in zsh, unless the start-up file has done so: without it every new shell would print an error. */
function zshLine(program: string): string {
  return `(( $+functions[compdef] )) || { autoload -Uz compinit && compinit -i }; autoload -U +X bashcompinit && bashcompinit; complete -o nospace -C ${commandOf(program)} stile`;
}

function fishScript(program: string): string {
  return [
    'function __complete_stile',
    '    set -lx COMP_LINE (commandline -cp)',
    '    test -z (commandline -ct); and set COMP_LINE "$COMP_LINE "',
    `    ${quoted(program)}`,
    'end',
    'complete -f -c stile -a "(__complete_stile)"',
    '',
  ].join('\n');
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    // Any reason not to see it means there is nothing to change.
    () => false,
  );
}

/** The files that exist on this machine. */
interface ShellFiles {
  readonly bash: string | undefined;
  readonly zsh: string | undefined;
  readonly fish: string | undefined;
}

async function findFiles(environment: Environment): Promise<ShellFiles> {
  const home = environment.raw('HOME') ?? homedir();
  const first =
    process.platform === 'darwin'
      ? ['.bash_profile']
      : ['.bashrc', '.bash_profile', '.bash_login', '.profile'];
  let bash: string | undefined;
  for (const name of first) {
    if (bash === undefined && (await exists(join(home, name)))) bash = join(home, name);
  }
  const zsh = join(environment.raw('ZDOTDIR') ?? home, '.zshrc');
  const configured = environment.raw('XDG_CONFIG_HOME') ?? '';
  const fish = join(isAbsolute(configured) ? configured : join(home, '.config'), 'fish');
  return {
    bash,
    zsh: (await exists(zsh)) ? zsh : undefined,
    fish: (await exists(fish)) ? join(fish, 'completions', 'stile.fish') : undefined,
  };
}

function lines(text: string): string[] {
  return text.split('\n');
}

async function append(path: string, wanted: string): Promise<boolean> {
  const text = await readFile(path, 'utf8');
  if (lines(text).includes(wanted)) return false;
  const start = text === '' || text.endsWith('\n') ? text : `${text}\n`;
  await writeFile(path, `${start}${wanted}\n`);
  return true;
}

/** Takes out every completion line of `stile`, whichever program path it names. */
async function take(path: string): Promise<boolean> {
  const text = await readFile(path, 'utf8');
  const kept = lines(text).filter(
    (line) => !/(?:^|bashcompinit; )complete (?:-o nospace )?-C .+ stile$/.test(line),
  );
  if (kept.length === lines(text).length) return false;
  await writeFile(path, kept.join('\n'));
  return true;
}

/**
 * Installs completion for every shell that has a start-up file here.
 * @returns the files that changed
 * @throws {StileError} failedPrecondition when it is installed already, or there is no file
 */
export async function installCompletion(
  environment: Environment,
  program: string,
): Promise<readonly string[]> {
  const files = await findFiles(environment);
  const changed: string[] = [];
  if (files.bash !== undefined && (await append(files.bash, bashLine(program)))) changed.push(files.bash);
  if (files.zsh !== undefined && (await append(files.zsh, zshLine(program)))) changed.push(files.zsh);
  if (files.fish !== undefined && !(await exists(files.fish))) {
    await mkdir(dirname(files.fish), { recursive: true });
    await writeFile(files.fish, fishScript(program));
    changed.push(files.fish);
  }
  if (changed.length > 0) return changed;
  const found = Object.values(files).some((file) => file !== undefined);
  throw new StileError(
    'failedPrecondition',
    found
      ? 'completion is already installed'
      : 'no start-up file of bash, zsh or fish was found: make ~/.bashrc, ~/.zshrc or ~/.config/fish first',
  );
}

/**
 * Removes completion again.
 * @returns the files that changed
 * @throws {StileError} failedPrecondition when nothing was installed
 */
export async function uninstallCompletion(environment: Environment): Promise<readonly string[]> {
  const files = await findFiles(environment);
  const changed: string[] = [];
  for (const path of [files.bash, files.zsh]) {
    if (path !== undefined && (await take(path))) changed.push(path);
  }
  if (files.fish !== undefined && (await exists(files.fish))) {
    await rm(files.fish);
    changed.push(files.fish);
  }
  if (changed.length === 0) throw new StileError('failedPrecondition', 'completion is not installed');
  return changed;
}
