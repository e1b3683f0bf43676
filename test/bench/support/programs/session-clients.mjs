// Many clients of sessions in one process: connections opened with the client library, held, and watched until they close.
import { once } from 'node:events';
import { dial } from '@stile/client';
import { decodeAuthorizationToken } from '@stile/protocol';
import { commands, encodeCommand, flowSteadily } from './commands.mjs';
import { inParallel, sharedClockMs } from '../concurrency.mjs';
import { serve } from './serve.mjs';

/** When connections closed: number -> { sharedMs, wallMs }. */
const closings = new Map();
const streams = new Map();

/**
 * The authorization with an end far away, so that nothing in this process ends a connection by itself: what is measured is
 * the worker's cut.
 */
function withoutOwnEnd(token) {
  const authorization = decodeAuthorizationToken(token);
  return { ...authorization, expiresAt: authorization.expiresAt + 3_600_000_000 };
}

/** One connection: registered with the endpoint under its number, and flowing if `isBusy`. */
async function open({ token, number, tofuToken, isBusy = false }) {
  const stream = await dial({ authorization: withoutOwnEnd(token), tofuToken });
  streams.set(number, stream);
  stream.on('error', () => undefined); // A cut connection is what is waited for; 'close' follows.
  stream.once('close', () => {
    closings.set(number, { sharedMs: sharedClockMs(), wallMs: Date.now() });
    streams.delete(number);
  });
  stream.write(encodeCommand(commands.register, number));
  await Promise.race([
    once(stream, 'data'),
    once(stream, 'close').then(() => {
      throw new Error(`connection ${number} was closed before it stood`);
    }),
  ]);
  if (isBusy) {
    stream.write(encodeCommand(commands.steady));
    flowSteadily(stream);
  }
  stream.resume();
}

serve({
  open,
  openAll: ({ connections, width }) =>
    inParallel(connections.length, width, (index) => open(connections[index])),
  /** Time until the first byte came back through a session. */
  firstByte: async ({ token }) => {
    const stream = await dial({ authorization: token });
    stream.on('error', () => undefined);
    stream.write(Buffer.concat([encodeCommand(commands.echo), Buffer.from('x')]));
    await once(stream, 'data');
    const at = sharedClockMs();
    stream.destroy();
    return at;
  },
  openConnections: () => streams.size,
  closings: () => closings,
});
