/** The configuration file: what is legal, and that every fault is named with its line. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { StileError } from '@stile/protocol/errors';
import { afterAll, describe, expect, test } from 'vitest';
import { parseConfig, readConfigFile } from './config-file.ts';
import { isAddress, parseDurationSeconds } from './config-values.ts';

const folder = mkdtempSync(join(tmpdir(), 'stile-config-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const key = Buffer.alloc(32, 7).toString('base64');
const legal = `
controller:
  name: c1
  database:
    url: env://DB
listener:
  - purpose: api
    address: 127.0.0.1:0
    tls_disable: true
  - purpose: cluster
    address: "[::1]:9201"
kms:
  - purpose: root
    key: ${key}
`;

/** The message of the fault that a text has. */
function faultOf(text: string, env: Record<string, string> = { DB: 'sqlite:///x.db' }): string {
  try {
    parseConfig(text, 'stile.yaml', env);
  } catch (error) {
    expect(error).toBeInstanceOf(StileError);
    expect((error as StileError).code).toBe('invalidConfig');
    return (error as StileError).message;
  }
  throw new Error('the text is legal');
}

describe('a legal file', () => {
  test('is read with its defaults filled in and secrets resolved from the environment', () => {
    const config = parseConfig(legal, 'stile.yaml', { DB: 'sqlite:///x.db' });
    expect(config.controller?.database.url.reveal()).toBe('sqlite:///x.db');
    expect(config.controller?.auth_token_time_to_live).toBe('168h');
    expect(config.listener[0]?.max_request_size).toBe(4_194_304);
    expect(config.kms[0]?.key_id).toBe('global_root');
  });

  test('may take a secret from a file, white space around it cut', () => {
    const path = join(folder, 'root.key');
    writeFileSync(path, `${key}\n`);
    const config = parseConfig(legal.replace(key, `file://${path}`), 'stile.yaml', { DB: 'x' });
    expect(config.kms[0]?.key.reveal()).toBe(key);
  });

  test('goes without the activation token when its variable is gone: it was used once', () => {
    const worker = `worker:
  auth_storage_path: keys
  initial_upstreams: ["127.0.0.1:9201"]
  controller_generated_activation_token: env://TOKEN
listener:
  - { purpose: proxy, address: "127.0.0.1:0" }
`;
    expect(
      parseConfig(worker, 'w.yaml', {
        TOKEN: 'stwa_x',
      }).worker?.controller_generated_activation_token?.reveal(),
    ).toBe('stwa_x');
    expect(parseConfig(worker, 'w.yaml', {}).worker).not.toHaveProperty(
      'controller_generated_activation_token',
    );
  });

  test('has the proxies of docs/operations.md', () => {
    const text = readFileSync(join(import.meta.dirname, '../../../../docs/operations.md'), 'utf8');
    const [, block = ''] = /<!-- file: behind-a-proxy\.yaml -->\s+```yaml\n([^]*?)```/.exec(text) ?? [];
    const whole = legal.replace(/listener:\n {2}- purpose: api\n[^]*?(?= {2}- purpose: cluster)/, block);
    const [api, ...others] = parseConfig(whole, 'stile.yaml', { DB: 'sqlite:///x.db' }).listener;
    expect(api).toMatchObject({
      purpose: 'api',
      x_forwarded_for_authorized_addrs: ['127.0.0.1', '10.0.0.0/8'],
      insecure_cookies: false,
    });
    expect(others).toHaveLength(1);
  });

  test('has the limits of docs/operations.md, each with its defaults', () => {
    const text = readFileSync(join(import.meta.dirname, '../../../../docs/operations.md'), 'utf8');
    const [, block = ''] = /<!-- file: rate-limit\.yaml -->\s+```yaml\n([^]*?)```/.exec(text) ?? [];
    const whole =
      block + legal.replace(/controller:\n {2}name: c1\n {2}database:\n {4}url: env:\/\/DB\n/, '');
    const env = { STILE_DATABASE_URL: 'sqlite:///x.db' };
    expect(parseConfig(whole, 'stile.yaml', env).controller).toMatchObject({
      api_rate_limit: [
        {
          resources: ['*'],
          actions: ['list'],
          per: 'auth-token',
          limit: 600,
          period: '1m',
          unlimited: false,
        },
        { resources: ['target'], per: 'ip-address', period: '30s', unlimited: true },
      ],
      api_rate_limit_disable: false,
      api_rate_limit_max_quotas: 100_000,
    });
  });

  test('never shows a secret when it is printed', () => {
    const config = parseConfig(legal, 'stile.yaml', { DB: 'postgresql://u:hunter2@h/d' });
    expect(JSON.stringify(config)).not.toContain('hunter2');
    expect(JSON.stringify(config)).not.toContain(key);
  });
});

