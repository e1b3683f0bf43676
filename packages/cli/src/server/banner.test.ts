/** The banner has the recorded layout. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { renderBanner } from './banner.ts';

const recorded = readFileSync(
  join(import.meta.dirname, '../../../../test/fixtures/cli/dev-controller-only-banner.txt'),
  'utf8',
);

test('keys are sorted, title-cased and right-aligned as in the recorded banner, with our name', () => {
  const cors = { cors_allowed_headers: '[]', cors_allowed_origins: '[*]', cors_enabled: 'true' };
  const banner = renderBanner(
    {
      cgo: 'disabled',
      'controller public cluster addr': '127.0.0.1:9201',
      'dev database url': '<postgres url>',
      'generated admin login name': 'admin',
      'generated admin password': 'password',
      'generated host catalog id': 'hcst_1234567890',
      'generated host id': 'hst_1234567890',
      'generated host set id': 'hsst_1234567890',
      'generated org scope id': 'o_1234567890',
      'generated password auth method id': 'ampw_1234567890',
      'generated postgres target with alias': 'postgres.boundary.dev',
      'generated project scope id': 'p_1234567890',
      'generated ssh target with alias': 'ssh.boundary.dev',
      'generated target with address id': 'ttcp_1234567890',
      'generated target with host source id': 'ttcp_0987654321',
      'generated unprivileged login name': 'user',
      'generated unprivileged password': 'password',
      'generated web target with alias': 'www.hashicorp.com',
      'log level': 'info',
      mlock: 'supported: true, enabled: false',
      version: 'Boundary v0.21.3',
    },
    [
      { purpose: 'ops', address: '127.0.0.1:9203' },
      { purpose: 'api', address: '127.0.0.1:9200', facts: cors },
      { purpose: 'cluster', address: '127.0.0.1:9201' },
    ],
  );
  const wanted = recorded
    .slice(recorded.indexOf('--- stdout\n') + 11, recorded.indexOf('--- stderr'))
    .replace(/^.*Aead.*\n/gm, '');
  expect(banner.replaceAll('Stile', 'Boundary')).toBe(wanted);
});
