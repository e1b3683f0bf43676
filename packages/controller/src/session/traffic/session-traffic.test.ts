import { describe, expect, test } from 'vitest';
import { SessionTraffic, WorkerTraffic } from './session-traffic.ts';

describe('the traffic of a worker', () => {
  test('is the bytes of the last ten seconds, averaged over them, by session and direction', () => {
    const traffic = new WorkerTraffic();
    traffic.opened('sc_1', 's_1', 0);
    traffic.opened('sc_2', 's_1', 0);
    traffic.opened('sc_3', 's_2', 0);
    traffic.counted('sc_1', 's_1', { up: 1000, down: 10 }, 2000);
    traffic.counted('sc_2', 's_1', { up: 500, down: 0 }, 2000);
    traffic.counted('sc_3', 's_2', { up: 0, down: 0 }, 2000);
    expect(traffic.rates(2000)).toEqual([{ sessionId: 's_1', up: 150, down: 1 }]);
    traffic.counted('sc_1', 's_1', { up: 3000, down: 10 }, 8000);
    expect(traffic.rates(8000)).toEqual([{ sessionId: 's_1', up: 350, down: 1 }]);
    expect(traffic.rates(12_000)).toEqual([{ sessionId: 's_1', up: 200, down: 0 }]);
    expect(traffic.rates(18_000)).toEqual([]);
  });

  test('holds what a connection carried that began and ended between two reports', () => {
    const traffic = new WorkerTraffic();
    traffic.opened('sc_1', 's_1', 0);
    traffic.closed('sc_1', { up: 5, down: 100_000_000 }, 700);
    expect(traffic.rates(2000)).toEqual([{ sessionId: 's_1', up: 1, down: 10_000_000 }]);
  });

  test('does not take the history of a connection that another controller knew for traffic', () => {
    const traffic = new WorkerTraffic();
    traffic.counted('sc_old', 's_1', { up: 1e12, down: 1e12 }, 0);
    traffic.closed('sc_unknown', { up: 1e12, down: 1e12 }, 0);
    expect(traffic.rates(0)).toEqual([]);
    traffic.counted('sc_old', 's_1', { up: 1e12 + 100, down: 1e12 }, 2000);
    expect(traffic.rates(2000)).toEqual([{ sessionId: 's_1', up: 10, down: 0 }]);
  });

  test('counters that go down are no traffic, and count no byte twice when they come back', () => {
    const traffic = new WorkerTraffic();
    traffic.opened('sc_1', 's_1', 0);
    traffic.counted('sc_1', 's_1', { up: 100, down: 0 }, 1000);
    traffic.counted('sc_1', 's_1', { up: 10, down: 0 }, 2000);
    traffic.counted('sc_1', 's_1', { up: 100, down: 0 }, 3000);
    expect(traffic.rates(3000)).toEqual([{ sessionId: 's_1', up: 10, down: 0 }]);
  });

  test('of a report that comes after a long silence only the part within the window counts', () => {
    const traffic = new WorkerTraffic();
    traffic.opened('sc_1', 's_1', 0);
    traffic.counted('sc_1', 's_1', { up: 100_000, down: 0 }, 100_000);
    expect(traffic.rates(100_000)).toEqual([{ sessionId: 's_1', up: 1000, down: 0 }]);
  });

  test('connections that are reported no longer are forgotten, young ones are not', () => {
    const traffic = new WorkerTraffic();
    traffic.opened('sc_1', 's_1', 0);
    traffic.opened('sc_2', 's_1', 9000);
    traffic.keepOnly(new Set(), 5000);
    traffic.closed('sc_1', { up: 100, down: 0 }, 10_000);
    expect(traffic.rates(10_000)).toEqual([]);
    traffic.closed('sc_2', { up: 100, down: 0 }, 10_000);
    expect(traffic.rates(10_000)).toEqual([{ sessionId: 's_1', up: 10, down: 0 }]);
  });

  test('is forgotten with the link', () => {
    const all = new SessionTraffic();
    all.of('w_1').opened('sc_1', 's_1', 0);
    all.forget('w_1');
    all.of('w_1').closed('sc_1', { up: 100, down: 0 }, 1);
    expect(all.of('w_1').rates(1)).toEqual([]);
  });
});
