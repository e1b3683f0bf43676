/** Tokens in `pass`, the standard unix password manager: entry `Stile/<token name>`. The token goes through pipes, never argv. */
import { spawn } from 'node:child_process';
import { StileError } from '@stile/protocol/errors';
import { parseStoredToken, type StoredToken, type TokenStore } from './token-store.ts';

/** Most that is read from `pass`, bytes. */
const maxOutputBytes = 65_536;

interface PassResult {
  readonly status: number;
  readonly stdout: string;
}

/** Runs `pass`; its prompts (pinentry) and errors go to the terminal. @throws {StileError} failedPrecondition when it cannot be run */
async function pass(words: readonly string[], input = ''): Promise<PassResult> {
  const child = spawn('pass', words, { stdio: ['pipe', 'pipe', 'ignore'] });
  return new Promise<PassResult>((resolve, reject) => {
    let stdout = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      if (stdout.length < maxOutputBytes) stdout += text;
    });
    // `pass` may end without reading its input; its exit status tells.
    child.stdin.on('error', () => undefined);
    child.on('error', (cause) => {
      reject(
        new StileError('failedPrecondition', 'cannot run pass, which -keyring-type=pass needs', { cause }),
      );
    });
    child.on('close', (status) => resolve({ status: status ?? 1, stdout }));
    child.stdin.end(input);
  });
}

/** The `pass` store. */
export class PassTokenStore implements TokenStore {
  readonly type = 'pass';

  async lookup(name: string): Promise<StoredToken | undefined> {
    const { status, stdout } = await pass(['show', `Stile/${name}`]);
    return status === 0 ? parseStoredToken(Buffer.from(stdout.trim(), 'base64').toString('utf8')) : undefined;
  }

  async write(name: string, token: StoredToken): Promise<void> {
    const entry = Buffer.from(JSON.stringify(token)).toString('base64').replace(/=+$/, '');
    const { status } = await pass(['insert', '--multiline', '--force', `Stile/${name}`], `${entry}\n`);
    if (status !== 0) {
      throw new StileError(
        'failedPrecondition',
        `pass did not take the token (status ${status}); is a password store initialised?`,
      );
    }
  }

  async delete(name: string): Promise<void> {
    if ((await this.lookup(name)) === undefined) return;
    const { status } = await pass(['rm', '--force', `Stile/${name}`]);
    if (status !== 0)
      throw new StileError('failedPrecondition', `pass did not delete the token (status ${status})`);
  }
}
