/** An HTTP server that answers API calls as a test says and remembers them. Real sockets, port 0. */
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** One request as it arrived. */
export interface SeenRequest {
  readonly method: string;
  /** Path and query. */
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** What to answer. `body` is sent as JSON, a string as it is. */
export interface StubAnswer {
  readonly status: number;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A running stub. */
export class StubApi {
  readonly requests: SeenRequest[] = [];
  readonly #server: Server;
  #answer: (request: SeenRequest) => StubAnswer;

  private constructor(answer: (request: SeenRequest) => StubAnswer) {
    this.#answer = answer;
    this.#server = createServer((message, response) => {
      const pieces: Buffer[] = [];
      message.on('data', (piece: Buffer) => pieces.push(piece));
      message.on('end', () => {
        const request = {
          method: message.method ?? '',
          url: message.url ?? '',
          headers: message.headers,
          body: Buffer.concat(pieces).toString('utf8'),
        };
        this.requests.push(request);
        const { status, body, headers } = this.#answer(request);
        response.writeHead(status, { 'content-type': 'application/json', ...headers });
        response.end(body === undefined ? '' : typeof body === 'string' ? body : JSON.stringify(body));
      });
    });
  }

  /** Starts listening. The caller closes. */
  static async start(answer: (request: SeenRequest) => StubAnswer): Promise<StubApi> {
    const stub = new StubApi(answer);
    await new Promise<void>((resolve) => stub.#server.listen(0, '127.0.0.1', resolve));
    return stub;
  }

  /** `http://127.0.0.1:port`. */
  get address(): string {
    // A TCP listener's address is never a string.
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Changes what is answered from now on. */
  answerWith(answer: (request: SeenRequest) => StubAnswer): void {
    this.#answer = answer;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
