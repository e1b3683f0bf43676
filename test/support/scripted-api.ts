/** A controller's API that answers what a test tells it to, and remembers what it was asked: stands for a hostile server. */
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** One request as it came. */
export interface SeenRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** A running API. Close it once. */
export interface ScriptedApi {
  readonly address: string;
  readonly requests: readonly SeenRequest[];
  readonly close: () => Promise<void>;
}

/** Answers every request by `answer`, which may also write to the response by itself and return nothing. */
export async function startScriptedApi(
  answer: (request: SeenRequest, response: ServerResponse) => { status: number; body: unknown } | undefined,
): Promise<ScriptedApi> {
  const requests: SeenRequest[] = [];
  const server = createServer((message, response) => {
    const parts: Buffer[] = [];
    message.on('error', () => undefined);
    response.on('error', () => undefined);
    message.on('data', (part: Buffer) => parts.push(part));
    message.on('end', () => {
      const request = {
        method: message.method ?? '',
        path: message.url ?? '',
        headers: message.headers,
        body: Buffer.concat(parts).toString(),
      };
      requests.push(request);
      const result = answer(request, response);
      if (result === undefined) return;
      response.writeHead(result.status, { 'content-type': 'application/json' });
      response.end(JSON.stringify(result.body));
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    address: `http://127.0.0.1:${port}`,
    requests,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
