/**
 * What every command that calls the API starts with: connection flags to a transport, the token, and afterwards the error of a
 * call as text and exit code (cli.md §1.6–1.9).
 */
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import {
  ApiClient,
  nodeStreamTransport,
  nodeTransport,
  type ApiRequest,
  type ApiTransport,
  type NodeTransportOptions,
} from '@stile/client/api';
import { StileError } from '@stile/protocol/errors';
import type { Secret } from '@stile/runtime/secret';
import type { CommandContext } from '../command.ts';
import type { FieldSpelling } from '../terminal/output.ts';
import { interruptedExitCode } from '../connect/interruption.ts';
import { curlLine, tokenHint } from './curl.ts';
import { findToken } from './token-source.ts';

/** Address when nothing names one (cli.md §1.3). */
const defaultAddress = 'http://127.0.0.1:9200';

/** An open way to the API. */
export interface ApiSession {
  readonly client: ApiClient;
  /** Undefined: calls are anonymous. */
  readonly token: Secret | undefined;
  /** The flag or variable that the token is from; undefined when the store gave it. */
  readonly givenBy: string | undefined;
}

async function readPem(path: string, flag: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    throw new StileError('invalidFlag', `cannot read the file of -${flag}: ${path}`, { cause });
  }
}

async function readAuthorities(context: CommandContext): Promise<string[] | undefined> {
  const { flags } = context;
  const file = flags.text('ca-cert');
  if (file !== '') return [await readPem(file, 'ca-cert')];
  const folder = flags.text('ca-path');
  if (folder === '') return undefined;
  const names = await readdir(folder).catch((cause: unknown) => {
    throw new StileError('invalidFlag', `cannot read the directory of -ca-path: ${folder}`, { cause });
  });
  const pems = await Promise.all(names.map((name) => readPem(join(folder, name), 'ca-path')));
  return pems.filter((pem) => pem.includes('BEGIN CERTIFICATE'));
}

/** The address of the controller: flag, environment, default. */
export function controllerAddress(context: CommandContext): string {
  // `logout` has no -addr flag and takes the address from the environment (cli.md §2.1).
  const flag = context.flags.text('addr');
  return flag || (context.environment.get('ADDR') ?? '') || defaultAddress;
}

async function transportOptions(context: CommandContext): Promise<NodeTransportOptions> {
  const { flags } = context;
  const certificate = flags.text('client-cert');
  const key = flags.text('client-key');
  if ((certificate === '') !== (key === '')) {
    throw new StileError('invalidFlag', 'both -client-cert and -client-key must be provided');
  }
  const ca = await readAuthorities(context);
  const address = controllerAddress(context);
  const serverName = flags.text('tls-server-name');
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(certificate === '' ? {} : { clientCertificate: await readPem(certificate, 'client-cert') }),
    ...(key === '' ? {} : { clientKey: await readPem(key, 'client-key') }),
    ...(serverName === '' ? {} : { serverName }),
    isInsecure: flags.bool('tls-insecure'),
    ...(context.line === undefined ? {} : { connections: context.line.connections }),
    ...(address.startsWith('unix://') ? { socketPath: address.slice('unix://'.length) } : {}),
  };
}

function positiveNumber(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,9}$/.test(text) ? Number(text) : undefined;
}

/** HTTP status of the answer that an error stands for; undefined when there was none. */
export function answerStatus(error: unknown): number | undefined {
  return error instanceof StileError ? error.details?.answer?.status : undefined;
}

/** How a command uses the API. */
export interface ApiUse {
  /** Without a token. */
  readonly isAnonymous?: boolean;
  /** The command listens for Ctrl-C itself and ends what it has begun: its calls are not given up in the shell. */
  readonly endsItself?: boolean;
}

/** Tells the shell when the token is at fault. */
function told(transport: ApiTransport, { line }: CommandContext): ApiTransport {
  if (line === undefined) return transport;
  return async (request) => {
    const response = await transport(request);
    if (response.status === 401) line.onUnauthenticated();
    return response;
  };
}

