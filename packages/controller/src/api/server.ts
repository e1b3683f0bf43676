/**
 * One API listener: fastify with the routes of the table, and the request pipeline in its fixed order — security headers, CORS,
 * correlation id, caller, body, operation, answer (http-api.md §1.1). Nothing listens before everything behind it is ready.
 */
import type { IncomingHttpHeaders, Server } from 'node:http';
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { invalidField, StileError } from '@stile/protocol/errors';
import { anonymousUserId } from '@stile/protocol/ids';
import { listen, withDeadline, type HostPort, type Logger } from '@stile/runtime';
import type { Caller, Presented } from '../auth/token/auth-token-service.ts';
import type { ClientOrigin } from '../auth/token/origin.ts';
import { anonymousBodyLimitBytes, parseBody, parseForm, readBody, type JsonObject } from './http/body.ts';
import { canonicalAddress, clientOf, TrustedProxies } from './http/client-address.ts';
import {
  credentialOf,
  refuseRepeatedHeaders,
  type Credential,
  type CredentialRules,
} from './http/credential.ts';
import { crossOriginAnswer, type CrossOriginOptions } from './http/cross-origin.ts';
import { exposedToken } from './http/exposed-token.ts';
import { createHttpServer, type HttpServerOptions } from './http/http-server.ts';
import { closeWithConnection } from './http/pipelined-answers.ts';
import { isSameOrigin, refuseForeignCookieUse } from './http/same-origin.ts';
import { Query, type RawQuery } from './http/query.ts';
import type { RateLimiter, Verdict } from './limits/rate-limiter.ts';
import { isPublic, limitedNameOf, mustEnroll, type Answer, type Gate, type Operation } from './operation.ts';
import { renderError } from './render-error.ts';
import { clusterApiHeaders, isClusterPath } from './v2/surface.ts';
import { checkTable, customVerb, judgeUnknown, patternsOf, type UnknownRoute } from './router.ts';

/** A listener and what it serves. */
export interface ApiServerOptions extends HttpServerOptions {
  readonly operations: readonly Operation[];
  readonly gate: Gate;
  /** Who presents this token: anonymous when there is none or it is bad. */
  readonly authenticate: (presented: Presented) => Promise<Caller>;
  /** Called when a request of this caller was answered with success. */
  readonly noteUse?: (caller: Caller, client: ClientOrigin) => void;
  /** Called when an address holds a token; the id is public, and absent where it cannot be told. */
  readonly noteExposed?: (authTokenId: string | undefined, client: ClientOrigin) => void;
  readonly address: HostPort;
  readonly crossOrigin: CrossOriginOptions;
  /** Addresses and networks of proxies whose `X-Forwarded-For` counts. Default none. */
  readonly trustedProxies?: readonly string[];
  /** Cookies are given and taken without TLS. Default: no. */
  readonly insecureCookies?: boolean;
  /** Largest body, bytes. Default 4 MiB; callers without a valid token have 64 KiB. */
  readonly maxRequestBytes?: number;
  /** Largest body of a caller without a valid token, bytes. Default 64 KiB. */
  readonly maxAnonymousRequestBytes?: number;
  /** A request is answered within this time, milliseconds. Default 90 s. */
  readonly maxRequestMs?: number;
  /** Shared by the listeners of a controller. Absent = no limits. */
  readonly rateLimiter?: RateLimiter | undefined;
  readonly log: Logger;
}

/** Default body limit, bytes (http-api.md §7). */
const defaultMaxRequestBytes = 4 * 1024 * 1024;
/** Default request deadline, milliseconds (http-api.md §1.1). */
const defaultMaxRequestMs = 90_000;
/** Running requests get this long when the listener closes, milliseconds. */
const closeGraceMs = 5_000;
/** Longest id in a path: names of 600 characters, percent-encoded, are recorded (http-api.md §1.7). */
const maxPathPart = 8192;

const securityHeaders: Readonly<Record<string, string>> = {
  'Cache-Control': 'no-store',
  'Content-Security-Policy': "default-src 'none'",
  'Referrer-Policy': 'no-referrer',
  'Strict-Transport-Security': 'max-age=31536000; includeSubDomains',
  'X-Content-Type-Options': 'nosniff',
};

const uuidPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
const anonymous: Caller = { userId: anonymousUserId };

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The row of the table; absent where no route matched. */
    operation?: Operation;
  }
  interface FastifyRequest {
    /** Who calls; set by the first hook. */
    stileCaller: Caller | null;
    /** CORS and rate headers of the answer; set by the first hook. */
    stileHeaders: Readonly<Record<string, string>> | null;
    /** Where the request comes from; set by the first hook. */
    stileClient: ClientOrigin | null;
    /** Name of our cookie, where that presented the token; set by the first hook. */
    stileCookieName: string | undefined;
    /** Content type as sent; the pipeline takes it from the headers. */
    stileContentType: string;
  }
}

/** Serves the API on one address from `start` to `close`. Owns its sockets. */
export class ApiServer {
  readonly #options: ApiServerOptions;
  readonly #app: FastifyInstance;
  readonly #server: Server;
  readonly #maxRequestBytes: number;
  readonly #maxAnonymousRequestBytes: number;
  readonly #maxRequestMs: number;
  readonly #proxies: TrustedProxies;
  #running = 0;
  #onIdle: () => void = () => undefined;

  /** @throws {Error} when the table is not complete. @throws {StileError} invalidConfig (trusted proxies) */
  constructor(options: ApiServerOptions) {
    checkTable(options.operations);
    this.#options = options;
    this.#maxRequestBytes = options.maxRequestBytes ?? defaultMaxRequestBytes;
    this.#maxAnonymousRequestBytes = Math.min(
      options.maxAnonymousRequestBytes ?? anonymousBodyLimitBytes,
      this.#maxRequestBytes,
    );
    this.#maxRequestMs = options.maxRequestMs ?? defaultMaxRequestMs;
    this.#proxies = new TrustedProxies(options.trustedProxies ?? []);
    const server = createHttpServer(options);
    server.on('error', (error) => options.log.error({ err: error }, 'API listener failed'));
    this.#server = server;
    this.#app = fastify({
      serverFactory: (handler) => server.on('request', handler),
      exposeHeadRoutes: false,
      return503OnClosing: false,
      routerOptions: { maxParamLength: maxPathPart },
      frameworkErrors: (_error, request, reply) => this.#refuse(request, reply),
    });
    this.#wire();
  }

  /**
   * Starts listening; the bound address.
   * @throws {StileError} listenFailed
   */
  async start(): Promise<HostPort> {
    const { address, insecureCookies, log } = this.#options;
    await this.#app.ready();
    const bound = await listen(this.#server, address);
    if (insecureCookies === true) {
      log.warn(
        { ...bound, option: 'insecure_cookies' },
        'this API listener gives and takes cookies without TLS: whoever reads along on the network can act as their users',
      );
    }
    return bound;
  }

  /** Takes no new connection, lets running requests end for a while, then closes every socket. Idempotent. */
  async close(): Promise<void> {
    if (!this.#server.listening) return;
    const closed = new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
    });
    const idle = new Promise<void>((resolve) => {
      this.#onIdle = resolve;
      if (this.#running === 0) resolve();
    });
    const giveUp = setTimeout(() => this.#onIdle(), closeGraceMs);
    await idle;
    clearTimeout(giveUp);
    this.#server.closeAllConnections();
    await closed;
  }

  /** Requests that are not answered yet. */
  get running(): number {
    return this.#running;
  }

  /** Counts a request until its answer is out or its client gone. */
  #count(reply: FastifyReply): void {
    this.#running += 1;
    reply.raw.once('close', () => {
      this.#running -= 1;
      if (this.#running === 0) this.#onIdle();
    });
  }

  #wire(): void {
    const app = this.#app;
    app.removeAllContentTypeParsers();
    // The body is read by the operation's own step, with a limit that depends on the caller.
    app.addContentTypeParser('*', (_request, _payload, done) => done(null, undefined));
    app.decorateRequest('stileCaller', null);
    app.decorateRequest('stileHeaders', null);
    app.decorateRequest('stileClient', null);
    app.decorateRequest('stileCookieName', undefined);
    app.decorateRequest('stileContentType', '');
    app.addHook('onRequest', (request, reply) => this.#admit(request, reply));
    app.setErrorHandler((error, request, reply) => this.#fail(error, request, reply));
    app.setNotFoundHandler((request, reply) => this.#unknown(request, reply));
    for (const operation of this.#options.operations) {
      for (const url of patternsOf(operation)) {
        app.route({
          method: operation.method,
          url,
          config: { operation },
          handler: (request, reply) => this.#serve(operation, request, reply),
        });
      }
    }
  }

  /** First step: headers, CORS, rate limits, correlation id, who calls. */
  async #admit(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply | undefined> {
    const { headers, method } = request;
    closeWithConnection(request.raw, reply.raw);
    this.#count(reply);
    if (isClusterPath(request.url)) request.stileHeaders = clusterApiHeaders;
    const client = clientOf(request.raw.socket, headers, this.#proxies);
    request.stileClient = client;
    this.#refuseExposed(request);
    // Content types are ignored (http-api.md §1.1); fastify would refuse malformed ones.
    request.stileContentType = headers['content-type'] ?? '';
    delete headers['content-type'];
    if (headers.upgrade !== undefined) {
      // Node's parser drops what follows an upgrade that nobody takes: a second request on the connection would never be answered.
      reply.raw.setHeader('Connection', 'close');
      // Whether there is such a path or not; all others are answered as the plain requests that they are too.
      this.#presentedBy(request);
    }
    if (headers.origin !== undefined && request.url.startsWith('/v1/')) {
      const cors = crossOriginAnswer(method, headers, this.#options.crossOrigin);
      request.stileHeaders = cors.headers;
      if (cors.isPreflight) return send(request, reply, { status: 204 });
    }
    const judged = this.#judged(request);
    // What the limiter itself refuses costs nothing more (http-api.md §1.12).
    if (judged !== undefined && judged.error === undefined) return this.#unknown(request, reply);
    const verdict = this.#limited(request);
    if (verdict !== undefined) {
      request.stileHeaders = { ...request.stileHeaders, ...verdict.headers };
      if (verdict.kind !== 'allowed') return send(request, reply, { status: verdict.status });
    }
    let isKnown = false;
    let again: Verdict | undefined;
    try {
      if (judged !== undefined) return undefined;
      request.stileCaller = await this.#callerOf(request);
      isKnown = request.stileCaller.userId !== anonymousUserId;
    } finally {
      // Whatever came in between: a token that was not proven keeps no quota.
      if (!isKnown && verdict?.kind === 'allowed') again = verdict.withoutToken();
    }
    if (again === undefined || again.kind === 'allowed') return undefined;
    request.stileHeaders = { ...request.stileHeaders, ...again.headers };
    return send(request, reply, { status: again.status });
  }

  /** Who calls. @throws {StileError} invalidArgument (headers), permissionDenied (a cookie of another site), deadlineExceeded, unavailable */
  async #callerOf(request: FastifyRequest): Promise<Caller> {
    const { headers } = request;
    refuseRepeatedHeaders(request.raw.rawHeaders);
    const correlationId = headers['x-correlation-id'];
    if (
      correlationId !== undefined &&
      !(typeof correlationId === 'string' && uuidPattern.test(correlationId))
    ) {
      throw invalidField('x-correlation-id', 'This header must be a UUID.');
    }
    const credential = this.#presentedBy(request);
    request.stileCookieName = credential.cookieName;
    if (credential.text === undefined) return anonymous;
    return this.#inTime(
      this.#options.authenticate({
        text: credential.text,
        isCookie: credential.source === 'cookie',
        client: request.stileClient ?? undefined,
      }),
    );
  }

  /** What the request presents. @throws {StileError} invalidArgument (headers), permissionDenied (a cookie of another site) */
  #presentedBy(request: FastifyRequest): Credential {
    const { headers, method } = request;
    const credential = credentialOf(headers, this.#rulesOf(request));
    const { source } = credential;
    const { operation } = request.routeOptions.config;
    const staysOpen = headers.upgrade !== undefined || operation?.isStream === true;
    refuseForeignCookieUse({ method, staysOpen, source, isSameOrigin: isOwnPage(request) });
    return credential;
  }

  /** @throws {StileError} invalidArgument when the address of the request, or of the page it comes from, holds a token */
  #refuseExposed(request: FastifyRequest): void {
    const exposed = exposedToken(request.url, request.headers.referer);
    if (exposed === undefined) return;
    const client = clientOf(request.raw.socket, request.headers, this.#proxies);
    this.#options.noteExposed?.(exposed.authTokenId, client);
    throw exposed.error;
  }

  #rulesOf(request: FastifyRequest): CredentialRules {
    const surface = request.routeOptions.config.operation?.surface ?? 'v1';
    return { surface, insecureCookies: this.#options.insecureCookies === true };
  }

  /** The judgement on a request that matched no operation; undefined when it did. */
  #judged(request: FastifyRequest): UnknownRoute | undefined {
    const { operation } = request.routeOptions.config;
    // A greedy pattern catches paths that are not its operation's.
    if (operation !== undefined && pathId(operation, request) !== undefined) return undefined;
    return judgeUnknown(request.method, pathOfUrl(request), this.#options.operations);
  }

  /** Counts a request of a known resource; undefined where there are no limits. */
  #limited(request: FastifyRequest): Verdict | undefined {
    const { rateLimiter } = this.#options;
    if (rateLimiter === undefined) return undefined;
    const { operation } = request.routeOptions.config;
    const isMatched = operation !== undefined && pathId(operation, request) !== undefined;
    const name = isMatched ? limitedNameOf(operation) : this.#deepName(request);
    if (name === undefined) return undefined;
    return rateLimiter.take({
      ...name,
      address: request.stileClient?.address ?? '',
      token: presentedToken(request.headers, this.#rulesOf(request)),
    });
  }

  /** A path deeper than any operation counts as a read of its resource. */
  #deepName(request: FastifyRequest): { readonly resource: string; readonly action: string } | undefined {
    const [, , first = ''] = pathOfUrl(request).split('/', 3);
    const sibling = this.#options.operations.find((each) => each.resource === first);
    return sibling === undefined ? undefined : { resource: limitedNameOf(sibling).resource, action: 'read' };
  }

  #inTime<T>(work: Promise<T>): Promise<T> {
    return withDeadline(
      work,
      this.#maxRequestMs,
      () => new StileError('deadlineExceeded', 'Gateway Timeout'),
    );
  }

  async #serve(operation: Operation, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const id = pathId(operation, request);
    if (id === undefined) return this.#unknown(request, reply);
    const caller = request.stileCaller ?? anonymous;
    const client = request.stileClient ?? { address: '' };
    requireCaller(operation, caller);
    const { body, form } = await this.#bodyOf(operation, request, caller);
    const call = {
      id,
      query: new Query(request.query as RawQuery),
      body,
      form,
      params: request.params as Readonly<Record<string, string>>,
      caller,
      headers: request.headers,
      address: client.address,
      client,
      peerAddress: canonicalAddress(request.raw.socket.remoteAddress ?? ''),
      isSameOrigin: isOwnPage(request),
      cookieName: request.stileCookieName,
      isTls: this.#options.tls !== undefined,
      insecureCookies: this.#options.insecureCookies === true,
    };
    const answer = await this.#inTime(operation.run(call, this.#options.gate));
    if (answer.status < 400 && operation.isNoUse !== true && operation.ignoresToken !== true)
      this.#options.noteUse?.(caller, client);
    return send(request, reply, answer);
  }

  async #bodyOf(
    operation: Operation,
    request: FastifyRequest,
    caller: Caller,
  ): Promise<{ readonly body: JsonObject; readonly form?: URLSearchParams }> {
    const { headers, method } = request;
    const hasBody = headers['transfer-encoding'] !== undefined || (headers['content-length'] ?? '0') !== '0';
    if (!hasBody || method === 'GET' || method === 'DELETE') return { body: {} };
    const isKnown = caller.userId !== anonymousUserId;
    const limit = isKnown ? this.#maxRequestBytes : this.#maxAnonymousRequestBytes;
    const bytes = await readBody(request.raw, limit);
    if (operation.takesForm !== true) return { body: parseBody(bytes) };
    return { body: {}, form: parseForm(bytes, request.stileContentType) };
  }

  #fail(error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
    const correlationId = request.headers['x-correlation-id'];
    const answer = renderError(error, this.#options.log, {
      method: request.method,
      route: request.routeOptions.url ?? '',
      correlationId:
        typeof correlationId === 'string' && uuidPattern.test(correlationId) ? correlationId : undefined,
    });
    return send(request, reply, answer);
  }

  /** What fastify itself refuses before any hook ran: a path that is no URL. */
  #refuse(request: FastifyRequest, reply: FastifyReply): void {
    let error: unknown = invalidField('id', 'Invalid formatted identifier.');
    try {
      this.#refuseExposed(request);
    } catch (exposed) {
      error = exposed;
    }
    void this.#fail(error, request, reply);
  }

  #unknown(request: FastifyRequest, reply: FastifyReply): FastifyReply {
    const judged = judgeUnknown(request.method, pathOfUrl(request), this.#options.operations);
    const headers: Record<string, string> = judged.allow === undefined ? {} : { Allow: judged.allow };
    if (judged.error !== undefined) {
      request.stileHeaders = { ...request.stileHeaders, ...headers };
      return this.#fail(judged.error, request, reply);
    }
    return send(request, reply, { status: judged.status, headers });
  }
}

