/**
 * The end of a connection, told to every answer on it. Node tells it to the answer that is being sent alone: those of pipelined requests, which
 * wait behind it, would hold what they hold for ever.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** Answers that are not over, by connection. */
const waiting = new WeakMap<Socket, Set<ServerResponse>>();

function answersOf(socket: Socket): Set<ServerResponse> {
  const known = waiting.get(socket);
  if (known !== undefined) return known;
  const answers = new Set<ServerResponse>();
  waiting.set(socket, answers);
  // After Node has told the one that it tells.
  const tell = (): void => {
    for (const answer of answers) if (!answer.closed) answer.emit('close');
  };
  socket.once('close', () => setImmediate(tell));
  return answers;
}

/** From now on the answer says `close` when its connection is gone, wherever it stands in the pipeline. */
export function closeWithConnection(request: IncomingMessage, answer: ServerResponse): void {
  const answers = answersOf(request.socket);
  answers.add(answer);
  answer.once('close', () => answers.delete(answer));
}
