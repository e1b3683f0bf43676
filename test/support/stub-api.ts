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

/** Says what to answer, at once or later. */
export type Answering = (request: SeenRequest) => StubAnswer | Promise<StubAnswer>;

/** A running stub. */
export class StubApi {
  readonly requests: SeenRequest[] = [];
  /** For tests that look at connections. */
  readonly server: Server;
  #answer: Answering;

  private constructor(answer: Answering) {
    this.#answer = answer;
    this.server = createServer((message, response) => {
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
        void Promise.resolve(this.#answer(request)).then(({ status, body, headers }) => {
          response.writeHead(status, { 'content-type': 'application/json', ...headers });
          response.end(body === undefined ? '' : typeof body === 'string' ? body : JSON.stringify(body));
        });
      });
    });
  }

  /** Starts listening. The caller closes. */
  static async start(answer: Answering): Promise<StubApi> {
    const stub = new StubApi(answer);
    await new Promise<void>((resolve) => stub.server.listen(0, '127.0.0.1', resolve));
    return stub;
  }

  /** `http://127.0.0.1:port`. */
  get address(): string {
    // A TCP listener's address is never a string.
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  /** Changes what is answered from now on. */
  answerWith(answer: Answering): void {
    this.#answer = answer;
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }
}