/**
 * Refuses who may not even ask: on `/api/v2` whoever has no good token (tokens.md §0 row 11), and anywhere a token whose user must enroll a
 * second factor first.
 * @throws {StileError} unauthenticated, permissionDenied
 */
function requireCaller(operation: Operation, caller: Caller): void {
  const { permission } = operation;
  const isOpen = isPublic(permission);
  if (isOpen && permission.needsToken !== true) return;
  if ((isOpen || operation.surface === 'v2') && caller.userId === anonymousUserId) {
    throw new StileError('unauthenticated', 'Unauthenticated, or invalid token.');
  }
  if (caller.token?.mustEnroll === true && operation.beforeEnrolment !== true) throw mustEnroll();
}

/** Whether the request comes from our own pages or from no page at all. */
function isOwnPage({ headers, stileContentType, routeOptions }: FastifyRequest): boolean {
  return isSameOrigin(headers, routeOptions.config.operation?.takesForm === true ? '' : stileContentType);
}

/** The path without the query. */
function pathOfUrl(request: FastifyRequest): string {
  return request.url.split('?', 1)[0] ?? '';
}

/** The token as presented; cookies that contradict each other are refused later, and count as none here. */
function presentedToken(headers: IncomingHttpHeaders, rules: CredentialRules): string | undefined {
  try {
    return credentialOf(headers, rules).text;
  } catch (error) {
    if (error instanceof StileError) return undefined;
    throw error;
  }
}

