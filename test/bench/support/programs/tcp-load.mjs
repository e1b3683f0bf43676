// The load generator: a TCP client in a process of its own. It speaks commands.mjs through a tunnel's local port.
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:net';
import { blockBytes, commands, encodeCommand, writeBytes } from './commands.mjs';
import { inParallel } from '../concurrency.mjs';
import { serve } from './serve.mjs';

const host = '127.0.0.1';

/** A reader's buffer where little is read. */
const smallBytes = 4 * 1024;

/** A connection whose bytes go to `onBytes(count, buffer)`, read into one reused buffer. */
function open({ port, onBytes, bufferBytes }) {
  return connect({
    host,
    port,
    noDelay: true,
    onread: {
      buffer: Buffer.allocUnsafe(bufferBytes),
      callback: (count, buffer) => {
        onBytes(count, buffer);
        return true;
      },
    },
  });
}

/** One connection that awaits answers of known length. */
class Caller {
  #socket;
  #left = 0;
  #resolve = () => undefined;
  #reject = () => undefined;
  #error;

  constructor(port, { onBytes = () => undefined, bufferBytes = smallBytes } = {}) {
    this.#socket = open({
      port,
      bufferBytes,
      onBytes: (count, buffer) => {
        onBytes(count, buffer);
        this.#left -= count;
        if (this.#left <= 0) this.#resolve();
      },
    });
    this.#socket.on('error', (error) => (this.#error = error));
    this.#socket.on('close', () => {
      this.#error ??= new Error('connection closed');
      this.#reject(this.#error);
    });
  }

  get socket() {
    return this.#socket;
  }

  /** Resolves when `count` more bytes have come. */
  receive(count) {
    if (this.#error !== undefined) return Promise.reject(this.#error);
    this.#left += count;
    return new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  /** A byte there and back: the whole path stands. */
  async warm() {
    this.#socket.write(Buffer.concat([encodeCommand(commands.upload, 1), Buffer.from('x')]));
    await this.receive(1);
  }

  async transfer(direction, bytes) {
    if (direction === 'up') {
      const answered = this.receive(1);
      this.#socket.write(encodeCommand(commands.upload, bytes));
      await Promise.all([writeBytes(this.#socket, bytes), answered]);
    } else {
      const received = this.receive(bytes);
      this.#socket.write(encodeCommand(commands.download, bytes));
      await received;
    }
  }

  async close() {
    if (this.#socket.closed) return;
    const closed = once(this.#socket, 'close');
    this.#socket.destroy();
    await closed;
  }
}

/** Time of `streams` transfers of `bytes` each, at once, on connections that stand already. */
async function transfer({ port, direction, bytes, streams = 1 }) {
  const callers = Array.from({ length: streams }, () => new Caller(port, { bufferBytes: blockBytes }));
  try {
    await Promise.all(callers.map((caller) => caller.warm()));
    const start = performance.now();
    await Promise.all(callers.map((caller) => caller.transfer(direction, bytes)));
    return { seconds: (performance.now() - start) / 1000 };
  } finally {
    await Promise.all(callers.map((caller) => caller.close()));
  }
}

/** Sends random bytes through an echo and compares the digests. */
async function checkEcho({ port, bytes }) {
  const sent = randomBytes(bytes);
  const digest = createHash('sha256');
  const caller = new Caller(port, { onBytes: (count, buffer) => digest.update(buffer.subarray(0, count)) });
  try {
    const received = caller.receive(bytes);
    caller.socket.write(encodeCommand(commands.echo));
    caller.socket.write(sent);
    await received;
    if (digest.digest('hex') !== createHash('sha256').update(sent).digest('hex')) {
      throw new Error('the bytes that came back are not those that were sent');
    }
  } finally {
    await caller.close();
  }
}

/** Round-trip times of 64 bytes, one after the other, in milliseconds. */
async function ping({ port, maxCount, forMs, bytes = 64 }) {
  const caller = new Caller(port);
  try {
    const message = Buffer.alloc(bytes, 1);
    caller.socket.write(encodeCommand(commands.echo));
    const times = [];
    const end = performance.now() + forMs;
    while (times.length < maxCount && performance.now() < end) {
      const start = performance.now();
      const answered = caller.receive(bytes);
      caller.socket.write(message);
      await answered;
      times.push(performance.now() - start);
    }
    return Float64Array.from(times);
  } finally {
    await caller.close();
  }
}

/** Opens `count` connections, `width` at a time: send a byte, await its echo, close. */
async function setUp({ port, count, width }) {
  const times = new Float64Array(count);
  const closing = [];
  const start = performance.now();
  await inParallel(count, width, async (index) => {
    const begin = performance.now();
    const caller = new Caller(port);
    const answered = caller.receive(1);
    caller.socket.write(Buffer.concat([encodeCommand(commands.echo), Buffer.from('x')]));
    await answered;
    times[index] = performance.now() - begin;
    closing.push(caller.close());
  });
  const seconds = (performance.now() - start) / 1000;
  await Promise.all(closing);
  return { times, seconds };
}

/** A transfer that goes on until `endBulk`. */
let bulk;
async function startBulk({ port, direction }) {
  bulk = { received: 0, start: 0, startBytes: 0, direction };
  bulk.caller = new Caller(port, { onBytes: (count) => (bulk.received += count), bufferBytes: blockBytes });
  await bulk.caller.warm();
  bulk.start = performance.now();
  // More than any run can move; the connection is closed in the middle of it.
  bulk.done = bulk.caller.transfer(direction, 2 ** 45).catch(() => undefined);
}
async function endBulk() {
  const { caller, received, start, direction, done } = bulk;
  const bytes = direction === 'up' ? caller.socket.bytesWritten - caller.socket.writableLength : received;
  const seconds = (performance.now() - start) / 1000;
  await caller.close();
  await done;
  return { bytes, seconds };
}

/** Connections that stay. */
let held = [];
async function hold({ port, count, width }) {
  await inParallel(count, width, async () => {
    const caller = new Caller(port);
    held.push(caller);
    await caller.warm();
  });
}
/** Every held connection moves `up` and then `down` bytes. */
async function moveHeld({ up, down, width }) {
  await inParallel(held.length, width, async (index) => {
    await held[index].transfer('up', up);
    await held[index].transfer('down', down);
  });
}
/** How many of the held connections still stand. */
function countHeld() {
  return held.filter((caller) => !caller.socket.destroyed).length;
}
async function releaseHeld() {
  await Promise.all(held.map((caller) => caller.close()));
  held = [];
}

serve({ transfer, checkEcho, ping, setUp, startBulk, endBulk, hold, moveHeld, countHeld, releaseHeld });
