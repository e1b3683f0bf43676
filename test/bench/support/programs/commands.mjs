// The little language between the load generator and the endpoint, spoken through whatever tunnel lies between them.
// A command is one letter and eight bytes of argument; after it has run, the connection takes the next one.

/** Bytes of a command. */
export const commandBytes = 9;

/** Bytes of one write of a bulk transfer, and of a reader's buffer. */
export const blockBytes = 256 * 1024;

export const commands = {
  /** Send back all that comes, until the end of the connection. */
  echo: 'E',
  /** Take `argument` bytes, then answer with one. */
  upload: 'U',
  /** Send `argument` bytes. */
  download: 'D',
  /** The connection is number `argument`: answer with one byte and remember when it closes. */
  register: 'R',
  /** Both ways at a steady rate, until the end of the connection. */
  steady: 'S',
};

/** The bytes of a command. */
export function encodeCommand(letter, argument = 0) {
  const bytes = Buffer.alloc(commandBytes);
  bytes.write(letter, 0, 'latin1');
  bytes.writeBigUInt64BE(BigInt(argument), 1);
  return bytes;
}

/** Reads a command of `commandBytes` bytes. */
export function decodeCommand(bytes) {
  return { letter: bytes.toString('latin1', 0, 1), argument: Number(bytes.readBigUInt64BE(1)) };
}

/** One block that is written again and again. */
const block = Buffer.alloc(blockBytes, 0x5a);

/**
 * Writes `count` bytes as fast as the socket takes them; resolves when the last was handed over or the socket closed.
 * One block a turn of the event loop: a loop that never yields would starve the process's other connections.
 */
export function writeBytes(socket, count) {
  return new Promise((resolve) => {
    let left = count;
    const settle = () => {
      socket.off('drain', write);
      socket.off('close', settle);
      resolve();
    };
    const write = () => {
      if (left <= 0 || socket.destroyed) {
        settle();
        return;
      }
      const size = Math.min(left, block.length);
      left -= size;
      if (socket.write(size === block.length ? block : block.subarray(0, size))) setImmediate(write);
    };
    socket.on('drain', write);
    socket.once('close', settle);
    write();
  });
}

/** Bytes and pause of one step of a steady flow: about 3 MB/s each way. */
const steadyBytes = 16 * 1024;
const steadyPauseMs = 5;

/** Sends at a steady rate until the socket closes; a step is left out while the socket is full. */
export function flowSteadily(socket) {
  const timer = setInterval(() => {
    if (socket.writableNeedDrain !== true) socket.write(block.subarray(0, steadyBytes));
  }, steadyPauseMs);
  socket.once('close', () => clearInterval(timer));
}