/** The id that the path names; undefined when a greedy pattern caught a path that is not this operation's. */
function pathId(operation: Operation, request: FastifyRequest): string | undefined {
  if (operation.on === 'collection' || operation.path !== undefined) return '';
  const params = request.params as Readonly<Record<string, string | undefined>>;
  const exact = params['id'];
  if (exact !== undefined) return exact === '' ? undefined : exact;
  const greedy = params['*'] ?? '';
  const suffix = `:${customVerb(operation) ?? ''}`;
  return greedy.endsWith(suffix) && greedy.length > suffix.length
    ? greedy.slice(0, -suffix.length)
    : undefined;
}

/**
 * Writes an answer, headers and body in one piece. Not by `reply.send`: it would add a charset to JSON, and RFC 8259 knows none.
 */
function send(request: FastifyRequest, reply: FastifyReply, answer: Answer): FastifyReply {
  reply.hijack();
  const { raw } = reply;
  // The answer of a call that took too long comes after the 504; the client has its answer.
  if (raw.headersSent) return reply;
  const body = answer.body === undefined ? '' : JSON.stringify(answer.body);
  const headers: Record<string, string | number | string[]> = {
    ...securityHeaders,
    ...request.stileHeaders,
    ...answer.headers,
  };
  if (answer.stream !== undefined) {
    raw.writeHead(answer.status, headers);
    answer.stream(raw);
    return reply;
  }
  if (answer.body !== undefined) headers['Content-Type'] = 'application/json';
  if (answer.status !== 204) headers['Content-Length'] = Buffer.byteLength(body);
  raw.writeHead(answer.status, headers);
  raw.end(body);
  return reply;
}
