// The bench's side of a program of its own process (support/programs/): calls go over the child's message channel.
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { cleanEnvironment } from './process.mjs';
import { forgetPid, rememberPid } from './scope.mjs';

/**
 * Starts a program of support/programs/. It ends with the scope.
 * @returns {{ pid: number, call(operation: string, argument?: object, deadlineMs?: number): Promise<any> }}
 */
export function startProgram(scope, name) {
  const file = fileURLToPath(new URL(`programs/${name}.mjs`, import.meta.url));
  // Values between the processes may be typed arrays and big integers: hence not JSON.
  const child = fork(file, {
    env: cleanEnvironment(),
    serialization: 'advanced',
    stdio: ['ignore', 2, 2, 'ipc'],
  });
  const { pid } = child;
  rememberPid(pid);
  const open = new Map();
  let nextId = 1;
  const closed = new Promise((resolve) => {
    child.once('exit', () => {
      forgetPid(pid);
      for (const { reject } of open.values()) reject(new Error(`program ${name} ended`));
      open.clear();
      resolve();
    });
  });
  child.on('error', (error) => {
    for (const { reject } of open.values()) reject(error);
    open.clear();
  });
  child.on('message', ({ id, value, error }) => {
    const call = open.get(id);
    open.delete(id);
    if (error === undefined) call?.resolve(value);
    else call?.reject(new Error(`program ${name}: ${error}`));
  });
  scope.defer(async () => {
    const timer = setTimeout(() => child.kill('SIGKILL'), 5_000);
    if (child.connected) child.disconnect();
    await closed;
    clearTimeout(timer);
  });
  const call = (operation, argument = {}, deadlineMs = 120_000) =>
    new Promise((resolve, reject) => {
      const id = nextId++;
      const timer = setTimeout(() => {
        open.delete(id);
        reject(new Error(`program ${name}: ${operation} took longer than ${deadlineMs} ms`));
      }, deadlineMs);
      const done = (settle) => (result) => {
        clearTimeout(timer);
        settle(result);
      };
      open.set(id, { resolve: done(resolve), reject: done(reject) });
      child.send({ id, operation, argument }, (error) => {
        if (error !== null && error !== undefined) open.get(id)?.reject(error);
      });
    });
  return { pid, call };
}
