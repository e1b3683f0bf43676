/** The library's two functions: authorize against an API, dial through a worker. */
import { once } from 'node:events';
import { afterEach, expect, test } from 'vitest';
import { FakeWorker, makeAuthorization, makeSessionCertificate } from '../../../test/support/fake-worker.ts';
import { StubApi } from '../../../test/support/stub-api.ts';
import { ApiClient } from './api/api-client.ts';
import { nodeTransport } from './api/node-transport.ts';
import { authorize, dial } from './dial.ts';

const open: { close(): Promise<void> }[] = [];

afterEach(async () => {
  await Promise.all(open.splice(0).map((each) => each.close()));
});

async function startWorker(): Promise<{
  worker: FakeWorker;
  authorization: ReturnType<typeof makeAuthorization>;
}> {
  const certificate = makeSessionCertificate();
  const worker = await FakeWorker.start(certificate);
  open.push(worker);
  return { worker, authorization: makeAuthorization(certificate, { workerAddresses: [worker.address] }) };
}

test('a dialed stream carries bytes both ways and ends with its peer', async () => {
  const { worker, authorization } = await startWorker();
  worker.script = () => ({ do: 'echo', closeAfterBytes: 300_000 });
  const stream = await dial({ authorization });
  const sent = Buffer.alloc(300_000, 'abc');
  const pieces: Buffer[] = [];
  stream.on('data', (piece: Buffer) => pieces.push(piece));
  stream.write(sent);
  await once(stream, 'close');
  expect(Buffer.concat(pieces).equals(sent)).toBe(true);
});

test('a stream that nobody reads keeps its bytes until somebody does', async () => {
  const { authorization } = await startWorker();
  const stream = await dial({ authorization });
  const sent = Buffer.alloc(2_000_000, 'abcd');
  stream.write(sent);
  await once(stream, 'readable');
  let bytes = 0;
  stream.on('data', (piece: Buffer) => {
    bytes += piece.length;
    if (bytes === sent.length) stream.destroy();
  });
  await once(stream, 'close');
  expect(bytes).toBe(sent.length);
});

test('dialing an aborted signal fails with code aborted', async () => {
  const { authorization } = await startWorker();
  await expect(dial({ authorization, signal: AbortSignal.abort() })).rejects.toMatchObject({
    code: 'aborted',
  });
});

test('a worker that never answers the handshake is given up when the caller says so', async () => {
  const { worker, authorization } = await startWorker();
  worker.script = () => ({ do: 'nothing' });
  const abort = new AbortController();
  const dialing = dial({ authorization, signal: abort.signal });
  dialing.catch(() => undefined);
  while (worker.handshakes.length === 0) await new Promise((resolve) => setImmediate(resolve));
  abort.abort();
  await expect(dialing).rejects.toMatchObject({ name: 'StileError' });
});

test('authorize gives the token as a secret', async () => {
  const api = await StubApi.start(() => ({
    status: 200,
    body: { session_id: 's_1234567890', authorization_token: 'abc123' },
  }));
  open.push(api);
  const client = new ApiClient({ address: api.address, transport: nodeTransport() });
  const session = await authorize(client, { target: 'web', scopeId: 'p_1234567890', hostId: 'hst_1' });
  expect(session.authorizationToken.reveal()).toBe('abc123');
  expect(JSON.stringify(session.authorizationToken)).toBe('"<redacted>"');
  expect(api.requests[0]).toMatchObject({ method: 'POST', url: '/v1/targets/web:authorize-session' });
  expect(JSON.parse(api.requests[0]?.body ?? '')).toEqual({
    name: 'web',
    scope_id: 'p_1234567890',
    host_id: 'hst_1',
  });
});

test('an answer without a token is an error', async () => {
  const api = await StubApi.start(() => ({ status: 200, body: {} }));
  open.push(api);
  const client = new ApiClient({ address: api.address, transport: nodeTransport() });
  await expect(authorize(client, { target: 'ttcp_1' })).rejects.toMatchObject({
    code: 'invalidAuthorizationToken',
  });
});
