import { expect, test } from 'vitest';
import { parseSessionLease } from './session-lease.ts';
import { targetProblems, workerFilterOf } from './target.ts';
import type { Target, TargetFields } from './target.ts';

test.each([
  [null, 60],
  ['strict', 15],
  ['grace=60s', 60],
  ['grace=5s', 5],
  ['grace=24h', 86_400],
  ['grace=1h30m', 5400],
  ['grace=90m5s', 5405],
])('session lease %s is %d seconds', (text, seconds) => {
  expect(parseSessionLease(text)).toBe(seconds);
});

test.each([
  '',
  'grace',
  'grace=',
  'grace=60',
  'grace=4s',
  'grace=86401s',
  'grace=s',
  'grace=1m1h',
  'grace=-5s',
  'Strict',
  'grace=5s ',
  'grace=9999999s',
  'grace=1.5h',
])('session lease "%s" is refused', (text) => {
  expect(parseSessionLease(text)).toBeUndefined();
});

test.each<[TargetFields, string, string]>([
  [{ defaultPort: 0 }, 'attributes.default_port', 'This field cannot be set to zero.'],
  [{ defaultPort: 65_536 }, 'attributes.default_port', 'Value is greater than maximum port number.'],
  [
    { defaultClientPort: 65_536 },
    'attributes.default_client_port',
    'Value is greater than maximum port number.',
  ],
  [{ sessionMaxSeconds: 0 }, 'session_max_seconds', 'This must be greater than zero.'],
  [
    { sessionConnectionLimit: 0 },
    'session_connection_limit',
    'This must be -1 (unlimited) or greater than zero.',
  ],
  [
    { sessionConnectionLimit: -2 },
    'session_connection_limit',
    'This must be -1 (unlimited) or greater than zero.',
  ],
  [{ address: 'a' }, 'address', 'Address length must be between 3 and 255 characters.'],
  [{ address: 'host:22' }, 'address', 'Address does not support a port.'],
  [
    { egressWorkerFilter: 'and or' },
    'egress_worker_filter',
    'Unable to successfully parse egress filter expression.',
  ],
  [{ name: '' }, 'name', 'This field cannot be set to empty.'],
])('fields %j are refused at %s: %s', (fields, name, description) => {
  expect(targetProblems(fields)).toEqual([{ name, description }]);
});

test('every wrong field is told at once, and legal ones are not', () => {
  expect(
    targetProblems({ defaultPort: 22, sessionMaxSeconds: -1, sessionLease: 'never', address: null }).map(
      ({ name }) => name,
    ),
  ).toEqual(['session_max_seconds', 'session_lease']);
  expect(
    targetProblems({
      name: 'n',
      address: '[::1]',
      defaultPort: 65_535,
      defaultClientPort: null,
      sessionMaxSeconds: 4_294_967_295,
      sessionConnectionLimit: -1,
      egressWorkerFilter: '"dev" in "/tags/type"',
      sessionLease: 'strict',
    }),
  ).toEqual([]);
});

test('the deprecated worker filter counts only without the other', () => {
  const filters = (egress: string | null, old: string | null): string | null =>
    workerFilterOf({ egress_worker_filter: egress, worker_filter: old } as Target);
  expect(filters('a', 'b')).toBe('a');
  expect(filters(null, 'b')).toBe('b');
  expect(filters(null, null)).toBeNull();
});