describe('a fault is named with its line', () => {
  test.each([
    [
      'an unknown key, with the likely one',
      legal.replace('  name: c1', '  nam: c1'),
      'stile.yaml:3: unknown key "nam" in controller; did you mean "name"?',
    ],
    [
      'an unknown key in a list',
      legal.replace('tls_disable', 'tls_disabled'),
      'stile.yaml:9: unknown key "tls_disabled" in listener.0; did you mean "tls_disable"?',
    ],
    ['a missing key', legal.replace('  name: c1\n', ''), 'controller needs the key "name"'],
    ['a wrong type', legal.replace('name: c1', 'name: [c1]'), 'stile.yaml:3: controller.name must be a text'],
    [
      'a wrong word',
      legal.replace('purpose: api', 'purpose: web'),
      'stile.yaml:7: listener.0.purpose must be one of api, cluster, proxy, ops',
    ],
    [
      'a wrong address',
      legal.replace('127.0.0.1:0', '127.0.0.1'),
      'stile.yaml:8: listener.0.address must be host:port',
    ],
    [
      'a wrong duration',
      legal.replace('name: c1', 'name: c1\n  auth_token_time_to_live: soon'),
      'stile.yaml:4: controller.auth_token_time_to_live must be a duration',
    ],
    ['broken YAML', 'controller: [', 'stile.yaml:1: not legal YAML'],
    ['an empty file', '', 'a "controller" or a "worker" section is needed'],
    ['an alias bomb', 'a: &a [x]\nb: *a', 'YAML aliases are not allowed'],
    [
      'a missing listener',
      legal.replace('purpose: cluster', 'purpose: ops\n    tls_disable: true'),
      'no listener with "cluster" purpose found',
    ],
    ['a short key', legal.replace(key, 'c2hvcnQ='), 'must be 32 bytes in base64'],
    [
      'a plain API listener without the word for it',
      legal.replace('    tls_disable: true\n', ''),
      'needs tls_cert_file and tls_key_file, or tls_disable: true',
    ],
    [
      'a plain API listener with a certificate',
      legal.replace('    tls_disable: true\n', '    tls_disable: true\n    tls_cert_file: c.pem\n'),
      'has both tls_disable and a certificate',
    ],
    [
      'TLS on the ops listener, which it does not serve',
      legal.replace(
        'kms:',
        '  - purpose: ops\n    address: 127.0.0.1:0\n    tls_cert_file: c.pem\n    tls_key_file: k.pem\nkms:',
      ),
      'listener with purpose ops serves plain HTTP only',
    ],
    [
      'a certificate for the cluster listener, which makes its own',
      legal.replace('kms:', '    tls_cert_file: c.pem\nkms:'),
      'listener with purpose cluster makes its own certificates',
    ],
    [
      'cookies without TLS on a listener that serves no API',
      legal.replace('kms:', '    insecure_cookies: true\nkms:'),
      'listener with purpose cluster serves no API; remove insecure_cookies',
    ],
    [
      'proxies of a listener that serves no API',
      legal.replace('kms:', '    x_forwarded_for_authorized_addrs: [10.0.0.7]\nkms:'),
      'listener with purpose cluster serves no API; remove x_forwarded_for_authorized_addrs',
    ],
    [
      'a second cluster listener, which would not be served',
      legal.replace('kms:', '  - purpose: cluster\n    address: 127.0.0.1:0\nkms:'),
      'there may be only one listener with purpose cluster',
    ],
  ])('%s', (_name, text, expected) => {
    expect(faultOf(text)).toContain(expected);
  });

  test('an unset variable is named, with the line of the option', () => {
    expect(faultOf(legal, {})).toBe(
      'stile.yaml:5: controller.database.url: environment variable DB is not set',
    );
  });

  test('an empty variable is not called unset', () => {
    expect(faultOf(legal, { DB: ' ', KEY: key })).toContain('environment variable DB is empty');
  });

  test('the value of a wrong secret is never repeated', () => {
    expect(faultOf(legal.replace(key, '[hunter2]'))).not.toContain('hunter2');
  });

  test('a file that is not there is named', () => {
    expect(() => readConfigFile(join(folder, 'none.yaml'), {})).toThrow(
      /none\.yaml cannot be read: there is none$/,
    );
  });
});

describe('values', () => {
  test.each([
    ['90', 90],
    ['90s', 90],
    ['15m', 900],
    ['1d12h30m', 131_400],
    ['1.5h', 5400],
  ])('%s is %i seconds', (text, seconds) => {
    expect(parseDurationSeconds(text)).toBe(seconds);
  });

  test.each(['', 'soon', '-1s', '1w', '1h 2m', '999999999y'])('"%s" is no duration', (text) => {
    expect(() => parseDurationSeconds(text)).toThrow(StileError);
  });

  test.each(['127.0.0.1:22', '[::1]:0', 'a.example:65535'])('%s is an address', (text) => {
    expect(isAddress(text)).toBe(true);
  });

  test.each(['127.0.0.1', ':22', '::1:22', 'a:65536', 'a:x', 'a b:1', 'http://a:1'])(
    '%s is no address',
    (text) => {
      expect(isAddress(text)).toBe(false);
    },
  );
});
