// The endpoint of the tunnels: a TCP server in a process of its own that runs the commands of commands.mjs.
import { createServer } from 'node:net';
import { commandBytes, commands, decodeCommand, flowSteadily, writeBytes } from './commands.mjs';
import { sharedClockMs } from '../concurrency.mjs';
import { serve } from './serve.mjs';

/** When registered connections closed: number -> { sharedMs, wallMs }. */
const closings = new Map();
let openConnections = 0;

/** One accepted connection: takes commands until one lasts to the end of the connection. */
class Conversation {
  #socket;
  #pending = Buffer.alloc(0);
  /** Bytes of an upload that are still to come; they are counted and dropped. */
  #toTake = 0;
  #isBusy = false;

  constructor(socket) {
    this.#socket = socket;
    socket.on('data', (bytes) => this.#take(bytes));
  }

  #take(bytes) {
    if (this.#toTake > 0 && this.#pending.length === 0 && bytes.length <= this.#toTake) {
      this.#toTake -= bytes.length;
      if (this.#toTake === 0) this.#socket.write('K');
      return;
    }
    this.#pending = this.#pending.length === 0 ? bytes : Buffer.concat([this.#pending, bytes]);
    this.#run();
  }

  #run() {
    while (!this.#isBusy && this.#pending.length > 0) {
      if (this.#toTake > 0) {
        const taken = Math.min(this.#toTake, this.#pending.length);
        this.#toTake -= taken;
        this.#pending = this.#pending.subarray(taken);
        if (this.#toTake === 0) this.#socket.write('K');
        continue;
      }
      if (this.#pending.length < commandBytes) return;
      const command = decodeCommand(this.#pending);
      this.#pending = this.#pending.subarray(commandBytes);
      this.#start(command);
    }
  }

  #start({ letter, argument }) {
    const socket = this.#socket;
    switch (letter) {
      case commands.upload:
        this.#toTake = argument;
        return;
      case commands.download:
        this.#isBusy = true;
        void writeBytes(socket, argument).then(() => {
          this.#isBusy = false;
          this.#run();
        });
        return;
      case commands.register:
        socket.once('close', () => closings.set(argument, { sharedMs: sharedClockMs(), wallMs: Date.now() }));
        socket.write('K');
        return;
      case commands.steady:
        this.#last(() => undefined);
        flowSteadily(socket);
        return;
      case commands.echo:
        this.#last((bytes) => {
          if (!socket.write(bytes)) {
            socket.pause();
            socket.once('drain', () => socket.resume());
          }
        });
        return;
      default:
        socket.destroy();
    }
  }

  /** From now on all bytes go to `take`. */
  #last(take) {
    this.#isBusy = true;
    this.#socket.removeAllListeners('data').on('data', take);
    if (this.#pending.length > 0) take(this.#pending);
    this.#pending = Buffer.alloc(0);
  }
}

const server = createServer({ noDelay: true }, (socket) => {
  openConnections += 1;
  socket.on('error', () => undefined); // A cut connection is what some benches wait for; 'close' follows.
  socket.on('close', () => (openConnections -= 1));
  new Conversation(socket);
});

serve({
  listen: () =>
    new Promise((resolve, reject) => {
      server.once('error', reject);
      server.listen({ host: '127.0.0.1', port: 0, backlog: 2048 }, () => resolve(server.address().port));
    }),
  openConnections: () => openConnections,
  closings: () => closings,
});
