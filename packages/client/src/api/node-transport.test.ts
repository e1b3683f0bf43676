/** Node's transport against real TLS servers and sockets: who is trusted, which name is checked, what an error says. */
import { once } from 'node:events';
import { createServer as createHttp, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createHttps, type ServerOptions } from 'node:https';
import type { AddressInfo, Server } from 'node:net';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import { afterEach, describe, expect, test } from 'vitest';
import { makeCertificate } from '../../../../test/support/certificates.ts';
import { makeTempDir } from '../../../../test/support/temp-dir.ts';
import { ApiClient } from './api-client.ts';
import { KeptConnections, nodeTransport, type NodeTransportOptions } from './node-transport.ts';

const certificate = makeCertificate({ dnsNames: ['controller.example'] });
const servers: Server[] = [];

afterEach(async () => {
  await Promise.all(
    servers.splice(0).map(
      (server) =>
        new Promise((resolve) => {
          server.close(resolve);
        }),
    ),
  );
});

function answer(_request: IncomingMessage, response: ServerResponse): void {
  response.end('{"id":"x"}');
}

async function startTls(options: ServerOptions = {}, onRequest = answer): Promise<number> {
  const server = createHttps({ cert: certificate.pem, key: certificate.keyPem, ...options }, onRequest);
  server.on('tlsClientError', () => undefined);
  servers.push(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

async function read(address: string, options: NodeTransportOptions): Promise<unknown> {
  const client = new ApiClient({ address, transport: nodeTransport(options), maxRetries: 0 });
  return (await client.resource('targets').read('x')).body;
}

describe('TLS', () => {
  test('a controller with a trusted certificate for the expected name is spoken to', async () => {
    const port = await startTls();
    const options = { ca: [certificate.pem], serverName: 'controller.example' };
    expect(await read(`https://127.0.0.1:${port}`, options)).toEqual({ id: 'x' });
  });

  test('an unknown certificate is refused, and the error names the flag', async () => {
    const port = await startTls();
    await expect(
      read(`https://127.0.0.1:${port}`, { serverName: 'controller.example' }),
    ).rejects.toMatchObject({
      code: 'controllerUnreachable',
      message: expect.stringContaining('-ca-cert') as string,
    });
  });

  test('a trusted certificate for another name is refused, and the error names the flag', async () => {
    const port = await startTls();
    await expect(read(`https://127.0.0.1:${port}`, { ca: [certificate.pem] })).rejects.toMatchObject({
      code: 'controllerUnreachable',
      message: expect.stringContaining('-tls-server-name') as string,
    });
  });

  test('verification can be switched off', async () => {
    const port = await startTls();
    expect(await read(`https://127.0.0.1:${port}`, { isInsecure: true })).toEqual({ id: 'x' });
  });

  test('a client certificate is shown', async () => {
    const client = makeCertificate({ dnsNames: ['client.example'] });
    const shown: string[] = [];
    const port = await startTls({ requestCert: true, rejectUnauthorized: false }, (request, response) => {
      // The server is a TLS server.
      shown.push((request.socket as TLSSocket).getPeerX509Certificate()?.raw.toString('hex') ?? '');
      answer(request, response);
    });
    await read(`https://127.0.0.1:${port}`, {
      isInsecure: true,
      clientCertificate: client.pem,
      clientKey: client.keyPem,
    });
    expect(shown).toEqual([client.der.toString('hex')]);
  });

  test('https to a server without TLS is an error, not a hang', async () => {
    const server = createHttp(answer);
    servers.push(server);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    await expect(read(`https://127.0.0.1:${port}`, {})).rejects.toMatchObject({
      code: 'controllerUnreachable',
    });
  });
});

describe('sockets', () => {
  test('a unix socket is used where one is named', async () => {
    const folder = await makeTempDir();
    const socketPath = join(folder.path, 'api.sock');
    const server = createHttp(answer);
    servers.push(server);
    server.listen(socketPath);
    await once(server, 'listening');
    expect(await read(`unix://${socketPath}`, { socketPath })).toEqual({ id: 'x' });
    await folder.remove();
  });

  test('a name that does not resolve is said so', async () => {
    await expect(read('http://nowhere.invalid:1', {})).rejects.toMatchObject({
      code: 'controllerUnreachable',
    });
  });

  test('an answer that never ends is cut at the limit', async () => {
    const server = createHttp((_request, response) => {
      const piece = Buffer.alloc(1_048_576, 32);
      const more = (): void => {
        while (!response.destroyed && response.write(piece));
      };
      response.on('drain', more).on('error', () => undefined);
      more();
    });
    servers.push(server);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    await expect(read(`http://127.0.0.1:${port}`, {})).rejects.toMatchObject({
      code: 'controllerUnreachable',
      message: expect.stringContaining('larger than') as string,
    });
  });
});

describe('kept connections', () => {
  const kept: KeptConnections[] = [];
  afterEach(() => {
    for (const connections of kept.splice(0)) connections.close();
  });

  /** A server that says on which connection each request came, and a client that keeps its connections. */
  async function startCounting(
    onRequest: (request: IncomingMessage, response: ServerResponse, connection: number) => void,
  ): Promise<ApiClient> {
    const sockets: unknown[] = [];
    const server = createHttp((request, response) => {
      if (!sockets.includes(request.socket)) sockets.push(request.socket);
      onRequest(request, response, sockets.indexOf(request.socket));
    });
    servers.push(server);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const connections = new KeptConnections();
    kept.push(connections);
    const { port } = server.address() as AddressInfo;
    const transport = nodeTransport({ connections });
    return new ApiClient({ address: `http://127.0.0.1:${port}`, transport, maxRetries: 0 });
  }

  const sayConnection = (_: IncomingMessage, response: ServerResponse, connection: number): void => {
    response.end(JSON.stringify({ connection }));
  };

  test('reads share a connection, a change has its own', async () => {
    const client = await startCounting(sayConnection);
    const targets = client.resource('targets');
    expect((await targets.read('x')).body).toEqual({ connection: 0 });
    expect((await targets.read('x')).body).toEqual({ connection: 0 });
    expect((await targets.create({})).body).toEqual({ connection: 1 });
    expect((await targets.read('x')).body).toEqual({ connection: 0 });
  });

  test('a read on a connection that the server has closed meanwhile is sent again on a fresh one', async () => {
    const seen: number[] = [];
    const client = await startCounting((_request, response, connection) => {
      seen.push(connection);
      if (seen.length === 2) response.socket?.destroy();
      else response.end(JSON.stringify({ connection }));
    });
    expect((await client.resource('targets').read('x')).body).toEqual({ connection: 0 });
    expect((await client.resource('targets').read('x')).body).toEqual({ connection: 1 });
    expect(seen).toEqual([0, 0, 1]);
  });
});