async function openApi(context: CommandContext, options: ApiUse): Promise<ApiSession> {
  const { environment, flags, line, output } = context;
  const transport = await transportOptions(context);
  const isPrinted = flags.bool('output-curl-string');
  const plain = nodeTransport(transport);
  const real = options.isAnonymous === true ? plain : told(plain, context);
  const source = options.isAnonymous === true ? undefined : await findToken(context);
  const hint = options.isAnonymous === true ? undefined : tokenHint(environment, source?.stored);
  const printing = (request: ApiRequest): Promise<never> => {
    output.printCurl(curlLine(request, hint));
    return Promise.reject(new StileError('aborted', 'the request was printed, not sent'));
  };
  const timeoutSeconds = positiveNumber(environment.get('CLIENT_TIMEOUT')?.replace(/s$/, ''));
  const client = new ApiClient({
    address: controllerAddress(context),
    transport: isPrinted ? printing : real,
    streamTransport: isPrinted ? printing : nodeStreamTransport(transport),
    maxRetries: positiveNumber(environment.get('MAX_RETRIES')) ?? 0,
    ...(timeoutSeconds === undefined ? {} : { timeoutMs: timeoutSeconds * 1000 }),
    ...(source?.token === undefined ? {} : { token: source.token }),
    ...(line === undefined || options.endsItself === true ? {} : { signal: line.signal }),
  });
  return { client, token: source?.token, givenBy: source?.givenBy };
}

/**
 * Runs `work` with a way to the API. A client that cannot be set up (certificate files, token, keyring) is a CLI error, exit 2.
 */
export async function withApi(
  context: CommandContext,
  work: (session: ApiSession) => Promise<number>,
  options: ApiUse = {},
): Promise<number> {
  let session: ApiSession;
  try {
    session = await openApi(context, options);
  } catch (error) {
    if (!(error instanceof StileError)) throw error;
    context.output.error(error.message);
    return 2;
  }
  return work(session);
}

/** What a command was doing, for the recorded error texts (cli.md §1.7). */
export interface Attempt extends FieldSpelling {
  /** As `read`. */
  readonly verb: string;
  /** As `target`, `tcp-type target`. */
  readonly noun: string;
  /** The context line of an API error, where it is not the usual one. */
  readonly context?: string;
  /** Name of the call in `error performing client request during … call`; default: the verb. */
  readonly call?: string;
}

function callName(verb: string): string {
  return verb
    .split('-')
    .map((word) => word.charAt(0).toUpperCase() + word.slice(1))
    .join('');
}

/**
 * Prints why a call failed; nothing after Ctrl-C in the shell.
 * @returns 1 for an error answer of the API, 2 for a failure on our side, as cli.md §1.8; 130 after Ctrl-C
 */
export function reportFailure(context: CommandContext, error: unknown, attempt: Attempt): number {
  if (!(error instanceof StileError)) throw error;
  const { output } = context;
  const { verb, noun } = attempt;
  if (error.code === 'aborted' && context.line?.signal.aborted === true) return interruptedExitCode;
  const answer = error.details?.answer;
  if (answer !== undefined) {
    output.apiError(
      attempt.context ?? `Error from controller when performing ${verb} on ${noun}`,
      answer,
      attempt,
    );
    const { retryAfterSeconds } = error.details ?? {};
    if (retryAfterSeconds !== undefined && !output.isJson)
      output.warn(`\nTry again in ${retryAfterSeconds} s.`);
    return 1;
  }
  const during = `error performing client request during ${attempt.call ?? callName(verb)} call: `;
  const isRequest = error.code === 'controllerUnreachable' || error.code === 'aborted';
  output.error(`Error trying to ${verb} ${noun}: ${isRequest ? during : ''}${error.message}`);
  return 2;
}
