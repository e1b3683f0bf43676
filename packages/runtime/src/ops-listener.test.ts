import { afterEach, describe, expect, it } from 'vitest';
import { OpsListener } from './ops-listener.ts';

const listener = new OpsListener({
  address: { host: '127.0.0.1', port: 0 },
  workerInfo: () => ({ state: 'active', active_session_count: 1, session_connections: { s_1: 2 } }),
});
afterEach(() => listener.close());

describe('ops listener', () => {
  it('answers health, metrics, 503 while stopping, 404 and 405', async () => {
    const { port } = await listener.start();
    const base = `http://127.0.0.1:${port}`;
    const health = await fetch(`${base}/health`);
    expect([health.status, await health.text()]).toEqual([200, '{}']);
    const worker = await fetch(`${base}/health?worker_info=1`);
    expect(await worker.json()).toMatchObject({ worker_process_info: { session_connections: { s_1: 2 } } });
    const metrics = await fetch(`${base}/metrics`);
    expect(await metrics.text()).toContain('process_cpu_seconds_total');
    expect((await fetch(`${base}/metrics`, { method: 'POST' })).status).toBe(405);
    expect((await fetch(`${base}/debug`)).status).toBe(404);
    expect((await fetch(`${base}//`)).status).toBe(404);
    listener.markStopping();
    expect((await fetch(`${base}/health`)).status).toBe(503);
  });
});
