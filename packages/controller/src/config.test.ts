/** Options of a controller: defaults, ranges, and faults in the words of the configuration file. */
import { describe, expect, test } from 'vitest';
import { Secret } from '@stile/runtime';
import { controllerSettings, type ControllerConfig } from './config.ts';

const address = { host: '127.0.0.1', port: 0 };
const good: ControllerConfig = {
  name: 'c1',
  database: { url: new Secret('sqlite:///tmp/x.db') },
  rootKey: new Secret('x'),
  listeners: { api: [{ address }], cluster: { address } },
};

describe('settings', () => {
  test('have the documented defaults', () => {
    expect(controllerSettings(good)).toMatchObject({
      authTokens: { timeToLiveSeconds: 604_800, timeToStaleSeconds: 86_400, maxTokensPerUser: 100 },
      maxPageSize: 1000,
      migrate: false,
    });
  });

  test.each([
    [{ name: '' }, 'controller.name'],
    [{ name: 'a\nb' }, 'controller.name'],
    [{ listeners: { ...good.listeners, api: [] } }, '"api"'],
    [{ maxPageSize: 0 }, 'max_page_size'],
    [{ maxPageSize: 1.5 }, 'max_page_size'],
    [{ authTokens: { timeToLiveSeconds: 0 } }, 'auth_token_time_to_live'],
    [{ authTokens: { timeToStaleSeconds: -1 } }, 'auth_token_time_to_stale'],
    [
      { authTokens: { maxTokenLifetimeSeconds: 60, maxAdminTokenLifetimeSeconds: 61 } },
      'max_admin_token_lifetime',
    ],
    [{ authTokens: { gcMaxDeletions: 0 } }, 'auth_token_gc_max_deletions'],
    [{ concurrentPasswordHashWorkers: 65 }, 'concurrent_password_hash_workers'],
    [{ database: { ...good.database, maxOpenConnections: 1 } }, 'database.max_open_connections'],
    [{ listeners: { ...good.listeners, api: [{ address, maxRequestSize: 10 }] } }, 'max_request_size'],
    [
      { listeners: { ...good.listeners, api: [{ address, maxRequestDurationSeconds: 0 }] } },
      'max_request_duration',
    ],
  ] satisfies readonly (readonly [Partial<ControllerConfig>, string])[])(
    '%j is refused and named',
    (wrong, name) => {
      expect(() => controllerSettings({ ...good, ...wrong })).toThrow(name);
    },
  );
});
